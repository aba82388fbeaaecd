import { expect, test } from 'vitest'

import { memoryPair } from '../src/index.ts'
import { Place, rest, until } from './support/nodes.ts'
import { frame, FRAME, RawPeer } from './support/raw-peer.ts'

test('a client that is dismissed finishes what it has, is given nothing new, and its loops end', async () => {
  await using place = new Place()
  const server = await place.listen()
  const client = await place.connect({ id: 'first', prefetch: 4 })
  let finish!: (result: string) => void
  const loop = client.process(() => new Promise((resolve) => (finish = resolve)))
  const first = server.submit('a')
  await until(() => finish !== undefined)
  await rest()
  expect(server.clients[0]?.credit).toBeGreaterThan(0)
  server.clients[0]?.dismiss()
  server.clients[0]?.dismiss()
  const second = server.submit('b')
  expect(server.clients[0]?.inFlight).toBe(1)
  await rest()
  expect([server.clients.length, server.clients[0]?.inFlight]).toEqual([1, 1])
  finish('done')
  expect(await first).toBe('done')
  await loop
  await client.closed
  expect([server.clients, client.state]).toEqual([[], 'closed'])
  const other = await place.connect({ id: 'second' })
  void other.process((item) => item.toUpperCase())
  expect(await second).toBe('B')
})

test('what a dismissed client has put is received, and its requests are answered', async () => {
  await using place = new Place()
  const server = await place.listen()
  const client = await place.connect()
  const got = server.get()
  await client.put('last words')
  server.clients[0]?.dismiss()
  expect(await got).toBe('last words')
  expect(await client.closed).toMatchObject({ undone: [] })
})

test('a client that is away, and dismissed, is not waited for any more', async () => {
  await using place = new Place()
  const server = await place.listen({ resumeTimeoutMs: 60_000 })
  const { there, lose } = await place.attach(server, { reconnect: false })
  await rest()
  lose()
  await until(() => there.isAway || !there.isConnected)
  there.dismiss()
  await until(() => server.clients.length === 0)
  expect(there.isAway).toBe(false)
})

test('an original that is dismissed is sent away, for it knows no other word', async () => {
  await using place = new Place()
  const server = await place.listen()
  const [here, there] = memoryPair()
  const peer = new RawPeer(here)
  const accepted = server.accept(there)
  peer.send(frame(FRAME.CONN))
  const client = await accepted
  expect((await peer.next()).type).toBe(FRAME.CONN)
  client.dismiss()
  expect((await peer.next()).type).toBe(FRAME.DISCONN)
  peer.send(frame(FRAME.DISCONN))
  peer.end()
})
