import { expect, test } from 'vitest'
import type { Delivery } from '../src/index.ts'
import { Tree } from './support/tree.ts'

test('P12: a server that closes waits for the last item of a client that is gone, and no longer', async () => {
  await using tree = new Tree()
  const server = await tree.root({ maxAttempts: 1 })
  const client = await tree.leaf('client', 'root')
  const held: Delivery<string>[] = []
  void (async () => {
    for await (const delivery of server.deliveries()) held.push(delivery)
  })()
  void client.put('item')
  await tree.rest()
  await tree.kill(client)
  const states: string[] = []
  void server.close().then(() => states.push('closed'))
  await tree.rest()
  expect([held.length, states]).toEqual([1, []])
  held[0]?.reject()
  await tree.rest()
  expect(states).toEqual(['closed'])
})
