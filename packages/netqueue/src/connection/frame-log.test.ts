import { describe, expect, test } from 'vitest'
import { Uint8ArrayList } from 'uint8arraylist'
import { roomyFrame, withRoom } from '../framing/roomy.ts'
import { FrameLog, MAX_UNCOUNTED_BYTES } from './frame-log.ts'

const frame = (value: number, bytes = 1): Uint8Array => new Uint8Array(bytes).fill(value)
/** A log with frames of these values, all of which have left. */
function logOf(...values: number[]): FrameLog {
  const log = new FrameLog(1_000_000)
  for (const value of values) log.add(frame(value))
  return log
}
/** The values of what leaves again. */
function again(log: FrameLog): number[] {
  const values: number[] = []
  for (let next = log.again(); next !== undefined; next = log.again()) values.push(next[0] as number)
  return values
}
/** A short frame in 8 KiB that it shares with frames of others, and with no other of these. */
function pinning(value: number, bytes = 1): Uint8Array {
  const made = roomyFrame(bytes).fill(value)
  for (let others = 0; others < 8; others += 1) roomyFrame(1_020).fill(0xff)
  return made
}
/** All that leaves again behind so many frames, as it is kept. */
function kept(log: FrameLog, behind = 0): Uint8Array[] {
  log.rewind(behind)
  const frames: Uint8Array[] = []
  for (let next = log.again(); next !== undefined; next = log.again()) frames.push(next)
  return frames
}
/** The bytes of all memory that frames are in. */
function held(frames: readonly Uint8Array[]): number {
  return [...new Set(frames.map(({ buffer }) => buffer))].reduce((bytes, { byteLength }) => bytes + byteLength, 0)
}
const badMessage = expect.objectContaining({ code: 'BAD_MESSAGE' }) as unknown

describe('frames that the peer has not taken', () => {
  test('nothing leaves again on the connection on which it left', () => {
    expect(again(logOf(1, 2))).toEqual([])
  })

  test('on the next connection all that the peer does not have leaves again, in order', () => {
    const log = logOf(1, 2, 3, 4)
    log.acknowledge(1)
    log.rewind(2)
    expect(again(log)).toEqual([3, 4])
    expect(log.sent).toBe(4)
  })

  test('what is new comes behind it', () => {
    const log = logOf(1, 2)
    log.rewind(0)
    expect(again(log)).toEqual([1, 2])
    log.add(frame(3))
    expect(again(log)).toEqual([])
    log.rewind(1)
    expect(again(log)).toEqual([2, 3])
  })

  test('what leaves again and is acknowledged half-way is not skipped', () => {
    const log = logOf(1, 2, 3, 4)
    log.rewind(0)
    expect([log.again()?.[0], log.again()?.[0]]).toEqual([1, 2])
    log.acknowledge(1)
    expect(again(log)).toEqual([3, 4])
  })

  test('what was acknowledged before it left again does not leave', () => {
    const log = logOf(1, 2, 3)
    log.rewind(0)
    log.acknowledge(2)
    expect(again(log)).toEqual([3])
  })

  test('a frame made of what others own is kept as a copy, and the copy leaves', () => {
    const owned = frame(7, 5_000)
    const log = new FrameLog(1_000_000)
    const leaves = log.add(new Uint8ArrayList(frame(1), owned))
    owned.fill(0)
    log.rewind(0)
    expect(log.again()).toEqual(new Uint8Array([1, ...frame(7, 5_000)]))
    expect(leaves).toEqual(new Uint8Array([1, ...frame(7, 5_000)]))
  })
})

describe('P7: what a peer says that it took', () => {
  test('more than was sent is BAD_MESSAGE, and nothing is forgotten', () => {
    const log = logOf(1, 2)
    expect(() => log.acknowledge(3)).toThrow(badMessage)
    expect(() => log.rewind(3)).toThrow(badMessage)
    log.rewind(0)
    expect(again(log)).toEqual([1, 2])
  })

  test('less than before is ignored in an ACK, and BAD_MESSAGE where the session is to go on from there', () => {
    const log = logOf(1, 2, 3)
    log.acknowledge(2)
    log.acknowledge(1)
    log.acknowledge(0)
    expect(() => log.rewind(1)).toThrow(badMessage)
    log.rewind(2)
    expect(again(log)).toEqual([3])
  })
})

describe('P7: the bound', () => {
  test('is reached with the bytes of the frames and 256 for each, and one frame may overshoot it', () => {
    const log = new FrameLog(1_000)
    log.add(frame(1, 743))
    expect(log.isFull).toBe(false)
    log.add(frame(2, 100_000))
    expect(log.isFull).toBe(true)
    log.acknowledge(1)
    expect(log.isFull).toBe(true)
    log.acknowledge(2)
    expect(log.isFull).toBe(false)
  })

  test('exactly the bound is full, one byte less is not', () => {
    const [below, at] = [new FrameLog(1_000), new FrameLog(1_000)]
    below.add(frame(1, 743))
    at.add(frame(1, 744))
    expect([below.isFull, at.isFull]).toEqual([false, true])
  })

  test('counts empty frames, too', () => {
    const log = new FrameLog(1_024)
    for (let count = 0; count < 3; count += 1) log.add(frame(0, 0))
    expect(log.isFull).toBe(false)
    log.add(frame(0, 0))
    expect(log.isFull).toBe(true)
  })
})

describe('P7: memory that frames share with frames of others', () => {
  const MAX_BYTES = 100_000
  const full = (make: (value: number) => Uint8Array): FrameLog => {
    const log = new FrameLog(MAX_BYTES)
    for (let value = 0; !log.isFull; value += 1) log.add(make(value % 256))
    return log
  }

  test.each([0, 1, 100, 1_020])('is not kept by frames of %i bytes, but by the last 48', (bytes) => {
    const loose = Array.from({ length: 100 }, (_, value) => pinning(value, bytes))
    expect(held(loose)).toBe(100 * 8_192)
    const log = full((value) => pinning(value, bytes))
    expect(held(kept(log))).toBeLessThan(MAX_BYTES + 48 * 8_192)
  })

  test('is not kept either where most of what was packed together was taken', () => {
    const log = new FrameLog(MAX_BYTES)
    for (let value = 0; value < 47; value += 1) log.add(pinning(value, 1_020))
    for (let value = 47; value < 48 + 47; value += 1) log.add(pinning(value))
    const frames = kept(log, 47)
    expect(frames).toHaveLength(48)
    expect(held(frames)).toBeGreaterThan(47 * 8_192 + 47 * 1_024)
    expect(held(frames)).toBeLessThan(48 * 257 + MAX_UNCOUNTED_BYTES)
  })

  test('frames that were packed leave again byte for byte, in order, each with its own length in front', () => {
    // The first is as long as the room for a length: the second must not be taken to have its room there.
    const sizes = [4, 700, 0, 1, 1_020, 5_000, 53_757, 3, ...Array.from({ length: 92 }, (_, index) => index * 11)]
    const log = new FrameLog(1_000_000)
    for (const [index, size] of sizes.entries()) log.add(pinning(index, size))
    const frames = kept(log)
    for (const each of frames) withRoom(each)?.fill(0xee, 0, 4)
    expect(frames).toEqual(sizes.map((size, index) => frame(index, size)))
  })

  test('two that are packed alone among long ones do not damage each other', () => {
    const log = new FrameLog(10_000_000)
    log.add(pinning(1, 4))
    log.add(pinning(2, 300))
    for (let value = 3; value <= 48; value += 1) log.add(frame(value, 2_000))
    const frames = kept(log)
    expect(held(frames.slice(0, 2))).toBeLessThan(400)
    for (const each of frames) withRoom(each)?.fill(0xee, 0, 4)
    expect(frames.slice(0, 2)).toEqual([frame(1, 4), frame(2, 300)])
  })

  test('frames are not copied while fewer than 48 wait, nor where they are most of their memory', () => {
    const log = new FrameLog(1_000_000)
    const short = Array.from({ length: 47 }, (_, value) => pinning(value))
    for (const each of short) log.add(each)
    expect(kept(log).every((each, index) => each === short[index])).toBe(true)
    const long = frame(7, 5_000)
    log.add(long)
    const frames = kept(log)
    expect(frames.at(-1)).toBe(long)
    expect(frames[0]).not.toBe(short[0])
  })

  test('those that were taken do not count among the 48', () => {
    const log = new FrameLog(1_000_000)
    for (let value = 0; value < 40; value += 1) log.add(pinning(value))
    log.acknowledge(30)
    const short = Array.from({ length: 37 }, (_, value) => pinning(value))
    for (const each of short) log.add(each)
    expect(kept(log, 40).every((each, index) => each === short[index])).toBe(true)
    log.add(pinning(1))
    expect(kept(log, 40)).toHaveLength(38)
    expect(kept(log, 40)[0]).toBe(short[0])
  })

  test('what was packed half-way through leaving again goes on where it was', () => {
    const log = new FrameLog(1_000_000)
    for (let value = 0; value < 47; value += 1) log.add(pinning(value))
    log.rewind(0)
    expect([log.again()?.[0], log.again()?.[0]]).toEqual([0, 1])
    expect(again(log)).toEqual(Array.from({ length: 45 }, (_, index) => index + 2))
    log.add(pinning(47))
    expect(again(log)).toEqual([])
    log.rewind(40)
    expect(again(log)).toEqual([40, 41, 42, 43, 44, 45, 46, 47])
  })
})
