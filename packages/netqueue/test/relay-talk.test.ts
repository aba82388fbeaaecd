import { describe, expect, test } from 'vitest'

import { defineMessages, json, type } from '../src/index.ts'
import type { Client, NetQueueError as Failure, RemoteError, Relay, Server, TreeNode } from '../src/index.ts'
import { watch } from './support/exchanges.ts'
import { Tree } from './support/tree.ts'

const any = type<unknown>()
/** What roots and leaves know; relays have never heard of it. */
const messages = defineMessages({
  'math:add': { payload: any, reply: any },
  'text:shout': { payload: any, reply: any },
  'log:up': { payload: any, reply: any, body: any },
  'news:flash': { payload: any },
  'news:up': { payload: any },
}) as never
/** A relay has messages of its own. */
const own = defineMessages({ 'relay:load': { payload: any, reply: any }, 'relay:note': { payload: any } }) as never

type Leaf = Client<string, string>

interface Line {
  root: Server<string, string>
  upper: Relay<string, string>
  lower: Relay<string, string>
  leaf: Leaf
}

/** A root, two relays below each other, and a leaf: three levels. */
async function line(tree: Tree, limits = {}): Promise<Line> {
  const root = await tree.root({ messages, exposeErrors: true, limits })
  const upper = await tree.relay('upper', 'root', { messages: own, limits })
  const lower = await tree.relay('lower', 'upper', { limits })
  const leaf = await tree.leaf('leaf', 'lower', { messages, exposeErrors: true, limits })
  await tree.wait(50)
  return { root, upper, lower, leaf }
}

const failure = (promise: Promise<unknown>): Promise<Failure> =>
  promise.then(
    () => never(),
    (error: Failure) => error,
  )
/** The only node below the only client. */
const middleNode = (server: Server<string, string>) => server.clients[0]?.nodes[0] as TreeNode

const never = (): never => {
  throw new Error('Expected a rejection')
}

async function* counting(count: number, sent: number[] = []): AsyncGenerator<number> {
  for (let index = 0; index < count; index += 1) {
    sent.push(index)
    yield index
  }
}

describe('requests cross relays', () => {
  test('from the root to a leaf, by a name that no relay has heard of', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    leaf.handle('math:add', (numbers) => (numbers as number[]).reduce((sum, n) => sum + n, 0))
    expect(await tree.pass(root.request('math:add', [1, 2, 3]))).toBe(6)
  })

  test('from a leaf to the root', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    root.handle('math:add', (numbers) => (numbers as number[]).reduce((sum, n) => sum + n, 0))
    expect(await tree.pass(leaf.request('math:add', [4, 5]))).toBe(9)
  })

  test('with their headers, both ways, and whatever length', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    root.handle('math:add', (payload, { headers, setHeaders }) => {
      setHeaders({ said: headers['lang'] ?? '' })
      return payload
    })
    const text = 'x'.repeat(300_000)
    const answer = await tree.pass(leaf.call('math:add', text, { headers: { lang: 'en' }, channel: 7 }))
    expect([answer.value, { ...answer.headers }]).toEqual([text, { said: 'en' }])
  })

  test('a name that a relay handles itself goes no further, from either side', async () => {
    await using tree = new Tree()
    const { root, upper, lower, leaf } = await line(tree)
    root.handle('text:shout', () => 'root')
    leaf.handle('text:shout', () => 'leaf')
    await tree.pass(upper.close())
    expect(lower.client.state).toBe('closed')
    const middle = await tree.relay('middle', 'root', { messages })
    const below = await tree.leaf('below', 'middle', { messages })
    below.handle('text:shout', () => 'below')
    middle.client.handle('text:shout', () => 'middle, asked from above')
    middle.server.handle('text:shout', () => 'middle, asked from below')
    await tree.wait(50)
    expect(await tree.pass(root.request('text:shout', ''))).toBe('middle, asked from above')
    expect(await tree.pass(below.request('text:shout', ''))).toBe('middle, asked from below')
    expect(await tree.pass(root.request('text:shout', '', { to: middleNode(root) }))).toBe('below')
  })

  test('a handler that throws is heard with its code, reason and headers', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    leaf.handle('math:add', (_payload, { setHeaders }) => {
      setHeaders({ hint: 'later' })
      throw Object.assign(new Error('no numbers'), { code: 'NO_NUMBERS' })
    })
    const error = (await tree.pass(failure(root.request('math:add', [])))) as RemoteError
    expect([error.remoteCode, error.reason, { ...error.headers }]).toEqual([
      'NO_NUMBERS',
      'no numbers',
      { hint: 'later' },
    ])
  })

  test('what nobody handles is UNKNOWN_REQUEST, and was certainly not begun', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    const down = (await tree.pass(failure(root.request('math:add', [])))) as RemoteError
    const up = (await tree.pass(failure(leaf.request('math:add', [])))) as RemoteError
    expect([down.remoteCode, down.delivered, up.remoteCode, up.delivered]).toEqual([
      'UNKNOWN_REQUEST',
      'no',
      'UNKNOWN_REQUEST',
      'no',
    ])
  })

  test('a name that nobody below defines is not asked of a relay: the call waits for somebody who does', async () => {
    await using tree = new Tree()
    const root = await tree.root({ messages })
    await tree.relay('upper', 'root')
    await tree.wait(50)
    const asked = watch(root.request('math:add', [1]))
    await tree.wait(50)
    expect(asked.outcome()).toBe('waits')
    const leaf = await tree.leaf('leaf', 'upper', { messages })
    leaf.handle('math:add', () => 'at last')
    await tree.wait(60)
    expect(await tree.pass(asked.promise)).toBe('at last')
    await tree.pass(leaf.close())
    await tree.wait(60)
    const again = watch(root.request('math:add', [2], { timeout: 100 }))
    await tree.wait(105)
    expect(again.outcome()).toBe('TIMEOUT')
  })

  test('from above they go to the child with the fewest', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    const other = await tree.leaf('other', 'lower', { messages })
    await tree.wait(50)
    const at: string[] = []
    const wait = new Promise(() => {})
    leaf.handle('math:add', () => (at.push('leaf'), wait))
    other.handle('math:add', () => (at.push('other'), wait))
    for (let count = 0; count < 4; count += 1) watch(root.request('math:add', []))
    await tree.wait(5)
    expect(at.toSorted()).toEqual(['leaf', 'leaf', 'other', 'other'])
  })

  test('a codec of its own at the other end is MESSAGES_MISMATCH', async () => {
    await using tree = new Tree()
    const { root } = await line(tree)
    root.handle('text:shout', () => 'never')
    const odd = await tree.leaf('odd', 'lower', {
      messages: defineMessages({ 'text:shout': { payload: any, reply: any, codec: json() } }) as never,
    })
    const error = (await tree.pass(failure(odd.request('text:shout', '')))) as RemoteError
    expect([error.remoteCode, error.delivered]).toEqual(['MESSAGES_MISMATCH', 'no'])
  })
})

describe('cancels and deadlines cross relays', () => {
  test('a cancel is at the leaf when one way has passed, and the root hears at once', async () => {
    await using tree = new Tree({ latencyMs: 10 })
    const { root, leaf } = await line(tree)
    let firedAt = Number.NaN
    leaf.handle('math:add', async (_payload, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      firedAt = tree.clock.now()
    })
    const cancel = new AbortController()
    const asked = watch(root.request('math:add', [], { signal: cancel.signal }))
    await tree.wait(40)
    const from = tree.clock.now()
    cancel.abort(new Error('enough'))
    await tree.wait(1)
    expect(asked.outcome()).toBe('ABORTED')
    await tree.wait(60)
    expect(firedAt - from).toBeLessThanOrEqual(33)
  })

  test('a request that is cancelled stays open at each hop until its handler is done with it', async () => {
    await using tree = new Tree()
    const { root, upper, lower, leaf } = await line(tree)
    let finish = (): void => {}
    leaf.handle('math:add', () => new Promise<void>((resolve) => (finish = resolve)))
    const cancel = new AbortController()
    watch(root.request('math:add', [], { signal: cancel.signal }))
    await tree.wait(5)
    cancel.abort()
    await tree.wait(5)
    const open = (): number[] =>
      [root, upper.server, lower.server].map(({ clients }) => (clients[0] as unknown as { requests: number }).requests)
    expect(open()).toEqual([1, 1, 1])
    finish()
    await tree.wait(5)
    expect(open()).toEqual([0, 0, 0])
  })

  test('a deadline is shortened by what has passed: the leaf has no longer than the root waits', async () => {
    await using tree = new Tree({ latencyMs: 10 })
    const { root, leaf } = await line(tree)
    let left = Number.NaN
    leaf.handle('math:add', (_payload, { deadline }) => {
      left = (deadline as number) - tree.clock.now()
    })
    await tree.pass(root.request('math:add', [], { timeout: 500 }))
    // Each hop knows what is left when it writes, not how long the way will take.
    expect(left).toBeLessThanOrEqual(500)
    expect(left).toBeGreaterThan(400)
  })

  test('time is up: the root hears TIMEOUT, and the signal of the leaf fires', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    let reason: unknown
    leaf.handle('math:add', async (_payload, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      reason = (signal.reason as Failure).code
    })
    const asked = watch(root.request('math:add', [], { timeout: 100 }))
    await tree.wait(110)
    expect([asked.outcome(), reason]).toEqual(['TIMEOUT', 'TIMEOUT'])
  })

  test('a leaf that dies with a request: CONNECTION_LOST, and it may have been begun', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    leaf.handle('math:add', () => new Promise(() => {}))
    const asked = failure(root.request('math:add', []))
    await tree.wait(5)
    await tree.kill(leaf)
    const error = (await tree.pass(asked)) as RemoteError
    expect([error.remoteCode, error.delivered]).toEqual(['CONNECTION_LOST', undefined])
  })

  test('a relay that dies with a request: the root hears CONNECTION_LOST, and the signal of the leaf fires', async () => {
    await using tree = new Tree()
    const { root, lower, leaf } = await line(tree)
    let isFired = false
    leaf.handle('math:add', async (_payload, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      isFired = true
    })
    const asked = failure(root.request('math:add', []))
    await tree.wait(5)
    await tree.kill(lower)
    expect(((await tree.pass(asked)) as RemoteError).remoteCode).toBe('CONNECTION_LOST')
    await tree.wait(5)
    expect(isFired).toBe(true)
  })

  test('whoever asked is gone: the handler at the other end is told', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    let isFired = false
    root.handle('math:add', async (_payload, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      isFired = true
    })
    watch(leaf.request('math:add', []))
    await tree.wait(5)
    await tree.kill(leaf)
    await tree.wait(5)
    expect(isFired).toBe(true)
  })
})

describe('streams cross relays', () => {
  test('a reply, chunk by chunk, in order', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    leaf.handle('math:add', () => counting(1_000))
    const read: unknown[] = []
    await tree.pass(
      (async () => {
        for await (const chunk of root.stream('math:add', [])) read.push(chunk)
      })(),
    )
    expect(read).toEqual(Array.from({ length: 1_000 }, (_, index) => index))
  })

  test('a body, upwards, with the reply at its end', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    root.handle('log:up', async (_payload, { body }) => {
      let sum = 0
      for await (const chunk of body) sum += chunk as number
      return sum
    })
    expect(await tree.pass(leaf.request('log:up', '', { body: counting(500) }))).toBe(124_750)
  })

  test('a body and a reply at the same time', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    leaf.handle('log:up', async function* (_payload, { body }) {
      for await (const chunk of body) yield (chunk as number) * 2
    })
    const read: unknown[] = []
    await tree.pass(
      (async () => {
        for await (const chunk of root.stream('log:up', '', { body: counting(300) })) read.push(chunk)
      })(),
    )
    expect(read).toEqual(Array.from({ length: 300 }, (_, index) => index * 2))
  })

  test('a slow reader at the root holds back the stream of a leaf: three levels give it no more than one window', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree, { maxStreamChunks: 8 })
    const sent: number[] = []
    leaf.handle('math:add', () => counting(1_000, sent))
    const stream = root.stream('math:add', [])
    await tree.pass(stream.next())
    await tree.wait(50)
    expect(sent.length).toBeLessThanOrEqual(13)
    for (let count = 0; count < 20; count += 1) await tree.pass(stream.next())
    await tree.wait(50)
    expect(sent.length).toBeLessThanOrEqual(33)
    await tree.pass(Promise.resolve(stream.return?.()))
    await tree.wait(5)
    expect(sent.length).toBeLessThanOrEqual(33)
  })

  test('leaving the loop at the root ends the source at the leaf', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    let isClosed = false
    leaf.handle('math:add', async function* () {
      try {
        for (;;) yield 'x'.repeat(1_000)
      } finally {
        isClosed = true
      }
    })
    await tree.pass(
      (async () => {
        for await (const chunk of root.stream('math:add', [])) if (chunk !== '') break
      })(),
    )
    await tree.wait(5)
    expect(isClosed).toBe(true)
  })

  test('a source that fails is heard with its code at the other end, behind its chunks', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    leaf.handle('math:add', async function* () {
      yield 1
      throw Object.assign(new Error('torn'), { code: 'TORN' })
    })
    const read: unknown[] = []
    const error = await tree.pass(
      failure(
        (async () => {
          for await (const chunk of root.stream('math:add', [])) read.push(chunk)
        })(),
      ),
    )
    expect([read, (error as RemoteError).remoteCode]).toEqual([[1], 'TORN'])
  })

  test('a leaf that dies in the middle of its stream: what came is read, then CONNECTION_LOST', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    leaf.handle('math:add', async function* () {
      yield 1
      yield 2
      await new Promise(() => {})
    })
    const stream = root.stream('math:add', [])
    expect([await tree.pass(stream.next()), await tree.pass(stream.next())].map(({ value }) => value)).toEqual([1, 2])
    const next = failure(stream.next())
    await tree.kill(leaf)
    expect(((await tree.pass(next)) as RemoteError).remoteCode).toBe('CONNECTION_LOST')
  })

  test('a handler that reads no more of a body ends it at its source', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    root.handle('log:up', async (_payload, { body }) => {
      for await (const chunk of body) return chunk
      return undefined
    })
    let isClosed = false
    async function* endless(): AsyncGenerator<number> {
      try {
        for (let index = 0; ; index += 1) yield index
      } finally {
        isClosed = true
      }
    }
    expect(await tree.pass(leaf.request('log:up', '', { body: endless() }))).toBe(0)
    await tree.wait(5)
    expect(isClosed).toBe(true)
  })
})

describe('what the next hop does not take is ITEM_TOO_LARGE, and costs nothing else', () => {
  const small = { limits: { maxItemBytes: 500 } }
  const long = 'x'.repeat(600)
  let [begun, ended] = [0, 0]
  async function* two(): AsyncGenerator<string> {
    begun += 1
    try {
      yield 'short'
      yield long
      for (;;) yield 'short'
    } finally {
      ended += 1
    }
  }

  async function collect(stream: AsyncIterable<unknown>): Promise<never> {
    for await (const chunk of stream) expect(chunk).toBe('short')
    return never()
  }

  /** A root or a leaf that takes less than the relays between them, and an item at work meanwhile. */
  async function narrow(tree: Tree, end: 'root' | 'leaf') {
    const root = await tree.root({ messages, exposeErrors: true, ...(end === 'root' && small) })
    await tree.relay('upper', 'root')
    const lower = await tree.relay('lower', 'upper')
    const options = { messages, exposeErrors: true }
    const leaf = await tree.leaf('leaf', 'lower', { ...options, ...(end === 'leaf' && small) })
    const busy = await tree.leaf('busy', 'lower', options)
    const attempts: number[] = []
    let finish = (): void => {}
    void busy.process((_, { attempt }) => {
      attempts.push(attempt)
      return new Promise<string>((resolve) => (finish = () => resolve('done')))
    })
    await tree.wait(50)
    const result = root.submit('item')
    await tree.wait(50)
    const over = async (): Promise<void> => {
      finish()
      expect([await tree.pass(result), attempts]).toEqual(['done', [1]])
      expect([root, lower.server].map(({ clients }) => clients.length)).toEqual([1, 2])
    }
    return { root, leaf, over }
  }

  test('a request, which is asked elsewhere where somebody takes it', async () => {
    await using tree = new Tree()
    const root = await tree.root({ messages })
    await tree.relay('upper', 'root')
    await tree.relay('lower', 'upper')
    const leaf = await tree.leaf('leaf', 'lower', { messages, ...small })
    leaf.handle('text:shout', () => 'leaf')
    await tree.wait(50)
    const request = (text: string): Promise<unknown> => root.request('text:shout', text, { timeout: 1_000 })
    const error = (await tree.pass(failure(request(long)))) as RemoteError
    expect([error.remoteCode, error.delivered]).toEqual(['ITEM_TOO_LARGE', 'no'])
    const beside = await tree.leaf('beside', 'root', { messages })
    beside.handle('text:shout', () => 'beside')
    await tree.wait(50)
    for (let count = 0; count < 6; count += 1) expect(await tree.pass(request(long))).toBe('beside')
    // It is still asked what it takes.
    const answers = await tree.pass(Promise.all(Array.from({ length: 4 }, () => request('short'))))
    expect(answers.filter((answer) => answer === 'leaf')).toHaveLength(2)
  })

  test.each<[string, (leaf: Leaf) => void]>([
    ['a reply', (leaf) => leaf.handle('math:add', () => long)],
    ['a chunk of a reply', (leaf) => leaf.handle('math:add', two)],
    [
      'the headers of a reply',
      (leaf) =>
        leaf.handle('math:add', (_, { setHeaders }) => {
          setHeaders({ long })
          return two()
        }),
    ],
  ])('%s', async (_, handle) => {
    await using tree = new Tree()
    const { root, leaf, over } = await narrow(tree, 'root')
    ;[begun, ended] = [0, 0]
    handle(leaf)
    const error = await tree.pass(
      failure(collect(root.stream('math:add', 0, { to: root.node('upper', 'lower', 'leaf') }))),
    )
    expect((error as RemoteError).remoteCode).toBe('ITEM_TOO_LARGE')
    await tree.wait(100)
    expect(ended).toBe(begun) // nobody is left alone with what nobody hears
    await over()
  })

  test('a chunk of a body, up and down', async () => {
    for (const end of ['root', 'leaf'] as const) {
      await using tree = new Tree()
      const { root, leaf, over } = await narrow(tree, end)
      ;[begun, ended] = [0, 0]
      const codes: string[] = []
      const handle = async (_: unknown, { body }: { body: AsyncIterable<unknown> }): Promise<void> => {
        await collect(body).catch((error: RemoteError) => codes.push(error.remoteCode))
      }
      ;(end === 'root' ? root : leaf).handle('log:up', handle)
      if (end === 'root') await tree.pass(leaf.request('log:up', 0, { body: two() }))
      else await tree.pass(root.request('log:up', 0, { body: two(), to: root.node('upper', 'lower', 'leaf') }))
      await tree.wait(100)
      expect([codes, ended]).toEqual([['ITEM_TOO_LARGE'], 1])
      await over()
    }
  })
})

describe('messages cross relays', () => {
  test('a broadcast of the root is heard by every leaf that defines it, once', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    const other = await tree.leaf('other', 'upper', { messages })
    await tree.leaf('deaf', 'upper')
    await tree.wait(50)
    const heard: string[] = []
    leaf.on(
      'news:flash' as never,
      (({ payload, headers }: { payload: string; headers: { lang: string } }) =>
        void heard.push(`leaf ${payload} ${headers.lang}`)) as never,
    )
    other.on(
      'news:flash' as never,
      (({ payload }: { payload: string }) => void heard.push(`other ${payload}`)) as never,
    )
    expect(await tree.pass(root.broadcast('news:flash', 'hello', { headers: { lang: 'en' } }))).toMatchObject({
      sent: 1,
    })
    await tree.wait(5)
    expect(heard.toSorted()).toEqual(['leaf hello en', 'other hello'])
  })

  test('what a leaf sends is heard by the root, and by nobody on its level', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    const other = await tree.leaf('other', 'lower', { messages })
    const heard: string[] = []
    root.on('news:up' as never, (({ payload }: { payload: string }) => void heard.push(`root ${payload}`)) as never)
    other.on('news:up' as never, () => void heard.push('other'))
    await tree.pass(leaf.send('news:up', 'up'))
    await tree.wait(5)
    expect(heard).toEqual(['root up'])
  })

  test('a relay hears what it defines, and passes it on all the same', async () => {
    await using tree = new Tree()
    const root = await tree.root({ messages })
    const upper = await tree.relay('upper', 'root', { messages })
    const leaf = await tree.leaf('leaf', 'upper', { messages })
    await tree.wait(50)
    const heard: string[] = []
    upper.client.on('news:flash' as never, () => void heard.push('relay'))
    leaf.on('news:flash' as never, () => void heard.push('leaf'))
    await tree.pass(root.broadcast('news:flash', ''))
    await tree.wait(5)
    expect(heard).toEqual(['relay', 'leaf'])
  })
})
