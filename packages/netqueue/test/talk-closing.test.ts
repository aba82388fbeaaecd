import { describe, expect, test } from 'vitest'

import { connect, listen } from '../src/index.ts'
import type { ServerClient } from '../src/index.ts'
import { expectHandles, handles } from './support/handles.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { both, collected, messages, Work } from './support/talking.ts'
import type { App, Both } from './support/talking.ts'
import { Port } from './support/tcp.ts'

/** A server and a client, each at work on a request of the other. */
async function atWork(place: Place, work: Work): Promise<Both & { up: Promise<unknown>; down: Promise<unknown> }> {
  const nodes = await both(place)
  const { server, client, there } = nodes
  for (const node of [server, client]) node.handle('any:ask', work.handler)
  const up = client.request('any:ask', 'up', { timeout: Number.POSITIVE_INFINITY })
  const down = server.request('any:ask', 'down', { to: there, timeout: Number.POSITIVE_INFINITY })
  for (const call of [up, down]) call.catch(() => {})
  await until(() => work.begun.length === 2)
  return { ...nodes, up, down }
}

const closers = {
  'client.close()': ({ client }: Both, timeout?: number) => client.close(timeout === undefined ? {} : { timeout }),
  'server.close()': ({ server }: Both, timeout?: number) => server.close(timeout === undefined ? {} : { timeout }),
}

describe.each(Object.entries(closers))('P12: %s with requests open in both directions', (_, close) => {
  test('lets all of them finish, with their answers, and then ends', async () => {
    await using place = new Place()
    const work = new Work()
    const nodes = await atWork(place, work)
    const closing = observe(() => close(nodes))
    await rest()
    place.clock.advance(4_999)
    await rest()
    expect([closing(), work.stopped]).toEqual(['waits', []])
    work.end(work.begun.indexOf('up'), 'up there')
    await rest()
    expect(await nodes.up).toBe('up there')
    expect(closing()).toBe('waits')
    work.end(work.begun.indexOf('down'), 'down here')
    expect(await nodes.down).toBe('down here')
    await until(() => closing().startsWith('resolves'))
    expect((await nodes.client.closed).error).toBeUndefined()
  })

  test('refuses new ones of its side with CLOSED, certainly not delivered, and messages too', async () => {
    await using place = new Place()
    const work = new Work()
    const nodes = await atWork(place, work)
    const { server, client, there } = nodes
    void close(nodes)
    await rest()
    const isServer = server.state === 'closing'
    const closed = { code: 'CLOSED', delivered: 'no' }
    const calls = isServer
      ? [
          () => server.request('any:ask', 1),
          () => server.request('any:ask', 1, { to: there }),
          () => server.call('any:ask', 1),
          () => server.send('news:flash', '', { to: there }),
          () => server.sendEncoded('news:flash', new Uint8Array(1), { to: there }),
          () => server.broadcast('news:flash', ''),
          () => server.broadcastEncoded('news:flash', new Uint8Array(1)),
          () => server.endRequests(there),
        ]
      : [
          () => client.request('any:ask', 1),
          () => client.call('any:ask', 1),
          () => client.send('news:flash', ''),
          () => client.sendEncoded('news:flash', new Uint8Array(1)),
          () => client.endRequests(),
        ]
    for (const call of calls) expect(await failureOf(call())).toMatchObject(closed)
    expect(() => (isServer ? server : client).stream('any:ask', 1)).toThrow(expect.objectContaining(closed))
    work.endAll()
  })

  test('refuses new ones of the other side: CLOSED, and no handler begins', async () => {
    await using place = new Place()
    const work = new Work()
    const nodes = await atWork(place, work)
    const { server, client, there } = nodes
    void close(nodes)
    // Made before the other side can have heard of it.
    const crossing =
      server.state === 'closing' ? client.request('any:ask', 3) : server.request('any:ask', 3, { to: there })
    const failure = failureOf(crossing)
    await rest()
    expect(await failure).toMatchObject({ code: 'REMOTE_ERROR', remoteCode: 'CLOSED' })
    expect(work.begun).toHaveLength(2)
    work.endAll()
  })

  test('fires the signals of handlers when time is up; whoever waits hears CLOSED, maybe delivered, or the answer', async () => {
    await using place = new Place()
    const work = new Work({ heeds: false })
    const nodes = await atWork(place, work)
    const closing = observe(() => close(nodes, 100))
    const failures = [failureOf(nodes.up), failureOf(nodes.down)]
    await rest()
    expect(work.stopped).toEqual([])
    place.clock.advance(100)
    await rest()
    expect(work.stopped[0]).toBe('CLOSED')
    place.clock.advance(250)
    await rest()
    expect(closing()).toMatch(/^resolves/)
    for (const failure of failures) expect(await failure).toMatchObject({ code: 'CLOSED', delivered: 'maybe' })
    await until(() => work.stopped.length === 2)
    expect(work.stopped).toEqual(['CLOSED', 'CLOSED'])
    work.endAll()
    await rest()
  })

  test('called again with less time takes no longer than that', async () => {
    await using place = new Place()
    const nodes = await atWork(place, new Work())
    const closing = observe(() => close(nodes, Number.POSITIVE_INFINITY))
    await rest()
    void close(nodes, 50)
    await rest()
    place.clock.advance(49)
    await rest()
    expect(closing()).toBe('waits')
    place.clock.advance(1)
    await rest()
    place.clock.advance(250)
    await until(() => closing().startsWith('resolves'))
  })

  test('waits for streams that are read, in both directions; those that are not read end with the time', async () => {
    await using place = new Place()
    const { server, client, there } = await both(place)
    for (const node of [server, client])
      node.handle('any:ask', async function* (count) {
        for (let n = 0; n < (count as number); n += 1) yield n
      })
    const read = [client.stream('any:ask', 2_000), server.stream('any:ask', 2_000, { to: there })]
    for (const stream of read) await stream.next()
    const unread = client.stream('any:ask', 2_000)
    await unread.next()
    const closing = observe(() => close({ server, client, there }, 100))
    for (const { values, error } of await Promise.all(read.map(collected))) {
      expect(error).toBeUndefined()
      expect(values).toHaveLength(1_999)
    }
    await rest()
    expect(closing()).toBe('waits')
    place.clock.advance(100)
    await rest()
    place.clock.advance(250)
    await until(() => closing().startsWith('resolves'))
    const { values, error } = await collected(unread)
    expect(values.length).toBeLessThan(1_999)
    expect(error).toMatchObject({ code: 'CLOSED', delivered: 'maybe' })
  })

  test('lets messages leave that were sent before it; loops over messages end when all was read', async () => {
    await using place = new Place()
    const { server, client, there } = await both(place)
    const [up, down] = [server.messages('news:other'), client.messages('news:other')]
    const sent = Array.from({ length: 500 }, (__, n) => n)
    for (const n of sent) void client.send('news:other', n)
    for (const n of sent) void server.send('news:other', n, { to: there })
    await close({ server, client, there })
    await client.closed
    await server.close()
    expect((await collected(up)).values.map(({ payload }) => payload)).toEqual(sent)
    expect((await collected(down)).values.map(({ payload }) => payload)).toEqual(sent)
  })

  test('does not wait for requests that were given up, but for handlers that are still at work on them', async () => {
    await using place = new Place()
    const work = new Work({ heeds: false })
    const { server, client, there } = await both(place)
    for (const node of [server, client]) node.handle('any:ask', work.handler)
    const controller = new AbortController()
    const failures = [
      failureOf(client.request('any:ask', 'up', { signal: controller.signal })),
      failureOf(server.request('any:ask', 'down', { signal: controller.signal, to: there })),
    ]
    await until(() => work.begun.length === 2)
    controller.abort()
    await Promise.all(failures)
    await until(() => work.stopped.length === 2)
    const closing = observe(() => close({ server, client, there }))
    await rest()
    expect(closing()).toBe('waits')
    work.endAll()
    await until(() => closing().startsWith('resolves'))
  })
})

describe('P12: a server that closes', () => {
  test('rejects requests that wait for a client: CLOSED, certainly not delivered', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const waiting = [
      failureOf(server.request('any:ask', 1)),
      failureOf(server.call('any:ask', 1)),
      failureOf(server.stream('any:ask', 1).next()),
    ]
    await rest()
    await server.close()
    for (const failure of waiting) expect(await failure).toMatchObject({ code: 'CLOSED', delivered: 'no' })
  })

  test('ends the streams of requests that nobody was found for, when they are read later', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const stream = server.stream('any:ask', 1)
    await server.close()
    expect(await failureOf(stream.next())).toMatchObject({ code: 'CLOSED', delivered: 'no' })
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  test('answers what each of many clients has asked, and takes nothing new of any', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const work = new Work()
    server.handle('any:ask', work.handler)
    const clients = await Promise.all(Array.from({ length: 10 }, () => place.connect({ messages })))
    const replies = clients.map((client, n) => client.request('any:ask', n))
    await until(() => work.begun.length === 10)
    const closing = server.close()
    await rest()
    for (const client of clients)
      expect(await failureOf(client.request('any:ask', 'new'))).toMatchObject({ code: 'CLOSED' })
    work.endAll('done')
    expect(await Promise.all(replies)).toEqual(clients.map(() => 'done'))
    await closing
    await Promise.all(clients.map(({ closed }) => closed))
  })

  test('P8: does not wait longer than its time for one that stalls', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const { client, hold, letGo } = await place.attach(server, { messages })
    server.handle('any:ask', () => 'x'.repeat(100_000))
    await rest()
    hold()
    const failure = failureOf(client.request('any:ask', 1))
    const closing = observe(() => server.close({ timeout: 100 }))
    await rest()
    expect(closing()).toBe('waits')
    place.clock.advance(100)
    await rest()
    // The time that a peer has to read our last frame.
    place.clock.advance(2_250)
    await until(() => closing().startsWith('resolves'))
    letGo()
    expect(await failure).toMatchObject({ delivered: 'maybe' })
  })

  test('sends one client away: what it was asked, and asked, rejects with CLOSED; its handlers’ signals fire', async () => {
    await using place = new Place()
    const work = new Work()
    const { up, down, there, client } = await atWork(place, work)
    await there.close()
    for (const call of [up, down]) expect(await failureOf(call)).toMatchObject({ code: 'CLOSED', delivered: 'maybe' })
    expect(work.stopped).toEqual(['CLOSED', 'CLOSED'])
    expect((await client.closed).error).toBeUndefined()
  })
})

describe('P12: await using throws DRAIN_INCOMPLETE when a handler of a request outlived its signal', () => {
  test.each(['client', 'server'] as const)('a %s', async (side) => {
    await using place = new Place()
    const nodes = await both(place)
    const work = new Work({ heeds: false })
    nodes[side].handle('any:ask', work.handler)
    const { server, client, there } = nodes
    const asked = failureOf(
      side === 'server' ? client.request('any:ask', 1) : server.request('any:ask', 1, { to: there }),
    )
    await until(() => work.begun.length === 1)
    const failure = failureOf(nodes[side][Symbol.asyncDispose]())
    await rest()
    place.clock.advance(5_000)
    await rest()
    place.clock.advance(250)
    expect(await failure).toMatchObject({ code: 'DRAIN_INCOMPLETE' })
    expect(work.stopped).toEqual(['CLOSED'])
    expect(await asked).toMatchObject({ code: 'CLOSED' })
    work.endAll()
    await rest()
  })

  test.each(['client', 'server'] as const)('but not when it heeded the signal: a %s', async (side) => {
    await using place = new Place()
    const nodes = await both(place)
    const work = new Work()
    nodes[side].handle('any:ask', work.handler)
    const { server, client, there } = nodes
    const asked = failureOf(
      side === 'server' ? client.request('any:ask', 1) : server.request('any:ask', 1, { to: there }),
    )
    await until(() => work.begun.length === 1)
    const closed = observe(() => nodes[side][Symbol.asyncDispose]())
    await rest()
    place.clock.advance(5_000)
    await rest()
    place.clock.advance(250)
    await until(() => closed() === 'resolves')
    expect(work.stopped).toEqual(['CLOSED'])
    await asked
  })

  test('a server, also of a request whose client is gone: it waits for the handler, as for that of an item', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const { client, lose } = await place.attach(server, { messages })
    const work = new Work({ heeds: false })
    server.handle('any:ask', work.handler)
    client.request('any:ask', 1).catch(() => {})
    await until(() => work.begun.length === 1)
    lose()
    await until(() => server.clients.length === 0)
    const closing = observe(() => server.close())
    await rest()
    expect([closing(), work.stopped]).toEqual(['waits', ['CONNECTION_LOST']])
    work.endAll()
    await until(() => closing().startsWith('resolves'))
  })
})

describe('P12: after close() over TCP', () => {
  test.each(['server', 'client'] as const)(
    'of the %s, with requests and streams open, no handle, timer or listener remains',
    async (side) => {
      const before = handles()
      const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
      const listeners = process.eventNames().map((name) => [name, process.listenerCount(name)])
      const timersBefore = timers()
      {
        await using port = await Port.open(messages)
        const { server } = port
        const { client, there } = await port.connect()
        const signals: AbortSignal[] = []
        for (const node of [server, client])
          node.handle('any:ask', (wants, { signal }) => {
            signals.push(signal)
            if (wants === 'a stream')
              return (async function* () {
                for (;;) yield 1
              })()
            return new Promise(() => {})
          })
        const controller = new AbortController()
        const options = { signal: controller.signal }
        const calls = [client.request('any:ask', 1, options), server.request('any:ask', 1, { ...options, to: there })]
        const streams = [client.stream('any:ask', 'a stream', options), server.stream('any:ask', 'a stream', options)]
        const failures = calls.map(failureOf)
        for (const stream of streams) await stream.next()
        const loops = [client.messages('news:flash', options), server.messages('news:flash', options)].map((loop) =>
          loop.next(),
        )
        await (side === 'server' ? server.close({ timeout: 20 }) : client.close({ timeout: 20 }))
        for (const failure of failures) expect(await failure).toMatchObject({ code: 'CLOSED', delivered: 'maybe' })
        expect(signals.every(({ aborted }) => aborted)).toBe(true)
        await server.close({ timeout: 20 })
        expect(await Promise.all(loops)).toEqual([1, 2].map(() => ({ done: true, value: undefined })))
        for (const stream of streams) expect((await collected(stream)).error).toMatchObject({ code: 'CLOSED' })
      }
      await expectHandles(before)
      expect(timers()).toBeLessThanOrEqual(timersBefore)
      expect(process.eventNames().map((name) => [name, process.listenerCount(name)])).toEqual(listeners)
    },
  )
})

test('P12: endRequests(), then close(), is the polite way out: nothing is refused, nothing is lost', async () => {
  await using place = new Place()
  const { server, client } = await both(place)
  const work = new Work()
  server.handle('any:ask', work.handler)
  const replies = [1, 2, 3].map((n) => client.request('any:ask', n))
  const ended = client.endRequests()
  await until(() => work.begun.length === 3)
  work.endAll('answered')
  await ended
  expect(await Promise.all(replies)).toEqual(['answered', 'answered', 'answered'])
  await client.close()
  expect((await client.closed).error).toBeUndefined()
})

const lonely = {
  client: () => connect<string, string, App>('memory:nobody', { messages, onDemand: true }),
  server: () => listen<string, string, App>(undefined, { messages }),
}

test.each(Object.entries(lonely))(
  'P11: a stream of a %s that is first read when that is closed rejects with CLOSED, and leaves its body',
  async (_, make) => {
    const node = await make()
    let isLeft = false
    const body = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: async () => ({ done: true as const, value: (isLeft = true) }),
      }),
    }
    const stream = node.stream('any:ask', 'late', { body })
    await node.close()
    expect(await failureOf(stream.next())).toMatchObject({ code: 'CLOSED' })
    await until(() => isLeft)
  },
)

test('P11: a server without clients has nothing to wait for: close() with handlers and subscribers resolves at once', async () => {
  const server = await listen<string, string, App>(undefined, { messages })
  server.handle('any:ask', () => 1)
  const loop = server.messages('news:flash')
  server.on('news:flash', () => {})
  await server.close()
  expect(await loop.next()).toEqual({ done: true, value: undefined })
  expect([...server.clients] satisfies ServerClient[]).toEqual([])
})
