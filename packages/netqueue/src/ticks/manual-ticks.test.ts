import { expect, test } from 'vitest'

import { turn } from '../../test/support/handles.ts'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { manualTicks } from './manual-ticks.ts'
import type { ManualTicks } from './manual-ticks.ts'
import type { Tick } from './tick-loop.ts'
import { Ticks } from './ticks.ts'

/** No step takes time here, unless a test lets it pass; what is put off to after the turn is not timed. */
class Still extends VirtualEnv {
  override afterPoll(callback: () => void): void {
    setImmediate(callback)
  }
}

interface Follower {
  ticks: Tick[]
  over: Promise<void>
  leave: () => void
}

/** A loop with a body that ends when `body` does. */
function follow(ticks: Ticks, manual: ManualTicks, body: (tick: Tick) => unknown = () => {}): Follower {
  const seen: Tick[] = []
  let isLeaving = false
  const over = (async () => {
    for await (const tick of ticks.loop(manual)) {
      seen.push(tick)
      await body(tick)
      if (isLeaving) break
    }
  })()
  return { ticks: seen, over, leave: () => (isLeaving = true) }
}

const counts = ({ ticks }: Follower): number[] => ticks.map(({ count }) => count)

test('every step is a tick, and idle() waits until its body is through', async () => {
  const [env, manual] = [new Still(), manualTicks()]
  const done: number[] = []
  const follower = follow(new Ticks(env), manual, async ({ count }) => {
    await turn()
    done.push(count)
  })
  for (const count of [1, 2, 3]) {
    env.advance(20)
    manual.tick()
    await manual.idle()
    expect(done.at(-1)).toBe(count)
  }
  expect(follower.ticks).toEqual([
    { count: 1, missed: 0, atMs: 20, elapsedMs: 20 },
    { count: 2, missed: 0, atMs: 40, elapsedMs: 20 },
    { count: 3, missed: 0, atMs: 60, elapsedMs: 20 },
  ])
  expect(env.timers).toBe(0)
})

test('steps while a body runs are one tick when it is through, which says how many were missed', async () => {
  const manual = manualTicks()
  const follower = follow(new Ticks(new Still()), manual)
  for (let steps = 0; steps < 4; steps += 1) manual.tick()
  await manual.idle()
  expect(follower.ticks).toMatchObject([
    { count: 1, missed: 0 },
    { count: 4, missed: 2 },
  ])
})

test('steps before a loop began are not for it', async () => {
  const [ticks, manual] = [new Ticks(new Still()), manualTicks()]
  manual.tick()
  await manual.idle()
  const early = follow(ticks, manual)
  manual.tick()
  await manual.idle()
  const late = follow(ticks, manual)
  manual.tick()
  await manual.idle()
  expect([counts(early), counts(late)]).toEqual([[1, 2], [1]])
})

test('loops of several servers follow one hand; a slow one, and one that is left, do not hold up the others', async () => {
  const [ticks, others, manual] = [new Ticks(new Still()), new Ticks(new Still()), manualTicks()]
  let finish = (): void => {}
  const slow = follow(ticks, manual, () => new Promise<void>((resolve) => (finish = resolve)))
  const quick = follow(others, manual)
  const left = follow(others, manual)
  left.leave()
  for (let steps = 0; steps < 3; steps += 1) {
    manual.tick()
    for (let turns = 0; turns < 3; turns += 1) await turn()
  }
  expect([counts(slow), counts(quick), counts(left)]).toEqual([[1], [1, 2, 3], [1]])
  let isIdle = false
  const idle = manual.idle().then(() => (isIdle = true))
  await turn()
  expect(isIdle).toBe(false)
  slow.leave()
  finish()
  await idle
  expect(await Promise.all([slow.over, left.over])).toEqual([undefined, undefined])
})

test('loops end with their server, and idle() waits for none of them', async () => {
  const [ticks, manual] = [new Ticks(new Still()), manualTicks()]
  let finish = (): void => {}
  const waiting = follow(ticks, manual)
  manual.tick()
  await manual.idle()
  const working = follow(ticks, manual, () => new Promise<void>((resolve) => (finish = resolve)))
  manual.tick()
  await turn()
  ticks.end()
  await waiting.over
  finish()
  await working.over
  manual.tick()
  await manual.idle()
  expect([counts(waiting), counts(working)]).toEqual([[1, 2], [1]])
})

test('idle() of a hand that nobody follows resolves', async () => {
  expect(await manualTicks().idle()).toBeUndefined()
})
