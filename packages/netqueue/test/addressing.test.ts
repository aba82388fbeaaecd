import { describe, expect, test } from 'vitest'

import { connect, listen, RemoteError } from '../src/index.ts'
import { netQueue } from '../src/protocol/index.ts'
import type { ServerClient } from '../src/index.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { frame, FRAME, RawPeer, RawServer } from './support/raw-peer.ts'
import { collected, messages, Work } from './support/talking.ts'

/** A server and so many clients, which all work on what they are asked. */
async function crowd(place: Place, count: number, options: object = {}) {
  const server = await place.listen({ messages, ...options })
  const works = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const attached = await place.attach(server, { messages, id: `c${index}` })
      const work = new Work()
      attached.client.handle('any:ask', work.handler)
      return { ...attached, work }
    }),
  )
  return { server, works }
}

describe('a request to one client', () => {
  test('of another server is a TypeError, as is what is none', async () => {
    await using place = new Place()
    await using other = new Place()
    const { server } = await crowd(place, 1)
    const { works } = await crowd(other, 1)
    for (const to of [works[0]?.there, { id: 'c0' }] as ServerClient[]) {
      await expect(server.request('any:ask', 1, { to })).rejects.toThrow(TypeError)
      await expect(server.send('news:flash', '', { to })).rejects.toThrow('Expected `to` to be a client of this server')
    }
  })

  test('is for it alone, however busy it is', async () => {
    await using place = new Place()
    const { server, works } = await crowd(place, 3)
    const [, second] = works
    const to = second?.there as ServerClient
    const replies = [1, 2, 3, 4].map((n) => server.request('any:ask', n, { to }))
    await until(() => second?.work.begun.length === 4)
    expect(works.map(({ work }) => work.begun)).toEqual([[], [1, 2, 3, 4], []])
    second?.work.endAll('done')
    expect(await Promise.all(replies)).toEqual(['done', 'done', 'done', 'done'])
  })

  test('that is gone is CLIENT_GONE, certainly not delivered', async () => {
    await using place = new Place()
    const { server, works } = await crowd(place, 1)
    const [{ client, there: to }] = works as [(typeof works)[number]]
    await client.close()
    await until(() => !to.isConnected)
    const gone = { code: 'CLIENT_GONE', delivered: 'no' }
    for (const call of [
      server.request('any:ask', 1, { to }),
      server.call('any:ask', 1, { to }),
      server.send('news:flash', '', { to }),
      server.sendEncoded('news:flash', new Uint8Array(1), { to }),
      server.endRequests(to),
    ])
      expect(await failureOf(call)).toMatchObject(gone)
    expect(() => server.stream('any:ask', 1, { to })).toThrow(expect.objectContaining(gone))
  })

  test.each([
    ['is lost', (cast: Cast) => cast.lose(), 'CONNECTION_LOST'],
    ['is sent away', (cast: Cast) => void cast.there.close(), 'CLOSED'],
  ])('that %s: the request rejects and says whether it was sent', async (_, end, code) => {
    await using place = new Place()
    const { server, works } = await crowd(place, 1, { limits: { maxRequests: 1 } })
    const [cast] = works as [Cast]
    const [sent, waiting] = [1, 2].map((n) => failureOf(server.request('any:ask', n, { to: cast.there })))
    await until(() => cast.work.begun.length === 1)
    end(cast)
    expect(await sent).toMatchObject({ code, delivered: 'maybe' })
    expect(await waiting).toMatchObject({ code, delivered: 'no' })
    await until(() => cast.work.stopped.length === 1)
    expect(cast.work.begun).toEqual([1])
  })

  test('of what is no client of a server is a TypeError', async () => {
    await using place = new Place()
    const { server } = await crowd(place, 1)
    for (const to of [{}, 'c0', { id: 'c0' }] as unknown as ServerClient[]) {
      expect(await failureOf(server.request('any:ask', 1, { to }))).toBeInstanceOf(TypeError)
      expect(await failureOf(server.send('news:flash', '', { to }))).toBeInstanceOf(TypeError)
    }
  })

  type Cast = Awaited<ReturnType<typeof crowd>>['works'][number]
})

describe('a request to whoever is free', () => {
  test('goes to the one with the fewest open ones, also of those that are made in one turn', async () => {
    await using place = new Place()
    const { server, works } = await crowd(place, 3)
    const counts = (): number[] => works.map(({ work }) => work.begun.length)
    const replies = Array.from({ length: 9 }, (_, n) => server.request('any:ask', n))
    await rest()
    expect(counts()).toEqual([3, 3, 3])
    for (const n of [0, 1]) works[1]?.work.end(n)
    await rest()
    for (let n = 0; n < 2; n += 1) replies.push(server.request('any:ask', n))
    await rest()
    expect(counts()).toEqual([3, 5, 3])
    for (const { work } of works) work.endAll()
    await Promise.all(replies)
  })

  test('counts those to one client, and streams, too', async () => {
    await using place = new Place()
    const { server, works } = await crowd(place, 2)
    const [first, second] = works as [(typeof works)[number], (typeof works)[number]]
    const direct = server.request('any:ask', 'direct', { to: first.there })
    await rest()
    const free = server.request('any:ask', 'free')
    await rest()
    expect([first.work.begun, second.work.begun]).toEqual([['direct'], ['free']])
    for (const { work } of works) work.endAll()
    await Promise.all([direct, free])
    second.client.handle('text:shout', () => 'second')
    const reading = server.stream('any:ask', 1, { to: first.there }).next()
    await until(() => first.work.begun.length === 2)
    expect(await server.request('text:shout', '')).toBe('second')
    first.work.endAll('chunk')
    expect(await reading).toEqual({ done: false, value: 'chunk' })
  })

  test('waits for a client that knows the name; others are not asked', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const bare = await place.connect()
    const less = await place.connect({ messages: messages.omit('any:ask') })
    const asked = observe(() => server.request('any:ask', 1))
    await rest()
    place.clock.advance(10_000)
    await rest()
    expect(asked()).toBe('waits')
    const able = await place.connect({ messages })
    able.handle('any:ask', () => 'answered')
    await until(() => asked() === 'resolves answered')
    expect([bare.state, less.state]).toEqual(['connected', 'connected'])
  })

  test('TIMEOUT after its timeout, or requestTimeoutMs, where there is nobody; the time that it waited is part of the request’s', async () => {
    await using place = new Place()
    const server = await place.listen({ messages, limits: { requestTimeoutMs: 3_000 } })
    const own = failureOf(server.request('any:ask', 1, { timeout: 1_000 }))
    const call = failureOf(server.call('any:ask', 1, { timeout: 1_000 }))
    const usual = failureOf(server.request('any:ask', 2))
    await rest()
    place.clock.advance(1_000)
    for (const failure of [own, call])
      expect(await failure).toMatchObject({ code: 'TIMEOUT', limit: 'timeout', value: 1_000, delivered: 'no' })
    place.clock.advance(1_000)
    await rest()
    const late = failureOf(server.request('any:ask', 3, { timeout: 2_500 }))
    place.clock.advance(1_000)
    expect(await usual).toMatchObject({ code: 'TIMEOUT', value: 3_000, delivered: 'no' })
    const client = await place.connect({ messages })
    const work = new Work()
    client.handle('any:ask', work.handler)
    await until(() => work.begun.length === 1)
    place.clock.advance(1_499)
    await rest()
    expect(work.stopped).toEqual([])
    place.clock.advance(30)
    expect(await late).toMatchObject({ code: 'TIMEOUT', delivered: 'maybe' })
  })

  test('is given up by its signal while it waits, with the reason; it takes nobody’s place then', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const controller = new AbortController()
    const reason = new Error('changed my mind')
    const failures = [
      failureOf(server.request('any:ask', 1, { signal: controller.signal })),
      failureOf(server.stream('any:ask', 1, { signal: controller.signal }).next()),
    ]
    await rest()
    controller.abort(reason)
    for (const failure of failures) expect(await failure).toBe(reason)
    const client = await place.connect({ messages })
    const work = new Work()
    client.handle('any:ask', work.handler)
    await rest()
    expect(work.begun).toEqual([])
  })

  test('of many that wait one goes to each place that is free, in order; whoever is slow holds up no other', async () => {
    await using place = new Place()
    const { server, works } = await crowd(place, 3, { limits: { maxRequests: 1 } })
    const begun = (): unknown[][] => works.map(({ work }) => work.begun)
    const replies = Array.from({ length: 9 }, (_, n) => server.request('any:ask', n))
    await rest()
    expect(begun()).toEqual([[0], [1], [2]])
    works[0]?.work.end(0)
    await rest()
    expect(begun()).toEqual([[0, 3], [1], [2]])
    works[1]?.work.end(0)
    await rest()
    expect(begun()).toEqual([[0, 3], [1, 4], [2]])
    for (let ended = 1; ended < 5; ended += 1) {
      works[1]?.work.end(ended)
      await rest()
    }
    expect(begun()).toEqual([[0, 3], [1, 4, 5, 6, 7, 8], [2]])
    for (const { work } of works) work.endAll()
    await Promise.all(replies)
  })

  test('streams that wait go to each place that is free, too', async () => {
    await using place = new Place()
    const server = await place.listen({ messages, limits: { maxRequests: 2 } })
    const streams = Array.from({ length: 4 }, () => server.stream('any:ask', 1))
    const firsts = streams.map((stream) => stream.next())
    await rest()
    const counts = [0, 0]
    for (const index of [0, 1]) {
      const { client } = await place.attach(server, { messages })
      client.handle('any:ask', async function* () {
        counts[index] = (counts[index] ?? 0) + 1
        for (;;) yield 1
      })
    }
    expect((await Promise.all(firsts)).map(({ value }) => value)).toEqual([1, 1, 1, 1])
    expect(counts).toEqual([2, 2])
    for (const stream of streams) await stream.return?.()
  })

  test('is for those whose requests were not ended', async () => {
    await using place = new Place()
    const { server, works } = await crowd(place, 2)
    await server.endRequests(server.clients[0] as ServerClient)
    const replies = [1, 2].map((n) => server.request('any:ask', n))
    await until(() => works[1]?.work.begun.length === 2)
    works[1]?.work.endAll()
    await Promise.all(replies)
    expect(works[0]?.work.begun).toEqual([])
  })

  test('P8: a client that hangs gets no more than its share, though its requests time out', async () => {
    await using place = new Place()
    const server = await place.listen({ messages, limits: { maxRequests: 4 } })
    const frozen = await place.attach(server, { messages })
    const hung = new Work({ heeds: false })
    frozen.client.handle('any:ask', hung.handler)
    const good = await place.connect({ messages })
    good.handle('any:ask', (n) => n)
    const outcomes = { answered: 0, late: 0 }
    for (let n = 0; n < 40; n += 1) {
      const asked = failureOf(server.request('any:ask', n, { timeout: 100 }))
      await rest()
      place.clock.advance(110)
      if ((await asked) === undefined) outcomes.answered += 1
      else outcomes.late += 1
    }
    expect(outcomes.late).toBeLessThanOrEqual(4)
    expect(hung.begun.length).toBeLessThanOrEqual(4)
    hung.endAll()
    await rest()
  })

  test.each([1, 2, 3])('QUEUE_FULL at once where maxWaiting 2 wait already: %i of them', async (count) => {
    await using place = new Place()
    const server = await place.listen({ messages, limits: { maxWaiting: 2 } })
    const calls = Array.from({ length: count }, (_, n) => observe(() => server.request('any:ask', n)))
    await rest()
    expect(calls.map((call) => call())).toEqual(['waits', 'waits', 'rejects QUEUE_FULL'].slice(0, count))
    const client = await place.connect({ messages })
    client.handle('any:ask', (n) => n)
    await until(() => calls.slice(0, 2).every((call) => call().startsWith('resolves')))
  })

  test('a client that drains is not chosen; what it was asked before is answered', async () => {
    await using place = new Place()
    const { server, works } = await crowd(place, 2)
    const [first, second] = works as [(typeof works)[number], (typeof works)[number]]
    const before = server.request('any:ask', 'before', { to: first.there })
    await until(() => first.work.begun.length === 1)
    const closed = first.client.close()
    await rest()
    const replies = [1, 2, 3].map((n) => server.request('any:ask', n))
    await until(() => second.work.begun.length === 3)
    first.work.endAll('answered')
    expect(await before).toBe('answered')
    await closed
    second.work.endAll('by the second')
    expect(await Promise.all(replies)).toEqual(Array.from({ length: 3 }, () => 'by the second'))
  })

  test('a client that is lost: CONNECTION_LOST, maybe delivered; the request is not repeated', async () => {
    await using place = new Place()
    const { server, works } = await crowd(place, 1)
    const [{ lose, work }] = works as [(typeof works)[number]]
    const failure = failureOf(server.request('any:ask', 1))
    await until(() => work.begun.length === 1)
    lose()
    expect(await failure).toMatchObject({ code: 'CONNECTION_LOST', delivered: 'maybe' })
    const other = await place.connect({ messages })
    const second = new Work()
    other.handle('any:ask', second.handler)
    await rest()
    expect(second.begun).toEqual([])
  })

  test('a stream is streamed by whoever is free, and left before it began it asks nobody', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const waiting = server.stream('any:ask', 3)
    const left = server.stream('any:ask', 'left')
    const ended = observe(() => left.return?.())
    await rest()
    expect(ended()).toMatch(/^resolves/)
    const client = await place.connect({ messages })
    const begun: unknown[] = []
    client.handle('any:ask', async function* (count) {
      begun.push(count)
      for (let n = 0; n < (count as number); n += 1) yield n
    })
    expect(await collected(waiting)).toEqual({ values: [0, 1, 2] })
    expect(await collected(server.stream('any:ask', 2))).toEqual({ values: [0, 1] })
    await rest()
    expect(begun).toEqual([3, 2])
  })
})

describe('a message to several', () => {
  test('reaches each of them, and no other', async () => {
    await using place = new Place()
    const { server, works } = await crowd(place, 3)
    const heard = works.map(({ client }) => {
      const all: string[] = []
      client.on('news:flash', ({ payload }) => all.push(payload))
      return all
    })
    const [first, , third] = server.clients as [ServerClient, ServerClient, ServerClient]
    await server.send('news:flash', 'two of you', { to: [first, third], headers: { n: '2' } })
    await server.send('news:flash', 'nobody', { to: [] })
    await rest()
    expect(heard).toEqual([['two of you'], [], ['two of you']])
  })

  test('goes to those who are there; then rejects for those who are not, and names them', async () => {
    await using place = new Place()
    const { server, works } = await crowd(place, 3)
    const to = server.clients.slice()
    const heard = works[2]?.client.messages('news:flash').next()
    works[1]?.lose()
    await until(() => server.clients.length === 2)
    expect(await failureOf(server.send('news:flash', 'all of you', { to }))).toMatchObject({
      code: 'CLIENT_GONE',
      undone: ['c1'],
    })
    expect((await heard)?.value?.payload).toBe('all of you')
  })
})

describe('P11: an original', () => {
  const CONN = '000000020001'

  test('has no requests and no messages: UNSUPPORTED at once, naming the protocol; it is not chosen, and no broadcast is for it', async () => {
    const server = await listen('tcp://127.0.0.1:0', { messages })
    const peer = await RawPeer.dial(server.address)
    peer.send(CONN)
    expect((await peer.next()).type).toBe(FRAME.CONN)
    await until(() => server.clients.length === 1)
    const [to] = server.clients as [ServerClient]
    const unsupported = { code: 'UNSUPPORTED', delivered: 'no' }
    for (const call of [
      server.request('any:ask', 1, { to }),
      server.call('any:ask', 1, { to }),
      server.send('news:flash', '', { to }),
      server.send('news:flash', '', { to: [to] }),
      server.endRequests(to),
    ]) {
      const failure = await failureOf(call)
      expect(failure).toMatchObject({ code: 'UNSUPPORTED' })
      expect((failure as Error).message).toContain(to.protocol)
    }
    expect(await failureOf(server.request('any:ask', 1, { to }))).toMatchObject(unsupported)
    expect(() => server.stream('any:ask', 1, { to })).toThrow(expect.objectContaining(unsupported))
    expect(await failureOf(server.request('any:ask', 1, { timeout: 10 }))).toMatchObject({ code: 'TIMEOUT' })
    expect(await server.broadcast('news:flash', 'to those who understand')).toEqual({ sent: 0, missed: [] })
    expect(peer.received.toString('hex')).toBe(CONN)
    peer.cut()
    await server.close({ timeout: 0 })
  })

  test('as a server neither', async () => {
    const raw = await RawServer.listen()
    const connecting = connect<string, string, typeof messages>(raw.address, { protocol: netQueue(), messages })
    const peer = await raw.accept()
    expect((await peer.next()).type).toBe(FRAME.CONN)
    peer.send(CONN)
    const client = await connecting
    const unsupported = { code: 'UNSUPPORTED', delivered: 'no' }
    for (const call of [client.request('any:ask', 1), client.call('any:ask', 1), client.send('news:flash', '')])
      expect(await failureOf(call)).toMatchObject(unsupported)
    expect(await failureOf(client.sendEncoded('news:flash', new Uint8Array(1)))).toMatchObject(unsupported)
    expect(await failureOf(client.endRequests())).toMatchObject({ code: 'UNSUPPORTED' })
    expect(() => client.stream('any:ask', 1)).toThrow(expect.objectContaining(unsupported))
    // Nobody asks, and nobody is told anything: both may be there all the same.
    client.handle('any:ask', () => 1)
    const loop = client.messages('news:flash')
    const closed = client.close()
    await peer.untilEnd()
    expect(peer.received.toString('hex')).toBe(CONN + frame(FRAME.DISCONN))
    peer.end()
    await closed
    expect(await loop.next()).toEqual({ done: true, value: undefined })
    await raw[Symbol.asyncDispose]()
  })
})

describe('clients that know a name and have no handler for it', () => {
  test('answer UNKNOWN_REQUEST where there is nobody else: nothing was begun', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    for (let count = 0; count < 3; count += 1) await place.connect({ messages })
    for (let count = 0; count < 3; count += 1) {
      const failure = await failureOf(server.request('math:add', { a: 1, b: 2 }))
      expect(failure).toBeInstanceOf(RemoteError)
      expect(failure).toMatchObject({ remoteCode: 'UNKNOWN_REQUEST', delivered: 'no' })
    }
  })

  test('cost nobody an answer, however idle they are: those who handle it are asked, and from then on they alone', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const idle = await Promise.all([1, 2, 3].map(() => place.attach(server, { messages })))
    const { client } = await place.attach(server, { messages })
    client.handle('math:add', ({ a, b }) => a + b)
    const sums = await Promise.all(Array.from({ length: 100 }, (_, n) => server.request('math:add', { a: n, b: 1 })))
    expect(sums).toEqual(Array.from({ length: 100 }, (_, n) => n + 1))
    // After a second they are asked again, as they may handle it by then.
    const [late] = idle as [(typeof idle)[number]]
    let asked = 0
    late.client.handle('math:add', () => (asked += 1))
    await server.request('math:add', { a: 1, b: 1 })
    expect(asked).toBe(0)
    place.clock.advance(1_000)
    await Promise.all(Array.from({ length: 100 }, () => server.request('math:add', { a: 1, b: 1 })))
    expect(asked).toBeGreaterThan(0)
  })

  test('are waited for no longer than for those who handle it: when the last of these leaves, UNKNOWN_REQUEST', async () => {
    await using place = new Place()
    const server = await place.listen({ messages, limits: { maxRequests: 1 } })
    await place.attach(server, { messages })
    const { client } = await place.attach(server, { messages })
    const work = new Work()
    client.handle('any:ask', work.handler)
    const first = server.request('any:ask', 1)
    await until(() => work.begun.length === 1)
    const second = failureOf(server.request('any:ask', 2))
    await rest()
    void client.close()
    await rest()
    work.endAll()
    await first
    expect(await second).toMatchObject({ remoteCode: 'UNKNOWN_REQUEST', delivered: 'no' })
  })

  test('are not taken for a handler that failed with that code: it has begun, and nobody else is asked', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    let calls = 0
    for (let count = 0; count < 2; count += 1) {
      const { client } = await place.attach(server, { messages })
      client.handle('any:ask', () => {
        calls += 1
        throw Object.assign(new Error('of another server'), { code: 'UNKNOWN_REQUEST' })
      })
    }
    const failure = await failureOf(server.request('any:ask', 1))
    expect(failure).toMatchObject({ remoteCode: 'UNKNOWN_REQUEST' })
    expect([calls, (failure as RemoteError).delivered]).toEqual([1, undefined])
  })

  test('the time of a request goes on while somebody else is asked', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    await place.attach(server, { messages })
    const { client } = await place.attach(server, { messages })
    const work = new Work()
    client.handle('any:ask', work.handler)
    const call = failureOf(server.request('any:ask', 1, { timeout: 1_000 }))
    await until(() => work.begun.includes(1))
    place.clock.advance(1_001)
    expect(await call).toMatchObject({ code: 'TIMEOUT', delivered: 'maybe' })
    work.endAll()
  })
})
