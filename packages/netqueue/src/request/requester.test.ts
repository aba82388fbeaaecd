import { describe, expect, test } from 'vitest'

import { Pair, watch } from '../../test/support/exchanges.ts'
import { RemoteError } from '../errors/errors.ts'

const failing = (code: string, more: object = {}) => expect.objectContaining({ code, ...more }) as Error

describe('a request', () => {
  test('resolves with what the handler returns, and with the headers that it sets', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', ({ a, b }: { a: number; b: number }, context) => {
      context.setHeaders({ unit: 'apples', exact: null })
      return a + b
    })
    const reply = pair.here.exchange.call('ask', { a: 1, b: 2 })
    await pair.settle()
    expect(await reply).toEqual({ value: 3, headers: { unit: 'apples', exact: null }, stream: undefined })
    expect([pair.here.exchange.isIdle, pair.there.exchange.isIdle, pair.clock.timers]).toEqual([true, true, 0])
  })

  test('tells its handler what came with it, who asks, and until when', async () => {
    const pair = new Pair()
    pair.clock.advance(1_000)
    const seen: unknown[] = []
    pair.there.handlers.add('ask', async (_, { name, headers, from, channel, deadline, hasBody, body }) => {
      seen.push({ name, lang: headers['lang'], from, channel, deadline, hasBody, body: await body.next() })
    })
    void pair.here.exchange.call('ask', 1, { headers: { lang: 'en' }, channel: 7, timeout: 500 })
    await pair.settle()
    expect(seen).toEqual([
      {
        name: 'ask',
        lang: 'en',
        from: 'here',
        channel: 7,
        deadline: 1_500,
        hasBody: false,
        body: { done: true, value: undefined },
      },
    ])
  })

  test('is answered in any order, and the other way round at the same time', async () => {
    const pair = new Pair()
    const answers: (() => void)[] = []
    const later = (payload: unknown): Promise<unknown> => new Promise((resolve) => answers.push(() => resolve(payload)))
    for (const { handlers } of [pair.here, pair.there]) handlers.add('ask', later)
    const order: string[] = []
    const ask = (end: 'here' | 'there', payload: number): void =>
      void pair[end].exchange.call('ask', payload).then(({ value }) => order.push(`${end} ${String(value)}`))
    for (const payload of [1, 2]) for (const end of ['here', 'there'] as const) ask(end, payload)
    await pair.settle()
    for (const answer of answers.splice(0).toReversed()) {
      answer()
      await pair.settle()
    }
    expect(order.toSorted()).toEqual(['here 1', 'here 2', 'there 1', 'there 2'])
    expect(order.indexOf('here 2')).toBeLessThan(order.indexOf('here 1'))
  })

  test('has a tag from 1 that grows with each that is written', async () => {
    const pair = new Pair()
    for (const channel of [3, 0, 3]) void pair.here.exchange.call('ask', 1, { channel }).catch(() => {})
    await pair.settle()
    const tags = pair.here.sent.flatMap((message) => (message.type === 'request' ? [message.tag] : []))
    expect(tags).toEqual([1, 2, 3])
  })
})

describe('what is thrown at the other end arrives as RemoteError:', () => {
  test('with the code of the error, or HANDLER_FAILED; never with its text', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', (code) => {
      throw Object.assign(new Error('secret'), code === null ? {} : { code })
    })
    const replies = ['E_MINE', null, 'no code at all'].map((code) => watch(pair.here.exchange.call('ask', code)))
    await pair.settle()
    for (const [index, remoteCode] of ['E_MINE', 'HANDLER_FAILED', 'HANDLER_FAILED'].entries()) {
      const error = await replies[index]?.promise.catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(RemoteError)
      expect(error).toMatchObject({ code: 'REMOTE_ERROR', remoteCode })
      expect(JSON.stringify([error, (error as Error).message])).not.toContain('secret')
    }
    expect(pair.there.warnings.map(({ code, cause }) => [code, (cause as Error).message])).toEqual(
      Array.from({ length: 3 }, () => ['HANDLER_FAILED', 'secret']),
    )
  })

  test('with its text where the other end exposes it', async () => {
    const pair = new Pair({ there: { exposeErrors: true } })
    pair.there.handlers.add('ask', async () => {
      throw new Error('told')
    })
    const { promise } = watch(pair.here.exchange.call('ask', 1))
    await pair.settle()
    await expect(promise).rejects.toMatchObject({ remoteCode: 'HANDLER_FAILED', reason: 'told' })
  })

  test('UNKNOWN_REQUEST where nobody handles it, or nobody does any more', async () => {
    const pair = new Pair()
    const stop = pair.there.handlers.add('ask', () => 1)
    stop()
    stop()
    const { promise } = watch(pair.here.exchange.call('ask', 1))
    await pair.settle()
    await expect(promise).rejects.toMatchObject({ remoteCode: 'UNKNOWN_REQUEST' })
  })

  test('DECODE_FAILED for a payload, ENCODE_FAILED and ITEM_TOO_LARGE for an answer that the codec refuses', async () => {
    const pair = new Pair({ there: { maxItemBytes: 100 } })
    pair.there.handlers.add('ask', (payload) => (payload === 1 ? 'unfit' : 'x'.repeat(100)))
    const wrong = new TextEncoder().encode('{')
    const replies = [wrong, 1, 2].map((payload) => watch(pair.here.exchange.call('ask', payload)))
    await pair.settle()
    expect(
      await Promise.all(replies.map(({ promise }) => promise.catch((error: RemoteError) => error.remoteCode))),
    ).toEqual(['DECODE_FAILED', 'ENCODE_FAILED', 'ITEM_TOO_LARGE'])
    expect(pair.there.warnings.map(({ code }) => code)).toEqual(['DECODE_FAILED', 'ENCODE_FAILED', 'ITEM_TOO_LARGE'])
  })

  test('an answer that this side cannot decode: DECODE_FAILED', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', () => new TextEncoder().encode('{'))
    const { promise } = watch(pair.here.exchange.call('ask', 1))
    await pair.settle()
    await expect(promise).rejects.toMatchObject({ code: 'DECODE_FAILED' })
  })

  test('a handler that returns what throws when it is looked at has failed', async () => {
    const pair = new Pair()
    const trap = new Proxy(
      {},
      {
        get: (_, key) => {
          if (key === 'then') return undefined
          throw new Error('do not look')
        },
      },
    )
    pair.there.handlers.add('ask', (kind) => (kind === 'now' ? trap : Promise.resolve([trap]).then(([value]) => value)))
    const replies = ['now', 'later'].map((kind) => watch(pair.here.exchange.call('ask', kind)))
    await pair.settle()
    for (const { promise } of replies) await expect(promise).rejects.toMatchObject({ remoteCode: 'HANDLER_FAILED' })
  })
})

describe('a request ends in time:', () => {
  test('TIMEOUT after 30 s, or requestTimeoutMs, or its own timeout; the handler’s signal fires then', async () => {
    for (const [limits, options, ms] of [
      [{}, {}, 30_000],
      [{ requestTimeoutMs: 70 }, {}, 70],
      [{}, { timeout: 50 }, 50],
    ] as const) {
      const pair = new Pair({ here: limits })
      let signal: AbortSignal | undefined
      pair.there.handlers.add('ask', (_, context) => {
        signal = context.signal
        return new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal?.reason)))
      })
      const { promise, outcome } = watch(pair.here.exchange.call('ask', 1, options))
      await pair.settle()
      await pair.pass(ms - 1)
      expect([outcome(), signal?.aborted]).toEqual(['waits', false])
      await pair.pass(1 + ms / 64) // never too early; requests share timers
      await expect(promise).rejects.toEqual(failing('TIMEOUT', { delivered: 'maybe', limit: 'timeout', value: ms }))
      expect(signal?.reason).toMatchObject({ code: expect.stringMatching(/TIMEOUT|CANCELLED/) })
      expect([pair.here.exchange.isIdle, pair.there.exchange.isIdle, pair.clock.timers]).toEqual([true, true, 0])
      expect(pair.there.warnings).toEqual([])
    }
  })

  test('TIMEOUT with delivered no, when it was not written', async () => {
    const pair = new Pair()
    pair.here.isStuck = true
    const { promise } = watch(pair.here.exchange.call('ask', 1, { timeout: 50 }))
    await pair.pass(50)
    await expect(promise).rejects.toEqual(failing('TIMEOUT', { delivered: 'no' }))
    pair.here.isStuck = false
    await pair.settle()
    expect(pair.here.said()).toEqual([])
  })

  test('the responder stops by itself when the time is up, and says TIMEOUT', async () => {
    const pair = new Pair()
    let reason: unknown
    pair.there.handlers.add('ask', (_, { signal }) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason
          reject(new Error('stopped'))
        })
      })
    })
    pair.there.exchange.take({
      type: 'request',
      tag: 1,
      channel: 0,
      name: 16,
      deadlineMs: 40,
      headers: undefined,
      hasBody: false,
      payload: new TextEncoder().encode('1'),
    })
    await pair.pass(39)
    expect(reason).toBe(undefined)
    await pair.pass(1)
    expect(reason).toMatchObject({ code: 'TIMEOUT' })
    expect(pair.there.exchange.isIdle).toBe(true)
    expect(pair.there.sent.at(-1)).toMatchObject({ type: 'refusal', tag: 1, code: 'TIMEOUT' })
  })

  test('deadlineMs is what is left when the request is written', async () => {
    const pair = new Pair()
    pair.here.isStuck = true
    watch(pair.here.exchange.call('ask', 1, { timeout: 50 }))
    for (const timeout of [20.5, 1e300, Number.POSITIVE_INFINITY]) watch(pair.here.exchange.call('ask', 1, { timeout }))
    await pair.pass(20)
    pair.here.isStuck = false
    await pair.settle()
    const sent = pair.here.sent.map((message) => (message.type === 'request' ? message.deadlineMs : message.type))
    expect(sent).toEqual([30, 1, undefined, undefined])
    pair.cut()
  })
})

describe('P11: whose clock is first', () => {
  test.each([
    [0, 'REMOTE_ERROR'],
    [997, 'REMOTE_ERROR'],
    [998, 'TIMEOUT'],
  ])('a refusal with TIMEOUT %i ms into a request of 1,000: %s', async (ms, code) => {
    const { here, clock } = new Pair()
    const call = watch(here.exchange.request('ask', 1, { timeout: 1_000 }))
    here.frame()
    clock.advance(ms)
    here.exchange.take({ type: 'refusal', tag: 1, headers: undefined, code: 'TIMEOUT', reason: '' })
    await expect(call.promise).rejects.toMatchObject(code === 'TIMEOUT' ? { code, delivered: 'maybe' } : { code })
    expect(clock.timers).toBe(0)
  })

  test('the end of a stream with TIMEOUT when its time is up is our TIMEOUT, too', async () => {
    const { here, clock } = new Pair()
    const stream = here.exchange.stream('ask', 1, { timeout: 1_000 })
    const first = watch(stream.next())
    here.frame()
    here.exchange.take({ type: 'response', tag: 1, headers: undefined, hasStream: true, payload: new Uint8Array(0) })
    clock.advance(999)
    here.exchange.take({ type: 'chunkEnd', tag: 1, direction: 'reply', code: 'TIMEOUT', reason: '' })
    await expect(first.promise).rejects.toMatchObject({ code: 'TIMEOUT', delivered: 'maybe' })
  })
})

describe('headers of an answer', () => {
  test('can be set by a handler that took its context apart, and go with a failure, too', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', (_, { setHeaders }) => {
      setHeaders({ 'retry-after': '5' })
      throw Object.assign(new Error('busy'), { code: 'BUSY' })
    })
    const call = watch(pair.here.exchange.request('ask', 1))
    await pair.settle()
    await expect(call.promise).rejects.toMatchObject({ remoteCode: 'BUSY', headers: { 'retry-after': '5' } })
  })

  test('are refused at once where the requester takes nothing of their length', async () => {
    const pair = new Pair({ here: { maxItemBytes: 64 }, there: { maxItemBytes: 64 } })
    const codes: unknown[] = []
    pair.there.handlers.add('ask', (_, { setHeaders }) => {
      for (const length of [59, 60])
        try {
          setHeaders({ a: 'x'.repeat(length) })
          codes.push('taken')
        } catch (error) {
          codes.push((error as RemoteError).code)
        }
      throw new Error('no')
    })
    const call = watch(pair.here.exchange.request('ask', 1))
    await pair.settle()
    expect([codes, call.outcome(), pair.here.error]).toEqual([['taken', 'ITEM_TOO_LARGE'], 'REMOTE_ERROR', undefined])
  })
})

test('the source of a request that cannot be made is left', async () => {
  const { here } = new Pair({ here: { maxItemBytes: 64 } })
  let left = 0
  const body = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: false as const, value: 1 }),
      return: async () => {
        left += 1
        return { done: true as const, value: undefined }
      },
    }),
  }
  const long = watch(here.exchange.request('ask', 'x'.repeat(100), { body }))
  await expect(long.promise).rejects.toMatchObject({ code: 'ITEM_TOO_LARGE' })
  here.exchange.closed(undefined)
  await expect(here.exchange.request('ask', 1, { body })).rejects.toMatchObject({ code: 'CLOSED' })
  expect(left).toBe(2)
})
