import { describe, expect, test } from 'vitest'

import type { Client, Server, ServerClient, TreeNode } from '../src/index.ts'
import { observe } from './support/nodes.ts'
import { Tree } from './support/tree.ts'

/** Where workers connect: to the server itself, or to a relay below it. */
const PLACES = ['root', 'relay'] as const
type Place = (typeof PLACES)[number]

async function serverAt(tree: Tree, place: Place): Promise<Server<string, string>> {
  const root = await tree.root()
  if (place === 'relay') await tree.relay('relay', 'root')
  return root
}

/** Works on so many items at once, and gives those that it began: `hang` is never done, `poison` fails twice, all else is done. */
function works(worker: Client<string, string>, concurrency = 1): string[] {
  const begun: string[] = []
  const work = (item: string, { attempt }: { attempt: number }): string | Promise<never> => {
    begun.push(`${item} ${attempt}`)
    if (item === 'hang') return new Promise<never>(() => {})
    if (item === 'poison' && attempt < 3) throw new Error('not yet')
    return item
  }
  void worker.process(work, { concurrency }).catch(() => {})
  return begun
}

const nodeOf = (root: Server<string, string>, id: string): TreeNode =>
  root.clients.flatMap(({ nodes }) => nodes).find((node) => node.id === id) as TreeNode

describe.each(PLACES)('P8: who is free waits for nobody else, workers below the %s', (place) => {
  test('an item that was to be alone and is cancelled keeps its client from nothing', async () => {
    await using tree = new Tree()
    const root = await serverAt(tree, place)
    const worker = await tree.leaf('a', place, { prefetch: 8 })
    const begun: string[] = []
    void (async () => {
      for await (const delivery of worker.deliveries()) {
        begun.push(`${delivery.item} ${delivery.attempt}`)
        if (delivery.item === 'poison') delivery.release()
        else if (delivery.item !== 'hang') delivery.done()
      }
    })()
    await tree.wait(60)
    await tree.pass(root.put('hang'))
    const abort = new AbortController()
    const poison = observe(() => root.submit('poison', { signal: abort.signal }))
    await tree.wait(1_500)
    expect(begun).toEqual(['hang 1', 'poison 1', 'poison 2'])
    abort.abort()
    const next = observe(() => root.put('next'))
    await tree.wait(60)
    expect([poison(), next()]).toEqual(['rejects ABORTED', 'resolves'])
    expect(begun.at(-1)).toBe('next 1')
  })

  test('an item that is to be alone goes to a client that has nothing, though it was meant for one that is stuck', async () => {
    await using tree = new Tree()
    const root = await serverAt(tree, place)
    works(await tree.leaf('a', place, { prefetch: 4 }), 2)
    await tree.wait(60)
    await tree.pass(root.put('hang'))
    await tree.pass(root.put('poison'))
    await tree.wait(1_500)
    const taken = works(await tree.leaf('b', place, { prefetch: 1 }))
    await tree.wait(60)
    const next = observe(() => root.put('next'))
    await tree.wait(60)
    expect([next(), taken]).toEqual(['resolves', ['poison 3', 'next 1']])
  })

  test('an item that came to be the next one, behind one that then never ends, goes to another client', async () => {
    await using tree = new Tree()
    const root = await serverAt(tree, place)
    const begun: string[] = []
    const worker = await tree.leaf('a', place)
    void worker.process((item) => {
      begun.push(item)
      return new Promise<string>((resolve) => void (item !== 'hang' && tree.clock.setTimer(() => resolve(item), 1)))
    })
    await tree.wait(60)
    for (let item = 0; item < 100; item += 1) void root.put('quick')
    void root.put('hang')
    void root.put('next')
    await tree.wait(400)
    expect(begun.slice(99)).toEqual(['quick', 'hang'])
    const taken = works(await tree.leaf('b', place))
    await tree.wait(200)
    expect(taken).toEqual(['next 1'])
  })
})

describe('P8: what waits in a relay for one child takes no place of the others', () => {
  test.each([1, 4, 'auto'] as const)('items for a child that is stuck, prefetch %s', async (prefetch) => {
    await using tree = new Tree()
    const root = await serverAt(tree, 'relay')
    works(await tree.leaf('a', 'relay', { prefetch: 1 }))
    const taken = works(await tree.leaf('b', 'relay', { prefetch }))
    await tree.wait(60)
    const a = nodeOf(root, 'a')
    await tree.pass(root.put('hang', { to: a }))
    const more = Array.from({ length: 10 }, () => observe(() => root.put('for a', { to: a })))
    const other = observe(() => root.put('for anybody'))
    await tree.wait(100)
    expect(more.map((one) => one())).toEqual(more.map(() => 'resolves'))
    expect([other(), taken]).toEqual(['resolves', ['for anybody 1']])
  })

  test('an item that the policy of the relay gives to nobody now', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const chooseDispatch = (free: readonly ServerClient[], { item }: { item: string }): ServerClient | undefined =>
      item === 'later' ? undefined : free[0]
    await tree.relay('relay', 'root', { server: { chooseDispatch } })
    const taken = works(await tree.leaf('a', 'relay', { prefetch: 1 }))
    await tree.wait(60)
    const calls = ['later', 'now', 'then'].map((item) => observe(() => root.put(item)))
    await tree.wait(100)
    expect(calls.map((call) => call())).toEqual(['resolves', 'resolves', 'resolves'])
    expect(taken).toEqual(['now 1', 'then 1'])
  })

  test('but where hundreds wait for one child, their senders wait too', async () => {
    await using tree = new Tree()
    const root = await serverAt(tree, 'relay')
    works(await tree.leaf('a', 'relay', { prefetch: 1 }))
    works(await tree.leaf('b', 'relay', { prefetch: 1 }))
    await tree.wait(60)
    const a = nodeOf(root, 'a')
    await tree.pass(root.put('hang', { to: a }))
    const calls = Array.from({ length: 500 }, () => observe(() => root.put('for a', { to: a })))
    await tree.wait(200)
    const given = calls.filter((call) => call() === 'resolves').length
    expect(given).toBeGreaterThanOrEqual(64)
    expect(given).toBeLessThan(70)
  })
})
