import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'

import { bytes, defineMessages, json, text, type } from '../src/index.ts'
import type { Codec, RequestContext, ServerClient } from '../src/index.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { both, messages, Work } from './support/talking.ts'

const reversed: Codec<string> = {
  name: 'reversed',
  encode: (value) => Buffer.from(value).toReversed(),
  decode: (encoded) => new TextDecoder().decode(encoded.toReversed()),
}

describe('a request', () => {
  test('is answered by the handler of the other side, typed from end to end', async () => {
    await using place = new Place()
    const { server, client, there } = await both(place)
    server.handle('math:add', ({ a, b }, { from }) => {
      expectTypeOf(a).toEqualTypeOf<number>()
      expect(from).toBe(there)
      return a + b
    })
    client.handle('math:add', async ({ a, b }, { from }) => {
      expect(from.id).toBe(server.id)
      return a * 100 + b
    })
    const there_ = await client.request('math:add', { a: 1, b: 2 })
    const here = await server.request('math:add', { a: 1, b: 2 }, { to: there })
    expectTypeOf(there_).toEqualTypeOf<number>()
    expectTypeOf(here).toEqualTypeOf<number>()
    expect([there_, here]).toEqual([3, 102])
  })

  test('carries what its codec carries, both ways: msgpack, json, text, bytes, and one’s own', async () => {
    const kinds = defineMessages({
      msgpack: { payload: type<unknown>(), reply: type<unknown>() },
      json: { payload: type<unknown>(), reply: type<unknown>(), codec: json() },
      text: { payload: type<string>(), reply: type<string>(), codec: text() },
      bytes: { payload: type<Uint8Array>(), reply: type<Uint8Array>(), codec: bytes() },
      own: { payload: type<string>(), reply: type<string>(), codec: reversed },
    })
    await using place = new Place()
    const server = await place.listen({ messages: kinds })
    const client = await place.connect({ messages: kinds })
    for (const name of ['msgpack', 'json'] as const) {
      server.handle(name, (payload) => payload)
      for (const value of [undefined, null, 0, '', 'ä', [], {}, { deep: [1, { x: null }] }, false])
        expect(await client.request(name, value)).toEqual(value)
    }
    for (const name of ['text', 'own'] as const) {
      server.handle(name, (payload) => `${payload}!`)
      for (const value of ['', 'Straße 😀', 'x'.repeat(100_000)])
        expect(await client.request(name, value)).toBe(`${value}!`)
    }
    server.handle('bytes', (payload) => payload.toReversed())
    expect(await client.request('bytes', Uint8Array.of(1, 2, 255))).toEqual(Uint8Array.of(255, 2, 1))
    const date = new Date(1_600_000_000_000)
    expect(await client.request('msgpack', { date, bytes: Uint8Array.of(1) })).toEqual({
      date,
      bytes: Uint8Array.of(1),
    })
  })

  test('gives the receiver what its schema makes of it, and sends what it was given', async () => {
    const dates = defineMessages({
      'date:of': { payload: z.string().transform((said) => new Date(said)), reply: z.number().transform(String) },
    })
    await using place = new Place()
    const server = await place.listen({ messages: dates })
    const client = await place.connect({ messages: dates })
    server.handle('date:of', (date) => {
      expectTypeOf(date).toEqualTypeOf<Date>()
      return date.getUTCFullYear()
    })
    expect(await client.request('date:of', '1999-12-31')).toBe('1999')
  })

  test('many at a time, both ways at once, answered in any order, each gets its own answer', async () => {
    await using place = new Place()
    const { server, client, there } = await both(place)
    let turn = 0
    const answer = async (payload: unknown): Promise<unknown> => {
      // Later ones sooner.
      for (let left = 50 - (turn++ % 50); left > 0; left -= 1) await Promise.resolve()
      return payload
    }
    server.handle('any:ask', answer)
    client.handle('any:ask', answer)
    const numbers = Array.from({ length: 500 }, (_, index) => index)
    const [here, back] = await Promise.all([
      Promise.all(numbers.map((n) => client.request('any:ask', n, { channel: n % 3 }))),
      Promise.all(numbers.map((n) => server.request('any:ask', `${n}!`, { to: there, channel: n % 5 }))),
    ])
    expect(here).toEqual(numbers)
    expect(back).toEqual(numbers.map((n) => `${n}!`))
  })

  test('may be made while one is answered, to whoever asks, as deep as that goes', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    server.handle('any:ask', async (n, { from }) =>
      (n as number) === 0
        ? ['s']
        : [...((await server.request('any:ask', (n as number) - 1, { to: from })) as string[]), 's'],
    )
    client.handle('any:ask', async (n) => [...((await client.request('any:ask', (n as number) - 1)) as string[]), 'c'])
    expect(await client.request('any:ask', 6)).toEqual(['s', 'c', 's', 'c', 's', 'c', 's'])
  })

  test('takes headers along and brings some back; a header may have no value', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    server.handle('any:ask', (_, { headers }) => ({ ...headers }))
    server.handle('math:add', ({ a, b }, context) => {
      context.setHeaders({ 'x-cost': '1', cached: null })
      return a + b
    })
    expect(await client.request('any:ask', 1, { headers: { trace: 'ä', 'dry-run': null, empty: '' } })).toEqual({
      trace: 'ä',
      'dry-run': null,
      empty: '',
    })
    const { value, headers, stream } = await client.call('math:add', { a: 1, b: 2 })
    expect([value, { ...headers }, stream]).toEqual([3, { 'x-cost': '1', cached: null }, undefined])
    expect(Object.getPrototypeOf(headers)).toBe(null)
  })

  test('tells its handler name, channel, headers, and until when somebody waits', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    const seen: Partial<RequestContext>[] = []
    server.handle('any:ask', (_, { name, channel, deadline, hasBody }) => {
      seen.push({ name, channel, deadline, hasBody })
    })
    await client.request('any:ask', 1)
    await client.request('any:ask', 1, { timeout: 500, channel: 255 })
    await client.request('any:ask', 1, { timeout: Number.POSITIVE_INFINITY, body: [1] })
    const now = place.clock.now()
    expect(seen).toEqual([
      { name: 'any:ask', channel: 0, deadline: now + 30_000, hasBody: false },
      { name: 'any:ask', channel: 255, deadline: now + 500, hasBody: false },
      { name: 'any:ask', channel: 0, deadline: undefined, hasBody: true },
    ])
  })
})

describe('handle()', () => {
  test('a name has one handler; without one, and when it was taken away, requests are UNKNOWN_REQUEST', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    const unknown = { code: 'REMOTE_ERROR', remoteCode: 'UNKNOWN_REQUEST' }
    expect(await failureOf(client.request('any:ask', 1))).toMatchObject(unknown)
    const stop = server.handle('any:ask', () => 'first')
    expect(() => server.handle('any:ask', () => 'second')).toThrow(TypeError)
    expect(await client.request('any:ask', 1)).toBe('first')
    stop()
    expect(await failureOf(client.request('any:ask', 1))).toMatchObject(unknown)
    server.handle('any:ask', () => 'third')
    stop()
    expect(await client.request('any:ask', 1)).toBe('third')
  })

  test('refuses what is no request, no function and no concurrency', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    for (const node of [server, client]) {
      for (const name of ['news:flash', 'no:such', '', 'toString'])
        expect(() => node.handle(name as 'any:ask', () => 1)).toThrow(
          /^Expected the name of one of this side's `messages`/,
        )
      expect(() => node.handle('any:ask', 'f' as unknown as () => void)).toThrow(/`handler`/)
      for (const concurrency of [0, -1, 1.5, Number.NaN])
        expect(() => node.handle('any:ask', () => 1, { concurrency })).toThrow(/`concurrency`/)
    }
  })

  test.each([1, 2, 3])(
    'concurrency %i: so many run at a time, of all clients together; the others wait',
    async (concurrency) => {
      await using place = new Place()
      const server = await place.listen({ messages })
      const clients = [await place.connect({ messages }), await place.connect({ messages })]
      const work = new Work()
      server.handle('any:ask', work.handler, { concurrency })
      const replies = clients.flatMap((client) => [1, 2, 3].map((n) => client.request('any:ask', n, { channel: n })))
      for (let ended = 0; ended < 6; ended += 1) {
        await rest()
        expect(work.begun).toHaveLength(Math.min(6, ended + concurrency))
        work.end(ended, ended)
      }
      expect(new Set(await Promise.all(replies))).toEqual(new Set([0, 1, 2, 3, 4, 5]))
    },
  )
})

describe('P11: a request that is given up', () => {
  test('by a signal that has fired: its reason; the handler never hears of it', async () => {
    await using place = new Place()
    const { server, client, there } = await both(place)
    const work = new Work()
    for (const node of [server, client]) node.handle('any:ask', work.handler)
    const reason = new Error('changed my mind')
    const signal = AbortSignal.abort(reason)
    expect(await failureOf(client.request('any:ask', 1, { signal }))).toBe(reason)
    expect(await failureOf(server.request('any:ask', 1, { signal, to: there }))).toBe(reason)
    expect(await failureOf(server.request('any:ask', 1, { signal }))).toBe(reason)
    expect(() => client.stream('any:ask', 1, { signal })).toThrow(reason)
    await rest()
    expect(work.begun).toEqual([])
  })

  test('by a signal in the turn in which it was made: its reason; the handler never hears of it', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    const work = new Work()
    server.handle('any:ask', work.handler)
    const controller = new AbortController()
    const failure = failureOf(client.request('any:ask', 1, { signal: controller.signal }))
    const reason = new Error('changed my mind')
    controller.abort(reason)
    expect(await failure).toBe(reason)
    await rest()
    expect(work.begun).toEqual([])
  })

  test('by a signal later: ABORTED, maybe delivered; the handler’s signal fires with CANCELLED', async () => {
    await using place = new Place()
    const { server, client, there } = await both(place)
    const work = new Work()
    for (const node of [server, client]) node.handle('any:ask', work.handler)
    const controller = new AbortController()
    const failures = [
      failureOf(client.request('any:ask', 'up', { signal: controller.signal })),
      failureOf(server.request('any:ask', 'down', { signal: controller.signal, to: there })),
    ]
    await until(() => work.begun.length === 2)
    controller.abort(new Error('changed my mind'))
    for (const failure of failures) expect(await failure).toMatchObject({ code: 'ABORTED', delivered: 'maybe' })
    await until(() => work.stopped.length === 2)
    expect(work.stopped).toEqual(['CANCELLED', 'CANCELLED'])
  })

  test('by time: TIMEOUT after 30 s, requestTimeoutMs or its own timeout; the handler’s signal fires with TIMEOUT', async () => {
    await using place = new Place()
    const server = await place.listen({ messages, limits: { requestTimeoutMs: 2_000 } })
    const client = await place.connect({ messages })
    const [there] = server.clients as [ServerClient]
    const work = new Work()
    for (const node of [server, client]) node.handle('any:ask', work.handler)
    const calls = [
      observe(() => client.request('any:ask', 1, { timeout: 1_000 })),
      observe(() => server.request('any:ask', 2, { to: there })),
      observe(() => server.request('any:ask', 3)),
      observe(() => client.request('any:ask', 4)),
    ]
    await until(() => work.begun.length === 4)
    const began = place.clock.now()
    const late = async (ms: number): Promise<number> => {
      place.clock.advance(began + ms - place.clock.now())
      await rest()
      return calls.filter((call) => call() === 'rejects TIMEOUT').length
    }
    // Never too early, and at most 1/64 of the time too late.
    expect([await late(999), await late(1_016)]).toEqual([0, 1])
    expect([await late(1_999), await late(2_032)]).toEqual([1, 3])
    expect([await late(29_999), await late(30_469)]).toEqual([3, 4])
    expect(work.stopped).toEqual(Array.from({ length: 4 }, () => 'TIMEOUT'))
  })
})

describe('a reply that is streamed', () => {
  test('is REPLY_STREAMED for request(): the generator is left, and its signal fires', async () => {
    await using place = new Place()
    const { server, client, there } = await both(place)
    const left: string[] = []
    async function* counting(_: unknown, { signal }: { signal: AbortSignal }): AsyncGenerator<number> {
      for (let n = 0; !signal.aborted; n += 1) yield n
    }
    const handler = (payload: unknown, context: { signal: AbortSignal }): AsyncGenerator<number> => {
      const { signal } = context
      signal.addEventListener('abort', () => left.push((signal.reason as { code: string }).code))
      return counting(payload, context)
    }
    for (const node of [server, client]) node.handle('any:ask', handler)
    for (const call of [
      () => client.request('any:ask', 1),
      () => server.request('any:ask', 1, { to: there }),
      () => server.request('any:ask', 1),
    ])
      expect(await failureOf(call())).toMatchObject({ code: 'REPLY_STREAMED', delivered: 'maybe' })
    await rest()
    expect(left).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED'])
    expect([client.state, there.isConnected]).toEqual(['connected', true])
  })
})

describe('endRequests()', () => {
  test('lets open requests finish, refuses new ones with CLOSED, and leaves messages, items and the other direction alone', async () => {
    await using place = new Place()
    const { server, client, there } = await both(place)
    const work = new Work()
    for (const node of [server, client]) node.handle('any:ask', work.handler)
    const open = client.request('any:ask', 1)
    await until(() => work.begun.length === 1)
    const ended = observe(() => client.endRequests())
    await rest()
    expect(ended()).toBe('waits')
    expect(await failureOf(client.request('any:ask', 2))).toMatchObject({ code: 'CLOSED', delivered: 'no' })
    expect(() => client.stream('any:ask', 2)).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    work.end(0, 'answered')
    expect(await open).toBe('answered')
    await until(() => ended() === 'resolves')
    await client.endRequests()

    const heard = server.messages('news:flash').next()
    await client.send('news:flash', 'still here')
    expect((await heard).value?.payload).toBe('still here')
    const back = server.request('any:ask', 3, { to: there })
    await until(() => work.begun.length === 2)
    work.end(1, 'back')
    expect(await back).toBe('back')
    const got = server.get()
    await client.put('an item')
    expect(await got).toBe('an item')
  })

  test('of a server is for one client', async () => {
    await using place = new Place()
    const { server, client, there } = await both(place)
    client.handle('any:ask', () => 'first')
    const other = await place.connect({ messages })
    other.handle('any:ask', () => 'other')
    expect(await server.request('any:ask', 1, { to: there })).toBe('first')
    await server.endRequests(there)
    expect(await failureOf(server.request('any:ask', 1, { to: there }))).toMatchObject({
      code: 'CLOSED',
      delivered: 'no',
    })
    expect(await server.request('any:ask', 1, { to: server.clients[1] as ServerClient })).toBe('other')
  })
})
