import { expect, test } from 'vitest'

import { failureOf } from '../../test/support/outcome.ts'
import { memoryPair } from '../transport/memory.ts'
import type { ByteDuplex } from '../transport/transport.ts'
import { scriptedPeer } from './scripted-peer.ts'
import type { ScriptedPeer } from './scripted-peer.ts'
import { virtualEnv } from './virtual-env.ts'

const env = virtualEnv()
const bytes = (...values: number[]): Uint8Array => Uint8Array.of(...values)

function make(): { peer: ScriptedPeer; duplex: ByteDuplex } {
  const [here, duplex] = memoryPair()
  return { peer: scriptedPeer(here), duplex }
}

test('frames come as type and data, however they were cut', async () => {
  const { peer, duplex } = make()
  const stream = bytes(0, 0, 0, 4, 0, 5, 8, 9, 0, 0, 0, 2, 0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0)
  await duplex.sink(Array.from(stream, (byte) => bytes(byte)))
  const frames = [await peer.next(), await peer.next(), await peer.next(), await peer.next()]
  expect(frames).toEqual([
    { type: 5, data: bytes(8, 9) },
    { type: 0x7fff, data: bytes() },
    { type: -1, data: bytes() },
    { type: -1, data: bytes() },
  ])
  expect(peer.received).toEqual(stream)
  await expect(peer.next()).rejects.toThrow('Expected a frame')
})

test('a long frame in many pieces is put together once', async () => {
  const { peer, duplex } = make()
  const length = 2_000_000
  const head = bytes(length >> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255)
  const pieces = Array.from({ length: length / 100 }, () => new Uint8Array(100).fill(7))
  await duplex.sink([head, ...pieces, bytes(0, 0, 0, 1, 9)])
  const { type, data } = await peer.next()
  expect([type, data.length, data.every((byte) => byte === 7), (await peer.next()).type]).toEqual([
    0x0707,
    length - 2,
    true,
    -1,
  ])
})

test('send() takes bytes and hexadecimal digits, and makes one piece of them', async () => {
  const { peer, duplex } = make()
  const source = duplex.source[Symbol.asyncIterator]()
  peer.send('00fF', bytes(7), '')
  peer.send(bytes(8))
  peer.end()
  expect(await source.next()).toEqual({ done: false, value: bytes(0, 255, 7) })
  expect(await source.next()).toEqual({ done: false, value: bytes(8) })
  expect(await source.next()).toMatchObject({ done: true })
  for (const hex of ['0', 'xy', '00 11']) expect(() => peer.send(hex)).toThrow(TypeError)
})

test('until() asks again at each piece, and fails at the end', async () => {
  const { peer, duplex } = make()
  const isThere = peer.until(() => peer.received.length >= 3)
  const failed = failureOf(peer.until(() => peer.received.length > 3))
  await duplex.sink([bytes(1), bytes(2), bytes(3)])
  await isThere
  expect(String(await failed)).toContain('received.length > 3')
  expect([peer.hasEnded, peer.failure]).toEqual([true, undefined])
})

test('untilEnd() takes the frames that came', async () => {
  const { peer, duplex } = make()
  await duplex.sink([bytes(0, 0, 0, 2, 0, 4)])
  expect(await peer.untilEnd()).toEqual([{ type: 4, data: bytes() }])
  expect(peer.frames).toEqual([])
})

test('cut() breaks both directions of the other end, and the peer knows when it was cut', async () => {
  const [one, other] = [make(), make()]
  const sent = one.duplex.sink({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) })
  one.peer.cut()
  await expect(sent).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  other.duplex.abort?.(new Error('enough'))
  await other.peer.untilEnd()
  expect(other.peer.failure).toMatchObject({ code: 'CONNECTION_LOST' })
})

test('a peer that pauses reads no more, until it resumes', async () => {
  const { peer, duplex } = make()
  await env.rest()
  peer.pause()
  const pieces = Array.from({ length: 10 }, (_, index) => bytes(index))
  let taken = 0
  const sent = duplex.sink(
    (function* () {
      for (const piece of pieces) {
        yield piece
        taken += 1
      }
    })(),
  )
  await env.rest()
  expect([taken, peer.received]).toEqual([1, bytes(0)])
  peer.resume()
  await sent
  expect(peer.received).toHaveLength(10)
})
