import { beforeEach, describe, expect, test } from 'vitest'

import { Recorder } from '../../test/support/recorder.ts'
import type { Written } from '../../test/support/recorder.ts'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import type { Wire } from '../protocol/wire.ts'
import { Entry } from './entry.ts'
import { Outbox } from './outbox.ts'
import { limitSettling, SettleDeadlines } from './settle-deadlines.ts'

const peer = {
  id: 'peer',
  tags: [],
  status: undefined,
  protocol: 'test',
  supports: { credit: true, settle: true, result: true, request: true, heartbeat: true },
  maxItemBytes: 1_000,
  maxUnsettled: 1_000,
}
const wireOf = (changes: object = {}): Wire =>
  ({ peer: { ...peer, ...changes }, carry: (_item: unknown, payload: Uint8Array) => payload }) as unknown as Wire

let settled: [item: unknown, outcome: string][]
let stale: number
let flushes: number
let env: VirtualEnv
let outbox: Outbox

beforeEach(() => {
  settled = []
  stale = 0
  flushes = 0
  env = new VirtualEnv()
  outbox = make()
})

function make({ maxUnsettled = 8, maxUnsettledBytes = 1_000 } = {}): Outbox {
  const box = new Outbox({
    maxUnsettled,
    maxUnsettledBytes,
    deadlines: new SettleDeadlines(env),
    owner: {
      wake: () => {},
      flush: () => (flushes += 1),
      settled: (entry, how) => {
        entry.state = 'waiting'
        settled.push([entry.item, how.type === 'settle' ? how.outcome : how.type])
      },
      stale: (count) => (stale += count),
    },
  })
  box.open(wireOf())
  return box
}

function entry(item: unknown = 'x', bytes = 1): Entry {
  return new Entry(item, new Uint8Array(bytes))
}

/** Assigns items of a byte each, and sends them. */
function send(...items: string[]): Entry[] {
  const entries = items.map((item) => entry(item))
  for (const one of entries) outbox.assign(one)
  fill()
  return entries
}

const fill = (places?: number): Written[] => fillInto(new Recorder(places))

function fillInto(writer: Recorder): Written[] {
  outbox.fillControl(writer)
  outbox.fill(writer)
  return writer.written
}

describe('what does not wait for the end of the turn', () => {
  test.each([
    { items: 512, bytes: 1 },
    { items: 49, bytes: 1_024 },
  ])('$items items of $bytes bytes', ({ items, bytes }) => {
    const box = make({ maxUnsettled: 1_000, maxUnsettledBytes: 1_000_000 })
    box.granted(1_000, 1_000_000, 0)
    for (let count = 1; count < items; count += 1) box.assign(new Entry('x', new Uint8Array(bytes)))
    expect(flushes).toBe(bytes === 1 ? 0 : 1)
    box.assign(new Entry('x', new Uint8Array(bytes)))
    expect(flushes).toBe(bytes === 1 ? 1 : 2)
  })
})

describe('P6: an outbox spends credit', () => {
  test('in items, and has none before it is granted any', () => {
    expect(outbox.credit).toBe(0)
    outbox.granted(3, 1_000, 0)
    expect(outbox.credit).toBe(3)
    outbox.assign(entry())
    expect(outbox.credit).toBe(2)
    fill()
    expect(outbox.credit).toBe(2)
  })

  test('in bytes: one item may overshoot, whether it is queued or sent', () => {
    outbox.granted(8, 10, 0)
    outbox.assign(entry('big', 11))
    expect(outbox.credit).toBe(0)
    fill()
    expect(outbox.credit).toBe(0)
    outbox.granted(8, 12, 1)
    expect(outbox.credit).toBe(7)
  })

  test('that never falls, whatever comes late', () => {
    outbox.granted(5, 1_000, 0)
    outbox.granted(2, 1, 0)
    expect(outbox.credit).toBe(5)
  })

  test('but holds no more than its own limits, whatever it is granted', () => {
    outbox = make({ maxUnsettled: 2, maxUnsettledBytes: 10 })
    outbox.granted(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 0)
    expect(outbox.credit).toBe(2)
    outbox.assign(entry('big', 10))
    expect(outbox.credit).toBe(0)
    fill()
    outbox.settle('done', 1, 1)
    expect(outbox.credit).toBe(2)
  })
})

describe('an outbox sends', () => {
  test('in order, each with its attempt and whether a result is wanted', () => {
    const asked = entry('c')
    asked.result = { resolve: () => {}, reject: () => {} }
    const again = entry('b')
    again.attempt = 3
    for (const one of [entry('a'), again, asked]) outbox.assign(one)
    expect(fill()).toEqual([
      ['item', 1, 1],
      ['item', 2, 3],
      ['item', 3, 1, 'wants a result'],
    ])
  })

  test('as many as fit, and the rest in the next frame', () => {
    for (const item of ['a', 'b', 'c']) outbox.assign(entry(item))
    expect([fill(2), fill(2)].map((frame) => frame.map(([, seq]) => seq))).toEqual([[1, 2], [3]])
    expect(outbox.inFlight).toBe(3)
  })

  test('and knows whether all has arrived', () => {
    expect(outbox.isAcknowledged).toBe(true)
    outbox.granted(8, 1_000, 0)
    send('a', 'b')
    expect(outbox.isAcknowledged).toBe(false)
    outbox.granted(8, 1_000, 2)
    expect(outbox.isAcknowledged).toBe(true)
    outbox.assign(entry())
    expect(outbox.isAcknowledged).toBe(false)
  })

  test('what the protocol of the peer can carry, and says so before', () => {
    const asked = entry('c')
    asked.result = { resolve: () => {}, reject: () => {} }
    expect([outbox.carries(entry()), outbox.carries(entry('big', 1_001)), outbox.carries(asked)]).toEqual([
      true,
      false,
      true,
    ])
    outbox.open(wireOf({ supports: { credit: true, settle: true, result: false, request: false, heartbeat: true } }))
    expect([outbox.carries(entry()), outbox.carries(asked)]).toEqual([true, false])
  })
})

describe('P2: an outbox keeps an item until the peer settles it', () => {
  test('by range; what comes back is told the newest first, so that the oldest ends up at the head', () => {
    send('a', 'b', 'c', 'd')
    outbox.settle('done', 1, 2)
    outbox.settle('returned', 3, 2)
    expect(settled).toEqual([
      ['a', 'done'],
      ['b', 'done'],
      ['d', 'returned'],
      ['c', 'returned'],
    ])
    expect(outbox.inFlight).toBe(0)
  })

  test('by answer', () => {
    const [a] = send('a')
    expect(outbox.take(1, { hasValue: false })).toBe(a)
    expect(outbox.inFlight).toBe(0)
  })

  test('P4: only once; what comes later is counted', () => {
    send('a', 'b', 'c')
    outbox.settle('done', 2, 1)
    outbox.settle('released', 1, 3)
    expect(outbox.take(2, { hasValue: true })).toBeUndefined()
    expect(settled.map(([item]) => item)).toEqual(['b', 'c', 'a'])
    expect(stale).toBe(2)
  })

  test('when the peer is lost all comes back, told apart by whether it was sent', () => {
    const [a, b] = send('a', 'b')
    const c = entry('c')
    outbox.assign(c)
    const dropped = entry('d')
    outbox.assign(dropped)
    outbox.cancel(dropped)
    expect(outbox.takeAll()).toEqual({ sent: [a, b], queued: [c] })
    expect([outbox.inFlight, a?.state, c.state, dropped.state]).toEqual([0, 'waiting', 'waiting', 'gone'])
  })
})

test.each([
  ['items', 1],
  ['bytes', 100_000],
])('P7: of what is cancelled while nothing is written, no more is kept than so many %s', (_, bytes) => {
  outbox = make({ maxUnsettledBytes: 10_000_000 })
  outbox.granted(1_000, 100_000_000, 0)
  let kept = 0
  for (let count = 0; count < 1_000; count += 1) {
    const one = entry('x', bytes)
    outbox.assign(one)
    outbox.cancel(one)
    Object.defineProperty(one, 'state', { get: () => (kept += 1) && 'gone' })
  }
  const last = entry('last')
  outbox.assign(last)
  kept = 0
  expect(fill()).toEqual([['item', 1, 1]])
  expect(kept * bytes).toBeLessThanOrEqual(300_000)
  expect(kept).toBeLessThanOrEqual(64)
})

describe('P1: cancelling', () => {
  test('takes out what was not sent without a word', () => {
    const queued = entry()
    outbox.assign(queued)
    outbox.cancel(queued)
    expect(fill()).toEqual([])
    expect(outbox.inFlight).toBe(0)
  })

  test('tells the peer of what was sent, if it has not settled it meanwhile', () => {
    const [a, b] = send('a', 'b')
    for (const one of [a, b]) outbox.cancel(one as Entry)
    outbox.settle('done', 1, 1)
    expect(fill()).toEqual([['cancel', 2]])
    expect(fill()).toEqual([])
  })

  test('of many leaves in several frames, none of them empty before the last', () => {
    outbox = make({ maxUnsettled: 100 })
    const entries = send(...Array.from({ length: 40 }, (_, index) => `item ${index}`))
    for (const one of entries) outbox.cancel(one)
    outbox.settle('done', 1, 10)
    const told: unknown[] = []
    for (let frame = fill(); frame.length > 0; frame = fill()) told.push(...frame.map(([, seq]) => seq))
    expect(told).toEqual(Array.from({ length: 30 }, (_, index) => index + 11))
  })
})

describe('P9: an item that its peer does not settle in time', () => {
  /** Sends items that have 100 ms each; those whose time is up are taken back. */
  function sendLimited(...items: string[]): Entry[] {
    const entries = items.map((item) => entry(item))
    for (const one of entries) {
      one.holder = { cancel: () => {}, takeBack }
      limitSettling(one, { settleTimeoutMs: 100 })
      outbox.assign(one)
    }
    fill()
    return entries
  }

  /** As a link does. */
  function takeBack(overdue: readonly Entry[]): void {
    outbox.takeBack(overdue)
    for (const one of overdue) one.state = 'waiting'
  }

  beforeEach(() => outbox.granted(4, 100, 0))

  test('is taken back and the peer is told; the place that it has there is free when the peer has answered', () => {
    const entries = sendLimited('a', 'b')
    env.advance(100)
    expect(entries.map(({ state }) => state)).toEqual(['waiting', 'waiting'])
    expect(fill()).toEqual([
      ['cancel', 1],
      ['cancel', 2],
    ])
    expect([outbox.inFlight, outbox.credit]).toEqual([0, 2])
    outbox.settle('cancelled', 1, 2)
    expect([settled, stale, outbox.takeAll().sent]).toEqual([[], 0, []])
  })

  test('has no more of its time while it waits to be sent, or once it is settled', () => {
    const [a] = sendLimited('a')
    const late = entry('late')
    limitSettling(late, { settleTimeoutMs: 100 })
    outbox.assign(late)
    outbox.settle('done', 1, 1)
    env.advance(1_000)
    expect([a?.state, late.state, settled]).toEqual(['waiting', 'queued', [['a', 'done']]])
    expect(fill()).toEqual([['item', 2, 1]])
  })

  test('may be extended, each time for as long again; extending one that was taken back is counted', () => {
    sendLimited('a', 'b')
    env.advance(60)
    outbox.extend(2)
    env.advance(60)
    expect(fill()).toEqual([['cancel', 1]])
    expect(outbox.inFlight).toBe(1)
    outbox.extend(1)
    expect(stale).toBe(1)
    env.advance(40)
    expect([fill(), outbox.inFlight]).toEqual([[['cancel', 2]], 0])
  })

  test.each<[string, () => unknown, number]>([
    ['done', () => outbox.settle('done', 1, 1), 1],
    ['released', () => outbox.settle('released', 1, 2), 1],
    ['answered', () => outbox.take(1, { hasValue: true }), 1],
    ['answered twice', () => [outbox.take(1, { hasValue: true }), outbox.take(1, { hasValue: false })], 2],
  ])('and that is then %s all the same changes nothing: the settle is counted', (_how, settle, count) => {
    const [a, b] = sendLimited('a', 'b')
    env.advance(60)
    outbox.extend(2)
    env.advance(40)
    if (a !== undefined) outbox.assign(a)
    expect(fill()).toContainEqual(['item', 3, 1])
    settle()
    expect(stale).toBe(count)
    const isOpen = b?.state === 'sent'
    expect(outbox.takeAll().sent.map(({ seq }) => seq)).toEqual(isOpen ? [2, 3] : [3])
  })

  test('and that was cancelled before is not cancelled twice', () => {
    const [a] = sendLimited('a')
    outbox.cancel(a as Entry)
    Object.assign(a as Entry, { isCancelled: true })
    env.advance(100)
    expect(fill()).toEqual([['cancel', 1]])
  })

  test('and that is given up in that moment is not cancelled either', () => {
    const [a] = sendLimited('a')
    outbox.takeBack([a as Entry])
    outbox.cancel(a as Entry)
    expect(fill()).toEqual([['cancel', 1]])
  })

  test('P7: does not make room for more than maxUnsettled, however long the peer does not answer', () => {
    outbox = make({ maxUnsettled: 2 })
    outbox.granted(1_000, 1_000, 0)
    sendLimited('a', 'b')
    env.advance(100)
    expect([outbox.inFlight, outbox.credit]).toEqual([0, 0])
    outbox.settle('cancelled', 1, 1)
    expect(outbox.credit).toBe(1)
    outbox.take(2, { hasValue: true })
    expect(outbox.credit).toBe(2)
  })

  test('is not given back again when the peer is lost', () => {
    const [, b] = sendLimited('a', 'b')
    env.advance(50)
    outbox.extend(2)
    env.advance(50)
    expect(outbox.takeAll().sent).toEqual([b])
    env.advance(1_000)
    expect([outbox.inFlight, b?.state, env.timers]).toEqual([0, 'waiting', 0])
  })
})

describe('P6: credit asked back', () => {
  test('is released behind what was sent, with its bytes', () => {
    outbox.granted(5, 100, 0)
    send('a', 'b')
    outbox.reclaim()
    expect(fill()).toEqual([['released', 3, 5, 98]])
    expect(outbox.credit).toBe(0)
    outbox.granted(6, 200, 5)
    outbox.assign(entry())
    expect(fill()).toEqual([['item', 6, 1]])
  })

  test('cannot be spent any more', () => {
    outbox.granted(5, 100, 0)
    outbox.reclaim()
    expect(outbox.credit).toBe(0)
    fill()
    outbox.granted(6, 200, 5)
    expect(outbox.credit).toBe(1)
  })

  test('is released although nothing is left of it', () => {
    outbox.granted(1, 1, 0)
    send('a')
    outbox.reclaim()
    outbox.reclaim()
    expect(fill()).toEqual([['released', 2, 1, 0]])
    expect(fill()).toEqual([])
  })
})

describe('P7: a peer that breaks the rules', () => {
  test.each([
    ['settles what was never sent', () => outbox.settle('done', 1, 3)],
    ['settles more numbers than there are', () => outbox.settle('done', 1, Number.MAX_SAFE_INTEGER)],
    ['answers what was never sent', () => outbox.take(3, { hasValue: false })],
    ['extends what was never sent', () => outbox.extend(3)],
    ['has received what was never sent', () => outbox.granted(1, 1, 3)],
    ['gives a result that nobody wanted', () => outbox.take(1, { hasValue: true })],
    ['cancels what nobody cancelled', () => outbox.settle('cancelled', 1, 2)],
  ])('%s: BAD_MESSAGE, and no item is lost by it', (_what, act) => {
    const entries = send('a', 'b')
    expect(act).toThrow(expect.objectContaining({ code: 'BAD_MESSAGE' }))
    expect(outbox.takeAll().sent).toEqual(entries)
    expect(settled).toEqual([])
  })

  test('P8: has only those looked at that it says were cancelled', () => {
    const entries = send('a', 'b', 'c')
    const looked: number[] = []
    for (const one of entries) Object.defineProperty(one, 'isCancelled', { get: () => looked.push(one.seq) > 0 })
    outbox.settle('cancelled', 2, 1)
    expect([looked, settled]).toEqual([[2], [['b', 'cancelled']]])
  })

  test('may cancel what was cancelled', () => {
    const [a] = send('a', 'b')
    if (a !== undefined) a.isCancelled = true
    outbox.settle('cancelled', 1, 1)
    expect(settled).toEqual([['a', 'cancelled']])
  })
})

describe('P4: the oldest put that is not on the wire', () => {
  test('is the first that is queued and was never sent before', () => {
    const again = entry('again')
    const first = entry('first')
    first.ordinal = 1
    for (const one of [again, first]) outbox.assign(one)
    expect(outbox.oldestOrdinal).toBe(1)
    fill()
    expect(outbox.oldestOrdinal).toBe(Number.POSITIVE_INFINITY)
  })
})
