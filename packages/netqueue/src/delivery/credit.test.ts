import { describe, expect, test } from 'vitest'

import { listed } from '../protocol/payloads.ts'
import type { Payloads } from '../protocol/payloads.ts'
import { Credit } from './credit.ts'
import type { Room } from './credit.ts'

const room = (items: number, { window = items, isDry = true }: Partial<Room> = {}): Room => ({ items, window, isDry })
const bytes = (...lengths: number[]): Payloads => listed(lengths.map((length) => new Uint8Array(length)))
const MAX = 100

/** Credit for some items, of which some have come with a byte each. */
function granted(items: number, received = 0): Credit {
  const credit = new Credit({ maxUnsettled: 50, maxUnsettledBytes: MAX })
  credit.raise(room(items))
  for (let count = 0; count < received; count += 1) credit.receive(bytes(1))
  return credit
}

describe('P6: credit in items', () => {
  test('is an absolute limit that never falls', () => {
    const credit = granted(4, 2)
    credit.raise(room(1))
    expect(credit.limit).toBe(4)
    credit.raise(room(3))
    expect(credit.limit).toBe(5)
    expect(credit.isExcessive(room(3))).toBe(false)
    expect(credit.isExcessive(room(2))).toBe(true)
  })

  test('is due when half a window adds up', () => {
    const credit = granted(16, 8)
    expect(credit.isDue(room(15, { window: 16, isDry: false }))).toBe(false)
    expect(credit.isDue(room(16, { window: 16, isDry: false }))).toBe(true)
  })

  test('is due earlier when neither side has anything left', () => {
    const credit = granted(16, 16)
    expect(credit.isDue(room(1, { window: 16, isDry: false }))).toBe(false)
    expect(credit.isDue(room(1, { window: 16, isDry: true }))).toBe(true)
    expect(credit.isDue(room(0, { window: 16, isDry: true }))).toBe(false)
  })

  test('is due in steps of what may be unsettled where that is less than the window', () => {
    const credit = granted(50, 25)
    expect(credit.isDue(room(50, { window: 1_000, isDry: false }))).toBe(true)
  })

  test('items beyond it are CREDIT_EXCEEDED', () => {
    const credit = granted(2, 1)
    credit.check(bytes(1))
    expect(() => credit.check(bytes(1, 1))).toThrow(expect.objectContaining({ code: 'CREDIT_EXCEEDED', value: 3 }))
  })
})

describe('P6: credit in bytes', () => {
  test('one item may overshoot it, the next one may not start', () => {
    const credit = granted(10)
    credit.check(bytes(MAX - 1, 1_000))
    expect(() => credit.check(bytes(MAX, 0))).toThrow(expect.objectContaining({ limit: 'maxUnsettledBytes' }))
  })

  test('is due when half of it is done with, or all of it is used and nothing waits', () => {
    const credit = granted(10)
    for (const length of [60, 60]) credit.receive(bytes(length))
    expect(credit.heldBytes).toBe(120)
    credit.finish(20)
    expect(credit.isDue(room(5, { window: 100, isDry: false }))).toBe(false)
    expect(credit.isDue(room(5, { window: 100, isDry: true }))).toBe(true)
    credit.finish(40)
    expect(credit.isDue(room(5, { window: 100, isDry: false }))).toBe(true)
    credit.raise(room(5))
    expect(credit.byteLimit).toBe(160)
  })
})

describe('P6: credit given back', () => {
  test('counts as sent and done with', () => {
    const credit = granted(10, 1)
    credit.skip({ first: 2, last: 10, bytes: MAX - 1 })
    expect([credit.received, credit.heldBytes]).toEqual([10, 1])
    credit.raise(room(1))
    expect([credit.limit, credit.byteLimit]).toEqual([11, MAX + MAX - 1])
  })

  test('may be nothing at all', () => {
    const credit = granted(1, 1)
    credit.skip({ first: 2, last: 1, bytes: 0 })
    expect(credit.received).toBe(1)
  })

  test.each([
    ['from another number than the next', { first: 3, last: 4, bytes: 0 }, 'BAD_MESSAGE'],
    ['up to a number that has come', { first: 2, last: 0, bytes: 0 }, 'BAD_MESSAGE'],
    ['of bytes without a number', { first: 2, last: 1, bytes: 1 }, 'BAD_MESSAGE'],
    ['of more numbers than granted', { first: 2, last: 5, bytes: 0 }, 'CREDIT_EXCEEDED'],
    ['of more bytes than granted', { first: 2, last: 4, bytes: MAX }, 'CREDIT_EXCEEDED'],
  ])('%s is refused', (_what, range, code) => {
    const credit = granted(4, 1)
    expect(() => credit.skip(range)).toThrow(expect.objectContaining({ code }))
    expect(credit.received).toBe(1)
  })
})
