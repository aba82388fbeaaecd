import { expect, test } from 'vitest'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import type { Timer } from '../env/env.ts'
import { Deadlines } from './deadlines.ts'

/** Timers that can be held, as those of a host. */
class HoldingEnv extends VirtualEnv {
  held = 0
  set = 0

  override setTimer(callback: () => void, ms: number): Timer {
    let isHeld = true
    const hold = (isWanted: boolean): void => {
      this.held += Number(isWanted) - Number(isHeld)
      isHeld = isWanted
    }
    const fired = (): void => {
      hold(false)
      callback()
    }
    const timer = super.setTimer(fired, ms)
    this.held += 1
    this.set += 1
    return {
      hold,
      cancel: () => {
        hold(false)
        timer.cancel()
      },
    }
  }
}

test.each([1, 64, 127, 128, 1_000, 30_000, 3_600_000])('%i ms are over then, or at most 1/64 later', (ms) => {
  const env = new VirtualEnv()
  const deadlines = new Deadlines(env)
  env.advance(12_345.5)
  let passed = 0
  deadlines.set({ timeIsUp: () => (passed += 1) }, ms)
  env.advance(ms - 0.25)
  expect(passed).toBe(0)
  env.advance(Math.max(1, ms / 64) + 0.25)
  expect([passed, env.timers]).toEqual([1, 0])
})

test('deadlines that are near each other share a timer, which is gone with the last of them', () => {
  const env = new VirtualEnv()
  const deadlines = new Deadlines(env)
  const set = Array.from({ length: 100 }, () => {
    env.advance(1)
    return deadlines.set({ timeIsUp: () => {} }, 30_000)
  })
  expect(env.timers).toBe(1)
  for (const deadline of set) deadline.cancel()
  for (const deadline of set) deadline.cancel()
  expect(env.timers).toBe(0)
  deadlines.set({ timeIsUp: () => {} }, 30_000)
  expect(env.timers).toBe(1)
})

test('what is called off does not happen, and what happens may set another', () => {
  const env = new VirtualEnv()
  const deadlines = new Deadlines(env)
  const passed: string[] = []
  const off = deadlines.set({ timeIsUp: () => passed.push('off') }, 10)
  const timeIsUp = (): void => {
    passed.push('on')
    off.cancel()
    deadlines.set({ timeIsUp: () => passed.push('again') }, 10)
  }
  deadlines.set({ timeIsUp }, 10)
  deadlines.set({ timeIsUp: () => passed.push('also') }, 10)
  off.cancel()
  env.advance(20)
  expect([passed, env.timers]).toEqual([['on', 'also', 'again'], 0])
})

test('calls that follow each other share a timer, which holds the process only while one is open', () => {
  const env = new HoldingEnv()
  const deadlines = new Deadlines(env, { keepsTimer: true })
  for (let count = 0; count < 3; count += 1) {
    const deadline = deadlines.set({ timeIsUp: () => {} }, 30_000)
    expect([env.held, env.timers]).toEqual([1, 1])
    deadline.cancel()
    deadline.cancel()
    expect([env.held, env.timers, env.set]).toEqual([0, 1, 1])
  }
  deadlines.close()
  expect(env.timers).toBe(0)
})

test('one timer is kept at most, and none behind the end', () => {
  const env = new HoldingEnv()
  const deadlines = new Deadlines(env, { keepsTimer: true })
  const [short, long, late] = [10, 30_000, 3_600_000].map((ms) => deadlines.set({ timeIsUp: () => {} }, ms))
  short?.cancel()
  expect([env.held, env.timers]).toEqual([2, 3])
  long?.cancel()
  expect([env.held, env.timers]).toEqual([1, 2])
  deadlines.close()
  expect([env.held, env.timers]).toEqual([1, 1])
  late?.cancel()
  expect([env.held, env.timers]).toEqual([0, 0])
})

test('a timer that was kept tells those who came anew, and passes where nobody did', () => {
  const env = new HoldingEnv()
  const deadlines = new Deadlines(env, { keepsTimer: true })
  const passed: string[] = []
  deadlines.set({ timeIsUp: () => passed.push('off') }, 10).cancel()
  deadlines.set({ timeIsUp: () => passed.push('on') }, 10)
  env.advance(20)
  expect([passed, env.held, env.timers]).toEqual([['on'], 0, 0])
  deadlines.set({ timeIsUp: () => passed.push('off') }, 10).cancel()
  env.advance(20)
  deadlines.set({ timeIsUp: () => passed.push('again') }, 10)
  env.advance(20)
  expect([passed, env.held, env.timers]).toEqual([['on', 'again'], 0, 0])
})
