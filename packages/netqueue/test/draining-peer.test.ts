import { expect, test } from 'vitest'

import { connect, listen, text } from '../src/index.ts'
import { Clock, rest } from './support/nodes.ts'
import { frame, FRAME, hello, introduce, RawPeer, welcome } from './support/raw-peer.ts'

const batch = (...bytes: number[]): string => frame(FRAME.BATCH, Buffer.of(...bytes))
const ascii = (words: string): number[] => [words.length, ...Buffer.from(words)]

/** The last two numbers of the CREDITs in what came: items and records that have arrived. */
function credits(peer: RawPeer): number[][] {
  return peer.frames
    .splice(0)
    .filter(({ type }) => type === FRAME.BATCH)
    .flatMap(({ data }) => (data[0] === 2 ? [[...data.subarray(-2)]] : []))
}

test('P12: a peer that drains is told after each batch that moved its items or its records, and once for a GOAWAY that it repeats', async () => {
  const clock = new Clock()
  const { peer, duplex } = RawPeer.inMemory()
  const server = await listen<string, string>(undefined, { item: text(), result: text(), env: clock })
  const accepted = server.accept(duplex)
  await introduce(peer)
  await accepted
  const puts = [server.put('1'), server.put('2')]
  peer.send(batch(2, 2, 100, 0, 0))
  await Promise.all(puts)
  await rest()
  credits(peer)
  peer.send(batch(14, ...ascii('CLOSED'), 0))
  await rest()
  expect(credits(peer)).toEqual([[0, 1]])
  peer.send(batch(3, 0, 1, 1, 1))
  await rest()
  expect(credits(peer)).toEqual([[0, 2]])
  peer.send(batch(2, 2, 100, 2, 0), batch(12, 1))
  await rest()
  expect(credits(peer)).toEqual([])
  peer.send(batch(3, 2, 1, 2, 1, 11, ...ascii('"x"')), batch(14, ...ascii('CLOSED'), 0))
  await rest()
  expect(credits(peer).at(-1)).toEqual([0, 5])
  peer.send(frame(FRAME.DISCONN))
  peer.end()
  await rest()
  await server.close({ timeout: 0 })
  expect(clock.timers).toBe(0)
})

test('P1: a result that is longer than the peer takes fails here, and the peer is told so instead of the result', async () => {
  const { peer, stop } = await working('x'.repeat(32_769))
  expect(peer.frames.map(({ data }) => data.toString('latin1')).join('')).toContain('ITEM_TOO_LARGE')
  await stop()
})

/** A server whose handler answers an item of its client with some text. */
async function working(answer: string): Promise<{ peer: RawPeer; stop: () => Promise<void> }> {
  const clock = new Clock()
  const { peer, duplex } = RawPeer.inMemory()
  const server = await listen<string, string>(undefined, { item: text(), result: text(), env: clock })
  const accepted = server.accept(duplex)
  const handling = server.process(() => answer)
  await introduce(peer)
  await accepted
  peer.send(batch(1, 1, 1, 1, 0, 1, ...ascii('a')))
  await rest()
  return {
    peer,
    stop: async () => {
      peer.send(frame(FRAME.DISCONN))
      peer.end()
      await server.close({ timeout: 0 })
      await handling
    },
  }
}

test('P12: a server that says GOAWAY twice drains once', async () => {
  const clock = new Clock()
  const { peer, duplex } = RawPeer.inMemory()
  peer.send(frame(FRAME.CONN, hello('raw')), frame(FRAME.WELCOME, welcome('raw', { session: 's', you: { id: 'me' } })))
  const client = await connect<string, string>(duplex, { item: text(), result: text(), env: clock })
  const goaways: unknown[] = []
  client.on('goaway', ({ code }) => goaways.push(code))
  peer.send(batch(14, ...ascii('RESTART'), 0), batch(14, ...ascii('CLOSED'), 0))
  await rest()
  expect(goaways).toEqual(['RESTART'])
  peer.send(frame(FRAME.DISCONN))
  peer.end()
  expect((await client.closed).error).toBeUndefined()
  expect(clock.timers).toBe(0)
})
