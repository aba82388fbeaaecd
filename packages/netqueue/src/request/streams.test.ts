import assert from 'node:assert/strict'
import { describe, expect, test } from 'vitest'

import { turn } from '../../test/support/handles.ts'
import { Pair, watch } from '../../test/support/exchanges.ts'
import { RemoteError } from '../errors/errors.ts'
import type { RequestContext } from './handlers.ts'

/** Counts what was taken of it, and knows whether it was left. */
class Source implements AsyncIterable<unknown> {
  taken = 0
  isLeft = false
  readonly #chunk: (index: number) => unknown
  readonly #end: number

  constructor(end: number, chunk: (index: number) => unknown = (index) => index) {
    this.#end = end
    this.#chunk = chunk
  }

  async *[Symbol.asyncIterator](): AsyncGenerator {
    try {
      while (this.taken < this.#end) yield this.#chunk(this.taken++)
    } finally {
      this.isLeft = true
    }
  }
}

/** All of a stream, and how it ended. */
async function readAll(stream: AsyncIterable<unknown>): Promise<{ chunks: unknown[]; end: string }> {
  const chunks: unknown[] = []
  try {
    for await (const chunk of stream) chunks.push(chunk)
    return { chunks, end: 'complete' }
  } catch (error) {
    return {
      chunks,
      end: error instanceof RemoteError ? `remote ${error.remoteCode}` : (error as { code: string }).code,
    }
  }
}

const never = (): Promise<never> => new Promise(() => {})
const done = <Done extends boolean>(value: unknown, isDone: Done) => ({ done: isDone, value })

const upTo = (end: number): number[] => Array.from({ length: end }, (_, index) => index)

/** Both ends are at rest, and nothing is left. */
function expectNothingLeft(pair: Pair): void {
  expect([pair.here.exchange.isIdle, pair.there.exchange.isIdle, pair.clock.timers]).toEqual([true, true, 0])
  expect([pair.here.error, pair.there.error]).toEqual([undefined, undefined])
}

describe('a reply that is streamed', () => {
  test('gives all chunks in order, over many windows', async () => {
    const pair = new Pair({ here: { maxStreamChunks: 7 } })
    pair.there.handlers.add('ask', (end: number) => new Source(end))
    const all = [0, 1, 6, 7, 8, 1_000].map((end) => readAll(pair.here.exchange.stream('ask', end)))
    await pair.settle()
    expect(await Promise.all(all)).toEqual(
      [0, 1, 6, 7, 8, 1_000].map((end) => ({ chunks: upTo(end), end: 'complete' })),
    )
    expectNothingLeft(pair)
  })

  test('may be of a generator, of a promise, and have headers', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', async function* () {
      yield 'a'
    })
    pair.there.handlers.add('other', async (_, context) => {
      context.setHeaders({ rows: '3' })
      return new Source(3)
    })
    const reply = pair.here.exchange.call('other', 1)
    const chunks = readAll(pair.here.exchange.stream('ask', 1))
    await pair.settle()
    const { value, headers, stream } = await reply
    expect([value, headers]).toEqual([undefined, { rows: '3' }])
    const rows = readAll(stream as AsyncIterable<unknown>)
    await pair.settle()
    expect([await chunks, await rows]).toEqual([
      { chunks: ['a'], end: 'complete' },
      { chunks: [0, 1, 2], end: 'complete' },
    ])
    expectNothingLeft(pair)
  })

  test('is not begun before somebody reads, and never further ahead than the window', async () => {
    const pair = new Pair({ here: { maxStreamChunks: 4 } })
    const source = new Source(100)
    pair.there.handlers.add('ask', () => source)
    const reply = pair.here.exchange.call('ask', 1)
    await pair.settle()
    const stream = (await reply).stream as AsyncIterator<unknown>
    expect(source.taken).toBe(0)
    for (let read = 1; read <= 20; read += 1) {
      const next = stream.next()
      await pair.settle()
      expect(await next).toEqual({ done: false, value: read - 1 })
      expect(source.taken).toBeGreaterThan(read)
      expect(source.taken).toBeLessThanOrEqual(read + 4)
    }
    pair.cut()
  })

  test('counts bytes too: one chunk may overshoot the window', async () => {
    const pair = new Pair({ here: { maxStreamBytes: 100 } })
    const source = new Source(100, (index) => 'x'.repeat(index === 0 ? 300 : 58))
    pair.there.handlers.add('ask', () => source)
    const stream = pair.here.exchange.stream('ask', 1)
    const first = stream.next()
    await pair.settle()
    // The first one was taken over the limit; when it was read there was room again, for two of 60 bytes.
    expect([((await first).value as string).length, source.taken]).toEqual([300, 3])
    pair.cut()
  })

  test('asks for the first chunk right behind the request, not one round trip later', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', () => new Source(1))
    const chunks = readAll(pair.here.exchange.stream('ask', 1))
    pair.step()
    await pair.settle()
    expect(pair.here.said().slice(0, 2)).toEqual(['request', 'chunkCredit'])
    expect((await chunks).chunks).toEqual([0])
  })

  test('takes no more of its source than two frames hold, where the peer grants much and reads nothing', async () => {
    const pair = new Pair()
    const source = new Source(100_000)
    pair.there.handlers.add('ask', () => source)
    void pair.here.exchange.call('ask', 1)
    await pair.settle()
    pair.there.isStuck = true
    const most = Number.MAX_SAFE_INTEGER
    pair.there.exchange.take({ type: 'chunkCredit', tag: 1, direction: 'reply', chunks: most, bytes: most })
    await pair.settle()
    expect(source.taken).toBe(256)
    pair.cut()
    await pair.settle()
    expect(source.isLeft).toBe(true)
  })

  test('that is one value is a stream of one', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', () => [1, 2])
    const chunks = readAll(pair.here.exchange.stream('ask', 1))
    await pair.settle()
    expect(await chunks).toEqual({ chunks: [[1, 2]], end: 'complete' })
    expectNothingLeft(pair)
  })

  test('that fails gives what came before, then RemoteError with the code', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', async function* () {
      yield 1
      yield 2
      throw Object.assign(new Error('secret'), { code: 'E_MINE' })
    })
    pair.there.handlers.add('other', async function* () {
      yield 'unfit'
    })
    const all = ['ask', 'other', 'news'].map((name) => readAll(pair.here.exchange.stream(name, 1)))
    await pair.settle()
    expect(await Promise.all(all)).toEqual([
      { chunks: [1, 2], end: 'remote E_MINE' },
      { chunks: [], end: 'remote ENCODE_FAILED' },
      { chunks: [], end: 'remote UNKNOWN_REQUEST' },
    ])
    expect(pair.there.warnings.map(({ code }) => code)).toEqual(['HANDLER_FAILED', 'HANDLER_FAILED'])
    expectNothingLeft(pair)
  })

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['what throws when it is looked at', Object.defineProperty({}, 'done', { get: () => assert.fail('looked at') })],
  ])('whose source gives %s and no result has failed, and is left', async (_, result) => {
    const pair = new Pair()
    let isLeft = false
    const leave = async (): Promise<{ done: true; value: undefined }> => {
      isLeft = true
      return { done: true, value: undefined }
    }
    pair.there.handlers.add('ask', () => ({
      [Symbol.asyncIterator]: () => ({ next: async () => result, return: leave }),
    }))
    const chunks = readAll(pair.here.exchange.stream('ask', 1))
    await pair.settle()
    expect(await chunks).toEqual({ chunks: [], end: expect.stringMatching(/^remote /) as string })
    expect(isLeft).toBe(true)
    expectNothingLeft(pair)
  })

  test('with a chunk that cannot be decoded fails with DECODE_FAILED, and is cancelled', async () => {
    const pair = new Pair()
    const source = new Source(1_000, () => new TextEncoder().encode('{'))
    pair.there.handlers.add('ask', () => source)
    const chunks = readAll(pair.here.exchange.stream('ask', 1))
    await pair.settle()
    expect(await chunks).toEqual({ chunks: [], end: 'DECODE_FAILED' })
    expect(source.isLeft).toBe(true)
    expectNothingLeft(pair)
  })

  test('that is left is cancelled: the generator’s return() is called, and its signal fires', async () => {
    const pair = new Pair()
    const source = new Source(1_000_000)
    let signal: AbortSignal | undefined
    pair.there.handlers.add('ask', (_, context) => {
      signal = context.signal
      return source
    })
    const reading = (async () => {
      for await (const chunk of pair.here.exchange.stream('ask', 1)) if (chunk === 3) break
    })()
    await pair.settle()
    await reading
    expect([source.isLeft, signal?.aborted]).toEqual([true, true])
    expect(pair.there.sent.at(-1)).toMatchObject({ type: 'chunkEnd', direction: 'reply', code: 'CANCELLED' })
    expect(pair.there.warnings).toEqual([])
    expectNothingLeft(pair)
  })

  test('that is left before it is begun is never asked for', async () => {
    const pair = new Pair()
    const source = new Source(3)
    const stream = pair.here.exchange.stream('ask', 1, { body: source })
    expect(await stream.return?.()).toEqual({ done: true, value: undefined })
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    await pair.settle()
    expect([pair.here.said(), source.taken]).toEqual([[], 0])
    expectNothingLeft(pair)
  })

  test('whose signal fires before it is begun rejects with the reason; the body that was to go along is left', async () => {
    const pair = new Pair()
    const controller = new AbortController()
    let isLeft = false
    const body = {
      [Symbol.asyncIterator]: () => ({ next: never, return: async () => done((isLeft = true), true as const) }),
    }
    const stream = pair.here.exchange.stream('ask', 1, { signal: controller.signal, body })
    controller.abort(new Error('enough'))
    await expect(stream.next()).rejects.toThrow('enough')
    await pair.settle()
    expect([pair.here.said(), isLeft]).toEqual([[], true])
    expectNothingLeft(pair)
  })

  test('that is cancelled before it was announced is announced and ended, and leaves its place', async () => {
    const pair = new Pair({ here: { maxRequests: 1 } })
    const source = new Source(3)
    pair.there.handlers.add('ask', () => source)
    pair.there.handlers.add('other', () => 'free')
    const controller = new AbortController()
    watch(pair.here.exchange.call('ask', 1, { signal: controller.signal }))
    pair.there.isStuck = true
    await pair.settle()
    controller.abort()
    await pair.settle()
    pair.there.isStuck = false
    const next = pair.here.exchange.call('other', 1)
    await pair.settle()
    expect((await next).value).toBe('free')
    expect(pair.there.said()).toEqual(['response', 'chunkEnd', 'response'])
    expect(source.taken).toBe(0)
    expectNothingLeft(pair)
  })

  test('that nobody reads and whose request was left unread is cancelled by return()', async () => {
    const pair = new Pair()
    const source = new Source(3)
    pair.there.handlers.add('ask', () => source)
    const reply = pair.here.exchange.call('ask', 1)
    await pair.settle()
    await (await reply).stream?.return?.()
    await pair.settle()
    expect(source.taken).toBe(0)
    expectNothingLeft(pair)
  })

  test('ends in time: TIMEOUT from the loop, what waits is dropped, the other side stops', async () => {
    const pair = new Pair({ here: { maxStreamChunks: 4 } })
    const source = new Source(1_000)
    pair.there.handlers.add('ask', () => source)
    const stream = pair.here.exchange.stream('ask', 1, { timeout: 50 })
    const first = stream.next()
    await pair.settle()
    await first
    await pair.pass(50)
    await expect(stream.next()).rejects.toMatchObject({ code: 'TIMEOUT', delivered: 'maybe' })
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    expect(source.isLeft).toBe(true)
    expectNothingLeft(pair)
  })

  test('has no timeout unless one is given', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', () => new Promise(() => {}))
    const end = watch(pair.here.exchange.stream('ask', 1).next())
    await pair.pass(10_000_000)
    expect(end.outcome()).toBe('waits')
    pair.cut()
  })

  test('gives what came before the connection was lost, then CONNECTION_LOST', async () => {
    const pair = new Pair()
    const source = new Source(3)
    pair.there.handlers.add('ask', async function* () {
      yield* source
      await new Promise(() => {})
    })
    const stream = pair.here.exchange.stream('ask', 1)
    const first = stream.next()
    await pair.settle()
    await first
    pair.cut()
    expect(await readAll({ [Symbol.asyncIterator]: () => stream })).toEqual({ chunks: [1, 2], end: 'CONNECTION_LOST' })
  })

  test('a call of next() that overlaps another is ITERATOR_BUSY', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', () => new Source(2))
    const stream = pair.here.exchange.stream('ask', 1)
    const first = stream.next()
    await expect(stream.next()).rejects.toMatchObject({ code: 'ITERATOR_BUSY' })
    await pair.settle()
    expect(await first).toEqual({ done: false, value: 0 })
    await stream.return?.()
  })

  test('whose generator does not stop keeps the request open until it does', async () => {
    const pair = new Pair()
    let go: (() => void) | undefined
    pair.there.handlers.add('ask', async function* () {
      yield 1
      await new Promise<void>((resolve) => (go = resolve))
    })
    const stream = pair.here.exchange.stream('ask', 1)
    const first = stream.next()
    await pair.settle()
    await first
    await stream.return?.()
    await pair.settle()
    expect([pair.here.exchange.isIdle, pair.there.exchange.serving]).toEqual([true, 1])
    go?.()
    await pair.settle()
    expectNothingLeft(pair)
  })
})

describe('a body', () => {
  test('arrives in order, as fast as it is read', async () => {
    const pair = new Pair({ there: { maxStreamChunks: 4 } })
    const source = new Source(30)
    let ahead = 0
    pair.there.handlers.add('ask', async (_, { body, hasBody }) => {
      const seen: unknown[] = []
      for await (const chunk of body) {
        seen.push(chunk)
        await new Promise((resolve) => setImmediate(resolve))
        ahead = Math.max(ahead, source.taken - seen.length)
      }
      return { seen, hasBody }
    })
    const reply = pair.here.exchange.call('ask', 1, { body: source })
    await pair.settle()
    expect((await reply).value).toEqual({ seen: upTo(30), hasBody: true })
    expect(ahead).toBeLessThanOrEqual(4)
    expect(pair.here.said().filter((type) => type === 'chunkEnd')).toHaveLength(1)
    expectNothingLeft(pair)
  })

  test('may be a list or any other iterable', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', async (_, { body }) => (await readAll(body)).chunks)
    const replies = [[1, 2], new Set(['a']), []].map((body) => pair.here.exchange.call('ask', 1, { body }))
    await pair.settle()
    expect((await Promise.all(replies)).map(({ value }) => value)).toEqual([[1, 2], ['a'], []])
  })

  test('that nobody reads is not begun, and stopped with the answer', async () => {
    const pair = new Pair()
    const source = new Source(10)
    pair.there.handlers.add('ask', () => 'no thanks')
    const reply = pair.here.exchange.call('ask', 1, { body: source })
    await pair.settle()
    expect([(await reply).value, source.taken]).toEqual(['no thanks', 0])
    expect(pair.here.sent.at(-1)).toMatchObject({ type: 'chunkEnd', direction: 'body', code: 'STOPPED' })
    expectNothingLeft(pair)
  })

  test('that the handler leaves is sent no further, and stopped with the answer', async () => {
    const pair = new Pair({ there: { maxStreamChunks: 4 } })
    const source = new Source(1_000)
    let answer: (() => void) | undefined
    pair.there.handlers.add('ask', async (_, { body }) => {
      for await (const chunk of body) if (chunk === 5) break
      await new Promise<void>((resolve) => (answer = resolve))
    })
    void pair.here.exchange.call('ask', 1, { body: source })
    await pair.settle()
    const { taken } = source
    expect(taken).toBeLessThan(12)
    answer?.()
    await pair.settle()
    expect([source.taken, source.isLeft]).toEqual([taken, true])
    expectNothingLeft(pair)
  })

  test('whose source fails: the request rejects with that error, the handler hears its code', async () => {
    const pair = new Pair()
    const seen: unknown[] = []
    pair.there.handlers.add('ask', async (_, { body, signal }) => {
      seen.push(await readAll(body))
      await new Promise((_r, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    const reason = Object.assign(new Error('disk'), { code: 'EIO' })
    const body = (async function* () {
      yield 1
      throw reason
    })()
    const { promise } = watch(pair.here.exchange.call('ask', 1, { body }))
    await pair.settle()
    await expect(promise).rejects.toBe(reason)
    expect(seen).toEqual([{ chunks: [1], end: 'remote EIO' }])
    expectNothingLeft(pair)
  })

  test('a chunk that cannot be encoded or is too long fails the request; the source is left', async () => {
    for (const [chunk, code] of [
      ['unfit', 'ENCODE_FAILED'],
      ['x'.repeat(100), 'ITEM_TOO_LARGE'],
    ]) {
      const pair = new Pair({ here: { maxItemBytes: 100 } })
      const source = new Source(10, () => chunk)
      pair.there.handlers.add('ask', async (_, { body }) => readAll(body))
      const { promise } = watch(pair.here.exchange.call('ask', 1, { body: source }))
      await pair.settle()
      await expect(promise).rejects.toMatchObject({ code })
      expect(source.isLeft).toBe(true)
      expectNothingLeft(pair)
    }
  })

  test('of a request that is cancelled stops: the source is left, the handler’s loop fails with CANCELLED', async () => {
    const pair = new Pair()
    const source = new Source(1_000_000)
    const seen: unknown[] = []
    let read: (() => void) | undefined
    pair.there.handlers.add('ask', async (_, { body }) => {
      const first = await body.next()
      await new Promise<void>((resolve) => (read = resolve))
      seen.push(first, (await readAll(body)).end)
    })
    const controller = new AbortController()
    watch(pair.here.exchange.call('ask', 1, { body: source, signal: controller.signal }))
    await pair.settle()
    controller.abort()
    await pair.settle()
    read?.()
    await pair.settle()
    expect([seen, source.isLeft]).toEqual([[{ done: false, value: 0 }, 'CANCELLED'], true])
    expectNothingLeft(pair)
  })

  test('and a streamed reply may go on at the same time: an echo', async () => {
    const pair = new Pair({ here: { maxStreamChunks: 3 }, there: { maxStreamChunks: 3 } })
    pair.there.handlers.add(
      'ask',
      async function* (_, { body }) {
        for await (const chunk of body) yield `${String(chunk)}!`
      },
      { concurrency: 1 },
    )
    const body = new Source(50)
    const echoes = [1, 2].map((n) => readAll(pair.here.exchange.stream('ask', n, { body, channel: n })))
    await pair.settle()
    const heard = await Promise.all(echoes)
    expect(heard.map(({ end }) => end)).toEqual(['complete', 'complete'])
    expect(new Set(heard.flatMap(({ chunks }) => chunks))).toEqual(new Set(upTo(50).map((n) => `${n}!`)))
    expectNothingLeft(pair)
  })
})

/** A handler with one place, which somebody else holds; beside it, the reader of a body and the stream of the same request. */
async function crowded(): Promise<{
  pair: Pair
  read: () => Promise<unknown>
  leave: () => Promise<unknown>
  stream: AsyncIterator<unknown>
  free: () => void
}> {
  const pair = new Pair()
  let reader: RequestContext['body'] | undefined
  let free: (() => void) | undefined
  const handler = (kind: string, { body }: RequestContext): unknown => {
    if (kind === 'hold') return new Promise<void>((resolve) => (free = resolve))
    reader = body
    return new Source(5)
  }
  pair.there.handlers.add('ask', handler, { concurrency: 1 })
  const both = pair.here.exchange.call('ask', 'both', { body: ['chunk'] })
  watch(pair.here.exchange.call('ask', 'hold', { channel: 1 }))
  await pair.settle()
  const stream = (await both).stream as AsyncIterator<unknown>
  const body = reader as Required<RequestContext['body']>
  return { pair, read: () => body.next(), leave: () => body.return(), stream, free: () => free?.() }
}

describe('P8: a handler with one place', () => {
  test('forgets neither of two that wait for it: the stream, when the body has nothing yet', async () => {
    const { pair, read, stream, free } = await crowded()
    const first = watch(stream.next())
    await pair.settle()
    const chunk = watch(read())
    await pair.settle()
    expect([first.outcome(), chunk.outcome()]).toEqual(['waits', 'waits'])
    free()
    await pair.settle()
    expect(await Promise.all([first.promise, chunk.promise])).toEqual([done(0, false), done('chunk', false)])
    pair.cut()
  })

  test('forgets neither of two that wait for it: the body, when the stream has no room', async () => {
    const { pair, read, free } = await crowded()
    const chunk = watch(read())
    await pair.settle()
    pair.there.exchange.take({ type: 'chunkCredit', tag: 1, direction: 'reply', chunks: 0, bytes: 0 })
    expect(chunk.outcome()).toBe('waits')
    free()
    await pair.settle()
    expect(await chunk.promise).toEqual(done('chunk', false))
    pair.cut()
  })

  test('that leaves a body while it waits for it goes on, and its reader, when nobody else is at work', async () => {
    const pair = new Pair()
    const frees: (() => void)[] = []
    let atWork = 0
    const ends: unknown[] = []
    const handler = async (_: unknown, { body }: RequestContext): Promise<void> => {
      const chunk = body.next()
      await turn()
      ends.push(await body.return?.(), await chunk)
      atWork += 1
      await new Promise<void>((resolve) => frees.push(resolve))
      atWork -= 1
    }
    pair.there.handlers.add('ask', handler, { concurrency: 1 })
    const bodies = [1, 2, 3].map(() => ({ [Symbol.asyncIterator]: () => ({ next: never }) }))
    const calls = bodies.map((body, channel) => watch(pair.here.exchange.call('ask', 1, { body, channel })))
    for (const finished of [0, 1, 2, 3]) {
      await pair.settle()
      const answered = calls.filter(({ outcome }) => outcome() === 'resolved').length
      expect([atWork, answered]).toEqual([finished < 3 ? 1 : 0, finished])
      frees[finished]?.()
    }
    expect(ends).toEqual(Array.from({ length: 6 }, () => done(undefined, true)))
    pair.cut()
  })

  test('P11: that leaves a body, and waits for its place, goes on at once when nobody wants its answer any more', async () => {
    const { pair, read, leave } = await crowded()
    const [chunk, left] = [watch(read()), watch(leave())]
    const again = watch(leave())
    await pair.settle()
    expect([chunk.outcome(), left.outcome(), again.outcome()]).toEqual(['waits', 'waits', 'waits'])
    pair.cut()
    expect(await Promise.all([chunk.promise, left.promise, again.promise])).toEqual([
      done(undefined, true),
      done(undefined, true),
      done(undefined, true),
    ])
  })

  test('reads a body beside the reply that it streams, whichever of them has to wait', async () => {
    const pair = new Pair({ here: { maxStreamChunks: 2 }, there: { maxStreamChunks: 1 } })
    const seen: unknown[] = []
    pair.there.handlers.add(
      'ask',
      async (_, { body }) => {
        void readAll(body).then(({ chunks }) => seen.push(chunks.length))
        return new Source(20)
      },
      { concurrency: 1 },
    )
    const streams = [1, 2, 3].map((n) => pair.here.exchange.stream('ask', n, { body: new Source(40), channel: n }))
    const firsts = streams.map((stream) => stream.next())
    await pair.settle()
    await Promise.all(firsts)
    await pair.settle()
    const rest = streams.map((stream) => readAll({ [Symbol.asyncIterator]: () => stream }))
    await pair.settle()
    expect((await Promise.all(rest)).map(({ chunks }) => chunks.length)).toEqual([19, 19, 19])
    expect(seen).toEqual([40, 40, 40])
    expectNothingLeft(pair)
  })

  test('serves others while a reader of its stream stalls', async () => {
    const pair = new Pair({ here: { maxStreamChunks: 2 } })
    pair.there.handlers.add('ask', () => new Source(100), { concurrency: 1 })
    const stalled = pair.here.exchange.stream('ask', 1)
    const first = stalled.next()
    await pair.settle()
    await first
    const other = readAll(pair.here.exchange.stream('ask', 2, { channel: 1 }))
    await pair.settle()
    expect((await other).chunks).toHaveLength(100)
    pair.cut()
  })

  test('serves others while a requester keeps it waiting for a body', async () => {
    const pair = new Pair()
    let served = 0
    pair.there.handlers.add(
      'ask',
      async (_, { body }) => {
        for await (const _chunk of body) served += 1
        return served
      },
      { concurrency: 1 },
    )
    const body = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }
    watch(pair.here.exchange.call('ask', 1, { body }))
    await pair.settle()
    const other = watch(pair.here.exchange.call('ask', 2, { body: [1], channel: 1 }))
    await pair.settle()
    expect((await other.promise).value).toBe(1)
    pair.cut()
  })
})
