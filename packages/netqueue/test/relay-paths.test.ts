import { describe, expect, test, vi } from 'vitest'

import { defineMessages, type } from '../src/index.ts'
import type { Client, NetQueueError as Failure, Relay, RemoteError, Server, TreeNode } from '../src/index.ts'
import { watch } from './support/exchanges.ts'
import { Tree } from './support/tree.ts'

const any = type<unknown>()
const messages = defineMessages({ who: { payload: any, reply: any }, news: { payload: any } }) as never

type Leaf = Client<string, string>

interface Forest {
  root: Server<string, string>
  upper: Relay<string, string>
  lower: Relay<string, string>
  /** Two below `lower`, one below `upper`. */
  leaves: Record<'a' | 'b' | 'c', Leaf>
  node: (...path: string[]) => TreeNode
}

async function forest(tree: Tree): Promise<Forest> {
  const root = await tree.root({ messages })
  const upper = await tree.relay('upper', 'root', { tags: ['upper'] })
  const lower = await tree.relay('lower', 'upper', { tags: ['lower'] })
  const leaves = {
    a: await tree.leaf('a', 'lower', { messages, tags: ['gpu', 'lower'], status: { load: 1 } }),
    b: await tree.leaf('b', 'lower', { messages }),
    c: await tree.leaf('c', 'upper', { messages }),
  }
  await tree.wait(60)
  const node = (...path: string[]): TreeNode =>
    root.clients[0]?.nodes.find((one) => one.path.join() === ['upper', ...path].join()) as TreeNode
  return { root, upper, lower, leaves, node }
}

const failure = (promise: Promise<unknown>): Promise<Failure> => promise.then(never, (error: Failure) => error)
const never = (): never => {
  throw new Error('Expected a rejection')
}

const pathsOf = (root: Server<string, string>): string[] =>
  root.clients.flatMap(({ nodes }) => nodes.map(({ path }) => path.join('/')))

describe('what a root sees of a tree', () => {
  test('the nodes below a relay, with their paths, tags, status and times', async () => {
    await using tree = new Tree({ latencyMs: 5 })
    const { root, node } = await forest(tree)
    expect(pathsOf(root).toSorted()).toEqual(['upper/c', 'upper/lower', 'upper/lower/a', 'upper/lower/b'])
    const a = node('lower', 'a')
    expect([a.id, a.tags, a.status, a.isRelay, a.isConnected]).toEqual([
      'a',
      ['gpu', 'lower'],
      { load: 1 },
      false,
      true,
    ])
    expect(a.client).toBe(root.clients[0])
    expect(a.rtt).toBeGreaterThanOrEqual(30)
    expect(a.rtt).toBeLessThan(40)
    expect([node('lower').isRelay, node('lower').tags, node('lower').rtt]).toEqual([
      true,
      ['lower'],
      expect.any(Number),
    ])
  })

  test('the tags of a relay are its own and those of all below it, each once', async () => {
    await using tree = new Tree()
    const { root } = await forest(tree)
    expect(root.clients[0]?.tags.toSorted()).toEqual(['gpu', 'lower', 'upper'])
    expect(root.clients[0]?.isRelay).toBe(true)
  })

  test('a status that changes comes up, and a leaf that leaves or dies is gone', async () => {
    await using tree = new Tree()
    const { root, leaves, node } = await forest(tree)
    const [a, b] = [node('lower', 'a'), node('lower', 'b')]
    leaves.a.setStatus('busy')
    await tree.wait(60)
    expect([node('lower', 'a') === a, a.status]).toEqual([true, 'busy'])
    await tree.kill(leaves.b)
    await tree.pass(leaves.c.close())
    await tree.wait(60)
    expect([b.isConnected, pathsOf(root).toSorted()]).toEqual([false, ['upper/lower', 'upper/lower/a']])
  })

  test('a relay in between that dies takes all below it along; back, they are there again', async () => {
    await using tree = new Tree()
    const { root, lower, node } = await forest(tree)
    const a = node('lower', 'a')
    await tree.kill(lower)
    await tree.wait(60)
    expect([a.isConnected, pathsOf(root)]).toEqual([false, ['upper/c']])
    await tree.relay('lower', 'upper')
    await tree.wait(1_000)
    expect(pathsOf(root).toSorted()).toEqual(['upper/c', 'upper/lower', 'upper/lower/a', 'upper/lower/b'])
    expect([node('lower', 'a') === a, a.isConnected]).toEqual([false, false])
  })

  test('a relay that is gone and there again in one message is another one, and what was below it is gone', async () => {
    await using tree = new Tree()
    const { root, lower, node } = await forest(tree)
    const below = await tree.relay('below', 'lower')
    const leaf = await tree.leaf('d', 'below')
    await tree.wait(60)
    const [before, d] = [node('lower', 'below'), node('lower', 'below', 'd')]
    await tree.leaf('told just now, so that what follows waits', 'lower')
    await tree.wait(1)
    await Promise.all([tree.kill(below), tree.kill(leaf)])
    await tree.relay('below', 'lower')
    expect(lower.server.clients.some(({ id }) => id === 'below')).toBe(true)
    await tree.wait(60)
    expect(pathsOf(root)).toContain('upper/lower/below')
    expect(pathsOf(root)).not.toContain('upper/lower/below/d')
    expect([before.isConnected, d.isConnected, node('lower', 'below') === before]).toEqual([false, false, false])
  })

  test('an event tells of each change, and several in a row are told together', async () => {
    await using tree = new Tree()
    const { root, leaves } = await forest(tree)
    let count = 0
    root.on('nodes', () => (count += 1))
    for (let load = 0; load < 50; load += 1) {
      leaves.a.setStatus({ load })
      await tree.rest()
    }
    await tree.wait(100)
    expect(count).toBeLessThanOrEqual(3)
    expect(count).toBeGreaterThan(0)
  })

  test('a status that is the same again is not told', async () => {
    await using tree = new Tree()
    const { root, leaves } = await forest(tree)
    let count = 0
    root.on('nodes', () => (count += 1))
    leaves.a.setStatus({ load: 1 })
    await tree.wait(60)
    expect(count).toBe(0)
  })

  test('a policy sees it: chooseDispatch can go by what is below', async () => {
    await using tree = new Tree()
    const chosen: (string | undefined)[] = []
    const root = await tree.root({
      chooseDispatch: (free) => {
        const one = free.find(({ nodes }) => nodes.some(({ tags }) => tags.includes('gpu')))
        chosen.push(one?.id)
        return one
      },
    })
    await tree.relay('left', 'root')
    await tree.relay('right', 'root')
    const plain = await tree.leaf('plain', 'left')
    const gpu = await tree.leaf('gpu', 'right', { tags: ['gpu'] })
    void plain.process(() => 'plain')
    void gpu.process(() => 'gpu')
    await tree.wait(60)
    expect(await tree.pass(root.submit('item'))).toBe('gpu')
    expect(chosen).toContain('right')
  })

  test('what one relay knows of below, its own user sees as well', async () => {
    await using tree = new Tree()
    const { upper, lower } = await forest(tree)
    const paths = upper.server.clients.flatMap(({ nodes }) => nodes.map(({ path }) => path.join('/')))
    expect(paths.toSorted()).toEqual(['lower/a', 'lower/b'])
    expect([upper.ancestors, lower.ancestors]).toEqual([['root'], ['root', 'upper']])
  })
})

describe('along a path', () => {
  test('a request is asked of that node alone', async () => {
    await using tree = new Tree()
    const { root, leaves, node } = await forest(tree)
    for (const leaf of Object.values(leaves)) leaf.handle('who', () => leaf.id)
    const asked = ['a', 'b'].map((id) => root.request('who', '', { to: node('lower', id) }))
    asked.push(root.request('who', '', { to: node('c') }))
    expect(await tree.pass(Promise.all(asked))).toEqual(['a', 'b', 'c'])
  })

  test('a relay on the way may be the one that is asked', async () => {
    await using tree = new Tree()
    const root = await tree.root({ messages })
    await tree.relay('upper', 'root')
    const lower = await tree.relay('lower', 'upper', { messages })
    lower.client.handle('who', () => 'lower')
    await tree.wait(60)
    const [node] = root.clients[0]?.nodes ?? []
    expect(await tree.pass(root.request('who', '', { to: node as TreeNode }))).toBe('lower')
  })

  test('streams and cancels go along it', async () => {
    await using tree = new Tree()
    const { root, leaves, node } = await forest(tree)
    let isClosed = false
    leaves.b.handle('who', async function* () {
      try {
        for (let index = 0; ; index += 1) yield index
      } finally {
        isClosed = true
      }
    })
    const read: unknown[] = []
    await tree.pass(
      (async () => {
        for await (const chunk of root.stream('who', '', { to: node('lower', 'b') })) if (read.push(chunk) === 3) break
      })(),
    )
    await tree.wait(5)
    expect([read, isClosed]).toEqual([[0, 1, 2], true])
  })

  test('an item is worked on by that node alone, its result comes back', async () => {
    await using tree = new Tree()
    const { root, leaves, node } = await forest(tree)
    for (const leaf of Object.values(leaves)) void leaf.process((item) => `${leaf.id} ${item}`)
    await tree.wait(5)
    const results = Array.from({ length: 5 }, (_, index) => root.submit(`${index}`, { to: node('lower', 'b') }))
    expect(await tree.pass(Promise.all(results))).toEqual(['b 0', 'b 1', 'b 2', 'b 3', 'b 4'])
    expect(await tree.pass(root.submit('x', { to: node('c') }))).toBe('c x')
  })

  test('an item goes to several nodes, or to all but some', async () => {
    await using tree = new Tree()
    const { root, leaves, node } = await forest(tree)
    const got: string[] = []
    for (const leaf of Object.values(leaves)) void leaf.process((item) => (got.push(`${leaf.id} ${item}`), ''))
    await tree.wait(5)
    await tree.pass(root.put('x', { to: [node('lower', 'a'), node('c')] }))
    await tree.pass(root.put('y', { to: [node('lower', 'a'), node('c')], except: [node('c')] }))
    await tree.wait(10)
    expect(got.toSorted()).toEqual(['a x', 'a y', 'c x'])
  })

  test('a message is heard by that node alone', async () => {
    await using tree = new Tree()
    const { root, leaves, node } = await forest(tree)
    const heard: string[] = []
    for (const leaf of Object.values(leaves)) leaf.on('news' as never, () => void heard.push(leaf.id))
    await tree.pass(root.send('news', '', { to: node('lower', 'a') }))
    await tree.pass(root.send('news', '', { to: [node('lower', 'b'), node('c')] }))
    await tree.wait(5)
    expect(heard.toSorted()).toEqual(['a', 'b', 'c'])
  })

  test('a broadcast leaves out nodes, wherever they are, and all below those', async () => {
    await using tree = new Tree()
    const { root, leaves, node } = await forest(tree)
    const heard: string[] = []
    for (const leaf of Object.values(leaves)) leaf.on('news' as never, () => void heard.push(leaf.id))
    await tree.pass(root.broadcast('news', '', { except: [node('lower', 'a')] }))
    await tree.wait(5)
    expect(heard.splice(0).toSorted()).toEqual(['b', 'c'])
    await tree.pass(root.broadcast('news', '', { except: [node('lower')] }))
    await tree.wait(5)
    expect(heard.splice(0)).toEqual(['c'])
    await tree.pass(root.broadcast('news', '', { except: [node('lower', 'b'), node('c')] }))
    await tree.wait(5)
    expect(heard.splice(0)).toEqual(['a'])
    await tree.pass(root.broadcast('news', '', { except: root.clients }))
    await tree.wait(5)
    expect(heard).toEqual([])
  })

  test('a node that is known to be gone: CLIENT_GONE at once', async () => {
    await using tree = new Tree()
    const { root, leaves, node } = await forest(tree)
    const to = node('lower', 'a')
    await tree.pass(leaves.a.close())
    await tree.wait(60)
    const calls = [
      root.put('x', { to }),
      root.submit('x', { to }),
      root.request('who', '', { to }),
      root.send('news', '', { to }),
    ]
    const errors = await tree.pass(Promise.all(calls.map(failure)))
    expect(errors.map(({ code, delivered }) => [code, delivered])).toEqual(calls.map(() => ['CLIENT_GONE', 'no']))
  })

  test('an item that waits for a node below a relay where nobody takes anything: CLIENT_GONE when the node is gone', async () => {
    await using tree = new Tree()
    const { root, leaves, node } = await forest(tree)
    const [a, b] = [node('lower', 'a'), node('lower', 'b')]
    const outcomes = Promise.all([root.put('put', { to: a }), root.submit('submitted', { to: a })].map(failure))
    const waits = failure(root.put('for another', { to: b, timeout: 1_000 }))
    await tree.wait(5)
    await tree.pass(leaves.a.close())
    const errors = await tree.pass(outcomes)
    const gone = ['CLIENT_GONE', 'upper/lower/a', 'no']
    expect(errors.map(({ code, value, delivered }) => [code, value, delivered])).toEqual([gone, gone])
    expect((await tree.pass(waits)).code).toBe('QUEUE_FULL')
    await tree.pass(root.idle())
  })

  test('a node that is gone before it gets there: CLIENT_GONE from the hop that finds it', async () => {
    await using tree = new Tree({ latencyMs: 10 })
    const { root, leaves, node } = await forest(tree)
    const to = node('lower', 'a')
    void leaves.a.process(() => 'x')
    void leaves.b.process(() => 'x')
    await tree.wait(50)
    const letters: unknown[] = []
    root.on('deadLetter', ({ item }) => void letters.push(item))
    const gone = tree.kill(leaves.a)
    const calls = [root.submit('x', { to }), root.request('who', '', { to })]
    const outcomes = calls.map(failure)
    watch(root.put('put', { to }))
    await gone
    const errors = (await tree.pass(Promise.all(outcomes))) as RemoteError[]
    expect(errors.map(({ remoteCode }) => remoteCode)).toEqual(['CLIENT_GONE', 'CLIENT_GONE'])
    await tree.wait(100)
    expect(letters).toEqual(['put'])
  })

  test('an item that waits in a relay for a node below the next one: CLIENT_GONE when that node is gone', async () => {
    await using tree = new Tree()
    const { root, leaves, node } = await forest(tree)
    const to = node('lower', 'a')
    await tree.pass(leaves.b.close())
    void leaves.a.process(() => new Promise<never>(() => {})).catch(() => {})
    void leaves.c.process((item) => item, { concurrency: 4 })
    await tree.wait(60)
    const calls = [1, 2, 3].map((item) => failure(root.submit(`${item}`, { to })))
    await tree.wait(100)
    await tree.kill(leaves.a)
    const errors = (await tree.pass(Promise.all(calls))) as RemoteError[]
    expect(errors.slice(1).map(({ remoteCode }) => remoteCode)).toEqual(['CLIENT_GONE', 'CLIENT_GONE'])
    expect(await tree.pass(root.submit('another', { to: node('c') }))).toBe('another')
    await tree.pass(root.idle())
  })

  test('a dead letter for a node that is gone stays one: it was for no other', async () => {
    await using tree = new Tree()
    const { root, leaves, node } = await forest(tree)
    const others: string[] = []
    void leaves.b.process((item) => (others.push(item), item))
    void leaves.a.process((_, delivery) => void delivery.reject('no'))
    await tree.wait(5)
    await tree.pass(root.put('for a', { to: node('lower', 'a') }))
    await tree.wait(20)
    expect(root.deadLetters.requeue()).toBe(1)
    await tree.wait(20)
    expect(root.deadLetters.size).toBe(1)
    await tree.pass(leaves.a.close())
    await tree.wait(60)
    expect([root.deadLetters.requeue(), root.deadLetters.size]).toEqual([0, 1])
    await tree.wait(60)
    expect(others).toEqual([])
  })

  test('an item that its node does not take is refused by the hop that knows, and costs nobody else anything', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('upper', 'root')
    const small = await tree.leaf('small', 'upper', { limits: { maxItemBytes: 1_000 } })
    const lost = vi.fn<() => void>()
    small.on('disconnect', lost)
    const finish: (() => void)[] = []
    void small.process((item) => new Promise<string>((resolve) => finish.push(() => resolve(item))), { concurrency: 2 })
    await tree.wait(60)
    const to = root.clients[0]?.nodes[0] as TreeNode
    const other = root.submit('other', { to })
    await tree.wait(5)
    const error = (await tree.pass(failure(root.submit('x'.repeat(2_000), { to })))) as RemoteError
    expect([error.code, error.remoteCode]).toEqual(['REMOTE_ERROR', 'ITEM_TOO_LARGE'])
    for (const done of finish) done()
    expect(await tree.pass(other)).toBe('other')
    expect([finish.length, lost.mock.calls.length]).toEqual([1, 0])
  })

  test('an item leaves out nobody below a relay that gets it: a TypeError', async () => {
    await using tree = new Tree()
    const { root, leaves, node } = await forest(tree)
    const got: string[] = []
    for (const leaf of Object.values(leaves)) void leaf.process((item) => (got.push(item), item))
    const except = [node('lower', 'a')]
    for (const to of ['all', root.clients, [node('lower')]] as const)
      await expect(root.put('x', { to, except })).rejects.toThrow('Expected `except` to leave out nobody below')
    await tree.pass(root.put('y', { to: [node('lower', 'b'), node('c')], except }))
    await tree.wait(20)
    expect(got).toEqual(['y', 'y'])
  })

  test('what is addressed and never begun comes back when its node dies: it was for no other', async () => {
    await using tree = new Tree()
    const { root, leaves, node } = await forest(tree)
    const delivery = leaves.a.receive()
    await tree.wait(5)
    const result = failure(root.submit('x', { to: node('lower', 'a') }))
    await tree.pass(delivery)
    await tree.kill(leaves.a)
    expect((await tree.pass(result)).code).toMatch(/REMOTE_ERROR|DEAD_LETTER|CLIENT_GONE/)
  })
})

describe('loops', () => {
  test('a relay that is its own parent is refused: LOOP', async () => {
    await using tree = new Tree()
    await tree.root()
    const error = await tree.pass(failure(tree.relay('root', 'root')))
    expect(error.code).toBe('LOOP')
  })

  test('a parent above which the relay is itself is left for good', async () => {
    await using tree = new Tree()
    await tree.root()
    const first = await tree.relay('first', 'root')
    await tree.relay('second', 'first')
    await tree.wait(60)
    const again = await tree.relay('first', 'second', { listen: undefined })
    const { error } = await tree.pass(again.client.closed)
    expect([error?.code, again.client.state, first.client.state]).toEqual(['LOOP', 'failed', 'connected'])
  })

  test('a name for one side alone, by which no loop could be seen, is a TypeError', async () => {
    await using tree = new Tree()
    await tree.root()
    const wrong = { server: { id: 'other' } } as object
    await expect(tree.relay('relay', 'root', wrong)).rejects.toThrow(
      'Expected `id` to be an option of the relay, got it as `server.id`: both sides have the same',
    )
  })

  test('a loop that arises later is found by whoever closes it: the other connections stay', async () => {
    await using tree = new Tree()
    await tree.root()
    const upper = await tree.relay('upper', ['root', 'lowest'], {
      client: { reconnect: { minDelayMs: 10, maxDelayMs: 20 } },
    })
    const lower = await tree.relay('lower', 'upper')
    await tree.wait(60)
    const lowest = await tree.relay('lowest', 'lower')
    await tree.wait(500)
    expect(upper.client.servers.map(({ state }) => state)).toEqual(['connected', 'failed'])
    expect([lower.client.state, lowest.client.state]).toEqual(['connected', 'connected'])
  })
})

describe('a node by the ids on the way to it', () => {
  test('is a client, or a node below one', async () => {
    await using tree = new Tree()
    const { root, node } = await forest(tree)
    expect(root.node('upper')).toBe(root.clients[0])
    expect(root.node('upper', 'lower', 'a')).toBe(node('lower', 'a'))
  })

  test.each([[['nobody']], [['upper', 'nobody']], [[]]])('%j is CLIENT_GONE', async (path) => {
    await using tree = new Tree()
    const { root } = await forest(tree)
    expect(() => root.node(...path)).toThrow(expect.objectContaining({ code: 'CLIENT_GONE', value: path.join('/') }))
  })

  test('is no text: that is a TypeError, and not a client that is gone', async () => {
    await using tree = new Tree()
    const { root } = await forest(tree)
    const to = 'upper/lower/a' as unknown as TreeNode
    for (const call of [root.put('item', { to }), root.submit('item', { to })])
      await expect(call).rejects.toThrow('Expected `to` to be a client of this server, or a node below one')
  })
})
