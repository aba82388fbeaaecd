import { describe, expect, test } from 'vitest'

import { netQueue } from '../src/protocol/index.ts'
import { failureOf } from './support/outcome.ts'
import { observe } from './support/nodes.ts'
import { Tree } from './support/tree.ts'

const LONG = 'x'.repeat(500)
const small = { limits: { maxItemBytes: 100 } }
const medium = { limits: { maxItemBytes: 1_000 } }

/** Two branches with a leaf each: one takes short items alone. */
async function branches(tree: Tree) {
  const root = await tree.root()
  const left = await tree.relay('left', 'root')
  const right = await tree.relay('right', 'root')
  const short = await tree.leaf('short', 'left', small)
  const long = await tree.leaf('long', 'right', medium)
  return { root, left, right, short, long }
}

describe('an item that is too long for all leaves of a branch', () => {
  test('goes to another branch, whatever is free', async () => {
    await using tree = new Tree()
    const { root, left, short, long } = await branches(tree)
    const lengths: number[] = []
    void short.process(() => 'short', { concurrency: 4 })
    void long.process((item) => {
      lengths.push(item.length)
      return 'long'
    })
    await tree.rest()
    const results = Array.from({ length: 6 }, () => root.submit(LONG))
    expect(await tree.pass(Promise.all(results))).toEqual(results.map(() => 'long'))
    expect([lengths.length, left.server.backlog]).toEqual([6, 0])
    expect(await tree.pass(root.submit('short enough'))).toBe('short')
  })

  test('waits at the root, where there is none: `maxItemBytes` of its clients says so, through all relays', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('upper', 'root')
    const lower = await tree.relay('lower', 'upper')
    const leaf = await tree.leaf('leaf', 'lower', small)
    void leaf.process(() => 'small')
    await tree.rest()
    const result = observe(() => root.submit(LONG))
    await tree.wait(200)
    const most = (): number | undefined => root.clients[0]?.maxItemBytes
    expect([result(), root.backlog, lower.server.backlog, most()]).toEqual(['waits', 1, 0, 100])
    const other = await tree.leaf('other', 'upper', medium)
    void other.process(() => 'medium')
    await tree.rest()
    expect([result(), most()]).toEqual(['resolves medium', 1_000])
    await tree.kill(other)
    await tree.rest()
    expect(most()).toBe(100)
  })

  test('comes back when the one that took it is gone, and goes to another branch', async () => {
    await using tree = new Tree({ latencyMs: 5 })
    const { root, left, short, long } = await branches(tree)
    void short.process(() => 'short', { concurrency: 4 })
    const taker = await tree.leaf('taker', 'left', medium)
    const held = taker.receive()
    await tree.wait(50)
    const results = ['a', 'b'].map((name) => observe(() => root.submit(`${name}${LONG}`)))
    await tree.pass(held)
    await tree.wait(20)
    expect([results.map((result) => result()), left.server.backlog]).toEqual([['waits', 'waits'], 1])
    await tree.kill(taker)
    await tree.wait(200)
    expect([left.server.backlog, root.backlog]).toEqual([0, 2])
    void long.process((item) => item.slice(0, 1))
    await tree.wait(200)
    expect(results.map((result) => result())).toEqual(['resolves a', 'resolves b'])
  })

  test('that was on its way to the one that is gone comes back, too', async () => {
    await using tree = new Tree({ latencyMs: 20 })
    const { root, left, short, long } = await branches(tree)
    void short.process(() => 'short')
    const taker = await tree.leaf('taker', 'left', medium)
    void taker.process(() => 'taken')
    await tree.wait(200)
    const closing = tree.kill(taker)
    const result = observe(() => root.submit(LONG))
    await closing
    void long.process(() => 'long')
    await tree.wait(300)
    expect([result(), left.server.backlog, root.backlog]).toEqual(['resolves long', 0, 0])
  })

  test('is refused where it is for that branch', async () => {
    await using tree = new Tree()
    const { root, short } = await branches(tree)
    void short.process(() => 'short')
    await tree.rest()
    const left = root.clients.find(({ id }) => id === 'left')
    expect(await failureOf(root.put(LONG, { to: left }))).toMatchObject({
      code: 'ITEM_TOO_LARGE',
      limit: 'maxItemBytes',
      value: expect.any(Number) as number,
    })
  })

  test('addressed to a branch that takes less meanwhile, waits for it, and holds up nobody', async () => {
    await using tree = new Tree()
    let frames = 0
    const quiet = (): void => {}
    const logger = { debug: quiet, info: quiet, warn: quiet, trace: () => (frames += 1) }
    const root = await tree.root({ logger, trace: true })
    await tree.relay('relay', 'root')
    const short = await tree.leaf('short', 'relay', small)
    const long = await tree.leaf('long', 'relay', medium)
    await tree.rest()
    const [relay] = root.clients
    const waiting = observe(() => root.submit(LONG, { to: relay }))
    await tree.rest()
    await tree.kill(long)
    await tree.rest()
    frames = 0
    await tree.wait(100)
    expect(frames).toBeLessThan(10) // nothing goes to and fro
    void short.process(() => 'short')
    await tree.rest()
    expect(await tree.pass(root.submit('item', { to: relay }))).toBe('short')
    expect(await tree.pass(root.submit('item'))).toBe('short')
    expect(waiting()).toBe('waits')
    const again = await tree.leaf('again', 'relay', medium)
    void again.process(() => 'again')
    await tree.rest()
    expect(waiting()).toBe('resolves again')
  })

  test('because a stage has made it so counts as tried', async () => {
    await using tree = new Tree()
    const root = await tree.root({ maxAttempts: 3 })
    let calls = 0
    const down = (item: string): string => {
      calls += 1
      return item + LONG
    }
    const relay = await tree.relay('relay', 'root', { down })
    const leaf = await tree.leaf('leaf', 'relay', small)
    void leaf.process(() => 'never')
    await tree.rest()
    await tree.pass(root.put('item'))
    await tree.pass(root.idle())
    expect(root.deadLetters.list()).toMatchObject([{ item: 'item', attempts: 3 }])
    expect([calls, relay.server.backlog]).toEqual([3, 0])
  })
})

test.each(['puts and reads nothing', 'has stopped reading'])(
  'a leaf that %s takes nothing, however long',
  async (what) => {
    await using tree = new Tree()
    const { root, left, short, long } = await branches(tree)
    void short.process(() => 'short', { concurrency: 4 })
    const wide = await tree.leaf('wide', 'left', medium)
    if (what === 'has stopped reading') {
      const stop = new AbortController()
      const reading = wide.process(() => 'wide', { signal: stop.signal }).catch(() => {})
      await tree.wait(100)
      stop.abort()
      await reading
    }
    void long.process(() => 'long')
    await tree.wait(200)
    expect(root.node('left')).toMatchObject({ maxItemBytes: 100 })
    const results = Array.from({ length: 20 }, () => root.submit(LONG))
    expect(await tree.pass(Promise.all(results))).toEqual(results.map(() => 'long'))
    expect(left.server.backlog).toBe(0)
  },
)

test('limits of one side are beside those of both, and hold on that side', async () => {
  await using tree = new Tree()
  const root = await tree.root({ limits: { maxItemBytes: 3_000_000 } })
  const both = { limits: { maxItemBytes: 3_000_000 }, server: { limits: { maxConnections: 50 } } }
  await tree.relay('relay', 'root', { ...both, down: (item) => item, up: (item) => item })
  const leaf = await tree.leaf('leaf', 'relay', both)
  void leaf.process((item) => item)
  const long = 'x'.repeat(2_000_000)
  expect((await tree.pass(root.submit(long))) === long).toBe(true)
  await tree.kill(leaf)
  const sides = { client: { limits: { maxItemBytes: 3_000_000 } }, server: { limits: { maxItemBytes: 3_000_000 } } }
  await tree.relay('apart', 'root', { ...sides, down: (item) => item, up: (item) => item })
  const other = await tree.leaf('other', 'apart', both)
  void other.process((item) => item)
  expect((await tree.pass(root.submit(long))) === long).toBe(true)
})

test('what a stage makes shorter is nobody’s to refuse above it', async () => {
  await using tree = new Tree()
  const root = await tree.root()
  await tree.relay('relay', 'root', { down: (item) => item.slice(0, 10) })
  const leaf = await tree.leaf('leaf', 'relay', small)
  void leaf.process((item) => `${item.length}`)
  await tree.rest()
  expect(await tree.pass(root.submit(LONG))).toBe('10')
})

test('an item that is empty is too long for those who take none', async () => {
  await using tree = new Tree()
  const root = await tree.root()
  const left = await tree.relay('left', 'root')
  const original = await tree.leaf('original', 'left', { protocol: netQueue() })
  void original.process(() => {})
  await tree.rest()
  const result = observe(() => root.submit(''))
  await tree.wait(100)
  expect([result(), left.server.backlog, root.backlog]).toEqual(['waits', 0, 1])
})

test('an item whose result is wanted goes where somebody can answer', async () => {
  await using tree = new Tree()
  const root = await tree.root()
  const left = await tree.relay('left', 'root')
  await tree.relay('right', 'root')
  const original = await tree.leaf('original', 'left', { protocol: netQueue() })
  void original.process(() => {})
  await tree.rest()
  const result = observe(() => root.submit('item'))
  await tree.rest()
  expect([result(), left.server.backlog, root.backlog]).toEqual(['waits', 0, 1])
  await tree.pass(root.put('for the original'))
  const leaf = await tree.leaf('leaf', 'right')
  void leaf.process((item) => item.toUpperCase())
  await tree.rest()
  expect(result()).toBe('resolves ITEM')
})
