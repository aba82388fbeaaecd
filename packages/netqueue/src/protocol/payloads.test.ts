import { expect, test } from 'vitest'
import { apart, SHARED_BYTES, Shelf } from './payloads.ts'

test('short pieces share memory, long ones have their own, and none is a view of what it came in', () => {
  const shelf = new Shelf()
  const frame = new Uint8Array(50_000).fill(7)
  const copies = [shelf.cut(frame, 10, 110), shelf.cut(frame, 110, 130), shelf.cut(frame, 200, 30_000)]
  frame.fill(0)
  expect(copies.map(({ byteLength }) => byteLength)).toEqual([100, 20, 29_800])
  expect(copies.every((copy) => copy.every((byte) => byte === 7))).toBe(true)
  expect(copies.map(({ buffer }) => buffer.byteLength)).toEqual([SHARED_BYTES, SHARED_BYTES, 29_800])
})

test('memory that somebody transferred to another thread is not written to again', () => {
  const shelf = new Shelf()
  const frame = Uint8Array.of(1, 1, 2, 2)
  const first = shelf.cut(frame, 0, 2)
  structuredClone(first, { transfer: [first.buffer as ArrayBuffer] })
  expect(shelf.cut(frame, 2, 4)).toEqual(Uint8Array.of(2, 2))
})

test('nor is an empty piece of it the memory of another shelf', () => {
  const empty = new Shelf().cut(new Uint8Array(1), 0, 0)
  structuredClone(empty, { transfer: [empty.buffer as ArrayBuffer] })
  expect(new Shelf().cut(new Uint8Array(1), 0, 0).length).toBe(0)
})

test('short pieces of frame after frame are what they were, wherever a copy ends', () => {
  const shelf = new Shelf()
  const pieces: Uint8Array[] = []
  for (let n = 0; n < 100; n += 1) {
    const frame = new Uint8Array(n * 37 + 1_000).fill(n)
    for (let at = 3; at + 90 <= frame.length; at += 97) pieces.push(shelf.cut(frame, at, at + 90))
    if (n % 2 === 0) shelf.leave()
    frame.fill(255)
  }
  const counts = pieces.reduce((all, piece) => all.set(piece[0], (all.get(piece[0]) ?? 0) + 1), new Map())
  expect(pieces.every((piece) => piece.length === 90 && piece.every((byte) => byte === piece[0]))).toBe(true)
  expect(counts.size).toBe(100)
})

test('a piece that is most of its memory is kept as it is only where nothing stands behind it', () => {
  const memory = new Uint8Array(1_000)
  expect(apart(memory.subarray(10)).buffer).toBe(memory.buffer)
  expect(apart(memory.subarray(0, 990)).buffer).not.toBe(memory.buffer)
  expect(apart(memory.subarray(600)).buffer).not.toBe(memory.buffer)
})

test('a short piece is a view of what it came in only where it came alone', () => {
  const alone = new Uint8Array(148)
  const cut = (frame: Uint8Array, end = frame.length): Uint8Array => new Shelf().cut(frame, 6, end)
  expect(cut(alone).buffer).toBe(alone.buffer)
  expect(cut(alone, 147).buffer).not.toBe(alone.buffer)
  expect(cut(alone.subarray(100)).buffer).not.toBe(alone.buffer)
  expect(cut(alone.subarray(0, 140)).buffer).not.toBe(alone.buffer)
})
