import { beforeEach, describe, expect, test } from 'vitest'

import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { Entry } from './entry.ts'
import { endDeadline, limitSettling, SettleDeadlines } from './settle-deadlines.ts'

let env: VirtualEnv
let takenBack: [at: number, items: unknown[]][]

beforeEach(() => {
  env = new VirtualEnv()
  takenBack = []
})

const holder = {
  cancel: (): void => {},
  takeBack: (entries: readonly Entry[]): void => void takenBack.push([env.now(), entries.map(({ item }) => item)]),
}

function entryOf(item: unknown, settleTimeoutMs?: number): Entry {
  const entry = new Entry(item, new Uint8Array(0))
  entry.holder = holder
  limitSettling(entry, { settleTimeoutMs })
  return entry
}

function begin(deadlines: SettleDeadlines, ...entries: Entry[]): void {
  for (const entry of entries) deadlines.begin(entry)
}

describe('P9: items that are not settled in time', () => {
  test('are taken back when their time is up, those of one moment together', () => {
    const deadlines = new SettleDeadlines(env, { settleTimeoutMs: 100 })
    begin(deadlines, entryOf('a'), entryOf('b'))
    env.advance(50)
    begin(deadlines, entryOf('c'))
    env.advance(49)
    expect(takenBack).toEqual([])
    env.advance(101)
    expect(takenBack).toEqual([
      [100, ['a', 'b']],
      [150, ['c']],
    ])
    expect(env.timers).toBe(0)
  })

  test('are left alone once they are settled, and have one timer together', () => {
    const deadlines = new SettleDeadlines(env, { settleTimeoutMs: 100 })
    const entries = ['a', 'b', 'c'].map((item) => entryOf(item))
    begin(deadlines, ...entries)
    expect(env.timers).toBe(1)
    for (const entry of entries.slice(0, 2)) endDeadline(entry)
    env.advance(100)
    expect(takenBack).toEqual([[100, ['c']]])
    expect(env.timers).toBe(0)
  })

  test('have their time anew from each renewal, and those behind them do not wait for it', () => {
    const deadlines = new SettleDeadlines(env, { settleTimeoutMs: 100 })
    const [a, b] = [entryOf('a'), entryOf('b')]
    begin(deadlines, a, b)
    env.advance(60)
    deadlines.renew(a)
    env.advance(200)
    expect(takenBack).toEqual([
      [100, ['b']],
      [160, ['a']],
    ])
  })

  test('are not renewed once nobody has them', () => {
    const deadlines = new SettleDeadlines(env, { settleTimeoutMs: 100 })
    const entry = entryOf('a')
    begin(deadlines, entry)
    endDeadline(entry)
    deadlines.renew(entry)
    env.advance(1_000)
    expect(takenBack).toEqual([])
  })

  test('have the time of the call that put them, where it has one; 0 and Infinity are for ever', () => {
    const deadlines = new SettleDeadlines(env, { settleTimeoutMs: 100 })
    begin(deadlines, entryOf('long', 500), entryOf('usual'), entryOf('ever', 0), entryOf('too', Infinity))
    env.advance(10_000)
    expect(takenBack).toEqual([
      [100, ['usual']],
      [500, ['long']],
    ])
    expect(env.timers).toBe(0)
  })

  test('have none where nobody asked for one, and cost no timer', () => {
    const deadlines = new SettleDeadlines(env)
    const entry = entryOf('a')
    begin(deadlines, entry)
    expect([entry.deadline, env.timers]).toEqual([undefined, 0])
    begin(deadlines, entryOf('b', 10))
    env.advance(10)
    expect(takenBack).toEqual([[10, ['b']]])
  })

  test('may be settled by what has come while this process stood still', () => {
    const deadlines = new SettleDeadlines(env, { settleTimeoutMs: 100 })
    const entry = entryOf('a')
    begin(deadlines, entry)
    env.setTimer(() => env.afterPoll(() => endDeadline(entry)), 100)
    env.advance(100)
    expect(takenBack).toEqual([])
  })

  test('stay where they are after the end, and no timer is left', () => {
    const deadlines = new SettleDeadlines(env, { settleTimeoutMs: 100 })
    begin(deadlines, entryOf('a'))
    deadlines.close()
    begin(deadlines, entryOf('b'))
    expect(env.timers).toBe(0)
    env.advance(100)
    expect(takenBack).toEqual([])
  })

  test('after the end of the time, but before the second look, are not taken back by a side that is closed', () => {
    const deadlines = new SettleDeadlines(env, { settleTimeoutMs: 100 })
    begin(deadlines, entryOf('a'))
    env.setTimer(() => deadlines.close(), 100)
    env.advance(100)
    expect(takenBack).toEqual([])
  })
})

test('P11: a time that is none is refused', () => {
  expect(() => new SettleDeadlines(env, { settleTimeoutMs: -1 })).toThrow(
    'Expected `settleTimeoutMs` to be a number of milliseconds from 0, got `-1`',
  )
  expect(() => entryOf('a', Number.NaN)).toThrow(RangeError)
})
