import { beforeEach, describe, expect, test } from 'vitest'

import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { RemoteError } from '../errors/errors.ts'
import { MAX_DEAD_LETTER_BYTES, MAX_DEAD_LETTERS } from './dead-letters.ts'
import { Entry } from './entry.ts'
import type { Settlement } from './settlement.ts'
import { Redelivery } from './redelivery.ts'

let env: VirtualEnv
let backlog: Entry[]
let ends: string[]
let redelivery: Redelivery<string>

beforeEach(() => {
  env = new VirtualEnv()
  backlog = []
  ends = []
  redelivery = new Redelivery<string>({
    env,
    options: { maxAttempts: 3, retryDelayMs: 10, maxRetryDelayMs: 15 },
    requeue: (entry) => backlog.unshift(entry),
    advance: () => {},
    revive: (entry) => backlog.push(entry) > 0,
    gone: (entry) => ends.push(`gone ${String(entry.item)}`),
    buried: (entry) => ends.push(`buried ${String(entry.item)}`),
    warn: ({ code, value }) => ends.push(`${code} ${String(value)}`),
  })
})

const entryOf = (item = 'a'): Entry => new Entry(item, new Uint8Array(1))
const settle = (outcome: 'done' | 'released' | 'returned' | 'cancelled'): Settlement => ({ type: 'settle', outcome })
const settled = (entry: Entry, settlement: Settlement): Entry => {
  redelivery.settled(entry, 'worker', settlement)
  return entry
}

/** An entry that waits for its result, and what came of that. */
function submitted(): { entry: Entry; answers: unknown[] } {
  const entry = entryOf()
  const answers: unknown[] = []
  entry.result = { resolve: (value) => answers.push(value), reject: (error) => answers.push(error) }
  return { entry, answers }
}

describe('P2: an item', () => {
  test('that is done is gone', () => {
    expect(settled(entryOf(), settle('done')).state).toBe('gone')
    expect([ends, backlog]).toEqual([['gone a'], []])
  })

  test('that comes back unstarted is put to the head at once and keeps its attempt', () => {
    const entry = settled(entryOf(), settle('returned'))
    expect([backlog, entry.attempt, entry.history]).toEqual([[entry], 1, undefined])
  })

  test('that was released waits, longer each time, and comes back with the next attempt', () => {
    const entry = settled(entryOf(), settle('released'))
    expect([backlog.length, redelivery.delayed]).toEqual([0, 1])
    env.advance(9)
    expect(backlog).toEqual([])
    env.advance(1)
    expect([backlog, entry.attempt, redelivery.delayed]).toEqual([[entry], 2, 0])
    settled(entry, settle('released'))
    env.advance(14)
    expect(backlog).toHaveLength(1)
    env.advance(1)
    expect(backlog).toHaveLength(2)
  })

  test('whose receiver was lost comes back at once with the next attempt, or the same if it was not sent', () => {
    const [sent, queued] = [entryOf('sent'), entryOf('queued')]
    redelivery.lost(queued, 'worker', { wasSent: false })
    redelivery.lost(sent, 'worker', { wasSent: true })
    expect(backlog).toEqual([sent, queued])
    expect([sent.attempt, queued.attempt, env.timers]).toEqual([2, 1, 0])
  })

  test('whose handler failed is tried again, and its history has the code', () => {
    const entry = settled(entryOf(), { type: 'failed', code: 'OUT_OF_PAPER', reason: '' })
    env.advance(10)
    expect(backlog).toEqual([entry])
    expect(entry.history).toEqual([{ peer: 'worker', outcome: 'released', code: 'OUT_OF_PAPER' }])
  })

  test('that fails maxAttempts times becomes a dead letter with its history', () => {
    const entry = entryOf()
    redelivery.lost(entry, 'one', { wasSent: true })
    redelivery.settled(entry, 'two', settle('released'))
    env.advance(15)
    redelivery.lost(entry, 'three', { wasSent: true })
    expect(redelivery.deadLetters.list()).toEqual([
      {
        id: 1,
        item: 'a',
        attempts: 3,
        history: [
          { peer: 'one', outcome: 'lost' },
          { peer: 'two', outcome: 'released' },
          { peer: 'three', outcome: 'lost' },
        ],
      },
    ])
    expect(ends).toEqual(['buried a', 'gone a'])
  })

  test('P9: that was not settled in time comes back at once, with the next attempt, and its history says so', () => {
    const entry = settled(entryOf(), { type: 'overdue' })
    expect([backlog, entry.attempt, env.timers]).toEqual([[entry], 2, 0])
    settled(entry, { type: 'overdue' })
    settled(entry, { type: 'overdue' })
    expect(redelivery.deadLetters.list()).toMatchObject([
      { attempts: 3, history: [1, 2, 3].map(() => ({ peer: 'worker', outcome: 'overdue' })) },
    ])
  })

  test('that is refused is a dead letter at once', () => {
    settled(entryOf(), { type: 'reject', code: 'NOT_MINE', reason: 'x' })
    expect(redelivery.deadLetters.list()).toMatchObject([
      { item: 'a', attempts: 1, history: [{ peer: 'worker', outcome: 'rejected', code: 'NOT_MINE' }] },
    ])
  })

  test.each<[string, (entry: Entry) => void]>([
    ['released', (entry) => settled(entry, settle('released'))],
    ['returned', (entry) => settled(entry, settle('returned'))],
    ['done', (entry) => settled(entry, settle('done'))],
    ['cancelled', (entry) => settled(entry, settle('cancelled'))],
    ['refused', (entry) => settled(entry, { type: 'reject', code: 'X', reason: '' })],
    ['overdue', (entry) => settled(entry, { type: 'overdue' })],
    ['lost', (entry) => redelivery.lost(entry, 'worker', { wasSent: true })],
  ])('P1: that was cancelled is gone when it is %s', (_what, act) => {
    const entry = entryOf()
    entry.isCancelled = true
    act(entry)
    expect([ends, backlog, env.timers, redelivery.deadLetters.size]).toEqual([['gone a'], [], 0, 0])
  })
})

describe('P1: a submit', () => {
  test('gets its result', () => {
    const { entry, answers } = submitted()
    settled(entry, { type: 'result', value: new Uint8Array([7]) })
    expect([answers, ends]).toEqual([[new Uint8Array([7])], ['gone a']])
  })

  test.each<[string, Settlement, object]>([
    ['NO_RESULT for an item that is settled without', settle('done'), { code: 'NO_RESULT', delivered: 'maybe' }],
    [
      'RemoteError for a handler that threw',
      { type: 'failed', code: 'X', reason: 'y' },
      { remoteCode: 'X', reason: 'y' },
    ],
    ['RemoteError for an item that is refused', { type: 'reject', code: 'X', reason: '' }, { remoteCode: 'X' }],
  ])('gets %s', (_what, settlement, error) => {
    const { entry, answers } = submitted()
    settled(entry, settlement)
    expect(answers).toMatchObject([error])
    expect([redelivery.deadLetters.size, ends]).toEqual([0, ['gone a']])
  })

  test('gets DEAD_LETTER after maxAttempts losses, and leaves no letter: somebody knows', () => {
    const { entry, answers } = submitted()
    for (const peer of ['one', 'two', 'three']) redelivery.lost(entry, peer, { wasSent: true })
    expect(answers).toMatchObject([{ code: 'DEAD_LETTER', limit: 'maxAttempts', value: 3, delivered: 'maybe' }])
    expect(redelivery.deadLetters.size).toBe(0)
  })

  test('learns no text where the other end does not tell it', () => {
    const { entry, answers } = submitted()
    settled(entry, { type: 'failed', code: 'X', reason: '' })
    expect(answers[0]).toBeInstanceOf(RemoteError)
    expect((answers[0] as RemoteError).reason).toBeUndefined()
  })
})

describe('dead letters', () => {
  const bury = (...items: string[]): void => {
    for (const item of items) settled(entryOf(item), { type: 'reject', code: 'X', reason: '' })
  }

  test('are put to the end of the backlog in their order, as new items', () => {
    bury('a', 'b')
    backlog.push(entryOf('c'))
    expect(redelivery.deadLetters.requeue()).toBe(2)
    expect(backlog.map(({ item, attempt, history, state }) => [item, attempt, history, state])).toEqual([
      ['c', 1, undefined, 'waiting'],
      ['a', 1, undefined, 'waiting'],
      ['b', 1, undefined, 'waiting'],
    ])
    expect(redelivery.deadLetters.size).toBe(0)
  })

  test('are requeued and dropped one by one', () => {
    bury('a', 'b', 'c')
    const { deadLetters } = redelivery
    expect([deadLetters.requeue(2), deadLetters.requeue(2), deadLetters.drop(3), deadLetters.drop(99)]).toEqual([
      1, 0, 1, 0,
    ])
    expect([backlog.map(({ item }) => item), deadLetters.list().map(({ item }) => item)]).toEqual([['b'], ['a']])
    expect([deadLetters.drop(), deadLetters.size]).toEqual([1, 0])
  })

  test('stay where they are when there is no backlog any more', () => {
    bury('a')
    const closed = new Redelivery<string>({
      env,
      options: {},
      requeue: () => {},
      advance: () => {},
      revive: () => {
        throw new Error('closed')
      },
      gone: () => {},
      buried: () => {},
      warn: () => {},
    })
    closed.settled(entryOf('b'), 'worker', { type: 'reject', code: 'X', reason: '' })
    expect(() => closed.deadLetters.requeue()).toThrow('closed')
    expect(closed.deadLetters.list()).toMatchObject([{ item: 'b', attempts: 1, history: [{ outcome: 'rejected' }] }])
  })

  test('are bounded: the oldest goes, and that is reported', () => {
    bury(...Array.from({ length: MAX_DEAD_LETTERS + 1 }, (_, index) => String(index)))
    expect(redelivery.deadLetters.size).toBe(MAX_DEAD_LETTERS)
    expect(redelivery.deadLetters.list()[0]).toMatchObject({ id: 2, item: '1' })
    expect(ends).toContain('DEAD_LETTER 0')
  })

  test('are bounded in bytes too: as many of the oldest go as make room', () => {
    bury('a', 'b', 'c')
    const large = new Entry('large', new Uint8Array(MAX_DEAD_LETTER_BYTES - 1))
    settled(large, { type: 'reject', code: 'X', reason: '' })
    expect(redelivery.deadLetters.list().map(({ item }) => item)).toEqual(['c', 'large'])
  })
})

describe('what waits for its next attempt', () => {
  test('can be given up', () => {
    const entry = settled(entryOf(), settle('released'))
    expect([redelivery.drop(entry), redelivery.drop(entry), env.timers]).toEqual([true, false, 0])
  })

  test('is handed out when all is closed, and no timer remains', () => {
    const entry = settled(entryOf(), settle('released'))
    expect([redelivery.close(), redelivery.delayed, env.timers]).toEqual([[entry], 0, 0])
  })
})
