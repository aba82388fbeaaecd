import { describe, expect, test } from 'vitest'

import type { Client, Delivery, Server } from '../src/index.ts'
import { observe } from './support/nodes.ts'
import { Tree } from './support/tree.ts'

/** Works as its items say: `… slow` takes 50 ms. */
function work(leaf: Client<string, string>, tree: Tree): void {
  void leaf
    .process(
      (item) =>
        new Promise<string>((resolve) => {
          if (item.endsWith('slow')) tree.clock.setTimer(() => resolve(`${item} by ${leaf.id}`), 50)
          else resolve(`${item} by ${leaf.id}`)
        }),
    )
    .catch(() => {})
}

/** Two relays with two leaves each, under two relays under the root. */
async function forest(tree: Tree, root: Server<string, string>) {
  const relays = []
  const leaves = []
  for (const side of ['a', 'b']) {
    relays.push(await tree.relay(side, 'root'))
    for (const twig of [1, 2]) {
      relays.push(await tree.relay(`${side}${twig}`, side))
      for (const end of ['x', 'y']) leaves.push(await tree.leaf(`${side}${twig}${end}`, `${side}${twig}`))
    }
  }
  for (const leaf of leaves) work(leaf, tree)
  await tree.rest()
  expect(root.clients).toHaveLength(2)
  return { relays, leaves }
}

const ITEMS = Array.from({ length: 60 }, (_, index) => (index % 3 === 0 ? `${index} slow` : `${index}`))
const NAMES = ['a', 'b', 'a1', 'a2', 'b1', 'b2', 'a1x', 'a1y', 'a2x', 'a2y', 'b1x', 'b1y', 'b2x', 'b2y']

describe('a node that dies in a tree of 2 × 2 × 2', () => {
  test.each(NAMES)('%s: every result arrives all the same', async (name) => {
    await using tree = new Tree()
    const root = await tree.root()
    const { relays, leaves } = await forest(tree, root)
    const results: string[] = []
    const all = (async () => {
      for await (const result of root.map(ITEMS, { ordered: false })) results.push(result.split(' by ')[0] as string)
    })()
    await tree.wait(60)
    expect(results.length).toBeGreaterThan(0)
    expect(results.length).toBeLessThan(ITEMS.length)
    const victim = [...relays, ...leaves].find(({ id }) => id === name)
    await tree.kill(victim as Client)
    await tree.pass(all)
    expect(results.toSorted()).toEqual(ITEMS.toSorted())
  })
})

describe('what becomes of an item when a node is lost', () => {
  test('a relay dies: its items go back to its parent, and to another leaf, as their second attempt', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const first = await tree.leaf('first', 'relay')
    void first.process(() => new Promise<never>(() => {})).catch(() => {})
    await tree.rest()
    const result = root.submit('item')
    await tree.rest()
    const second = await tree.leaf('second', 'root')
    void second.process((item, { attempt }) => `${item} ${attempt}`)
    await tree.kill(relay)
    expect(await tree.pass(result)).toBe('item 2')
  })

  test('the leaf of a relay that dies is told that its item is no longer its own', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    const taken = leaf.receive()
    await tree.rest()
    await root.put('item')
    const { signal } = await taken
    await tree.kill(relay)
    await tree.rest()
    expect(signal.aborted).toBe(true)
  })

  test('a leaf dies: the relay gives its item to another one, with the attempts that it had', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('relay', 'root')
    const attempts: number[] = []
    const result = root.submit('item')
    for (const name of ['first', 'second', 'third']) {
      const leaf = await tree.leaf(name, 'relay')
      const taken = leaf.receive()
      await tree.pass(taken)
      const delivery = await taken
      attempts.push(delivery.attempt)
      if (name === 'third') delivery.done('done')
      else await tree.kill(leaf)
    }
    expect(await tree.pass(result)).toBe('done')
    expect(attempts).toEqual([1, 2, 3])
  })

  test('what nobody else below takes when a leaf dies goes up, and to another branch', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('left', 'root')
    const leaf = await tree.leaf('leaf', 'left')
    void leaf.process(() => new Promise<never>(() => {})).catch(() => {})
    await tree.rest()
    const result = root.submit('item')
    await tree.rest()
    await tree.relay('right', 'root')
    const other = await tree.leaf('other', 'right')
    void other.process((item, { attempt }) => `${item} ${attempt}`)
    await tree.kill(leaf)
    expect(await tree.pass(result)).toBe('item 2')
  })

  test('the connection between root and relay breaks: the work below is called off', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    const deliveries: Delivery<string>[] = []
    void leaf.process((_item, delivery) => {
      deliveries.push(delivery)
      return new Promise<never>((_, reject) =>
        delivery.signal.addEventListener('abort', () => reject(delivery.signal.reason)),
      )
    })
    await tree.rest()
    await root.put('item')
    await tree.rest()
    tree.reset(relay.client)
    tree.reset(relay)
    await tree.rest()
    expect(deliveries[0]?.signal.aborted).toBe(true)
    await tree.wait(200)
    expect(deliveries[1]?.attempt).toBe(2)
  })

  test('with resume at each hop, a cut is not noticed below', async () => {
    await using tree = new Tree()
    const root = await tree.root({ resumeTimeoutMs: 10_000 })
    const relay = await tree.relay('relay', 'root', { server: { resumeTimeoutMs: 10_000 } })
    const leaf = await tree.leaf('leaf', 'relay')
    const attempts: number[] = []
    void leaf.process(
      (item, { attempt, signal }) =>
        new Promise<string>((resolve, reject) => {
          attempts.push(attempt)
          signal.addEventListener('abort', () => reject(signal.reason))
          tree.clock.setTimer(() => resolve(item), 500)
        }),
    )
    await tree.rest()
    const result = root.submit('item')
    await tree.rest()
    tree.reset(relay)
    expect(await tree.pass(result)).toBe('item')
    expect(attempts).toEqual([1])
  })
})

describe('what a leaf has put', () => {
  test('is settled at the leaf when the root has settled it, and not before', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('relay', 'root')
    const taken = root.receive()
    const leaf = await tree.leaf('leaf', 'relay')
    await tree.pass(leaf.put('thing'))
    const delivery = await tree.pass(taken)
    const closed = observe(() => leaf.closed.then(({ undone }) => undone))
    await tree.kill(leaf)
    await tree.rest()
    expect([delivery.item, closed()]).toEqual(['thing', 'resolves ["thing"]'])
  })

  test('goes up when the leaf is lost before the root had it', async () => {
    await using tree = new Tree()
    const root = await tree.root({ prefetch: 1 })
    await tree.relay('relay', 'root')
    const taken = root.receive()
    const leaf = await tree.leaf('leaf', 'relay')
    await tree.pass(Promise.all([leaf.put('a'), leaf.put('b')]))
    const first = await tree.pass(taken)
    await tree.kill(leaf)
    first.done()
    expect(first.item).toBe('a')
    expect(await tree.pass(root.get())).toBe('b')
  })

  test('is put again by the leaf when the relay is lost', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root')
    const taken = root.receive()
    const leaf = await tree.leaf('leaf', 'relay')
    await tree.pass(leaf.put('thing'))
    await tree.pass(taken)
    await tree.kill(relay)
    await tree.relay('relay', 'root')
    expect(await tree.pass(root.get())).toBe('thing')
  })

  test('waits at the leaf while nobody reads at the root', async () => {
    await using tree = new Tree()
    await tree.root()
    await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    const put = observe(() => leaf.put('thing'))
    await tree.rest()
    expect(put()).toBe('waits')
  })

  test('waits in the relay when leaf and parent are gone, without a warning that nobody reads it', async () => {
    await using tree = new Tree()
    const root = await tree.root({ prefetch: 1 })
    const relay = await tree.relay('relay', 'root')
    const codes: string[] = []
    relay.on('warning', ({ error }) => codes.push(error.code))
    const taken = root.receive()
    const leaf = await tree.leaf('leaf', 'relay')
    for (const thing of ['a', 'b', 'c']) await tree.pass(leaf.put(thing))
    await tree.pass(taken)
    await tree.kill(leaf)
    await tree.kill(root)
    await tree.wait(100)
    tree.clock.advance(6_000)
    await tree.rest()
    const next = await tree.root()
    const got: string[] = []
    for (let count = 0; count < 3; count += 1) got.push(await tree.pass(next.get()))
    expect([got.toSorted(), codes]).toEqual([['a', 'b', 'c'], []])
  })

  test('waits while the parent is away, and goes up when it is back', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('relay', 'root')
    root.get().catch(() => {})
    const leaf = await tree.leaf('leaf', 'relay')
    await tree.pass(leaf.put('one'))
    await tree.rest()
    await tree.kill(root)
    const again = await tree.root()
    const put = leaf.put('two')
    const got = again.get()
    await tree.pass(put)
    expect(await tree.pass(got)).toBe('two')
  })
})
