import { describe, expect, test } from 'vitest'

import { Retry } from './retry.ts'

describe('P2: the time between two attempts', () => {
  test('doubles up to its maximum', () => {
    const retry = new Retry({ retryDelayMs: 10, maxRetryDelayMs: 100 })
    expect([2, 3, 4, 5, 6, 7].map((attempt) => retry.delayBefore(attempt))).toEqual([10, 20, 40, 80, 100, 100])
  })

  test('is a number at any attempt, and 0 stays 0', () => {
    expect(new Retry({}).delayBefore(100_000)).toBe(10_000)
    expect(new Retry({ retryDelayMs: 0 }).delayBefore(100_000)).toBe(0)
  })

  test('is checked where it is given', () => {
    expect(() => new Retry({ maxAttempts: 0 })).toThrow('Expected `maxAttempts` to be an integer from 1, got `0`')
    expect(() => new Retry({ retryDelayMs: -1 })).toThrow(RangeError)
    expect(() => new Retry({ maxRetryDelayMs: Number.NaN })).toThrow(RangeError)
  })
})
