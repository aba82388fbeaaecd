import { describe, expect, test } from 'vitest'

import type { Delivery } from '../src/index.ts'
import { observe } from './support/nodes.ts'
import { putsBeforeWaiting, Tree } from './support/tree.ts'

/** A chain of so many relays under the root; gives the name of the last. */
async function chain(tree: Tree, depth: number, prefetch: number | 'auto' = 'auto'): Promise<string> {
  let parent = 'root'
  for (let level = 1; level <= depth; level += 1) {
    await tree.relay(`relay ${level}`, parent, { client: { prefetch } })
    parent = `relay ${level}`
  }
  return parent
}

/** Takes deliveries and keeps them. */
async function keep(from: AsyncIterable<Delivery<string>>, kept: Delivery<string>[]): Promise<void> {
  for await (const delivery of from) kept.push(delivery)
}

describe('credit through relays', () => {
  test.each([1, 2, 3])(
    'at depth %i, root puts are taken for as many items as leaves work on, and no more',
    async (depth) => {
      await using tree = new Tree()
      const root = await tree.root()
      const last = await chain(tree, depth)
      for (const name of ['a', 'b']) {
        const leaf = await tree.leaf(name, last, { prefetch: 1 })
        void leaf.process(() => new Promise<never>(() => {}), { concurrency: 2 }).catch(() => {})
      }
      await tree.rest()
      expect(await putsBeforeWaiting(root, tree)).toBe(4)
    },
  )

  test('a leaf begins while its relay still passes items on', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const between = await tree.relay('relay 1', 'root', { client: { prefetch: 3_000 } })
    const leaf = await tree.leaf('a', 'relay 1', { prefetch: 3_000 })
    const passed: number[] = []
    void leaf.process(() => void passed.push(between.server.clients[0]?.inFlight ?? 0)).catch(() => {})
    await tree.rest()
    for (let item = 0; item < 3_000; item += 1) void root.put('item')
    await tree.rest()
    expect(passed).toHaveLength(3_000)
    expect(passed[0]).toBeLessThanOrEqual(1_024)
  })

  test.each([1, 2, 3])('at depth %i, a put that waits goes on when a leaf is free', async (depth) => {
    await using tree = new Tree()
    const root = await tree.root()
    const leaf = await tree.leaf('leaf', await chain(tree, depth))
    const finish: (() => void)[] = []
    void leaf.process(() => new Promise<void>((resolve) => finish.push(resolve)))
    await tree.rest()
    await root.put('first')
    const second = observe(() => root.put('second'))
    await tree.rest()
    expect([finish.length, second()]).toEqual([1, 'waits'])
    finish[0]?.()
    await tree.rest()
    expect(second()).toBe('resolves')
  })

  test('a fixed prefetch of a relay is what waits in it, while its leaves are busy', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const last = await chain(tree, 1, 3)
    const leaf = await tree.leaf('leaf', last, { prefetch: 1 })
    void leaf.process(() => new Promise<never>(() => {})).catch(() => {})
    await tree.rest()
    expect(await putsBeforeWaiting(root, tree)).toBe(3)
    leaf.setStatus('busy') // it says so, and keeps what it has
    await tree.rest()
    expect([root.clients[0]?.inFlight, root.backlog]).toEqual([3, 1])
  })

  test('nobody below reads: nothing is asked for, and a root put waits', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('relay', 'root')
    const put = observe(() => root.put('item'))
    await tree.rest()
    const leaf = await tree.leaf('leaf', 'relay')
    await tree.rest()
    expect([put(), root.clients[0]?.credit]).toEqual(['waits', 0])
    leaf.get().catch(() => {})
    await tree.rest()
    expect(put()).toBe('resolves')
  })

  test('a leaf that stops reading gives its credit back, at the root too', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const leaf = await tree.leaf('leaf', await chain(tree, 2), { prefetch: 8 })
    const loop = leaf.deliveries()
    const first = loop.next()
    await tree.rest()
    expect(root.clients[0]?.credit).toBe(8)
    await root.put('item')
    await first
    await loop.return?.()
    await tree.rest()
    expect(root.clients[0]?.credit).toBe(0)
  })

  test('puts of a leaf have their room in the relay while the root has any of them in hand', async () => {
    await using tree = new Tree()
    const root = await tree.root({ prefetch: 1 })
    const leaf = await tree.leaf('leaf', await chain(tree, 1))
    const taken = root.receive()
    for (const thing of ['a', 'b']) await tree.pass(leaf.put(thing))
    const first = await tree.pass(taken)
    await tree.rest()
    first.done()
    await tree.rest()
    const more = observe(() => Promise.all(['c', 'd'].map((thing) => leaf.put(thing))).then(() => {}))
    await tree.rest()
    expect(more()).toBe('resolves')
  })

  test('a leaf that leaves gives its credit back, at the root too', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const last = await chain(tree, 2)
    const leaf = await tree.leaf('leaf', last, { prefetch: 8 })
    void leaf.process(() => {})
    await tree.rest()
    expect(root.clients[0]?.credit).toBe(8)
    await tree.pass(leaf.close())
    await tree.rest()
    expect(root.clients[0]?.credit).toBe(0)
  })

  test('what is on its way to a relay when its last leaf leaves goes back unstarted', async () => {
    await using tree = new Tree({ latencyMs: 10 })
    const root = await tree.root()
    await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay', { prefetch: 4 })
    void leaf.process(() => {})
    await tree.wait(100)
    const kept: Delivery<string>[] = []
    await Promise.all([root.put('a'), root.put('b')])
    await tree.kill(leaf)
    await tree.wait(100)
    expect(root.backlog).toBe(2)
    const other = await tree.leaf('other', 'relay')
    void keep(other.deliveries(), kept).catch(() => {})
    await tree.wait(200)
    for (const delivery of kept) delivery.done()
    await tree.wait(200)
    expect(kept.map(({ item, attempt }) => [item, attempt])).toEqual([
      ['a', 1],
      ['b', 1],
    ])
  })

  test('what comes to a relay for a leaf that left meanwhile goes back, though another leaf is at work', async () => {
    await using tree = new Tree({ latencyMs: 10 })
    const root = await tree.root()
    await tree.relay('relay', 'root', { client: { prefetch: 1 } })
    const busy = await tree.leaf('busy', 'relay')
    void busy.process(() => new Promise<never>(() => {})).catch(() => {})
    await tree.wait(50)
    await root.put('first')
    await tree.wait(50)
    const leaf = await tree.leaf('leaf', 'relay', { prefetch: 4 })
    void leaf.process(() => {})
    await tree.wait(100)
    await Promise.all([root.put('a'), root.put('b')])
    await tree.kill(leaf)
    await tree.wait(100)
    expect([root.clients[0]?.inFlight, root.backlog]).toEqual([1, 2])
  })

  test('of two relays, the one whose leaf is free gets the item', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const got: string[] = []
    for (const side of ['left', 'right']) {
      await tree.relay(side, 'root')
      const leaf = await tree.leaf(`${side} leaf`, side)
      void leaf
        .process((item) => {
          got.push(`${item} ${side}`)
          return side === 'left' ? new Promise<never>(() => {}) : undefined
        })
        .catch(() => {})
    }
    await tree.rest()
    for (const item of ['a', 'b', 'c', 'd']) {
      await root.put(item)
      await tree.rest()
    }
    expect(got.filter((line) => line.endsWith('left'))).toHaveLength(1)
    expect(got.filter((line) => line.endsWith('right'))).toHaveLength(3)
  })
})
