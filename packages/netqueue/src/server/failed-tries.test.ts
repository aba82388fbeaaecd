import { describe, expect, test } from 'vitest'
import { FailedTries } from './failed-tries.ts'
import { VirtualClock } from '../testing/virtual-env.ts'

const one = 'tcp://192.0.2.1:1000'

function tries(max = 3): { clock: VirtualClock; tries: FailedTries } {
  const clock = new VirtualClock()
  return { clock, tries: new FailedTries(clock, max) }
}

describe('fault 35: failed tries', () => {
  test('so many of one place in a minute shut it, until the minute is over', () => {
    const { clock, tries: failed } = tries()
    expect([failed.add(one), failed.add(one), failed.isShut(one)]).toEqual([false, false, false])
    clock.advance(59_000)
    expect([failed.add(one), failed.isShut(one)]).toEqual([true, true])
    clock.advance(999)
    expect(failed.isShut(one)).toBe(true)
    clock.advance(1)
    expect([failed.isShut(one), failed.add(one), failed.isShut(one)]).toEqual([false, false, false])
  })

  test('are counted by host, whatever the port and the transport', () => {
    const { tries: failed } = tries()
    for (const address of [one, 'tcp://192.0.2.1:2000', 'tls://192.0.2.1:3000']) failed.add(address)
    expect(failed.isShut('ws://192.0.2.1:4000')).toBe(true)
    expect(failed.isShut('tcp://192.0.2.2:1000')).toBe(false)
  })

  test('are counted by the first half of an IPv6 address, however it is written', () => {
    const { tries: failed } = tries()
    for (const host of ['2001:db8::1', '2001:0DB8:0:0:ffff::2', '2001:db8:0:0:1:2:3:4']) failed.add(`tcp://[${host}]:1`)
    expect(failed.isShut('tcp://[2001:db8::5]:9')).toBe(true)
    expect(failed.isShut('tcp://[2001:db8:0:1::5]:9')).toBe(false)
    expect(failed.isShut('tcp://[::1]:9')).toBe(false)
  })

  test.each([undefined, 'memory:here', 'unix:/run/queue.sock', 'stdio:'])('of %s are not counted', (address) => {
    const { tries: failed } = tries(1)
    expect([failed.add(address), failed.isShut(address), failed.size]).toEqual([false, false, 0])
  })

  test('of 10,000 places at most are remembered: the oldest are forgotten, those whose minute is over first', () => {
    const { clock, tries: failed } = tries(1)
    const address = (n: number): string => `tcp://10.${n >> 16}.${(n >> 8) & 255}.${n & 255}:1`
    for (let n = 0; n < 20_000; n += 1) failed.add(address(n))
    expect([failed.size, failed.isShut(address(9_999)), failed.isShut(address(10_000))]).toEqual([10_000, false, true])
    clock.advance(60_000)
    failed.add(address(20_000))
    expect(failed.size).toBe(1)
  })
})
