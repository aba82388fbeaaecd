import { beforeEach, describe, expect, test } from 'vitest'

import { Recorder } from '../../test/support/recorder.ts'
import type { Written } from '../../test/support/recorder.ts'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import type { NetQueueError } from '../errors/errors.ts'
import { json } from '../message/codec.ts'
import { limitDefaults } from '../options/limits.ts'
import type { Wire } from '../protocol/wire.ts'
import { Entry } from './entry.ts'
import { Inbox } from './inbox.ts'
import { Link } from './link.ts'
import { Retry } from './retry.ts'
import { limitSettling, SettleDeadlines } from './settle-deadlines.ts'

let env: VirtualEnv
let link: Link
let told: unknown[]

beforeEach(() => {
  env = new VirtualEnv()
  told = []
  const warn = ({ code, value }: NetQueueError): void => void told.push([code, value])
  const inbox = new Inbox({ env, prefetch: 1, countReaders: true, maxBytes: 1_000_000, warn })
  link = new Link({
    shared: {
      env,
      inbox,
      limits: limitDefaults,
      codec: json(),
      resultCodec: json(),
      exposeErrors: false,
      retry: new Retry({}),
      deadlines: new SettleDeadlines(env),
      keepsReceived: false,
      lastOrdinal: () => 0,
      oldestWaiting: () => Number.POSITIVE_INFINITY,
    },
    wake: () => {},
    wakeLater: () => {},
    flush: () => {},
    owner: {
      changed: () => {},
      settled: (_link, { item }, { type }) => told.push([type, item]),
      status: (_link, value) => told.push(['status', value]),
      goaway: (_link, code) => told.push(['goaway', code]),
      closed: (_link, error, { sent, queued }) => told.push(['closed', error?.code, sent.length, queued.length]),
      warn,
    },
  })
  const supports = { credit: true, settle: true, result: true }
  const peer = {
    id: 'peer',
    tags: [],
    status: undefined,
    protocol: 'test',
    supports,
    maxItemBytes: 99,
    maxUnsettled: 9,
  }
  link.opened({ peer, typed: true, carry: (_item: unknown, payload: Uint8Array) => payload } as unknown as Wire)
  link.take({ type: 'credit', limit: 9, byteLimit: 999, received: 0, records: 0 })
  said()
  told.length = 0
})

const said = (places?: number): Written[] => fillInto(new Recorder(places))

function fillInto(writer: Recorder): Written[] {
  link.fill(writer)
  return writer.written
}

const entryOf = (item: string): Entry => new Entry(item, new Uint8Array(1))

describe('a link', () => {
  test('P6: writes control first, goodbye last', () => {
    link.assign(entryOf('a'))
    link.goaway('CLOSED')
    link.setStatus('busy')
    link.ping()
    link.take({ type: 'goaway', code: 'CLOSED', reason: '' })
    expect(said().map(([kind]) => kind)).toEqual(['credit', 'ping', 'status', 'item', 'goaway'])
    expect(said()).toEqual([])
  })

  test('keeps what does not fit for the next frame', () => {
    link.setStatus('busy')
    for (const item of ['a', 'b']) link.assign(entryOf(item))
    link.goaway('CLOSED')
    expect([1, 1, 1, 1].map((places) => said(places)[0]?.[0])).toEqual(['status', 'item', 'item', 'goaway'])
  })

  test('says the newest status only', () => {
    for (const status of ['one', 'two']) link.setStatus(status)
    expect(said()).toEqual([['status', 'two']])
  })

  test('tells its owner what becomes of items, and what of settles that came too late', () => {
    for (const item of ['a', 'b', 'c']) link.assign(entryOf(item))
    said()
    link.take({ type: 'settle', outcome: 'done', first: 1, length: 1 })
    link.take({ type: 'failed', seq: 2, code: 'X', reason: '' })
    link.take({ type: 'reject', seq: 3, code: 'X', reason: '' })
    link.take({ type: 'settle', outcome: 'done', first: 1, length: 3 })
    env.advance(0)
    expect(told).toEqual([
      ['settle', 'a'],
      ['failed', 'b'],
      ['reject', 'c'],
      ['STALE_SETTLE', 3],
    ])
    expect(link.isIdle).toBe(true)
  })

  test('P2: gives back what the peer had when it is lost', () => {
    link.assign(entryOf('a'))
    said()
    link.assign(entryOf('b'))
    link.closed(undefined)
    expect(told).toEqual([['closed', undefined, 1, 1]])
  })

  test('measures the time to the peer and back, and to the settle of an item', () => {
    link.ping()
    const [[, token] = []] = said()
    link.assign(entryOf('a'))
    said()
    env.advance(20)
    link.take({ type: 'pong', token: token as number })
    link.take({ type: 'settle', outcome: 'done', first: 1, length: 1 })
    expect([link.rtt, link.serviceTime]).toEqual([20, 20])
  })

  test('goes on measuring after an item that it measured was taken back', () => {
    const dropped = entryOf('a')
    link.assign(dropped)
    link.cancel(dropped)
    link.assign(entryOf('b'))
    said()
    env.advance(7)
    link.take({ type: 'settle', outcome: 'done', first: 1, length: 1 })
    expect(link.serviceTime).toBe(7)
  })
})

test('P9: what a peer did not settle in time ends there, the newest first, and its owner is warned once', () => {
  for (const item of ['a', 'b', 'c']) {
    const entry = entryOf(item)
    limitSettling(entry, { settleTimeoutMs: item === 'b' ? 1_000 : 100 })
    link.assign(entry)
  }
  said()
  env.advance(100)
  expect(told).toEqual([
    ['SETTLE_TIMEOUT', 2],
    ['overdue', 'c'],
    ['overdue', 'a'],
  ])
  expect(said().map(([kind, seq]) => [kind, seq])).toEqual([
    ['cancel', 1],
    ['cancel', 3],
  ])
  link.take({ type: 'extend', seq: 2 })
  link.take({ type: 'settle', outcome: 'cancelled', first: 1, length: 1 })
  link.take({ type: 'failed', seq: 3, code: 'X', reason: '' })
  env.advance(0)
  expect(told.slice(3)).toEqual([['STALE_SETTLE', 1]])
})

test('goes on measuring after an item that it measured was not settled in time', () => {
  const late = entryOf('a')
  limitSettling(late, { settleTimeoutMs: 100 })
  link.assign(late)
  said()
  env.advance(100)
  link.assign(entryOf('b'))
  said()
  env.advance(7)
  link.take({ type: 'settle', outcome: 'done', first: 2, length: 1 })
  expect(link.serviceTime).toBe(7)
})

describe('P7: a peer', () => {
  test('that floods us with pings costs nothing, and gets the newest answered', () => {
    for (let token = 0; token < 1_000; token += 1) link.take({ type: 'ping', token })
    expect(said()).toEqual([['pong', 999]])
  })

  test('that answers a ping which nobody sent is ignored', () => {
    link.take({ type: 'pong', token: 7 })
    expect(link.rtt).toBeUndefined()
  })

  test('that extends an item which it never got is refused', () => {
    link.assign(entryOf('a'))
    said()
    link.take({ type: 'extend', seq: 1 })
    expect(() => link.take({ type: 'extend', seq: 2 })).toThrow(expect.objectContaining({ code: 'BAD_MESSAGE' }))
  })

  test('that gives a result for an item that was put is refused, and the item is not lost by it', () => {
    link.assign(entryOf('a'))
    said()
    const result = (): void => link.take({ type: 'result', seq: 1, value: new Uint8Array(1) })
    expect(result).toThrow(expect.objectContaining({ code: 'BAD_MESSAGE' }))
    link.closed(undefined)
    expect(told).toEqual([['closed', undefined, 1, 0]])
  })
})
