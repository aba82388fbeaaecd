import { expect, test } from 'vitest'

import { listen, text } from '../src/index.ts'
import type { Server } from '../src/index.ts'
import { batch, binary, hears, ID, messages, RECORD, TABLE, times } from './support/attackers.ts'
import type { Talked } from './support/attackers.ts'
import { expectHandles, handles } from './support/handles.ts'
import { Clock, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { frame, FRAME, hello, RawPeer, welcome } from './support/raw-peer.ts'
import { bytes } from './support/records.ts'

const { request, response, credit, endRequests, piece } = RECORD

/** Lets time pass until a promise settles; tells how much that took. */
async function pass(clock: Clock, promise: Promise<unknown>): Promise<number> {
  const state = { isOver: false }
  void promise.finally(() => (state.isOver = true))
  const began = clock.now()
  while (!state.isOver && clock.now() - began < 60_000) {
    await rest()
    if (!state.isOver) clock.advance(50)
  }
  return clock.now() - began
}

interface Siege {
  clock: Clock
  server: Server<string, string, Talked>
  attacker: (id: string) => Promise<RawPeer>
}

async function lay(): Promise<Siege> {
  const clock = new Clock()
  const server = await listen<string, string, Talked>('tcp://127.0.0.1:0', {
    item: text(),
    result: text(),
    messages,
    env: clock,
  })
  server.handle('any:echo', (value) => value)
  server.handle('any:never', () => new Promise(() => {}))
  server.handle('any:count', async function* () {
    for (let n = 0; ; n += 1) yield n
  })
  server.handle('any:read', async (_, { body }) => {
    for await (const _chunk of body);
  })
  const attacker = async (id: string): Promise<RawPeer> => {
    const peer = await RawPeer.dial(server.address)
    const limits = { frameBytes: 65_536, itemBytes: 1_048_576, unsettled: 1 }
    peer.send(frame(FRAME.CONN, hello(id)), frame(FRAME.WELCOME, welcome(id, { limits, messages: TABLE })))
    await until(() => server.clients.some((client) => client.id === id))
    return peer
  }
  return { clock, server, attacker }
}

test.each<[string, (peer: RawPeer) => void]>([
  ['handlers that never return', (peer) => peer.send(batch(times(256, (n) => request(n + 1, ID['any:never']))))],
  ['a stream without credit', (peer) => peer.send(batch(request(1, ID['any:count'])))],
  [
    'a stream with endless credit that it does not read',
    (peer) => {
      peer.pause()
      peer.send(batch(request(1, ID['any:count']), credit(1, 'reply', 2 ** 40)))
    },
  ],
  ['a body that never comes', (peer) => peer.send(batch(request(1, ID['any:read'], { flags: 2 })))],
  [
    'answers that it does not read',
    (peer) => {
      peer.pause()
      for (let n = 1; n <= 256; n += 1) peer.send(batch(request(n, ID['any:echo'], { payload: binary(60_000) })))
    },
  ],
  [
    'half a request',
    (peer) =>
      peer.send(batch(piece(3, 1, request(1, ID['any:echo'], { payload: binary(2_000) }).subarray(0, 1_500), 2_010))),
  ],
  ['half a frame', (peer) => peer.send('00010000', '0013')],
  ['a word that it leaves', (peer) => peer.send(batch(bytes(14, 0, 0), endRequests()))],
])('P12: close() ends in its time with a peer that has %s, and leaves nothing behind', async (_, attack) => {
  const before = handles()
  const { clock, server, attacker } = await lay()
  const peer = await attacker('bad')
  attack(peer)
  await rest()
  const asked = failureOf(server.request('any:echo', 1, { timeout: Number.POSITIVE_INFINITY }))
  const read = failureOf(server.stream('any:count', 1).next())
  const sent = failureOf(server.send('news:any', 1, { to: server.clients[0] as never }))
  const ended = failureOf(server.endRequests(server.clients[0] as never))
  await rest()
  // Its own second for clients to finish, a quarter for handlers to notice, and two for the goodbye.
  expect(await pass(clock, server.close({ timeout: 1_000 }))).toBeLessThan(3_400)
  // One that does not answer the goodbye is lost.
  for (const failure of await Promise.all([asked, read]))
    expect(failure).toMatchObject({ code: expect.stringMatching(/^(CLOSED|CONNECTION_LOST)$/) as string })
  expect(await Promise.all([ended, sent])).toEqual([undefined, undefined])
  peer.cut()
  expect(clock.timers).toBe(0)
  await expectHandles(before)
})

test('P11: a request that a peer answers with a stream that never ends is over when its time is', async () => {
  const { clock, server, attacker } = await lay()
  const peer = await attacker('bad')
  const call = server.call('any:count', 1, { timeout: 1_000 })
  const [{ tag } = { tag: 0 }] = await hears(peer, 'request')
  peer.send(batch(response(tag, { flags: 2 })))
  const { stream } = await call
  const chunk = failureOf(Promise.resolve(stream?.next()))
  await rest()
  clock.advance(1_100)
  expect(await chunk).toMatchObject({ code: 'TIMEOUT', delivered: 'maybe' })
  expect(await hears(peer, 'cancelRequest')).toMatchObject([{ tag }])
  peer.cut()
  await pass(clock, server.close())
  expect(clock.timers).toBe(0)
})
