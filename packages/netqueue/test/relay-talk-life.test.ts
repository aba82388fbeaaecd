import { describe, expect, test } from 'vitest'

import { packetstream } from '../src/protocol/index.ts'
import { defineMessages, text, type } from '../src/index.ts'
import type { Client, NetQueueError as Failure, RemoteError, TreeNode } from '../src/index.ts'
import { watch } from './support/exchanges.ts'
import { Tree } from './support/tree.ts'

const any = type<unknown>()
const messages = defineMessages({
  ask: { payload: any, reply: any, body: any },
  other: { payload: any, reply: any },
  news: { payload: any },
}) as never

const failure = (promise: Promise<unknown>): Promise<Failure> => promise.then(never, (error: Failure) => error)
const never = (): never => {
  throw new Error('Expected a rejection')
}

async function line(tree: Tree, { resumeTimeoutMs = 0, limits = {} } = {}) {
  const server = { resumeTimeoutMs }
  const root = await tree.root({ messages, limits, resumeTimeoutMs })
  const upper = await tree.relay('upper', 'root', { limits, server })
  const lower = await tree.relay('lower', 'upper', { limits, server })
  const leaf = await tree.leaf('leaf', 'lower', { messages, limits })
  await tree.wait(60)
  return { root, upper, lower, leaf }
}

/** A handler that waits until it is told to answer. */
function held(
  client: Client<string, string> | { handle: Client<string, string>['handle'] },
): (answer: unknown) => void {
  let finish: (answer: unknown) => void = () => {}
  client.handle('ask', () => new Promise((resolve) => (finish = resolve)))
  return (answer) => finish(answer)
}

describe('a relay that closes', () => {
  test('lets requests in both directions finish, and begins no more', async () => {
    await using tree = new Tree()
    const { root, lower, leaf } = await line(tree)
    const [above, below] = [held(root), held(leaf)]
    const [down, up] = [watch(root.request('ask', '')), watch(leaf.request('ask', ''))]
    await tree.wait(10)
    const closing = watch(lower.close({ timeout: 1_000 }))
    await tree.wait(20)
    expect([down.outcome(), up.outcome(), closing.outcome()]).toEqual(['waits', 'waits', 'waits'])
    const late = failure(leaf.request('other', ''))
    below('from below')
    above('from above')
    expect(await tree.pass(Promise.all([down.promise, up.promise]))).toEqual(['from below', 'from above'])
    await tree.pass(closing.promise)
    expect((await tree.pass(late)).code).toBe('CLOSED')
  })

  test('what comes from above in the meantime is asked elsewhere', async () => {
    await using tree = new Tree()
    const root = await tree.root({ messages })
    const left = await tree.relay('left', 'root')
    const leaf = await tree.leaf('leaf', 'left', { messages })
    const below = held(leaf)
    await tree.wait(60)
    const first = root.request('ask', '')
    await tree.wait(5)
    const closing = left.close({ timeout: 1_000 })
    await tree.wait(5)
    await tree.relay('right', 'root')
    const other = await tree.leaf('other', 'right', { messages })
    other.handle('ask', () => 'right')
    await tree.wait(60)
    expect(await tree.pass(root.request('ask', ''))).toBe('right')
    below('left')
    expect(await tree.pass(first)).toBe('left')
    await tree.pass(closing)
  })

  test('when its time is up, those who asked hear that the connection is lost', async () => {
    await using tree = new Tree()
    const { root, lower, leaf } = await line(tree)
    held(leaf)
    const asked = failure(root.request('ask', ''))
    await tree.wait(10)
    await tree.pass(lower.close({ timeout: 100 }))
    const error = (await tree.pass(asked)) as RemoteError
    expect(error.remoteCode).toMatch(/^(CLOSED|CONNECTION_LOST)$/)
  })
})

describe('a leaf that closes', () => {
  test('is left alone; its relay is asked as before', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    const finish = held(leaf)
    const other = await tree.leaf('other', 'lower', { messages })
    other.handle('other', () => 'other')
    await tree.wait(60)
    const to = root.clients[0]?.nodes.find(({ id }) => id === 'leaf') as TreeNode
    const first = root.request('ask', '', { to })
    await tree.wait(10)
    const closing = leaf.close({ timeout: 1_000 })
    const late = failure(root.request('ask', '', { to }))
    const error = (await tree.pass(late)) as RemoteError
    expect([error.remoteCode, error.delivered]).toEqual(['CLIENT_GONE', 'no'])
    expect(await tree.pass(root.request('other', ''))).toBe('other')
    finish('first')
    expect(await tree.pass(first)).toBe('first')
    await tree.pass(closing)
  })

  test('a request with a body that one leaf does not handle goes to another one, with all of its body', async () => {
    await using tree = new Tree()
    const { root } = await line(tree)
    const taken: unknown[] = []
    const second = await tree.leaf('second', 'lower', { messages })
    second.handle('ask', async (_payload, { body }) => {
      for await (const chunk of body) taken.push(chunk)
      return 'second'
    })
    await tree.wait(60)
    const body = Array.from({ length: 20 }, (_, index) => index)
    expect(await tree.pass(root.request('ask', '', { body }))).toBe('second')
    expect(taken).toEqual(body)
  })
})

describe('a parent that is away', () => {
  test('with resume nobody below notices: requests and streams go on', async () => {
    await using tree = new Tree({ latencyMs: 1 })
    const { root, upper, lower, leaf } = await line(tree, { resumeTimeoutMs: 10_000 })
    root.handle('ask', async function* (_payload, { body }) {
      for await (const chunk of body) yield chunk
    })
    async function* body(): AsyncGenerator<number> {
      for (let index = 0; index < 30; index += 1) {
        yield index
        await new Promise<void>((resolve) => tree.clock.setTimer(() => resolve(), 20))
      }
    }
    const read: unknown[] = []
    const reading = (async () => {
      for await (const chunk of leaf.stream('ask', '', { body: body() })) read.push(chunk)
    })()
    await tree.wait(100)
    tree.reset(upper)
    await tree.wait(100)
    tree.reset(lower)
    await tree.pass(reading)
    expect(read).toEqual(Array.from({ length: 30 }, (_, index) => index))
  })

  test('without it, what a leaf asks meanwhile waits for the parent', async () => {
    await using tree = new Tree()
    const { root, upper, leaf } = await line(tree)
    root.handle('ask', () => 'back')
    tree.reset(upper)
    await tree.wait(5)
    const asked = leaf.request('ask', '')
    expect(await tree.pass(asked)).toBe('back')
  })

  test('without it, what was under way is CONNECTION_LOST', async () => {
    await using tree = new Tree()
    const { root, upper, leaf } = await line(tree)
    held(root)
    const asked = failure(leaf.request('ask', ''))
    await tree.wait(10)
    tree.reset(upper)
    expect(((await tree.pass(asked)) as RemoteError).remoteCode).toBe('CONNECTION_LOST')
  })

  test('the tree is told anew to a parent that comes back', async () => {
    await using tree = new Tree()
    const { root, upper } = await line(tree)
    tree.reset(upper)
    await tree.wait(1_000)
    expect(root.clients[0]?.nodes.map(({ path }) => path.join('/'))).toEqual(['upper/lower', 'upper/lower/leaf'])
  })
})

describe('several parents', () => {
  test('each asks the leaves, and is asked by them: of two, the one with the fewest requests', async () => {
    await using tree = new Tree()
    const [left, right] = [await tree.root({ messages }), await tree.root({ messages, id: 'right' })]
    const relay = await tree.relay('relay', ['root', 'right'])
    const leaf = await tree.leaf('leaf', 'relay', { messages })
    leaf.handle('other', (payload) => `leaf to ${payload as string}`)
    await tree.wait(60)
    expect(await tree.pass(left.request('other', 'left'))).toBe('leaf to left')
    expect(await tree.pass(right.request('other', 'right'))).toBe('leaf to right')
    const [atLeft, atRight] = [held(left), held(right)]
    const asked = [leaf.request('ask', 1), leaf.request('ask', 2)]
    await tree.wait(5)
    atLeft('left')
    atRight('right')
    expect(new Set(await tree.pass(Promise.all(asked)))).toEqual(new Set(['left', 'right']))
    expect(relay.ancestors).toEqual(['right', 'root'])
    expect([left, right].map(({ clients }) => clients[0]?.nodes.length)).toEqual([1, 1])
  })
})

describe('half-close', () => {
  test('a leaf that asks no more is still asked', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    root.handle('ask', () => 'answer')
    leaf.handle('other', () => 'still here')
    expect(await tree.pass(leaf.request('ask', ''))).toBe('answer')
    await tree.pass(leaf.endRequests())
    expect((await tree.pass(failure(leaf.request('ask', '')))).code).toBe('CLOSED')
    expect(await tree.pass(root.request('other', ''))).toBe('still here')
  })

  test('a root that asks a relay no more still answers what comes through it', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    root.handle('ask', () => 'answer')
    const [client] = root.clients
    if (client !== undefined) await tree.pass(root.endRequests(client))
    expect(await tree.pass(leaf.request('ask', ''))).toBe('answer')
  })

  test('the body of a request ends before its reply begins', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    leaf.handle('ask', async function* (_payload, { body }) {
      let count = 0
      for await (const chunk of body) count += (chunk as string).length
      for (let index = 0; index < 5; index += 1) yield count + index
    })
    const body = Array.from({ length: 100 }, () => 'x'.repeat(10_000))
    const read: unknown[] = []
    await tree.pass(
      (async () => {
        for await (const chunk of root.stream('ask', '', { body })) read.push(chunk)
      })(),
    )
    expect(read).toEqual([1_000_000, 1_000_001, 1_000_002, 1_000_003, 1_000_004])
  })
})

describe('limits', () => {
  test('more requests than may be open at a time wait, and all are answered', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree, { limits: { maxRequests: 8 } })
    const other = await tree.leaf('other', 'lower', { messages })
    leaf.handle('ask', (payload) => payload)
    root.handle('other', (payload) => payload)
    const numbers = Array.from({ length: 200 }, (_, index) => index)
    const answers = [
      ...numbers.map((number) => root.request('ask', number)),
      ...numbers.map((number) => leaf.request('other', number)),
      ...numbers.map((number) => other.request('other', number)),
    ]
    expect(await tree.pass(Promise.all(answers))).toEqual([...numbers, ...numbers, ...numbers])
  })

  test('a payload that the next hop does not take is refused with its code, and not begun', async () => {
    await using tree = new Tree()
    const root = await tree.root({ messages, limits: { maxItemBytes: 10_000 } })
    await tree.relay('upper', 'root')
    const leaf = await tree.leaf('leaf', 'upper', { messages })
    root.handle('ask', () => 'never')
    await tree.wait(60)
    const error = (await tree.pass(failure(leaf.request('ask', 'x'.repeat(20_000))))) as RemoteError
    expect([error.remoteCode, error.delivered]).toEqual(['ITEM_TOO_LARGE', 'no'])
  })

  test('a flood of messages that a child does not take is dropped at the hop, with one warning', async () => {
    await using tree = new Tree()
    const root = await tree.root({ messages })
    const upper = await tree.relay('upper', 'root', { limits: { maxUnsentMessages: 2 } })
    await tree.leaf('leaf', 'upper', { messages })
    await tree.wait(60)
    const warnings: string[] = []
    upper.on('warning', ({ error }) => void warnings.push(error.code))
    const sends = Array.from({ length: 100 }, (_, index) => root.broadcast('news', index))
    await tree.pass(Promise.all(sends))
    await tree.wait(10)
    expect(warnings.filter((code) => code === 'MESSAGE_DROPPED').length).toBeLessThanOrEqual(2)
  })

  test('authorize of a relay holds for what passes, by any name', async () => {
    await using tree = new Tree()
    const root = await tree.root({ messages })
    const asked: string[] = []
    await tree.relay('upper', 'root', {
      server: {
        authorize: (_client, action, name) => {
          asked.push(`${action} ${name}`)
          return name !== 'other'
        },
      },
    })
    const leaf = await tree.leaf('leaf', 'upper', { messages })
    for (const name of ['ask', 'other'] as const) root.handle(name, () => name)
    leaf.handle('other', () => 'leaf')
    await tree.wait(60)
    expect(await tree.pass(leaf.request('ask', ''))).toBe('ask')
    const up = (await tree.pass(failure(leaf.request('other', '')))) as RemoteError
    const down = (await tree.pass(failure(root.request('other', '')))) as RemoteError
    expect([up.remoteCode, up.delivered, down.remoteCode]).toEqual(['NOT_AUTHORIZED', 'no', 'UNKNOWN_REQUEST'])
    expect(asked).toContain('request other')
  })
})

describe('a child of another protocol', () => {
  test('packetstream: what the relay defines as well crosses it, both ways; anything else is refused', async () => {
    await using tree = new Tree()
    const known = { echo: { payload: any, reply: any, codec: text() } } as never
    const more = defineMessages(known).extend({ other: { payload: any, reply: any, codec: text() } } as never) as never
    const root = await tree.root({ messages: more })
    const protocol = packetstream({ types: { echo: 0, other: 1 } })
    const here = { messages: defineMessages(known) as never, protocol: packetstream({ types: { echo: 0 } }) }
    await tree.relay('relay', 'root', { messages: here.messages, server: { protocol: here.protocol } })
    const leaf = await tree.leaf('leaf', 'relay', { messages: more, protocol })
    root.handle('echo', (payload) => `root had ${payload as string}`)
    leaf.handle('echo', (payload) => `leaf had ${payload as string}`)
    await tree.wait(60)
    expect(await tree.pass(leaf.request('echo', 'this'))).toBe('root had this')
    expect(await tree.pass(root.request('echo', 'that', { timeout: 1_000 }))).toBe('leaf had that')
    const to = root.clients[0]?.nodes[0] as TreeNode
    const error = await tree.pass(failure(root.request('other', '', { to })))
    expect([(error as RemoteError).remoteCode, error.delivered]).toEqual(['UNSUPPORTED', 'no'])
  })
})
