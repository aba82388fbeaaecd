import { describe, expect, test } from 'vitest'

import { connect, memoryPair } from '../src/index.ts'
import type { Client, Server } from '../src/index.ts'
import { chaosDuplex } from '../src/testing/index.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { Country, FIRST_MS, Neighbours, NORTH } from './support/places.ts'
import { collected, messages, never, Work } from './support/talking.ts'
import type { App } from './support/talking.ts'

type Node = Server<string, string, App>

/** A server that tells who it is; what it was asked is noted. */
function answering(server: Node, asked: unknown[] = []): unknown[] {
  server.handle('any:ask', (payload) => {
    asked.push(payload)
    return `${String(payload)} at ${server.id}`
  })
  return asked
}

/** A client that answers, and is ten milliseconds away. */
async function farAway(place: Place, server: Node, id: string): Promise<Far> {
  const [here, there] = memoryPair()
  const env = place.clock
  const accepted = server.accept(there)
  const wire = chaosDuplex(here, { env, latencyMs: 10 })
  const client = await place.pass(connect<string, string, App>(wire, { env, messages, id, prefetch: 8 }))
  client.handle('any:ask', (payload) => payload)
  await accepted
  return { client }
}

interface Far {
  client: Client<string, string, App>
}

/** Several requests of one turn. */
const requests = (client: Client<string, string, App>, ...payloads: unknown[]): Promise<unknown>[] =>
  payloads.map((payload) => client.request('any:ask', payload))

/** A server at work on the one request that it takes at once. */
async function busyPair(place: Neighbours, work: Work) {
  const nodes = await place.both({ limits: { maxRequests: 1 } })
  nodes.server.handle('any:ask', work.handler)
  const first = nodes.client.request('any:ask', 'first')
  first.catch(() => {})
  await until(() => work.begun.length === 1)
  return { ...nodes, first }
}

describe('P12: requests of a client whose server leaves in order', () => {
  test('go to the other one where they cross its goodbye: no handler has begun them', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both()
    for (const server of [north, south]) answering(server)
    const closed = north.close()
    const replies = requests(client, 1, 2, 3, 4)
    expect(await Promise.all(replies)).toEqual([1, 2, 3, 4].map((n) => `${n} at south`))
    await closed
  })

  test('are not sent to a server that restarts, but to the next one, in their order', async () => {
    await using place = new Neighbours()
    const work = new Work()
    const { server, client, first } = await busyPair(place, work)
    const later = requests(client, 'second', 'third')
    const closing = server.close({ reason: 'restart' })
    await rest()
    later.push(...requests(client, 'fourth'))
    work.endAll('done')
    expect(await first).toBe('done')
    await closing
    const next = await place.serve({ id: 'next' })
    const asked = answering(next)
    await place.later(FIRST_MS)
    expect(await Promise.all(later)).toEqual(['second at next', 'third at next', 'fourth at next'])
    expect([work.begun, asked]).toEqual([['first'], ['second', 'third', 'fourth']])
  })

  test('have their old place in line: those that were refused come before those that were not sent', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({ limits: { maxRequests: 2 } })
    answering(server)
    const closing = server.close({ reason: 'restart' })
    const replies = requests(client, 'a', 'b', 'c', 'd')
    await closing
    const next = await place.serve({ id: 'next' })
    const asked = answering(next)
    await place.later(FIRST_MS)
    await Promise.all(replies)
    expect(asked).toEqual(['a', 'b', 'c', 'd'])
  })

  test('P11: end with CONNECTION_LOST where the time of its restart cuts them off; what it had not begun waits for the next one', async () => {
    await using place = new Neighbours()
    const work = new Work({ heeds: false })
    const { server, client, first } = await busyPair(place, work)
    const unsent = client.request('any:ask', 'second')
    const closing = server.close({ reason: 'restart', timeout: 100 })
    await place.later(100)
    await place.later(250)
    await closing
    expect(await failureOf(first)).toMatchObject({ code: 'CONNECTION_LOST', delivered: 'maybe' })
    expect(client.state).toBe('reconnecting')
    answering(await place.serve({ id: 'next' }))
    await place.later(1_000)
    expect(await unsent).toBe('second at next')
    work.endAll()
  })

  test('reject with CLOSED when the client closes before there is another one: nobody waits for them', async () => {
    await using place = new Neighbours()
    const work = new Work()
    const { server, client, first } = await busyPair(place, work)
    const unsent = client.request('any:ask', 'second')
    const closed = server.close({ reason: 'restart' })
    await rest()
    const message = client.send('news:flash', 'third')
    const waits = observe(() => Promise.race([unsent, message]))
    await rest()
    expect(waits()).toBe('waits')
    const closing = client.close()
    expect(await failureOf(unsent)).toMatchObject({ code: 'CLOSED', delivered: 'no' })
    expect(await failureOf(message)).toMatchObject({ code: 'CLOSED', delivered: 'no' })
    work.endAll('done')
    expect(await first).toBe('done')
    await Promise.all([closing, closed])
  })

  test('reject with CLOSED, certainly not delivered, where there is no other server', async () => {
    await using place = new Neighbours()
    const work = new Work()
    const { server, client, first } = await busyPair(place, work)
    const unsent = failureOf(client.request('any:ask', 'second'))
    const closing = server.close()
    expect(await unsent).toMatchObject({ code: 'REMOTE_ERROR', remoteCode: 'CLOSED', delivered: 'no' })
    work.endAll('done')
    expect(await first).toBe('done')
    await closing
    expect(work.begun).toEqual(['first'])
  })

  test('go to the other one when it sends this client away', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both({ limits: { maxRequests: 1 } })
    const work = new Work()
    north.handle('any:ask', work.handler)
    answering(south)
    const replies = requests(client, 1, 2, 3, 4)
    replies[0]?.catch(() => {})
    await until(() => work.begun.length === 1)
    await rest()
    await north.clients[0]?.close()
    expect(await failureOf(replies[0] as Promise<unknown>)).toMatchObject({ code: 'CLOSED', delivered: 'maybe' })
    expect(await Promise.all(replies.slice(1))).toEqual([2, 3, 4].map((n) => `${n} at south`))
  })

  test('go to the other one when it is lost', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both({ limits: { maxRequests: 1 } })
    north.handle('any:ask', never)
    answering(south)
    const replies = requests(client, 1, 2, 3, 4)
    replies[0]?.catch(() => {})
    await rest()
    place.roads[NORTH].mood = 'refuses'
    place.roads[NORTH].cut()
    expect(await Promise.all(replies.slice(1))).toEqual([2, 3, 4].map((n) => `${n} at south`))
  })
})

describe('P12: requests of a server whose client leaves in order', () => {
  async function crowd(place: Place, limits: object = {}) {
    const server = await place.listen({ messages, limits })
    const workers = await Promise.all(
      ['one', 'two'].map(async (id) => {
        const attached = await place.attach(server, { messages, id })
        const work = new Work()
        attached.client.handle('any:ask', work.handler)
        return { ...attached, work }
      }),
    )
    const [one, two] = workers as [(typeof workers)[number], (typeof workers)[number]]
    return { server, one, two }
  }

  test('go to another one where they cross its goodbye: it waits until the server has heard of it', async () => {
    await using place = new Place()
    const { server, one, two } = await crowd(place)
    const closed = one.client.close()
    const replies = [1, 2, 3, 4].map((n) => server.request('any:ask', n))
    await until(() => two.work.begun.length === 4)
    two.work.endAll('by the second')
    expect(await Promise.all(replies)).toEqual(replies.map(() => 'by the second'))
    await closed
    expect([one.work.begun, (await one.client.closed).error]).toEqual([[], undefined])
  })

  test('P2: and go to another one however long its goodbye is on its way, as items do, with the attempt that they had', async () => {
    await using place = new Place()
    const server = await place.listen<string, string, App>({ messages })
    const [one, two] = await Promise.all(['one', 'two'].map((id) => farAway(place, server, id)))
    const attempts: number[] = []
    for (const { client } of [one, two] as [Far, Far])
      void client.process((item, { attempt }) => {
        attempts.push(attempt)
        return item
      })
    await place.pass(rest())
    const closed = one?.client.close()
    const replies: Promise<unknown>[] = []
    // Until it has heard of it, the server asks either of them.
    for (let ms = 0; ms < 30; ms += 1) {
      replies.push(server.request('any:ask', ms), server.submit(String(ms)))
      place.clock.advance(1)
      await rest()
    }
    expect(await place.pass(Promise.all(replies))).toHaveLength(60)
    await place.pass(closed as Promise<void>)
    expect(new Set(attempts)).toEqual(new Set([1]))
  })

  test('need not wait for what it is at work on', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const one = await place.attach(server, { messages, id: 'one' })
    const work = new Work()
    one.client.handle('any:ask', work.handler, { concurrency: 1 })
    const first = server.request('any:ask', 1)
    await until(() => work.begun.length === 1)
    const another = await place.attach(server, { messages, id: 'two' })
    another.client.handle('any:ask', () => 'by another')
    const held = server.request('any:ask', 'held', { to: another.there })
    const closed = one.client.close()
    expect(await Promise.all([held, server.request('any:ask', 2), server.request('any:ask', 3)])).toEqual(
      Array.from({ length: 3 }, () => 'by another'),
    )
    work.endAll('done')
    expect([await first, await closed]).toEqual(['done', undefined])
  })

  test('wait for another one, if need be', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const { client } = await place.attach(server, { messages })
    client.handle('any:ask', () => 'by the first')
    void client.close()
    const reply = server.request('any:ask', 1)
    await rest()
    const another = await place.connect({ messages })
    another.handle('any:ask', () => 'by another')
    expect(await reply).toBe('by another')
  })

  test.each([
    ['leaves', ({ client }: Leaver) => void client.close()],
    ['is asked to leave', ({ there }: Leaver) => there.dismiss()],
    ['is lost', ({ lose }: Leaver) => lose()],
  ])('go to another one where they had not been sent when it %s', async (_, leave) => {
    await using place = new Place()
    const { server, one, two } = await crowd(place, { maxRequests: 2 })
    const held = [1, 2].map((n) => server.request('any:ask', `held ${n}`, { to: one.there }))
    for (const reply of held) reply.catch(() => {})
    const busy = [1, 2].map((n) => server.request('any:ask', `busy ${n}`, { to: two.there }))
    await until(() => one.work.begun.length === 2 && two.work.begun.length === 2)
    // Freed and taken in one turn, before anything is written.
    one.work.end(0)
    await held[0]
    const unsent = server.request('any:ask', 'unsent')
    leave(one)
    two.work.endAll()
    await Promise.all(busy)
    await until(() => two.work.begun.length === 3)
    two.work.endAll('by the second')
    expect(await unsent).toBe('by the second')
    one.work.endAll()
  })

  test('that are for it alone reject: CLOSED, certainly not delivered', async () => {
    await using place = new Place()
    const { server, one } = await crowd(place, { maxRequests: 1 })
    const to = one.there
    const held = server.request('any:ask', 1, { to })
    const unsent = failureOf(server.request('any:ask', 2, { to }))
    await until(() => one.work.begun.length === 1)
    const closed = one.client.close()
    expect(await unsent).toMatchObject({ remoteCode: 'CLOSED', delivered: 'no' })
    expect(await failureOf(server.request('any:ask', 3, { to }))).toMatchObject({
      remoteCode: 'CLOSED',
      delivered: 'no',
    })
    one.work.endAll('done')
    expect([await held, await closed]).toEqual(['done', undefined])
    expect(one.work.begun).toEqual([1])
  })

  interface Leaver {
    client: { close(): Promise<unknown> }
    there: { dismiss(): void }
    lose: () => void
  }
})

describe('P11: streams and requests with a body that no server has begun', () => {
  /** A source that notes whether anybody has begun to read it, and whether it was closed. */
  function source(...chunks: unknown[]) {
    const seen = { begun: 0, closed: 0 }
    const body = {
      [Symbol.asyncIterator]() {
        const left = chunks.slice()
        return {
          next: () => {
            seen.begun += 1
            return Promise.resolve(
              left.length > 0 ? { done: false, value: left.shift() } : { done: true, value: undefined },
            )
          },
          return: () => {
            seen.closed += 1
            return Promise.resolve({ done: true, value: undefined })
          },
        }
      },
    } as AsyncIterable<unknown>
    return { body, seen }
  }

  /** Answers by what came along. */
  const echo = (server: Node): unknown => server.handle('any:ask', (payload, { body }) => echoed(payload, body))

  async function* echoed(payload: unknown, body: AsyncIterable<unknown>): AsyncGenerator {
    yield payload
    yield* body
  }

  test('wait for the next connection where the last one was lost before they had left', async () => {
    await using place = new Neighbours()
    const { client } = await place.both({ limits: { maxRequests: 1 } }).then(async (nodes) => {
      let isBusy = false
      nodes.server.handle('any:ask', (payload, { body }) => {
        if (payload !== 'first') return echoed(payload, body)
        isBusy = true
        return never()
      })
      nodes.client.request('any:ask', 'first').catch(() => {})
      await until(() => isBusy)
      return nodes
    })
    const [one, two] = [source('b'), source('d')]
    const streams = [
      collected(client.stream('any:ask', 'a', { body: one.body })),
      client.call('any:ask', 'c', { body: two.body }).then(({ stream }) => collected(stream as AsyncIterable<unknown>)),
    ]
    await rest()
    place.road.cut()
    await place.later(FIRST_MS)
    expect(await Promise.all(streams)).toEqual([{ values: ['a', 'b'] }, { values: ['c', 'd'] }])
    expect([one.seen, two.seen]).toEqual([
      { begun: 2, closed: 0 },
      { begun: 2, closed: 0 },
    ])
  })

  test('wait for the next server where they were made before the last one was lost, and are read after it', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    echo(server)
    const stream = client.stream('any:ask', 'a', { body: ['b'] })
    place.road.cut()
    const reading = collected(stream)
    await place.later(FIRST_MS)
    expect(await reading).toEqual({ values: ['a', 'b'] })
  })

  test('go to the other server where they cross the goodbye of the first: its source was not touched', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both()
    for (const server of [north, south]) echo(server)
    const closed = north.close()
    const sources = [1, 2, 3, 4].map((n) => source(n))
    const streams = sources.map(({ body }, index) => collected(client.stream('any:ask', index, { body })))
    expect(await Promise.all(streams)).toEqual([1, 2, 3, 4].map((n, index) => ({ values: [index, n] })))
    expect(sources.map(({ seen }) => seen.closed)).toEqual([0, 0, 0, 0])
    await closed
  })

  test('end with their time and their signal while they wait: the source is closed, and never read', async () => {
    await using place = new Neighbours()
    const { client } = await busyPair(place, new Work())
    place.road.mood = 'refuses'
    const sources = Array.from({ length: 4 }, () => source('b'))
    const [late, stopped, left, asked] = sources as [Source, Source, Source, Source]
    const stop = new AbortController()
    const streams = [
      client.stream('any:ask', 'a', { body: late.body, timeout: 100 }),
      client.stream('any:ask', 'a', { body: stopped.body, signal: stop.signal }),
      client.stream('any:ask', 'a', { body: left.body }),
    ] as const
    const ends = [
      failureOf(streams[0].next()),
      failureOf(streams[1].next()),
      streams[2].next(),
      failureOf(client.request('any:ask', 'a', { body: asked.body, timeout: 100 })),
    ]
    await rest()
    place.road.cut()
    await rest()
    stop.abort('enough')
    void streams[2].return?.()
    await place.later(110)
    expect(await Promise.all(ends)).toEqual([
      expect.objectContaining({ code: 'TIMEOUT', value: 100, delivered: 'no' }),
      'enough',
      { done: true, value: undefined },
      expect.objectContaining({ code: 'TIMEOUT', value: 100, delivered: 'no' }),
    ])
    expect(sources.map(({ seen }) => seen)).toEqual(sources.map(() => ({ begun: 0, closed: 1 })))
  })

  test('a server’s stream goes to another client where the first does not handle it', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    await place.attach(server, { messages, id: 'deaf' })
    const { client } = await place.attach(server, { messages, id: 'able' })
    client.handle('any:ask', async function* (payload) {
      yield payload
    })
    expect(await collected(server.stream('any:ask', 1))).toEqual({ values: [1] })
  })

  test('a server’s stream goes to another client where it crosses the goodbye of the first', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const { client } = await place.attach(server, { messages })
    client.handle('any:ask', () => 'by the first')
    void client.close()
    const reading = collected(server.stream('any:ask', 2, { body: ['b'] }))
    await rest()
    const another = await place.connect({ messages })
    another.handle('any:ask', async (_, { body }) => collected(body))
    expect(await reading).toEqual({ values: [{ values: ['b'] }] })
  })

  type Source = ReturnType<typeof source>
})

describe('P11: TIMEOUT names the time that was given, however long a call had waited before', () => {
  const within = (timeout: number): object => ({ limit: 'timeout', value: timeout })

  test('of a client: for a connection, and then for the answer', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({ limits: { maxUnsentMessages: 1 } })
    server.handle('any:ask', never)
    place.road.cut()
    await rest()
    const timeout = 1_000
    const calls = [client.request('any:ask', 'x', { timeout }), client.stream('any:ask', 'x', { timeout }).next()].map(
      failureOf,
    )
    await place.later(FIRST_MS)
    await place.later(951)
    const outcomes = observe(() => Promise.all(calls))
    await place.later(30)
    expect(outcomes()).not.toBe('waits')
    for (const failure of await Promise.all(calls)) {
      expect(failure).toMatchObject({ code: 'TIMEOUT', delivered: 'maybe', ...within(timeout) })
      expect(String(failure)).toContain('within 1000 ms')
    }
  })

  test('of a client: for one connection after the other', async () => {
    await using place = new Neighbours()
    const { client } = await place.both({ limits: { maxUnsentMessages: 1 } })
    place.road.mood = 'refuses'
    const timeout = 1_000
    const calls = ['a', 'b'].map((word) => client.send('news:flash', word, { timeout }))
    place.clock.advance(400)
    place.road.cut()
    await place.later(599)
    const waits = observe(() => calls[1])
    await rest()
    expect(waits()).toBe('waits')
    await place.later(1)
    expect(await failureOf(calls[1] as Promise<void>)).toMatchObject({
      code: 'QUEUE_FULL',
      delivered: 'no',
      ...within(timeout),
    })
  })

  test('of a server: for whoever is free, and for somebody else', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const timeout = 1_000
    const asked = failureOf(server.request('any:ask', 1, { timeout }))
    place.clock.advance(400)
    const first = await place.attach(server, { messages })
    await rest()
    void first.client.close()
    await rest()
    place.clock.advance(600)
    expect(await asked).toMatchObject({ code: expect.stringMatching(/TIMEOUT|REMOTE/) })
    const late = failureOf(server.request('any:ask', 1, { timeout }))
    place.clock.advance(400)
    const second = await place.attach(server, { messages })
    second.client.handle('any:ask', never)
    await rest()
    place.clock.advance(616)
    expect(await late).toMatchObject({ code: 'TIMEOUT', delivered: 'maybe', ...within(timeout) })
  })
})

describe('P11: calls that wait for a connection are not overtaken', () => {
  test('by those that a listener of connect makes', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    const heard: unknown[] = []
    server.on('news:flash', ({ payload }) => heard.push(payload))
    const asked = answering(server)
    place.road.cut()
    await rest()
    const waiting = [client.send('news:flash', 'first'), client.send('news:flash', 'second')]
    const replies = requests(client, 1, 2)
    client.on('connect', () => {
      waiting.push(client.send('news:flash', 'third'))
      replies.push(...requests(client, 3))
    })
    await place.later(FIRST_MS)
    await Promise.all([...waiting, ...replies])
    await rest()
    expect([heard, asked]).toEqual([
      ['first', 'second', 'third'],
      [1, 2, 3],
    ])
  })

  test('by those that a listener of disconnect makes: what had not left when it was lost is older', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({ limits: { maxRequests: 1, maxUnsentMessages: 1 } })
    const heard: unknown[] = []
    server.on('news:flash', ({ payload }) => heard.push(payload))
    let isFirst = true
    const asked: unknown[] = []
    server.handle('any:ask', (payload) => {
      asked.push(payload)
      if (!isFirst) return payload
      isFirst = false
      return never()
    })
    const [first, ...replies] = requests(client, 0, 1, 2) as [Promise<unknown>, ...Promise<unknown>[]]
    first.catch(() => {})
    await until(() => asked.length === 1)
    const sent = ['a', 'b', 'c'].map((word) => client.send('news:flash', word))
    const stop = client.on('disconnect', () => {
      stop()
      sent.push(client.send('news:flash', 'd'))
      replies.push(...requests(client, 3))
    })
    place.road.cut()
    await place.later(FIRST_MS)
    await Promise.all([...sent, ...replies])
    await rest()
    expect([heard, asked]).toEqual([
      ['b', 'c', 'd'],
      [0, 1, 2, 3],
    ])
  })
})

describe('P12: endRequests() of a client', () => {
  test('resolves when those are answered that went to the next server, which then hears of it too', async () => {
    await using place = new Neighbours()
    const work = new Work()
    const { server, client, first } = await busyPair(place, work)
    const second = client.request('any:ask', 'second')
    const ended = observe(() => client.endRequests())
    await rest()
    place.road.cut()
    await rest()
    expect([ended(), (await failureOf(first)) !== undefined]).toEqual(['waits', true])
    await place.later(FIRST_MS)
    expect([ended(), work.begun, server.clients.length]).toEqual(['waits', ['first', 'second'], 1])
    work.endAll('done')
    expect(await second).toBe('done')
    await rest()
    expect(ended()).toBe('resolves')
    expect(await failureOf(client.request('any:ask', 'third'))).toMatchObject({ code: 'CLOSED', delivered: 'no' })
  })

  test('takes no place among those that wait: QUEUE_FULL is for them', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({ limits: { maxWaiting: 1 } })
    answering(server)
    place.road.cut()
    await rest()
    const waiting = client.request('any:ask', 1)
    const ended = observe(() => client.endRequests())
    await rest()
    expect([ended(), await failureOf(client.request('any:ask', 2))]).toMatchObject(['waits', { code: 'CLOSED' }])
    await place.later(FIRST_MS)
    expect(await waiting).toBe(`1 at ${server.id}`)
    await rest()
    expect(ended()).toBe('resolves')
  })

  test('resolves when the client ends before that', async () => {
    await using place = new Neighbours()
    const { client } = await place.both()
    place.road.cut()
    await rest()
    const waiting = failureOf(client.request('any:ask', 1))
    const ended = client.endRequests()
    await client.close()
    expect([await ended, await waiting]).toMatchObject([undefined, { code: 'CLOSED', delivered: 'no' }])
  })
})
