import { expect, test } from 'vitest'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { Shifts, Turns } from './turns.ts'

const isSettled = async (promise: Promise<void>): Promise<boolean> =>
  Promise.race([promise.then(() => true), Promise.resolve().then(() => Promise.resolve(false))])

test('P8: of calls that have nothing to wait for, each 2,048th waits until what has arrived was looked at, with all behind it', async () => {
  const env = new VirtualEnv()
  const turns = new Turns(env)
  for (let calls = 1; calls < 2_048; calls += 1) await turns.next()
  const [last, another] = [turns.next(), turns.next()]
  expect([await isSettled(last), await isSettled(another), env.timers]).toEqual([false, false, 1])
  env.advance(0)
  await Promise.all([last, another])
  expect(await isSettled(turns.next())).toBe(true)
})

test('P8: whoever works for 5 ms without leaving the turn is held up until what has arrived was looked at', async () => {
  const env = new VirtualEnv()
  const shifts = new Shifts(env)
  const pauses = (items: number): number =>
    Array.from({ length: items }, () => shifts.pause()).filter((pause) => pause !== undefined).length
  env.advance(4)
  expect(pauses(64)).toBe(0)
  env.advance(1)
  expect(pauses(7)).toBe(0) // the clock is looked at with each eighth item
  const pause = shifts.pause()
  env.advance(0)
  await pause
  expect([pause === undefined, pauses(64)]).toEqual([false, 0])
})
