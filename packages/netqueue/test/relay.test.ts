import { expect, test } from 'vitest'

import { connect, listen, relay } from '../src/index.ts'

test('items go down through relays, results and puts go up', async () => {
  const root = await listen<number, number>('memory:root')
  const first = await relay<number, number>({ parent: 'memory:root', listen: 'memory:first' })
  const second = await relay<number, number>({ parent: 'memory:first', listen: 'memory:second' })
  const leaf = await connect<number, number>('memory:second')
  void leaf.process((n) => n * 2)
  expect(await root.submit(21)).toBe(42)
  const results: number[] = []
  for await (const result of root.map([1, 2, 3])) results.push(result)
  expect(results).toEqual([2, 4, 6])
  const reading = root.get()
  await leaf.put(7)
  expect(await reading).toBe(7)
  await second.close()
  await first.close()
  await root.close()
  await leaf.close()
})
