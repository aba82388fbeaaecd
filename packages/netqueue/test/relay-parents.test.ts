import { describe, expect, test } from 'vitest'

import type { ByteDuplex } from '../src/index.ts'
import { netQueue } from '../src/protocol/index.ts'
import { observe } from './support/nodes.ts'
import { Tree } from './support/tree.ts'

describe('several parents', () => {
  test('each gets its own results, and puts go to whichever takes them', async () => {
    await using tree = new Tree()
    const one = await tree.root()
    await tree.relay('other', 'root')
    const other = await tree.relay('two', 'root')
    await tree.relay('relay', ['root', 'two'])
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item.toUpperCase(), { concurrency: 4 })
    await tree.rest()
    expect(await tree.pass(Promise.all([one.submit('a'), other.server.submit('b')]))).toEqual(['A', 'B'])
  })

  test('share the leaves: neither waits for long while the other has much', async () => {
    await using tree = new Tree()
    const parents = [await tree.root(), (await tree.relay('two', 'root')).server]
    await tree.relay('relay', ['root', 'two'])
    const leaf = await tree.leaf('leaf', 'relay')
    const order: string[] = []
    void leaf.process((item) => {
      order.push(item)
      return new Promise<string>((resolve) => tree.clock.setTimer(() => resolve(item), 10))
    })
    await tree.rest()
    const all = parents.map((parent, index) =>
      Promise.all(Array.from({ length: 20 }, () => parent.submit(`from ${index}`))),
    )
    await tree.pass(Promise.all(all))
    const early = order.slice(0, 20).filter((item) => item === 'from 0').length
    expect(early).toBeGreaterThanOrEqual(8)
    expect(early).toBeLessThanOrEqual(12)
  })

  test('of two, the one that is lost gets its items back, and the other one goes on', async () => {
    await using tree = new Tree()
    const one = await tree.root()
    const two = await tree.relay('two', 'root')
    await tree.relay('relay', ['root', 'two'])
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item)
    await tree.rest()
    await tree.kill(two)
    expect(await tree.pass(one.submit('a'))).toBe('a')
  })

  test('what one of them had received when it said goodbye is its own: a leaf has its place back', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const two = await tree.root({ id: 'two' })
    await tree.relay('relay', ['root', 'two'])
    const leaf = await tree.leaf('leaf', 'relay', { limits: { maxUnsettled: 1 } })
    const received = two.receive()
    await tree.pass(leaf.put('first'))
    const { item } = await tree.pass(received)
    await tree.pass(two.close({ timeout: 0 }))
    const second = root.get()
    await tree.pass(leaf.put('second', { timeout: 1_000 }))
    expect([item, await tree.pass(second)]).toEqual(['first', 'second'])
  })
})

test('a function that makes the way to the parent makes another one when that is lost', async () => {
  await using tree = new Tree()
  const root = await tree.root()
  const made: ByteDuplex[] = []
  const parent = async (): Promise<ByteDuplex> => {
    const duplex = await tree.memory.connect('memory:root')
    made.push(duplex)
    return duplex
  }
  await tree.relay('relay', 'root', { parent })
  const leaf = await tree.leaf('leaf', 'relay')
  void leaf.process((item) => item.toUpperCase())
  expect(await tree.pass(root.submit('a'))).toBe('A')
  made[0]?.abort?.(new Error('cut'))
  await tree.rest()
  expect(await tree.pass(root.submit('b'))).toBe('B')
  expect(made).toHaveLength(2)
})

describe('original net-queue nodes', () => {
  test('below a relay: it gets items, and what it puts goes up', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay', { protocol: netQueue() })
    const got: string[] = []
    void (async () => {
      for await (const item of leaf) {
        got.push(item)
        await leaf.put(`${item} made`)
      }
    })().catch(() => {})
    const made = [root.get(), root.get()]
    for (const item of ['a', 'b']) await tree.pass(root.put(item))
    expect(await tree.pass(Promise.all(made))).toEqual(['a made', 'b made'])
    expect(got).toEqual(['a', 'b'])
    await tree.pass(root.idle())
  })

  test('above a relay: its items go down, and what leaves put goes up', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('relay', 'root', { client: { protocol: netQueue() } })
    const leaf = await tree.leaf('leaf', 'relay')
    const got: string[] = []
    void (async () => {
      for await (const item of leaf) {
        got.push(item)
        await leaf.put(`${item} made`)
      }
    })().catch(() => {})
    const made = [root.get(), root.get()]
    for (const item of ['a', 'b']) await tree.pass(root.put(item))
    expect(await tree.pass(Promise.all(made))).toEqual(['a made', 'b made'])
    expect(got).toEqual(['a', 'b'])
  })

  test('above: an item that a leaf failed, or died with, is the relay’s to give out again', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('relay', 'root', { client: { protocol: netQueue() } })
    const first = await tree.leaf('first', 'relay')
    const taken = first.receive()
    await tree.pass(root.put('item'))
    await tree.pass(taken)
    await tree.kill(first)
    await tree.wait(100)
    const second = await tree.leaf('second', 'relay')
    const attempts: number[] = []
    void second.process((_item, { attempt }) => {
      attempts.push(attempt)
      if (attempt < 4) throw new Error('not yet')
    })
    await tree.wait(200)
    expect(attempts.at(-1)).toBe(4)
  })

  test('above: an item that is given up is a dead letter of the relay, for nobody else could have it', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root', {
      client: { protocol: netQueue() },
      server: { maxAttempts: 2 },
    })
    const codes: string[] = []
    relay.on('warning', ({ error }) => codes.push(error.code))
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process(() => {
      throw new Error('no')
    })
    await tree.pass(root.put('item'))
    await tree.wait(100)
    expect(relay.server.deadLetters.list()).toMatchObject([{ item: 'item', attempts: 2 }])
    expect(codes).toContain('DEAD_LETTER')
  })

  test('below: what it cannot carry waits for a child that can', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('relay', 'root')
    const original = await tree.leaf('original', 'relay', { protocol: netQueue() })
    void original.process(() => {})
    await tree.rest()
    const result = observe(() => root.submit('item'))
    await tree.rest()
    expect(result()).toBe('waits')
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item.toUpperCase())
    await tree.rest()
    expect(result()).toBe('resolves ITEM')
  })
})
