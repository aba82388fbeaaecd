import { describe, expect, test } from 'vitest'

import { Pair, thrownBy, watch } from '../../test/support/exchanges.ts'
import type { ExchangeMessage } from './mail.ts'

const payload = new TextEncoder().encode('1')
const HEAD = { channel: 0, name: 16, deadlineMs: undefined, headers: undefined, hasBody: false, payload } as const
const never = (): Promise<never> => new Promise(() => {})

const request = (tag: number, more: object = {}): ExchangeMessage => ({ type: 'request', tag, ...HEAD, ...more })
const response = (tag: number, hasStream = false): ExchangeMessage => ({
  type: 'response',
  tag,
  headers: undefined,
  hasStream,
  payload,
})
const refusal = (tag: number): ExchangeMessage => ({ type: 'refusal', tag, headers: undefined, code: 'X', reason: '' })
const chunk = (tag: number, direction: 'body' | 'reply'): ExchangeMessage => ({
  type: 'chunk',
  tag,
  direction,
  payload,
})
const end = (tag: number, direction: 'body' | 'reply'): ExchangeMessage => ({
  type: 'chunkEnd',
  tag,
  direction,
  code: '',
  reason: '',
})
const credit = (tag: number, direction: 'body' | 'reply', chunks = 1, bytes = 1): ExchangeMessage => ({
  type: 'chunkCredit',
  tag,
  direction,
  chunks,
  bytes,
})

/** A side with two requests of its own under way, and a handler that is never done. */
async function under(): Promise<{ take: (message: ExchangeMessage) => void; pair: Pair }> {
  const pair = new Pair()
  for (const { handlers } of [pair.here, pair.there]) handlers.add('ask', never)
  watch(pair.here.exchange.call('ask', 1))
  watch(pair.here.exchange.call('ask', 1, { body: [1] }))
  await pair.settle()
  return { pair, take: (message) => pair.here.exchange.take(message) }
}

describe('P7: what a peer must not send is refused with a code:', () => {
  test.each<[string, string, ExchangeMessage[]]>([
    ['a tag that is used again', 'BAD_MESSAGE', [request(1), request(1)]],
    ['a tag that does not grow in its channel', 'BAD_MESSAGE', [request(2), request(1)]],
    ['a tag that is open in another channel', 'BAD_MESSAGE', [request(2), request(2, { channel: 1 })]],
    ['a request by an id that was not announced', 'BAD_MESSAGE', [request(1, { name: 99 })]],
    ['a request behind the end of requests', 'BAD_MESSAGE', [{ type: 'endRequests' }, request(1)]],
    ['a second end of requests', 'BAD_MESSAGE', [{ type: 'endRequests' }, { type: 'endRequests' }]],
    [
      'a message by an id that was not announced',
      'BAD_MESSAGE',
      [{ type: 'message', name: 99, headers: undefined, payload }],
    ],
    ['a cancel of what never came', 'BAD_MESSAGE', [request(2), { type: 'cancelRequest', tag: 3 }]],
    ['a cancel of tag 0', 'BAD_MESSAGE', [request(1), { type: 'cancelRequest', tag: 0 }]],
    ['a response to what was never sent', 'BAD_MESSAGE', [response(3)]],
    ['a refusal of what was never sent', 'BAD_MESSAGE', [refusal(3)]],
    ['a second response to a request that is open', 'BAD_MESSAGE', [response(1, true), response(1)]],
    ['a refusal behind the response', 'BAD_MESSAGE', [response(1, true), refusal(1)]],
    ['a chunk before the response', 'BAD_MESSAGE', [chunk(1, 'reply')]],
    ['the end of a stream before the response', 'BAD_MESSAGE', [end(1, 'reply')]],
    ['a chunk of a reply to what was never sent', 'BAD_MESSAGE', [chunk(3, 'reply')]],
    ['a chunk of a body of what never came', 'BAD_MESSAGE', [chunk(1, 'body')]],
    ['a chunk of a body where there is none', 'BAD_MESSAGE', [request(1), chunk(1, 'body')]],
    ['the end of a body where there is none', 'BAD_MESSAGE', [request(1), end(1, 'body')]],
    ['credit for a body that there is not', 'BAD_MESSAGE', [credit(1, 'body')]],
    ['credit for a body of what was never sent', 'BAD_MESSAGE', [credit(3, 'body')]],
    ['credit for a reply to what never came', 'BAD_MESSAGE', [credit(1, 'reply')]],
    ['a chunk of a reply without credit', 'CREDIT_EXCEEDED', [response(1, true), chunk(1, 'reply')]],
    ['a chunk of a body without credit', 'CREDIT_EXCEEDED', [request(1, { hasBody: true }), chunk(1, 'body')]],
  ])('%s: %s', async (_, code, messages) => {
    const { take, pair } = await under()
    const last = messages.pop() as ExchangeMessage
    for (const message of messages) take(message)
    expect(() => take(last)).toThrow(expect.objectContaining({ code }))
    pair.cut()
    expect(pair.clock.timers).toBe(0)
  })

  test.each<[string, ExchangeMessage[]]>([
    ['an answer to a request that is over', [response(1), response(1), refusal(1)]],
    [
      'chunks and the end of a stream that is over',
      [response(1, true), end(1, 'reply'), chunk(1, 'reply'), end(1, 'reply')],
    ],
    ['credit for a stream that is over', [response(2), credit(2, 'body')]],
    [
      'credit that falls, and credit before there is a stream',
      [request(1), credit(1, 'reply', 5, 5), credit(1, 'reply', 1, 1)],
    ],
    ['credit without end', [credit(2, 'body', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)]],
    ['tags of one channel that are lower than those of another', [request(5), request(4, { channel: 1 })]],
    ['tags with gaps', [request(5), request(50)]],
  ])('but not %s', async (_, messages) => {
    const { take, pair } = await under()
    for (const message of messages) expect(() => take(message)).not.toThrow()
    await pair.here.exchange.send('news', 1)
    pair.cut()
    expect(pair.clock.timers).toBe(0)
  })

  test('the tag of a request that is over: BAD_MESSAGE', async () => {
    const pair = new Pair()
    pair.there.exchange.take(request(1))
    pair.there.frame()
    expect([pair.there.said(), pair.there.exchange.isIdle]).toEqual([['refusal'], true])
    expect(() => pair.there.exchange.take(request(1))).toThrow(expect.objectContaining({ code: 'BAD_MESSAGE' }))
  })

  test.each([
    [1, 1],
    [3, 4],
    [4, 4],
    [5, 4],
  ])('%i chunks of the %i that were granted', async (count, maxStreamChunks) => {
    const pair = new Pair({ there: { maxStreamChunks } })
    pair.there.handlers.add('ask', (_, { body }) => {
      void body.next().catch(() => {})
      return never()
    })
    pair.there.exchange.take(request(1, { hasBody: true }))
    pair.there.frame()
    expect(pair.there.sent).toEqual([expect.objectContaining({ type: 'chunkCredit', chunks: maxStreamChunks })])
    // Frames do not leave meanwhile, so that no more is granted.
    const all = Array.from({ length: count }, () => () => pair.there.exchange.take(chunk(1, 'body')))
    const last = all.pop()
    for (const take of all) take()
    const exceeded = expect.objectContaining({ code: 'CREDIT_EXCEEDED' }) as unknown
    expect(thrownBy(last)).toEqual(count > maxStreamChunks ? exceeded : undefined)
    pair.cut()
  })

  test.each([[9, 1], [9, 1_000], [10], [1_000]])(
    'bytes beyond the 10 that were granted, after the one chunk that may overshoot: behind %i and %i',
    (...chunks) => {
      const pair = new Pair({ there: { maxStreamBytes: 10 } })
      pair.there.handlers.add('ask', (_, { body }) => {
        void body.next().catch(() => {})
        return never()
      })
      pair.there.exchange.take(request(1, { hasBody: true }))
      pair.there.frame()
      const take = (bytes: number) => (): void =>
        pair.there.exchange.take({ type: 'chunk', tag: 1, direction: 'body', payload: new Uint8Array(bytes) })
      for (const bytes of chunks) take(bytes)()
      expect(take(0)).toThrow(expect.objectContaining({ code: 'CREDIT_EXCEEDED', limit: 'maxStreamBytes' }))
      pair.cut()
    },
  )

  test('credit for a stream that nobody reads any more is still checked, and nothing of it kept', async () => {
    const pair = new Pair({ there: { maxStreamChunks: 2 } })
    let loop: AsyncIterator<unknown> | undefined
    pair.there.handlers.add('ask', (_, { body }) => {
      loop = body
      void body.next()
      return never()
    })
    pair.there.exchange.take(request(1, { hasBody: true }))
    pair.there.frame()
    await loop?.return?.()
    for (const _ of [1, 2]) pair.there.exchange.take(chunk(1, 'body'))
    expect(await loop?.next()).toEqual({ done: true, value: undefined })
    expect(() => pair.there.exchange.take(chunk(1, 'body'))).toThrow(
      expect.objectContaining({ code: 'CREDIT_EXCEEDED' }),
    )
    pair.cut()
  })
})

describe('names and codes that a peer chooses', () => {
  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('%s is no handler', async (name) => {
    const pair = new Pair({ names: [name] })
    const reply = watch(pair.here.exchange.call(name, 1))
    await pair.here.exchange.send(name, 1)
    await pair.settle()
    await expect(reply.promise).rejects.toMatchObject({ remoteCode: 'UNKNOWN_REQUEST' })
    expect([pair.there.error, pair.there.warnings]).toEqual([undefined, []])
  })

  test('do not become the message of an error of ours', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', never)
    const reply = watch(pair.here.exchange.call('ask', 1))
    await pair.settle()
    const refused = { type: 'refusal', tag: 1, headers: undefined, code: 'X', reason: 'evil\u001b[2J' } as const
    pair.here.exchange.take(refused)
    const error = (await reply.promise.catch((caught: unknown) => caught)) as Error & { reason: string }
    expect([error.message.includes('evil'), error.reason]).toEqual([false, 'evil\u001b[2J'])
    pair.cut()
  })
})
