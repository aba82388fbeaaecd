import { expect, test } from 'vitest'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { Deadlines } from './deadlines.ts'

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
