import { describe, expect, test } from 'vitest'

import { Pair, watch } from '../../test/support/exchanges.ts'
import { Handlers } from './handlers.ts'

/** A handler whose calls end when they are told to. */
class Calls {
  readonly begun: unknown[] = []
  readonly #ends = new Map<unknown, () => void>()

  readonly handler = (payload: unknown): Promise<unknown> => {
    this.begun.push(payload)
    return new Promise((resolve) => this.#ends.set(payload, () => resolve(payload)))
  }

  end(payload: unknown): void {
    this.#ends.get(payload)?.()
  }
}

describe('requests of one channel', () => {
  test('begin in the order in which they were made, whatever their sizes', async () => {
    const pair = new Pair({ frameBytes: 300 })
    const begun: number[] = []
    pair.there.handlers.add('ask', ({ n }: { n: number }) => void begun.push(n))
    const sizes = [10, 2_000, 1, 500, 3]
    for (const [n, size] of sizes.entries()) void pair.here.exchange.call('ask', { n, filler: 'x'.repeat(size) })
    await pair.settle()
    expect(begun).toEqual([0, 1, 2, 3, 4])
  })

  test('wait behind one whose handler has no place, and those of other channels do not', async () => {
    const pair = new Pair()
    const slow = new Calls()
    const quick = new Calls()
    pair.there.handlers.add('ask', slow.handler, { concurrency: 1 })
    pair.there.handlers.add('other', quick.handler)
    watch(pair.here.exchange.call('ask', 1))
    watch(pair.here.exchange.call('ask', 2))
    watch(pair.here.exchange.call('other', 3))
    watch(pair.here.exchange.call('other', 4, { channel: 1 }))
    await pair.settle()
    expect([slow.begun, quick.begun]).toEqual([[1], [4]])
    slow.end(1)
    await pair.settle()
    expect([slow.begun, quick.begun]).toEqual([
      [1, 2],
      [4, 3],
    ])
    pair.cut()
  })

  test('that waited begin one after the other, not one within the other', async () => {
    const pair = new Pair({ here: { maxRequests: 1_024 }, there: { maxRequests: 1_024 } })
    const calls = new Calls()
    const depths: number[] = []
    const { stackTraceLimit } = Error
    pair.there.handlers.add('ask', calls.handler, { concurrency: 1 })
    pair.there.handlers.add('other', () => void depths.push((new Error().stack ?? '').split('\n').length))
    for (const n of [1, 2]) watch(pair.here.exchange.call('ask', n))
    for (let n = 0; n < 1_000; n += 1) watch(pair.here.exchange.call('other', n))
    await pair.settle()
    Error.stackTraceLimit = Number.POSITIVE_INFINITY
    calls.end(1)
    await pair.settle()
    Error.stackTraceLimit = stackTraceLimit
    expect(new Set(depths).size).toBe(1)
    expect(depths).toHaveLength(1_000)
    pair.cut()
  })

  test('a long one does not hold up short ones of another channel', async () => {
    const pair = new Pair({ frameBytes: 300 })
    const begun: string[] = []
    pair.there.handlers.add('ask', (payload: string) => void begun.push(payload[0] as string))
    void pair.here.exchange.call('ask', 'a'.repeat(3_000))
    for (const _ of [1, 2]) void pair.here.exchange.call('ask', 'b', { channel: 1 })
    await pair.settle()
    expect(begun).toEqual(['b', 'b', 'a'])
    expect(pair.there.error).toBe(undefined)
  })
})

describe('concurrency', () => {
  test.each([1, 2, 3, 4])('%i of four calls of a handler are at work at once', async (concurrency) => {
    const pair = new Pair()
    const calls = new Calls()
    pair.there.handlers.add('ask', calls.handler, { concurrency })
    for (let n = 0; n < 4; n += 1) watch(pair.here.exchange.call('ask', n, { channel: n }))
    await pair.settle()
    expect(calls.begun).toHaveLength(concurrency)
    calls.end(0)
    await pair.settle()
    expect(calls.begun).toHaveLength(Math.min(4, concurrency + 1))
    pair.cut()
  })

  test('a handler that two connections share has its places for both', async () => {
    const handlers = new Handlers()
    const calls = new Calls()
    handlers.add('ask', calls.handler, { concurrency: 2 })
    const pairs = [new Pair({ handlers }), new Pair({ handlers })]
    for (const [index, { here }] of pairs.entries())
      for (const n of [0, 1]) watch(here.exchange.call('ask', `${index}${n}`))
    for (const pair of pairs) await pair.settle()
    expect(calls.begun).toEqual(['00', '01'])
    calls.end('00')
    for (const pair of pairs) await pair.settle()
    expect(calls.begun).toEqual(['00', '01', '10'])
    for (const pair of pairs) pair.cut()
  })

  test('a handler keeps its place when its peer is lost, until it is done', async () => {
    const handlers = new Handlers()
    const calls = new Calls()
    handlers.add('ask', calls.handler, { concurrency: 1 })
    const [first, second] = [new Pair({ handlers }), new Pair({ handlers })]
    watch(first.here.exchange.call('ask', 'lost'))
    await first.settle()
    first.cut()
    watch(second.here.exchange.call('ask', 'next'))
    await second.settle()
    expect(calls.begun).toEqual(['lost'])
    calls.end('lost')
    await second.settle()
    expect(calls.begun).toEqual(['lost', 'next'])
    second.cut()
  })

  test('10,000 connections that wait for one handler are served one after the other', async () => {
    const handlers = new Handlers()
    const calls = new Calls()
    let served = 0
    handlers.add('ask', (payload) => (payload === 'first' ? calls.handler(payload) : (served += 1)), { concurrency: 1 })
    const pairs = Array.from({ length: 10_000 }, () => new Pair({ handlers }))
    for (const [index, pair] of pairs.entries()) {
      watch(pair.here.exchange.call('ask', index === 0 ? 'first' : 'next'))
      pair.step()
    }
    expect(served).toBe(0)
    calls.end('first')
    await pairs[0]?.settle()
    expect(served).toBe(9_999)
    for (const pair of pairs) pair.cut()
  })

  test('wrong arguments are named; a name has one handler at a time', () => {
    const handlers = new Handlers()
    const handler = (): void => {}
    for (const concurrency of [0, 0.5, -1])
      expect(() => handlers.add('a', handler, { concurrency })).toThrow('`concurrency`')
    expect(() => handlers.add('a', 1 as never)).toThrow('`handler`')
    const stop = handlers.add('a', handler, { concurrency: 1 })
    expect(() => handlers.add('a', handler)).toThrow('`name`')
    stop()
    const again = handlers.add('a', handler)
    stop()
    expect(handlers.get('a')).toBeDefined()
    again()
    expect(handlers.get('a')).toBe(undefined)
  })
})
