import { describe, expect, test } from 'vitest'

import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { BackOff, reconnectFrom } from './back-off.ts'
import type { Reconnect, ReconnectOptions } from './back-off.ts'

class Env extends VirtualEnv {
  chance = 0.5

  override random(): number {
    return this.chance
  }
}

const backOffOf = (env: Env, options: ReconnectOptions | true = true): BackOff =>
  new BackOff(env, reconnectFrom(options) as Reconnect)
const several = (backOff: BackOff, count: number): number[] => Array.from({ length: count }, () => backOff.next())

describe('fault 36: full jitter', () => {
  test('each delay is a random part of a time that doubles from 100 ms to 10 s', () => {
    const env = new Env()
    expect(several(backOffOf(env), 9)).toEqual([50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
    env.chance = 0
    expect(several(backOffOf(env), 3)).toEqual([0, 0, 0])
    env.chance = 0.999
    expect(several(backOffOf(env), 8).at(-1)).toBeCloseTo(9_990)
  })

  test('without it each delay is all of that time', () => {
    const plain = { minDelayMs: 100, maxDelayMs: 15_000, jitter: false }
    expect(several(backOffOf(new Env(), plain), 9)).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 15_000])
  })

  test('never beyond its longest, however many attempts there were', () => {
    const backOff = backOffOf(new Env())
    expect(several(backOff, 5_000).at(-1)).toBe(5_000)
  })

  test('begins anew after a connection that lasted for its longest delay', () => {
    const env = new Env()
    const backOff = backOffOf(env)
    several(backOff, 4)
    backOff.connected()
    env.advance(10_000)
    expect(several(backOff, 2)).toEqual([50, 100])
  })

  test('goes on where it was after one that did not: a server that drops whoever comes is not knocked at faster', () => {
    const env = new Env()
    const backOff = backOffOf(env)
    several(backOff, 4)
    backOff.connected()
    env.advance(9_999)
    expect(several(backOff, 2)).toEqual([800, 1_600])
    env.advance(100_000)
    expect(several(backOff, 1)).toEqual([3_200])
  })
})

describe('reconnect', () => {
  test('true and an empty object are the defaults, false is never', () => {
    const defaults = { minDelayMs: 100, maxDelayMs: 10_000, attempts: Number.POSITIVE_INFINITY }
    expect(reconnectFrom(true)).toEqual(defaults)
    expect(reconnectFrom({})).toEqual(defaults)
    expect(reconnectFrom(false)).toBeUndefined()
    expect(reconnectFrom({ attempts: 3 })).toEqual({ ...defaults, attempts: 3 })
  })

  test.each<[ReconnectOptions | boolean, string]>([
    [
      { minDelayMs: 0 },
      'RangeError: Expected `reconnect.minDelayMs` to be from 1 to `reconnect.maxDelayMs` (10000), got `0`',
    ],
    [
      { minDelayMs: 200, maxDelayMs: 100 },
      'RangeError: Expected `reconnect.minDelayMs` to be from 1 to `reconnect.maxDelayMs` (100), got `200`',
    ],
    [
      { maxDelayMs: Number.NaN },
      'RangeError: Expected `reconnect.maxDelayMs` to be a number of milliseconds from 0, got `NaN`',
    ],
    [{ attempts: 0 }, 'RangeError: Expected `reconnect.attempts` to be an integer from 1, got `0`'],
    [{ attempts: 1.5 }, 'RangeError: Expected `reconnect.attempts` to be an integer from 1, got `1.5`'],
    ['yes' as unknown as boolean, 'TypeError: Expected `reconnect` to be true, false or an object, got `yes`'],
    [null as unknown as boolean, 'TypeError: Expected `reconnect` to be true, false or an object, got `null`'],
  ])('refuses %o', (options, error) => {
    expect(() => reconnectFrom(options)).toThrow(error.slice(error.indexOf(':') + 2))
    expect(() => reconnectFrom(options)).toThrow(error.startsWith('TypeError') ? TypeError : RangeError)
  })
})
