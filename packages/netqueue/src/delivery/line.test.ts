import { beforeEach, describe, expect, test } from 'vitest'

import { failureOf } from '../../test/support/outcome.ts'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { Entry } from './entry.ts'
import { Line } from './line.ts'

let env: VirtualEnv
let sent: Entry[]
let credit: number
let wakes: number
let line: Line

beforeEach(() => {
  env = new VirtualEnv()
  sent = []
  credit = 0
  wakes = 0
  const taker = {
    assign: (entry: Entry) => {
      credit -= 1
      entry.state = 'queued'
      sent.push(entry)
    },
  }
  line = new Line({
    env,
    maxWaiting: 3,
    taker: () => (credit > 0 ? taker : undefined),
    withdrawn: () => (wakes += 1),
  })
})

const entryOf = (item: string): Entry => new Entry(item, new Uint8Array(1))
const put = (item: string, wait: { timeout?: number; signal?: AbortSignal } = {}): Promise<unknown> =>
  failureOf(new Promise<void>((resolve) => resolve(line.put(entryOf(item), wait))))
const itemsOf = (entries: readonly Entry[]): string => entries.map(({ item }) => String(item)).join('')
function grant(items: number): void {
  credit += items
  line.advance()
}

describe('P1: a put to the one peer there is', () => {
  test('resolves when there is credit, first come first served', async () => {
    const puts = ['a', 'b', 'c'].map((item) => put(item))
    grant(2)
    expect(await Promise.all(puts.slice(0, 2))).toEqual([undefined, undefined])
    expect([itemsOf(sent), line.size]).toEqual(['ab', 1])
  })

  test('is certainly not sent when time is up or its signal fires', async () => {
    const stop = new AbortController()
    const [late, stopped, good] = [put('a', { timeout: 50 }), put('b', { signal: stop.signal }), put('c')]
    stop.abort('enough')
    env.advance(50)
    expect(await late).toMatchObject({ code: 'QUEUE_FULL', limit: 'timeout', value: 50, delivered: 'no' })
    expect(await stopped).toBe('enough')
    grant(3)
    expect([await good, itemsOf(sent), env.timers]).toEqual([undefined, 'c', 0])
  })

  test('is QUEUE_FULL when too many wait', async () => {
    for (const item of ['a', 'b', 'c']) void put(item)
    expect(await put('d')).toMatchObject({ code: 'QUEUE_FULL', limit: 'maxWaiting', value: 4, delivered: 'no' })
    expect(line.size).toBe(3)
  })

  test('tryPut() sends now or not at all, and does not overtake', () => {
    expect(line.tryPut(entryOf('a'))).toBe(false)
    void put('b')
    credit = 1
    expect(line.tryPut(entryOf('c'))).toBe(false)
    grant(1)
    expect(line.tryPut(entryOf('d'))).toBe(true)
    expect(itemsOf(sent)).toBe('bd')
  })
})

describe('P2: what the peer handed back', () => {
  test('goes first, and holds no settle up: it was on the wire before', () => {
    void put('new')
    for (const item of ['b', 'a']) line.requeue(entryOf(item))
    expect(line.oldestOrdinal).toBe(1)
    grant(3)
    expect(itemsOf(sent)).toBe('abnew')
    expect(line.oldestOrdinal).toBe(Number.POSITIVE_INFINITY)
  })

  test('a dead letter goes last', () => {
    void put('a')
    line.requeue(entryOf('b'))
    line.revive(entryOf('c'))
    grant(3)
    expect(itemsOf(sent)).toBe('bac')
  })

  test('a dead letter is given a place as a put is: at once where there is credit, and none where too many wait', () => {
    credit = 1
    line.revive(entryOf('a'))
    expect(itemsOf(sent)).toBe('a')
    for (const item of ['b', 'c', 'd']) line.revive(entryOf(item))
    expect(() => line.revive(entryOf('e'))).toThrow(
      expect.objectContaining({ code: 'QUEUE_FULL', limit: 'maxWaiting' }),
    )
    expect(line.size).toBe(3)
  })

  test('is returned when all is over, as dead letters are that wait; those who wait get the reason', async () => {
    const waiting = put('a')
    const [back, letter] = [entryOf('b'), entryOf('c')]
    line.requeue(back)
    line.revive(letter)
    expect(line.close(new Error('over'))).toEqual([back, letter])
    expect([await waiting, line.size]).toEqual([new Error('over'), 0])
  })
})

describe('what nobody will ever take', () => {
  test('rejects its call, or is handed out where nobody waits any more; the others keep their places', async () => {
    const back = entryOf('x')
    line.requeue(back)
    const [bad, good] = [put('x'), put('y')]
    const error = new Error('too long')
    const abandoned = line.refuse(({ item }) => (item === 'x' ? error : undefined))
    expect([abandoned, await bad, line.size]).toEqual([[{ entry: back, error }], error, 1])
    grant(2)
    expect([await good, itemsOf(sent)]).toEqual([undefined, 'y'])
  })
})

describe('P4: a settle that waits for a put', () => {
  test('must not overtake the last one that was made, be it sent at once', () => {
    credit = 1
    void put('a')
    void put('b')
    expect([line.lastOrdinal, line.oldestOrdinal, sent[0]?.ordinal]).toEqual([2, 2, 1])
  })

  test('is written when that put gave up', () => {
    void put('a', { timeout: 50 })
    expect(line.oldestOrdinal).toBe(1)
    env.advance(50)
    expect([line.oldestOrdinal, wakes]).toEqual([Number.POSITIVE_INFINITY, 1])
  })
})
