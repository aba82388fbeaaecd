import { describe, expect, test } from 'vitest'
import { Uint8ArrayList } from 'uint8arraylist'
import { FrameLog } from './frame-log.ts'

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
