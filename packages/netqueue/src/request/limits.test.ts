import { describe, expect, test } from 'vitest'

import { Pair, thrownBy, watch } from '../../test/support/exchanges.ts'
import type { EndOptions } from '../../test/support/exchanges.ts'
import type { RemoteError } from '../errors/errors.ts'
import { requestLimitDefaults, requestLimitsFrom } from './limits.ts'
import type { RequestLimits } from './limits.ts'

const HEAD = { channel: 0, name: 16, deadlineMs: undefined, headers: undefined, hasBody: false } as const
const payload = (bytes: number): Uint8Array => new Uint8Array(bytes)
const failing = (code: string, limit?: string): Error =>
  expect.objectContaining({ code, ...(limit !== undefined && { limit }) }) as Error

const never = (): Promise<never> => new Promise(() => {})

/** Tells of `count` requests, sent without regard to any limit, how many were refused. */
async function refused(count: number, there: EndOptions, bytes = 1): Promise<number> {
  const pair = new Pair({ there })
  pair.there.handlers.add('ask', never)
  for (let tag = 1; tag <= count; tag += 1)
    pair.there.exchange.take({ type: 'request', tag, ...HEAD, payload: payload(bytes) })
  await pair.settle()
  pair.cut()
  const { sent } = pair.there
  return sent.filter((message) => message.type === 'refusal' && message.code === 'TOO_MANY_REQUESTS').length
}

describe('limits', () => {
  test.each(Object.keys(requestLimitDefaults) as (keyof RequestLimits)[])(
    '%s has to be a number that can be',
    (name) => {
      expect(requestLimitsFrom({ [name]: 1 })[name]).toBe(1)
      for (const value of [-1, Number.NaN]) expect(() => requestLimitsFrom({ [name]: value })).toThrow(`\`${name}\``)
    },
  )

  test('may not be 0, but for the timeout', () => {
    const { requestTimeoutMs: _, ...counts } = requestLimitDefaults
    for (const name of Object.keys(counts)) expect(() => requestLimitsFrom({ [name]: 0 })).toThrow(RangeError)
    expect(requestLimitsFrom({ requestTimeoutMs: 0 }).requestTimeoutMs).toBe(0)
  })

  test('have defaults; maxRequests is at most 1,024, as tags are the peer’s choice', () => {
    expect(requestLimitsFrom()).toEqual(requestLimitDefaults)
    expect(requestLimitsFrom({ maxRequests: 1_024 }).maxRequests).toBe(1_024)
    expect(() => requestLimitsFrom({ maxRequests: 1_025 })).toThrow(
      'Expected `maxRequests` to be an integer from 1 to 1024',
    )
  })
})

describe('P7: requests of a peer', () => {
  test.each([
    [1, 1, 0],
    [2, 1, 1],
    [255, 256, 0],
    [256, 256, 0],
    [257, 256, 1],
  ])('%i at once, of maxRequests %i: %i refused', async (count, maxRequests, expected) => {
    expect(await refused(count, { maxRequests })).toBe(expected)
  })

  test.each([
    [9, 1],
    [10, 1],
    [11, 2],
  ])(
    'of %i bytes each, of maxRequestBytes 20 and one of maxItemBytes 11 over it: %i of four are refused',
    async (bytes, expected) => {
      expect(await refused(4, { maxRequestBytes: 20, maxItemBytes: 11 }, bytes)).toBe(expected)
    },
  )

  test('of which one overshoots maxRequestBytes and overtakes others are not refused', async () => {
    const limits = { maxRequestBytes: 20 }
    const pair = new Pair({ here: limits, there: limits })
    pair.there.handlers.add('ask', () => 1)
    const ask = (bytes: number, channel: number) => watch(pair.here.exchange.call('ask', payload(bytes), { channel }))
    const all = [ask(9, 0), ask(10, 0), ask(15, 1)]
    await pair.settle()
    expect(all.map(({ outcome }) => outcome())).toEqual(['resolved', 'resolved', 'resolved'])
  })

  test('are open until their answers are written: a peer that reads nothing is refused more', async () => {
    const pair = new Pair({ there: { maxRequests: 2 } })
    pair.there.handlers.add('ask', () => 1)
    pair.there.isStuck = true
    const all = [1, 2, 3].map((n) => watch(pair.here.exchange.call('ask', n)))
    await pair.settle()
    expect(pair.there.exchange.serving).toBe(2)
    pair.there.isStuck = false
    await pair.settle()
    expect(all.map(({ outcome }) => outcome())).toEqual(['resolved', 'resolved', 'REMOTE_ERROR'])
    const next = watch(pair.here.exchange.call('ask', 4))
    await pair.settle()
    expect(next.outcome()).toBe('resolved')
  })

  test.each([
    [3, 3],
    [4, 3],
  ])('that are too many, %i of them: RATE_EXCEEDED beyond maxRefusals %i', async (count, maxRefusals) => {
    const pair = new Pair({ there: { maxRequests: 1, maxRefusals } })
    pair.there.handlers.add('ask', never)
    const take = (tag: number) => (): void =>
      pair.there.exchange.take({ type: 'request', tag, ...HEAD, payload: payload(0) })
    for (let tag = 1; tag <= count; tag += 1) take(tag)()
    const thrown = thrownBy(take(count + 1))
    expect(thrown).toEqual(count > maxRefusals ? failing('RATE_EXCEEDED', 'maxRefusals') : undefined)
  })

  test('that are too many pile up no more than maxRefusals refusals where nobody reads them', () => {
    const pair = new Pair({ there: { maxRequests: 1, maxRefusals: 3 } })
    pair.there.handlers.add('ask', never)
    const take = (tag: number) => (): void =>
      pair.there.exchange.take({ type: 'request', tag, ...HEAD, payload: payload(0) })
    for (let tag = 1; tag <= 4; tag += 1) {
      pair.clock.advance(1_000)
      take(tag)()
    }
    pair.clock.advance(1_000)
    expect(take(5)).toThrow(failing('RATE_EXCEEDED', 'maxRefusals'))
  })
})

describe('P8: messages of a peer that cannot be decoded', () => {
  const wrong = { type: 'message', name: 18, headers: undefined, payload: new TextEncoder().encode('{') } as const

  test.each([
    [2, 3],
    [3, 3],
    [4, 3],
  ])(
    'are dropped, %i of maxRefusals %i at once; beyond that RATE_EXCEEDED, for a listener and for a loop that waits',
    async (count, maxRefusals) => {
      for (const isLoop of [true, false]) {
        const pair = new Pair({ there: { maxRefusals } })
        if (isLoop) watch(pair.there.subscriptions.subscribe('news').next())
        else pair.there.subscriptions.on('news', () => {})
        const all = Array.from({ length: count }, () => thrownBy(() => pair.there.exchange.take(wrong)))
        expect(all.filter((error) => error !== undefined)).toEqual(
          count > maxRefusals ? [failing('RATE_EXCEEDED', 'maxRefusals')] : [],
        )
        expect(pair.there.warnings.map(({ code }) => code)).toEqual(all.map(() => 'DECODE_FAILED'))
        pair.there.subscriptions.close()
      }
    },
  )

  test('cost nothing where nobody reads them', () => {
    const pair = new Pair({ there: { maxRefusals: 1 } })
    const loop = pair.there.subscriptions.subscribe('news', { capacity: 2 })
    for (let count = 0; count < 10; count += 1) pair.there.exchange.take(wrong)
    expect([loop.dropped, pair.there.warnings.map(({ code }) => code)]).toEqual([8, ['MESSAGE_DROPPED']])
  })

  test.each([
    [3, 3],
    [4, 3],
  ])(
    'that wait for a busy loop are charged when they are read, %i of maxRefusals %i: the next message is RATE_EXCEEDED',
    async (count, maxRefusals) => {
      const pair = new Pair({ there: { maxRefusals } })
      const loop = pair.there.subscriptions.subscribe('news')
      for (let n = 0; n < count; n += 1) pair.there.exchange.take(wrong)
      const next = watch(loop.next())
      expect(pair.there.warnings.map(({ code }) => code)).toEqual(Array.from({ length: count }, () => 'DECODE_FAILED'))
      const good = { ...wrong, payload: new TextEncoder().encode('1') }
      expect(thrownBy(() => pair.there.exchange.take(good))).toEqual(
        count > maxRefusals ? failing('RATE_EXCEEDED', 'maxRefusals') : undefined,
      )
      expect(await next.promise).toMatchObject({ value: { payload: 1 } })
    },
  )
})

describe('P7: our own requests', () => {
  test('wait where maxRequests are open, and go on in order when one is over', async () => {
    const pair = new Pair({ here: { maxRequests: 2 } })
    const ends: (() => void)[] = []
    const begun: unknown[] = []
    pair.there.handlers.add('ask', (n) => {
      begun.push(n)
      return new Promise<void>((resolve) => ends.push(resolve))
    })
    for (const n of [1, 2, 3, 4]) watch(pair.here.exchange.call('ask', n))
    await pair.settle()
    expect(begun).toEqual([1, 2])
    ends[1]?.()
    await pair.settle()
    expect(begun).toEqual([1, 2, 3])
    pair.cut()
  })

  test.each([
    [9, 3],
    [10, 2],
    [11, 2],
  ])(
    'of %i bytes each wait where maxRequestBytes 20 are open, one overshooting: %i of four are sent',
    async (bytes, sent) => {
      const pair = new Pair({ here: { maxRequestBytes: 20 } })
      pair.there.handlers.add('ask', never)
      for (const _ of [1, 2, 3, 4]) watch(pair.here.exchange.call('ask', payload(bytes)))
      await pair.settle()
      expect(pair.here.said()).toHaveLength(sent)
      pair.cut()
    },
  )

  test.each([
    [1, 1],
    [2, 2],
    [3, 2],
  ])('%i that wait, of maxWaiting %i: QUEUE_FULL beyond it', async (count, maxWaiting) => {
    const pair = new Pair({ here: { maxRequests: 1, maxWaiting } })
    pair.there.handlers.add('ask', never)
    const all = Array.from({ length: count + 1 }, () => watch(pair.here.exchange.call('ask', 1)))
    await pair.settle()
    const outcomes = all.map(({ outcome }) => outcome())
    expect(outcomes.filter((outcome) => outcome === 'waits')).toHaveLength(Math.min(count, maxWaiting) + 1)
    expect(outcomes.filter((outcome) => outcome === 'QUEUE_FULL')).toHaveLength(Math.max(0, count - maxWaiting))
    pair.cut()
  })

  test('leave the line when they are aborted or out of time: others take their places', async () => {
    const pair = new Pair({ here: { maxRequests: 1, maxWaiting: 2 } })
    pair.there.handlers.add('ask', never)
    const controller = new AbortController()
    watch(pair.here.exchange.call('ask', 1))
    const aborted = watch(pair.here.exchange.call('ask', 2, { signal: controller.signal }))
    const late = watch(pair.here.exchange.call('ask', 3, { timeout: 5 }))
    await pair.settle()
    controller.abort(new Error('enough'))
    await pair.pass(5)
    expect([aborted.outcome(), late.outcome()]).toEqual(['Error', 'TIMEOUT'])
    await expect(late.promise).rejects.toMatchObject({ delivered: 'no' })
    const others = [4, 5, 6].map((n) => watch(pair.here.exchange.call('ask', n)))
    await pair.settle()
    expect(others.map(({ outcome }) => outcome())).toEqual(['waits', 'waits', 'QUEUE_FULL'])
    pair.cut()
  })

  test.each([
    [8, 'resolved'],
    [9, 'resolved'],
    [10, 'resolved'],
    [11, 'ITEM_TOO_LARGE'],
  ])('of %i bytes, headers included, of the 10 that the other side takes: %s', async (bytes, outcome) => {
    const pair = new Pair({ here: { maxItemBytes: 10 } })
    pair.there.handlers.add('ask', () => 1)
    const plain = watch(pair.here.exchange.call('ask', payload(bytes)))
    // A count, a length, a letter, and that there is no value.
    const withHeader = watch(pair.here.exchange.call('ask', payload(bytes - 4), { headers: { a: null } }))
    await pair.settle()
    expect([plain.outcome(), withHeader.outcome()]).toEqual([outcome, outcome])
  })

  test('an unknown remote code is no code of ours', async () => {
    const pair = new Pair({ there: { maxRequests: 1 } })
    pair.there.handlers.add('ask', never)
    const [, second] = [1, 2].map((n) => watch(pair.here.exchange.call('ask', n)))
    await pair.settle()
    const error = (await second?.promise.catch((caught: unknown) => caught)) as RemoteError
    expect([error.code, error.remoteCode]).toEqual(['REMOTE_ERROR', 'TOO_MANY_REQUESTS'])
    pair.cut()
  })

  test.each([
    ['channel', { channel: -1 }],
    ['channel', { channel: 256 }],
    ['channel', { channel: 1.5 }],
    ['timeout', { timeout: -1 }],
    ['signal', { signal: {} as AbortSignal }],
    ['headers', { headers: { 'A B': '' } }],
    ['headers', { headers: { a: 'x\r\ny' } }],
    ['body', { body: 1 as never }],
    ['body', { body: 'text' }],
    ['body', { body: new Uint8Array(2) }],
  ])('a wrong %s is a TypeError or RangeError that names it', async (name, options) => {
    const pair = new Pair()
    const error: unknown = await pair.here.exchange.call('ask', 1, options).catch((caught: unknown) => caught)
    expect([TypeError, RangeError].some((type) => error instanceof type)).toBe(true)
    expect(String(error)).toContain(`\`${name}`)
    expect(pair.here.exchange.isIdle).toBe(true)
  })

  test('channel 0 and channel 255 are channels', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', (_, { channel }) => channel)
    const replies = [0, 255].map((channel) => pair.here.exchange.call('ask', 1, { channel }))
    await pair.settle()
    expect((await Promise.all(replies)).map(({ value }) => value)).toEqual([0, 255])
  })

  test('a name that nobody defined is a TypeError; a protocol without requests is UNSUPPORTED', async () => {
    const pair = new Pair({ here: { supports: false } })
    await expect(pair.there.exchange.call('what?', 1)).rejects.toThrow(TypeError)
    await expect(pair.here.exchange.call('ask', 1)).rejects.toMatchObject({ code: 'UNSUPPORTED', delivered: 'no' })
    await expect(pair.here.exchange.send('news', 1)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    expect(() => pair.here.exchange.stream('ask', 1)).toThrow(failing('UNSUPPORTED'))
  })
})
