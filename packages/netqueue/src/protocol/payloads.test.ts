import { expect, test } from 'vitest'
import { apart, SHARED_BYTES, Shelf } from './payloads.ts'

test('short pieces share memory, long ones have their own, and none is a view of what it came in', () => {
  const shelf = new Shelf()
  const frame = new Uint8Array(50_000).fill(7)
  const [short, next, long] = [frame.subarray(10, 110), frame.subarray(110, 130), frame.subarray(200, 30_000)]
  const copies = [short, next, long].map((piece) => shelf.copy(piece))
  frame.fill(0)
  expect(copies.map(({ byteLength }) => byteLength)).toEqual([100, 20, 29_800])
  expect(copies.every((copy) => copy.every((byte) => byte === 7))).toBe(true)
  expect(copies.map(({ buffer }) => buffer.byteLength)).toEqual([SHARED_BYTES, SHARED_BYTES, 29_800])
})

test('memory that somebody transferred to another thread is not written to again', () => {
  const shelf = new Shelf()
  const first = shelf.copy(new Uint8Array(8).fill(1))
  structuredClone(first, { transfer: [first.buffer as ArrayBuffer] })
  expect(shelf.copy(new Uint8Array(8).fill(2))).toEqual(new Uint8Array(8).fill(2))
})

test('a piece that is most of its memory is kept as it is only where nothing stands behind it', () => {
  const memory = new Uint8Array(1_000)
  expect(apart(memory.subarray(10)).buffer).toBe(memory.buffer)
  expect(apart(memory.subarray(0, 990)).buffer).not.toBe(memory.buffer)
  expect(apart(memory.subarray(600)).buffer).not.toBe(memory.buffer)
})
