import { getEventListeners } from 'node:events'

import { describe, expect, test } from 'vitest'

import { turn } from '../../test/support/handles.ts'
import { failureOf } from '../../test/support/outcome.ts'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import type { Tick, TickOptions } from './tick-loop.ts'
import { Ticks } from './ticks.ts'

const END = { done: true, value: undefined }

type Loop = AsyncIterableIterator<Tick, undefined>

/** Timers that go off early, as those of hosts do, which count in whole milliseconds. */
class HastyEnv extends VirtualEnv {
  override setTimer(callback: () => void, ms: number): ReturnType<VirtualEnv['setTimer']> {
    return super.setTimer(callback, ms < 1 ? ms : Math.floor(ms))
  }
}

function begin(hz = 10, options?: TickOptions): { env: VirtualEnv; ticks: Ticks; loop: Loop } {
  const env = new VirtualEnv()
  env.advance(12_345.678)
  const ticks = new Ticks(env)
  return { env, ticks, loop: ticks.loop(hz, options) }
}

/** Asks for the next tick; it is in `tick` once it is there. */
function ask(loop: Loop): { tick: Tick | undefined } {
  const asked: { tick: Tick | undefined } = { tick: undefined }
  loop.next().then(
    ({ value }) => (asked.tick = value),
    () => {},
  )
  return asked
}

async function next(env: VirtualEnv, loop: Loop, ms: number): Promise<Tick | undefined> {
  const asked = ask(loop)
  env.advance(ms)
  await turn()
  return asked.tick
}

/** Waits for the next tick in steps of a millisecond. */
async function following(env: VirtualEnv, loop: Loop): Promise<Tick> {
  const asked = ask(loop)
  for (await turn(); asked.tick === undefined; await turn()) env.advance(1)
  return asked.tick
}

describe('ticks by rate', () => {
  test.each([1_000, 999.5, 144, 60, 30, 7, 1, 0.1])(
    'at %d Hz the n-th is due n periods after the loop began, whatever each body took, and not earlier',
    async (hz) => {
      const { env, loop } = begin(hz)
      const [startedAt, periodMs] = [env.now(), 1_000 / hz]
      for (let n = 1; n <= 300; n += 1) {
        const asked = ask(loop)
        env.advance(startedAt + n * periodMs - 0.02 - env.now())
        await turn()
        expect(asked.tick).toBeUndefined()
        env.advance(0.02)
        await turn()
        expect(asked.tick).toMatchObject({ count: n, missed: 0, atMs: expect.closeTo(n * periodMs) })
        env.advance(periodMs * 0.9 * ((n * 0.618) % 1))
      }
      expect(env.timers).toBe(0)
    },
  )

  test('do not drift in a hundred days', async () => {
    const { env, loop } = begin(60)
    const [startedAt, days] = [env.now(), 100 * 86_400]
    await next(env, loop, 1_000 / 60)
    env.advance(days * 1_000)
    expect(await next(env, loop, 0)).toMatchObject({ count: days * 60 + 1, missed: days * 60 - 1 })
    for (let n = 1; n <= 100; n += 1) {
      const count = days * 60 + 1 + n
      const dueAt = startedAt + (count * 1_000) / 60
      expect(await next(env, loop, dueAt + 0.01 - env.now())).toMatchObject({ count, missed: 0 })
    }
  })

  test('never pile up: a body that took three periods gets one tick next, which says what was missed', async () => {
    const { env, loop } = begin(10)
    const first = await next(env, loop, 100)
    env.advance(320)
    const late = await next(env, loop, 0)
    const asked = ask(loop)
    env.advance(79)
    await turn()
    expect(asked.tick).toBeUndefined()
    env.advance(1)
    await turn()
    expect([first, late, asked.tick]).toEqual([
      { count: 1, missed: 0, atMs: expect.closeTo(100), elapsedMs: expect.closeTo(100) },
      { count: 4, missed: 2, atMs: expect.closeTo(420), elapsedMs: expect.closeTo(320) },
      { count: 5, missed: 0, atMs: expect.closeTo(500), elapsedMs: expect.closeTo(80) },
    ])
  })

  test.each([
    [0, 1, 0],
    [0.99, 1, 0],
    [1, 1, 0],
    [1.99, 1, 0],
    [2, 2, 1],
    [3, 3, 2],
    [1_000, 1_000, 999],
  ])('a body of %d periods: the next tick is %i further, and %i were missed', async (periods, further, missed) => {
    const { env, loop } = begin(10)
    await next(env, loop, 100)
    env.advance(periods * 100)
    expect(await following(env, loop)).toMatchObject({ count: 1 + further, missed })
  })

  test('a body that never waits and takes too long leaves the event loop its turn', async () => {
    const { env, loop } = begin(10)
    await next(env, loop, 100)
    env.advance(150)
    const overdue = ask(loop)
    await turn() // all promises that can settle have: only the event loop can go on
    expect(overdue.tick).toBeUndefined()
    env.advance(0)
    await turn()
    expect(overdue.tick).toMatchObject({ count: 2, missed: 0 })
  })

  test('do not come early where timers do', async () => {
    const env = new HastyEnv()
    const loop = new Ticks(env).loop(60)
    for (let n = 1; n <= 100; n += 1) {
      const tick = await following(env, loop)
      expect(tick.count).toBe(n)
      expect(tick.atMs).toBeGreaterThanOrEqual((n * 1_000) / 60 - 0.01)
    }
  })

  test('begin when the first one is asked for', async () => {
    const { env, loop } = begin(10)
    env.advance(1_000)
    expect(env.timers).toBe(0)
    expect(await next(env, loop, 100)).toMatchObject({ count: 1, missed: 0, elapsedMs: expect.closeTo(100) })
  })

  test('of two loops are independent', async () => {
    const { env, ticks, loop: slow } = begin(4)
    env.advance(100)
    const quick = ticks.loop(10)
    const asked = ask(slow)
    for (const count of [1, 2]) expect(await next(env, quick, 100)).toMatchObject({ count, missed: 0 })
    expect(asked.tick).toBeUndefined()
    await quick.return?.()
    env.advance(50)
    await turn()
    expect([asked.tick?.count, await quick.next(), env.timers]).toEqual([1, END, 0])
  })
})

describe('a loop over ticks leaves no timer and no listener behind', () => {
  test('while its body runs, and after a break', async () => {
    const { env, loop } = begin(10)
    setImmediate(() => env.advance(100))
    for await (const { count } of loop) {
      expect([count, env.timers]).toEqual([1, 0])
      break
    }
    expect([env.timers, await loop.next()]).toEqual([0, END])
  })

  test('after a return() while it waits', async () => {
    const { env, loop } = begin(10)
    const waiting = loop.next()
    expect(env.timers).toBe(1)
    expect([await loop.return?.(), await waiting, env.timers]).toEqual([END, END, 0])
  })

  test('after its signal, which ends it with its reason', async () => {
    const controller = new AbortController()
    const { env, loop } = begin(10, { signal: controller.signal })
    const failure = failureOf(loop.next())
    controller.abort('enough')
    expect([await failure, await loop.next(), env.timers]).toEqual(['enough', END, 0])
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })

  test('after its signal fired while its body ran', async () => {
    const controller = new AbortController()
    const { env, loop } = begin(10, { signal: controller.signal })
    await next(env, loop, 100)
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    controller.abort('enough')
    expect([await failureOf(loop.next()), await loop.next(), env.timers]).toEqual(['enough', END, 0])
  })

  test('after its signal fired before it began', async () => {
    const { env, loop } = begin(10, { signal: AbortSignal.abort('before') })
    expect([await failureOf(loop.next()), await loop.next(), env.timers]).toEqual(['before', END, 0])
  })

  test('after the end of ticks, whether it waits, has its body running, has a tick due, or is new', async () => {
    const { env, ticks, loop: working } = begin(10)
    await next(env, working, 100)
    const [waiting, late] = [ticks.loop(20), ticks.loop(20)]
    await next(env, late, 50)
    env.advance(100)
    const [asked, due] = [waiting.next(), late.next()]
    ticks.end()
    expect([await asked, await due, await working.next(), await ticks.loop(10).next()]).toEqual([END, END, END, END])
    env.advance(0) // what was left for after this turn
    expect(env.timers).toBe(0)
  })
})

test('an overlapping next() rejects with ITERATOR_BUSY, the first one is served', async () => {
  const { env, loop } = begin(10)
  const first = ask(loop)
  expect(await failureOf(loop.next())).toMatchObject({ code: 'ITERATOR_BUSY' })
  env.advance(100)
  await turn()
  expect(first.tick?.count).toBe(1)
})

describe('arguments', () => {
  const rule = 'Expected `hz` to be a number of ticks per second above 0 and up to 1000'

  test.each([0, -0, -1, -60, Number.NaN, 1_000.001, 1_001, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%d ticks per second are a RangeError that names the rule',
    (hz) => {
      expect(() => begin(hz)).toThrow(new RangeError(`${rule}, got \`${hz}\``))
    },
  )

  test.each([
    ['60', '`60` (string)'],
    [undefined, '`undefined` (undefined)'],
    [null, '`null` (object)'],
    [{}, '`[object Object]` (object)'],
    [60n, '`60` (bigint)'],
  ])('%o is a TypeError that names the rule', (hz, got) => {
    const message = `${rule}, or made by manualTicks(), got ${got}`
    expect(() => new Ticks(new VirtualEnv()).loop(hz as never)).toThrow(new TypeError(message))
  })

  test.each([1_000, 999, 1, 0.001, Number.MIN_VALUE])('%d ticks per second are fine', async (hz) => {
    const { env, loop } = begin(hz)
    const asked = loop.next()
    expect(env.timers).toBe(1)
    await loop.return?.()
    expect(await asked).toEqual(END)
  })

  test('a signal that is none is a TypeError', () => {
    expect(() => begin(1, { signal: {} as never })).toThrow('Expected `signal` to be an AbortSignal')
  })
})
