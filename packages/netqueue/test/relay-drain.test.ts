import { describe, expect, test } from 'vitest'

import type { RelayOptions } from '../src/index.ts'
import { observe } from './support/nodes.ts'
import { Tree } from './support/tree.ts'

describe('a relay that closes', () => {
  test('lets leaves finish what they have, sends their results up, and then leaves', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    const finish: (() => void)[] = []
    const done = observe(() =>
      leaf.process((item) => new Promise<string>((resolve) => finish.push(() => resolve(item.toUpperCase())))),
    )
    await tree.rest()
    const result = observe(() => root.submit('item'))
    await tree.rest()
    const closed = observe(() => relay.close())
    await tree.rest()
    expect([result(), closed(), root.clients.length]).toEqual(['waits', 'waits', 1])
    finish[0]?.()
    await tree.rest()
    expect([result(), closed(), done(), root.clients.length]).toEqual(['resolves ITEM', 'resolves', 'resolves', 0])
  })

  test('gives back what no leaf has begun, unstarted and at once', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root', { server: { chooseDispatch: () => undefined } })
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item, { concurrency: 2 })
    await tree.rest()
    const result = root.submit('item')
    await root.put('put')
    await tree.rest()
    expect(relay.server.backlog).toBe(2)
    const closed = relay.close()
    const other = await tree.leaf('other', 'root')
    const got: string[] = []
    void other.process((item, { attempt }) => {
      got.push(`${item} ${attempt}`)
      return item
    })
    await tree.pass(Promise.all([result, root.idle()]))
    expect(got).toEqual(['item 1', 'put 1'])
    await tree.pass(closed)
    expect(await relay.closed).toEqual({ undone: [], below: [] })
  })

  test('sends up what leaves put while they finish', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    const got: string[] = []
    void (async () => {
      for await (const thing of root) got.push(thing)
    })()
    const taken = leaf.receive()
    await tree.rest()
    await root.put('item')
    const delivery = await tree.pass(taken)
    const closed = relay.close()
    await tree.rest()
    await tree.pass(leaf.put('made of it'))
    delivery.done()
    await tree.pass(closed)
    await tree.rest()
    expect([got, root.clients.length]).toEqual([['made of it'], 0])
    await tree.pass(root.idle())
  })

  test('sends up what leaves that are gone have put, as its parent takes it', async () => {
    await using tree = new Tree()
    const root = await tree.root({ prefetch: 1 })
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    const first = root.receive()
    await tree.rest()
    await tree.pass(Promise.all(['a', 'b', 'c', 'd'].map((thing) => leaf.put(thing))))
    const delivery = await tree.pass(first)
    await tree.pass(leaf.close({ timeout: 100 }))
    const closed = relay.close()
    await tree.rest()
    delivery.done()
    const got = [delivery.item]
    void root.process((thing) => void got.push(thing))
    await tree.pass(closed)
    expect([got, await relay.closed]).toEqual([['a', 'b', 'c', 'd'], { undone: [], below: [] }])
  })

  test('names what is in a stage when time is up and whose leaf is gone', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const stage = (): Promise<string> => new Promise(() => {})
    const relay = await tree.relay('relay', 'root', { up: stage })
    const leaf = await tree.leaf('leaf', 'relay')
    const taken = observe(() => root.receive())
    await tree.rest()
    await tree.pass(leaf.put('thing'))
    await tree.pass(leaf.close({ timeout: 100 }))
    await tree.pass(relay.close({ timeout: 1_000 }))
    expect([taken(), await relay.closed]).toEqual(['waits', { undone: ['thing'], below: [] }])
  })

  test('waits for its parent to take what is here, and no longer than a second call says', async () => {
    await using tree = new Tree()
    const root = await tree.root({ prefetch: 1 })
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    const first = root.receive()
    await tree.pass(Promise.all(['a', 'b', 'c'].map((thing) => leaf.put(thing))))
    const delivery = await tree.pass(first)
    await tree.kill(leaf)
    delivery.done()
    await tree.wait(100)
    void relay.close({ timeout: 3_000 })
    await tree.wait(1)
    expect([relay.server.state, relay.client.state]).toEqual(['closed', 'connected'])
    const from = tree.clock.now()
    await tree.pass(relay.close({ timeout: 500 }))
    expect(tree.clock.now() - from).toBeLessThan(1_500)
    expect((await relay.closed).undone).toEqual(['c'])
  })

  test('cancels below and gives back above what is not done in time', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay', { reconnect: false })
    const taken = leaf.receive()
    const result = root.submit('item')
    const delivery = await tree.pass(taken)
    const closed = relay.close({ timeout: 1_000 })
    await tree.pass(closed)
    expect(delivery.signal.aborted).toBe(true)
    const other = await tree.leaf('other', 'root')
    void other.process((item, { attempt }) => `${item} ${attempt}`)
    expect(await tree.pass(result)).toBe('item 2')
  })

  test('takes no longer than its timeout where the parent settles nothing', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    const taken = root.receive()
    await tree.pass(leaf.put('thing'))
    await tree.pass(taken)
    const from = tree.clock.now()
    await tree.pass(relay.close({ timeout: 1_000 }))
    expect(tree.clock.now() - from).toBeLessThan(5_000)
  })

  test('gives back to leaves what they put, where it has lost its parent', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay', { reconnect: false })
    root.get().catch(() => {})
    await tree.rest()
    await tree.pass(Promise.all([leaf.put('a'), leaf.put('b')]))
    await tree.rest()
    const again = observe(() => leaf.closed.then(({ undone }) => undone.toSorted()))
    await tree.kill(root)
    await tree.pass(relay.close())
    await tree.rest()
    expect(again()).toBe('resolves ["b"]')
  })

  test('`await using` of a relay whose children leave nothing throws nothing', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item)
    expect(await tree.pass(root.submit('item'))).toBe('item')
    await tree.pass(relay[Symbol.asyncDispose]())
    expect(await relay.closed).toEqual({ undone: [], below: [] })
  })

  test('with the reason restart, its leaves come back to the next one', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item)
    await tree.pass(relay.close({ reason: 'restart' }))
    await tree.relay('relay', 'root')
    expect(await tree.pass(root.submit('item'))).toBe('item')
  })

  test('so they do where the relay has lost its parent, and put there what they have put before', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item)
    const reading = root.receive()
    await tree.pass(leaf.put('thing'))
    await tree.pass(reading)
    await tree.kill(root)
    await tree.pass(relay.close({ reason: 'restart' }))
    expect((await relay.closed).undone).toEqual([])
    const next = await tree.root()
    await tree.relay('relay', 'root')
    expect(await tree.pass(next.get())).toBe('thing')
  })

  test('names what is nobody’s any more: what a leaf had put that is gone, and the parent did not settle', async () => {
    await using tree = new Tree()
    const root = await tree.root({ prefetch: 1 })
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    const taken = root.receive()
    for (const thing of ['a', 'b', 'c', 'd']) await tree.pass(leaf.put(thing))
    await tree.pass(taken)
    await tree.kill(leaf)
    await tree.pass(relay.close({ timeout: 100 }))
    const { undone } = await relay.closed
    expect(undone).toEqual(['c', 'd'])
    await expect(relay[Symbol.asyncDispose]()).rejects.toMatchObject({ code: 'DRAIN_INCOMPLETE', undone })
  })

  test('a second time takes no longer than that says, and a wrong argument is no reason to close', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay', { reconnect: false })
    const taken = leaf.receive()
    await tree.rest()
    await root.put('item')
    await tree.pass(taken)
    await expect(relay.close({ timeout: -1 })).rejects.toBeInstanceOf(RangeError)
    const from = tree.clock.now()
    const closed = relay.close({ timeout: 60_000 })
    await tree.rest()
    await tree.pass(relay.close({ timeout: 100 }))
    await tree.pass(closed)
    expect(tree.clock.now() - from).toBeLessThan(3_000)
  })
})

describe('a parent that drains', () => {
  test('gets the results of what is in hand below, and then the relay and its leaves end', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    const finish: (() => void)[] = []
    const work = observe(() =>
      leaf.process((item) => new Promise<string>((resolve) => finish.push(() => resolve(item.toUpperCase())))),
    )
    await tree.rest()
    const result = observe(() => root.submit('item'))
    await tree.rest()
    const closed = observe(() => root.close())
    await tree.rest()
    expect([result(), closed()]).toEqual(['waits', 'waits'])
    finish[0]?.()
    await tree.rest()
    expect([result(), closed()]).toEqual(['resolves ITEM', 'resolves {"undone":[]}'])
    await tree.pass(relay.closed)
    expect(work()).toBe('resolves')
  })

  test.each<[string, RelayOptions<string, string>['server'], boolean]>([
    ['that the policy of the relay has nobody for', { chooseDispatch: () => undefined }, false],
    ['that is for one leaf, which does not read', {}, true],
  ])('is not held up by an item %s: it comes back', async (_, server, isAddressed) => {
    for (const reason of ['closed', 'restart'] as const) {
      await using tree = new Tree()
      const root = await tree.root()
      const relay = await tree.relay('relay', 'root', { server: server ?? {} })
      const leaf = await tree.leaf('leaf', 'relay', { prefetch: 1 })
      const other = await tree.leaf('other', 'relay')
      void other.process(() => {})
      if (!isAddressed) void leaf.process(() => {})
      await tree.wait(60)
      const to = isAddressed ? root.node('relay', 'leaf') : undefined
      const result = observe(() => root.submit('item', { to }))
      await tree.rest()
      expect([relay.server.backlog, root.backlog]).toEqual([1, 0])
      const from = tree.clock.now()
      expect(await tree.pass(root.close({ reason }))).toEqual({ undone: [] })
      expect([result(), tree.clock.now() - from < 1_000]).toEqual(['rejects CLOSED', true])
    }
  })

  test('is not held up by an item that the stage has made meanwhile, for one leaf, which does not read: it comes back', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const finish: (() => void)[] = []
    await tree.relay('relay', 'root', {
      down: (item) => new Promise<string>((resolve) => finish.push(() => resolve(item))),
    })
    const leaf = await tree.leaf('leaf', 'relay', { prefetch: 1 })
    const other = await tree.leaf('other', 'relay')
    void other.process(() => {})
    await tree.wait(60)
    const result = observe(() => root.submit('item', { to: root.node('relay', leaf.id) }))
    await tree.rest()
    const closed = observe(() => root.close())
    await tree.rest()
    finish[0]?.()
    await tree.wait(1_000)
    expect([result(), closed()]).toEqual(['rejects CLOSED', 'resolves {"undone":[]}'])
  })

  test('P1: is not told that an item was not begun which a leaf got because another one went back', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay', { prefetch: 4 })
    const log: string[] = []
    let finish = (): void => {}
    void (async () => {
      for await (const delivery of leaf.deliveries()) {
        const { item, attempt } = delivery
        log.push(`${item} ${attempt}`)
        if (item === 'alone') delivery.release()
        else if (item === 'held') finish = () => void delivery.done('held')
        else delivery.done('worked on')
      }
    })()
    await tree.wait(60)
    const to = root.node('relay', 'leaf')
    const outcomes = ['held', 'alone', 'behind'].map((item) => async () => {
      const outcome = observe(() => root.submit(item, { to }))
      await tree.wait(1_000)
      return outcome
    })
    const told: (() => string)[] = []
    for (const submit of outcomes) told.push(await submit())
    root.clients[0]?.dismiss()
    await tree.wait(500)
    finish()
    await tree.wait(500)
    // Whoever is told that it was not begun may have it done elsewhere.
    const wasBegun = log.includes('behind 1')
    expect([log.slice(0, 3), told[0]?.()]).toEqual([['held 1', 'alone 1', 'alone 2'], 'resolves held'])
    expect(told[2]?.()).toBe(wasBegun ? 'resolves worked on' : 'rejects CLIENT_GONE')
  })

  test.each([
    ['that a leaf fails meanwhile', 0],
    ['that waits for its next attempt', 60_000],
  ])('is not held up by an item %s: it is not tried again below', async (_, retryDelayMs) => {
    await using tree = new Tree()
    const root = await tree.root({ retryDelayMs: 1 })
    await tree.relay('relay', 'root', { server: { retryDelayMs: Math.max(1, retryDelayMs), maxRetryDelayMs: 60_000 } })
    const leaf = await tree.leaf('leaf', 'relay')
    let attempts = 0
    void leaf.process(async () => {
      attempts += 1
      if (retryDelayMs === 0) await new Promise<void>((resolve) => tree.clock.setTimer(resolve, 50))
      throw new Error('not now')
    })
    await tree.rest()
    await tree.pass(root.put('item'))
    await tree.rest()
    const from = tree.clock.now()
    expect(await tree.pass(root.close())).toEqual({ undone: ['item'] })
    expect([attempts, tree.clock.now() - from < 500]).toEqual([1, true])
  })

  test('is not held up by leaves that go on and on putting', async () => {
    await using tree = new Tree({ latencyMs: 10 })
    const root = await tree.root()
    await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    void (async () => {
      for await (const thing of root) void thing
    })()
    void (async () => {
      for (;;) {
        await leaf.put('thing')
        await new Promise<void>((resolve) => tree.clock.setTimer(resolve, 1))
      }
    })().catch(() => {})
    await tree.wait(100)
    const from = tree.clock.now()
    await tree.pass(root.close({ timeout: 60_000 }))
    expect(tree.clock.now() - from).toBeLessThan(10_000)
    await tree.wait(50)
  })

  test('and restarts is waited for: the leaves stay where they are', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item)
    await tree.rest()
    await tree.pass(root.close({ reason: 'restart' }))
    const states: string[] = []
    leaf.on('state', ({ state }) => states.push(state))
    const next = await tree.root()
    expect(await tree.pass(next.submit('item'))).toBe('item')
    expect([relay.server.clients.length, states]).toEqual([1, []])
  })
})

describe('one side of a relay that ends', () => {
  test('while the server drains, it takes nothing new from above', async () => {
    await using tree = new Tree({ latencyMs: 10 })
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    const finish: (() => void)[] = []
    void leaf.process(() => new Promise<void>((resolve) => finish.push(resolve)), { concurrency: 3 })
    await tree.wait(50)
    await root.put('first')
    await tree.wait(50)
    const closed = relay.server.close()
    await tree.wait(12) // before the leaf has answered
    const put = observe(() => root.put('second'))
    await tree.wait(50)
    expect([put(), root.clients[0]?.credit, finish.length]).toEqual(['waits', 0, 1])
    finish[0]?.()
    await tree.pass(closed)
  })

  test('the server: the client leaves too', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item)
    await tree.rest()
    await tree.pass(relay.server.close())
    await tree.pass(relay.closed)
    await tree.rest()
    expect(root.clients).toEqual([])
  })

  test('the client: the server closes too', async () => {
    await using tree = new Tree()
    await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    await tree.pass(relay.client.close())
    await tree.pass(relay.closed)
    expect((await tree.pass(leaf.closed)).undone).toEqual([])
  })

  test('a relay whose parent cannot be reached does not begin, and listens nowhere', async () => {
    await using tree = new Tree()
    await expect(tree.relay('relay', 'nowhere')).rejects.toMatchObject({ code: 'CONNECT_FAILED' })
    await expect(tree.leaf('leaf', 'relay')).rejects.toMatchObject({ code: 'CONNECT_FAILED' })
  })

  test('a relay that cannot listen leaves its parent', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await expect(tree.relay('relay', 'root', { listen: 'memory:root' })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
    })
    await tree.rest()
    expect(root.clients).toEqual([])
  })
})
