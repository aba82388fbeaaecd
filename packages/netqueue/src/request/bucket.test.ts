import { describe, expect, test } from 'vitest'

import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { Bucket } from './bucket.ts'

function taken(bucket: Bucket): number {
  let count = 0
  while (bucket.take()) count += 1
  return count
}

describe('a bucket', () => {
  test.each([1, 2, 1_000])('of %i gives as many at once, and no more', (burst) => {
    expect(taken(new Bucket({ env: new VirtualEnv(), burst, perSecond: 33 }))).toBe(burst)
  })

  test('fills up again by so many in a second, and never beyond what it holds', () => {
    const env = new VirtualEnv()
    const bucket = new Bucket({ env, burst: 50, perSecond: 33 })
    taken(bucket)
    env.advance(1_000)
    expect(taken(bucket)).toBe(33)
    env.advance(30)
    expect(taken(bucket)).toBe(0)
    env.advance(1)
    expect(taken(bucket)).toBe(1)
    env.advance(1_000_000)
    expect(taken(bucket)).toBe(50)
  })

  test('tells how long the next one takes', () => {
    const env = new VirtualEnv()
    const bucket = new Bucket({ env, burst: 1, perSecond: 20 })
    expect(bucket.waitMs).toBe(0)
    bucket.take()
    expect(bucket.waitMs).toBe(50)
    env.advance(20)
    expect(bucket.waitMs).toBeCloseTo(30)
  })
})
