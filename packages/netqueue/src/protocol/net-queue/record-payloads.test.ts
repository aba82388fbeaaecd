import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from './bytes.ts'
import { readPayloads, RecordPayloads } from './record-payloads.ts'

/** Items of such lengths, each filled with its place, in the middle of a chunk. */
function payloadsOf(lengths: readonly number[], chunkBytes: number): RecordPayloads {
  const chunk = new Uint8Array(chunkBytes)
  const out = new ByteWriter(chunk.subarray(100))
  for (const [index, length] of lengths.entries()) {
    out.varint(length)
    for (let count = 0; count < length; count += 1) out.u8(index)
  }
  return new RecordPayloads([chunk.subarray(100, 100 + out.at)], {
    count: lengths.length,
    bytes: lengths.reduce((sum, length) => sum + length, 0),
    lastBytes: lengths.at(-1) ?? 0,
  })
}

test.each([
  { lengths: [0, 1, 127, 128, 5_000], chunkBytes: 6_000 },
  { lengths: Array.from({ length: 3_000 }, () => 16), chunkBytes: 65_536 },
  { lengths: [2_048, 2_049, 40_000, 3], chunkBytes: 65_536 },
  { lengths: [5], chunkBytes: 65_536 },
])('items are cut out as they came, and none keeps more than 8 KiB or four times itself', ({ lengths, chunkBytes }) => {
  const payloads = payloadsOf(lengths, chunkBytes)
  for (const [index, length] of lengths.entries()) {
    const payload = payloads.next()
    expect([payload.byteLength, payload.every((byte) => byte === (index & 0xff))]).toEqual([length, true])
    expect(payload.buffer.byteLength).toBeLessThanOrEqual(Math.max(8_192, 4 * length))
  }
})

test('what waits keeps no chunk that is far larger', () => {
  const chunk = new Uint8Array(65_536)
  chunk[0] = 4
  const payloads = new RecordPayloads([chunk.subarray(0, 5)], { count: 1, bytes: 4, lastBytes: 4 })
  chunk[1] = 9 // copied before
  expect(payloads.next()).toEqual(new Uint8Array(4))
})

test.each([
  { lengths: [40_000], chunkBytes: 60_000 },
  { lengths: [3_000, 40_000], chunkBytes: 43_110 },
  { lengths: [100, 100, 5_000], chunkBytes: 65_536 },
])('an item may be transferred to another thread, and those behind it are whole', ({ lengths, chunkBytes }) => {
  const payloads = payloadsOf(lengths, chunkBytes)
  const rest = payloadsOf(lengths, chunkBytes)
  for (const length of lengths) {
    const payload = payloads.next()
    expect(payload.byteLength).toBe(length)
    expect(payload).toEqual(rest.next())
    structuredClone(payload, { transfer: [payload.buffer as ArrayBuffer] })
  }
})

test.each([4_000, 3_002, 6_004])('so it may where they came in two chunks, cut at %i', (cutAt) => {
  const one = new ByteWriter(new Uint8Array(10_000))
  const lengths = [3_000, 3_000, 3_000]
  for (const length of lengths) one.bytes(new Uint8Array(length).fill(7))
  const record = one.take().slice()
  const reader = new ByteReader(record.slice(0, cutAt), 0, record.slice(cutAt))
  const payloads = readPayloads(reader, lengths.length, 3_000)
  for (const length of lengths) {
    const payload = payloads.next()
    expect([payload.length, payload.every((byte) => byte === 7)]).toEqual([length, true])
    structuredClone(payload, { transfer: [payload.buffer as ArrayBuffer] })
  }
})
