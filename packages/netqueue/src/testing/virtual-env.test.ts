import { expect, test } from 'vitest'

import { virtualEnv } from './virtual-env.ts'

test('time stands still until advance()', async () => {
  const env = virtualEnv()
  const fired: string[] = []
  env.setTimer(() => fired.push('a'), 0)
  await env.rest()
  expect([env.now(), env.timers, fired]).toEqual([0, 1, []])
  env.advance(0)
  expect([env.now(), env.timers, fired]).toEqual([0, 0, ['a']])
})

test('timers fire in order of time, then of setting, and each at its time', () => {
  const env = virtualEnv()
  const fired: [string, number][] = []
  const set = (name: string, ms: number): unknown => env.setTimer(() => fired.push([name, env.now()]), ms)
  set('c', 20)
  set('a', 10)
  set('d', 20)
  set('b', 10)
  set('late', 31)
  env.advance(30)
  expect(fired).toEqual([
    ['a', 10],
    ['b', 10],
    ['c', 20],
    ['d', 20],
  ])
  expect([env.now(), env.timers]).toEqual([30, 1])
})

test('a timer that a callback sets fires in the same advance() where it is due', () => {
  const env = virtualEnv()
  const fired: number[] = []
  const again = (): void => {
    fired.push(env.now())
    env.setTimer(again, 4)
  }
  again()
  env.advance(10)
  expect([fired, env.timers]).toEqual([[0, 4, 8], 1])
})

test('cancel() takes one timer away, and nothing the second time', () => {
  const env = virtualEnv()
  const fired: string[] = []
  const [first] = [env.setTimer(() => fired.push('a'), 5), env.setTimer(() => fired.push('b'), 5)]
  first.cancel()
  first.cancel()
  env.advance(5)
  first.cancel()
  expect([fired, env.timers]).toEqual([['b'], 0])
})

test('afterTurn and afterPoll call back without advance(), and with manualTurns only by it', async () => {
  for (const manualTurns of [false, true]) {
    const env = virtualEnv({ manualTurns })
    const called: string[] = []
    env.afterTurn(() => called.push('turn'))
    env.afterPoll(() => called.push('poll'))
    await env.rest()
    expect([called, env.timers]).toEqual(manualTurns ? [[], 2] : [['turn', 'poll'], 0])
    env.advance(0)
    expect(called).toEqual(['turn', 'poll'])
  }
})

test('the same seed gives the same numbers and bytes, another seed others', () => {
  const draw = (seed: number): unknown => {
    const env = virtualEnv({ seed })
    return [env.random(), env.random(), ...env.randomBytes(16)]
  }
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
  expect(virtualEnv().randomBytes(16)).toEqual(virtualEnv({ seed: 1 }).randomBytes(16))
})

test('numbers are spread from 0 to 1', () => {
  const env = virtualEnv({ seed: 42 })
  const numbers = Array.from({ length: 10_000 }, () => env.random())
  const tenths = Array.from({ length: 10 }, (_, tenth) => numbers.filter((n) => Math.floor(n * 10) === tenth).length)
  expect(Math.min(...tenths)).toBeGreaterThan(900)
  expect(Math.max(...tenths)).toBeLessThan(1_100)
  expect(new Set(numbers).size).toBeGreaterThan(9_990)
})

test('pass() lets just the time pass that a promise waits for, and gives what it gave', async () => {
  const env = virtualEnv()
  const wait = (ms: number): Promise<void> => new Promise((resolve) => env.setTimer(resolve, ms))
  const work = async (): Promise<string> => {
    await wait(100)
    await wait(0.5)
    return 'done'
  }
  env.setTimer(() => {}, 1_000)
  expect(await env.pass(work())).toBe('done')
  expect([env.now(), env.timers]).toEqual([100.5, 1])
  const reason = new Error('no')
  await expect(env.pass(Promise.reject(reason))).rejects.toBe(reason)
})

test('rest() lasts as long as one thing leads to another, but not for ever', async () => {
  const env = virtualEnv()
  let turns = 0
  const go = (end: number): void => {
    turns += 1
    if (turns < end) env.afterPoll(() => go(end))
  }
  go(1_000)
  await env.rest()
  expect(turns).toBe(1_000)
  go(Number.POSITIVE_INFINITY)
  await env.rest()
  expect(turns).toBeGreaterThan(10_000)
  turns = Number.POSITIVE_INFINITY
})

test('pass() gives up on a promise that waits for no timer, or for too long', async () => {
  const env = virtualEnv()
  const never = new Promise(() => {})
  await expect(env.pass(never)).rejects.toThrow('no timer is set')
  env.setTimer(() => {}, 5_001)
  await expect(env.pass(never, { withinMs: 5_000 })).rejects.toThrow('`withinMs`')
  expect([env.now(), env.timers]).toEqual([0, 1])
})

test.each([
  [() => virtualEnv({ seed: 1.5 }), '`seed`'],
  [() => virtualEnv().advance(-1), '`ms`'],
])('an argument that is out of range is refused', (call, name) => {
  expect(call).toThrow(RangeError)
  expect(call).toThrow(name)
})
