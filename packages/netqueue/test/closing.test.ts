import { describe, expect, test } from 'vitest'

import { connect, listen, memoryPair } from '../src/index.ts'
import type { ByteDuplex, Bytes } from '../src/index.ts'
import { expectHandles, handles } from './support/handles.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'

/** A handler that runs until its signal fires, or until it is told to finish. */
class Work {
  readonly started: string[] = []
  readonly reasons: unknown[] = []
  finish!: (result: string) => void
  readonly handler = (item: string, { signal }: { signal: AbortSignal }): Promise<string> => {
    this.started.push(item)
    return new Promise((resolve, reject) => {
      this.finish = resolve
      const onAbort = (): void => {
        this.reasons.push((signal.reason as { code: string }).code)
        if (this.heeds) reject(new Error('stopped'))
      }
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }
  readonly heeds: boolean

  constructor({ heeds = true } = {}) {
    this.heeds = heeds
  }
}

describe('P12: client.close()', () => {
  test('gives handlers the time, and the server gets their results', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const work = new Work()
    const done = client.process(work.handler)
    const result = server.submit('a')
    await until(() => work.started.length === 1)
    const closing = observe(() => client.close({ timeout: 100 }))
    await rest()
    place.clock.advance(99)
    await rest()
    expect([client.state, closing(), work.reasons]).toEqual(['closing', 'waits', []])
    work.finish('done')
    expect(await result).toBe('done')
    await done
    await rest()
    expect([client.state, closing()]).toEqual(['closed', 'resolves'])
  })

  test('fires the signals of handlers whose time is up, and hands their items back', async () => {
    await using place = new Place()
    const server = await place.listen({ retryDelayMs: 0 })
    const client = await place.connect()
    const work = new Work()
    client.process(work.handler).catch(() => {})
    await server.put('a')
    await until(() => work.started.length === 1)
    const closing = observe(() => client.close({ timeout: 100 }))
    await rest()
    place.clock.advance(100)
    await until(() => closing() === 'resolves')
    expect(work.reasons).toEqual(['CLOSED'])
    const other = await place.connect()
    const received = other.receive()
    await rest()
    place.clock.advance(0)
    expect(await received).toMatchObject({ item: 'a', attempt: 2 })
  })

  test('names what a server has that does not say goodbye, and is not settled: nobody knows what became of it', async () => {
    await using place = new Place()
    const server = await place.listen()
    const received = server.receive()
    const { client, hold } = await place.attach(server)
    await client.put('a')
    await received
    await rest()
    hold()
    const closing = observe(() => client.close({ timeout: 100 }))
    for (const ms of [100, 250, 2_050]) {
      await rest()
      place.clock.advance(ms)
    }
    await rest()
    expect([closing(), client.state]).toEqual(['resolves', 'failed'])
    expect(await client.closed).toMatchObject({ error: { code: 'CONNECTION_LOST' }, undone: ['a'] })
  })

  test('hands back unstarted items at once, with their attempt, to whoever is free', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect({ prefetch: 4 })
    const work = new Work()
    client.process(work.handler).catch(() => {})
    await rest()
    await Promise.all(['a', 'b', 'c'].map((item) => server.put(item)))
    await until(() => work.started.length === 1)
    await rest()
    const closing = observe(() => client.close())
    const other = await place.connect()
    const received = [await other.receive(), await other.receive()]
    expect(received.map(({ item, attempt }) => [item, attempt])).toEqual([
      ['b', 1],
      ['c', 1],
    ])
    expect(closing()).toBe('waits')
    work.finish('done')
    await until(() => closing() === 'resolves')
  })

  test('lets puts that wait and puts that are on their way arrive', async () => {
    await using place = new Place()
    const server = await place.listen({ prefetch: 1 })
    const client = await place.connect()
    const puts = ['a', 'b', 'c'].map((item) => observe(() => client.put(item)))
    const closing = observe(() => client.close())
    await rest()
    expect(closing()).toBe('waits')
    expect([await server.get(), await server.get(), await server.get()]).toEqual(['a', 'b', 'c'])
    await until(() => closing() === 'resolves')
    expect(puts.map((put) => put())).toEqual(['resolves', 'resolves', 'resolves'])
  })

  test('rejects puts that nobody had credit for within its time: CLOSED, certainly not delivered', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const failure = failureOf(client.put('a'))
    const closing = observe(() => client.close({ timeout: 100 }))
    await rest()
    place.clock.advance(100)
    await rest()
    place.clock.advance(250)
    expect(await failure).toMatchObject({ code: 'CLOSED', delivered: 'no' })
    await until(() => closing() === 'resolves')
    await rest()
    expect(server.getAll()).toEqual([])
  })

  test('is complete when the server has received the puts, whether anybody has read them or not', async () => {
    await using place = new Place()
    const server = await place.listen()
    server.tryGet()
    {
      await using client = await place.connect()
      await rest()
      await client.put('a')
      await client.put('b')
      void client.closed.then(({ undone }) => expect(undone).toEqual([]))
    }
    expect(server.getAll()).toEqual(['a', 'b'])
  })

  test('inside the loop that it ends waits for the loop, which settles its item as it asks for the next one', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    await rest()
    const put = server.put('a')
    let closing: Promise<void> | undefined
    for await (const item of client) {
      expect(item).toBe('a')
      closing = client.close()
    }
    await put
    await closing
    await server.idle() // the loop asked for the next item, which settled this one
    expect(server.backlog).toBe(0)
  })

  test('awaited inside the loop that it ends does not wait for ever: its time is up', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const looped = (async () => {
      for await (const item of client) {
        expect(item).toBe('a')
        await client.close({ timeout: 100 })
      }
    })()
    await server.put('a')
    await rest()
    await place.pass(looped)
    expect(client.state).toBe('closed')
    const other = await place.connect()
    const again = other.receive()
    await rest()
    place.clock.advance(10)
    expect(await again).toMatchObject({ item: 'a', attempt: 2 })
  })

  test('twice closes once; both calls wait for the one end', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    expect(server.clients).toHaveLength(1)
    let ends = 0
    void client.closed.then(() => (ends += 1))
    await Promise.all([client.close(), client.close()])
    await client.close()
    expect(ends).toBe(1)
    expect((await client.closed).error).toBeUndefined()
  })

  test('refuses a timeout that is none', async () => {
    await using place = new Place()
    await place.listen()
    const client = await place.connect()
    expect(String(await failureOf(client.close({ timeout: -1 })))).toBe(
      'RangeError: Expected `timeout` to be a number of milliseconds from 0, got `-1`',
    )
    expect(client.state).toBe('connected')
  })

  test('with a reason tells the server why', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const gone = new Promise((resolve) => server.on('disconnect', resolve))
    await client.close({ reason: 'the night shift is over' })
    expect(await gone).toMatchObject({ client: { id: client.id }, reason: 'the night shift is over', unsettled: 0 })
  })

  test('with notify: false cuts the connection; the server takes the client for lost and gives its items to others', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const received = client.receive()
    await server.put('a')
    const delivery = await received
    const errors: (string | undefined)[] = []
    server.on('disconnect', ({ error }) => errors.push(error?.code))
    await client.close({ notify: false })
    expect(delivery.signal.aborted).toBe(true)
    expect(await client.closed).toEqual({ undone: [] }) // it was asked for: no error
    await until(() => errors.length === 1)
    expect(errors).toEqual(['CONNECTION_LOST'])
    const other = await place.connect()
    expect(await other.receive()).toMatchObject({ item: 'a', attempt: 2 })
  })

  test('with notify: false ends a close() that drains', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const received = client.receive()
    await server.put('a')
    await received
    const draining = client.close()
    await rest()
    await client.close({ notify: false })
    await draining
    expect(client.state).toBe('closed')
  })
})

describe('P12: await using a client throws DRAIN_INCOMPLETE', () => {
  test('when a handler outlived its signal', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const work = new Work({ heeds: false })
    client.process(work.handler).catch(() => {})
    await server.put('a')
    await until(() => work.started.length === 1)
    const failure = failureOf(client[Symbol.asyncDispose]())
    await rest()
    place.clock.advance(5_000)
    await rest()
    place.clock.advance(250)
    expect(await failure).toMatchObject({ code: 'DRAIN_INCOMPLETE' })
    expect(work.reasons).toEqual(['CLOSED'])
    work.finish('too late')
    await rest()
  })

  test('when a put was not received, and lists it', async () => {
    await using place = new Place()
    const server = await place.listen()
    server.tryGet()
    const { client, lose } = await place.attach(server)
    await rest()
    const put = client.put('a')
    lose()
    await put
    expect(await client.closed).toMatchObject({ error: { code: 'CONNECTION_LOST' }, undone: ['a'] })
    expect(await failureOf(client[Symbol.asyncDispose]())).toMatchObject({ code: 'DRAIN_INCOMPLETE', undone: ['a'] })
  })

  test('but not when handlers heeded their signal, nor when unstarted items went back', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect({ prefetch: 3 })
    const work = new Work()
    client.process(work.handler).catch(() => {})
    await rest()
    await Promise.all(['a', 'b', 'c'].map((item) => server.put(item)))
    await until(() => work.started.length === 1)
    const closed = client[Symbol.asyncDispose]()
    await rest()
    place.clock.advance(5_000)
    await place.pass(closed)
    expect(work.started).toEqual(['a'])
    expect(work.reasons).toEqual(['CLOSED'])
  })
})

describe('P12: server.close()', () => {
  test('gives handlers the time, takes their results, ends its clients and returns no undone items', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const work = new Work()
    const goaways: string[] = []
    client.on('goaway', ({ code }) => goaways.push(code))
    const done = client.process(work.handler)
    const result = server.submit('a')
    await until(() => work.started.length === 1)
    const closing = server.close()
    await rest()
    expect(server.state).toBe('closing')
    expect(goaways).toEqual(['CLOSED'])
    work.finish('done')
    expect(await result).toBe('done')
    expect(await closing).toEqual({ undone: [] })
    await done
    expect((await client.closed).error).toBeUndefined()
    expect([server.state, client.state, await server.closed]).toEqual(['closed', 'closed', { undone: [] }])
  })

  test("ends its clients' loops and process() calls", async () => {
    await using place = new Place()
    const server = await place.listen()
    const [a, b, c] = [await place.connect(), await place.connect(), await place.connect()]
    const looped = (async () => {
      for await (const _ of a);
    })()
    const processed = b.process(() => {})
    const got = failureOf(c.get())
    await rest()
    await server.close()
    await looped
    await processed
    expect(await got).toMatchObject({ code: 'CLOSED' })
  })

  test('rejects calls that wait, and returns items whose put had resolved and that nobody settled', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { client } = await place.attach(server)
    const work = new Work({ heeds: false })
    client.process(work.handler).catch(() => {})
    await rest()
    await server.put('held')
    await until(() => work.started.length === 1)
    const waiting = failureOf(server.put('waiting'))
    const submitted = failureOf(server.submit('submitted'))
    const closing = server.close({ timeout: 100 })
    expect(await waiting).toMatchObject({ code: 'CLOSED', delivered: 'no' })
    expect(await submitted).toMatchObject({ code: 'CLOSED', delivered: 'no' })
    expect(await failureOf(server.put('new'))).toMatchObject({ code: 'CLOSED' })
    await rest()
    place.clock.advance(100)
    expect(await place.pass(closing)).toEqual({ undone: ['held'] })
    work.finish('')
  })

  test('returns what handlers release while it drains, and leaves no timer for it', async () => {
    await using place = new Place()
    const server = await place.listen({ retryDelayMs: 60_000, maxRetryDelayMs: 60_000 })
    const client = await place.connect()
    const received = client.receive()
    await server.put('a')
    const delivery = await received
    const closing = server.close()
    await rest()
    delivery.release()
    expect(await closing).toEqual({ undone: ['a'] })
    expect(place.clock.timers).toBe(0)
  })

  test('returns what waits for its next attempt when it is called', async () => {
    await using place = new Place()
    const server = await place.listen({ retryDelayMs: 60_000, maxRetryDelayMs: 60_000 })
    const client = await place.connect()
    const received = client.receive()
    await server.put('a')
    ;(await received).release()
    await until(() => server.backlog === 1)
    expect(await server.close()).toEqual({ undone: ['a'] })
  })

  test('cancels the work of clients when time is up, and rejects who waits for it: it may have been done', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const work = new Work()
    client.process(work.handler).catch(() => {})
    const failure = failureOf(server.submit('a'))
    await until(() => work.started.length === 1)
    const closing = server.close({ timeout: 100 })
    await rest()
    place.clock.advance(100)
    expect(await place.pass(closing)).toEqual({ undone: [] })
    expect(await failure).toMatchObject({ code: 'CLOSED', delivered: 'maybe' })
    expect(work.reasons).toEqual(['CLOSED'])
  })

  test('takes what clients still put, and its own loops read it before they end', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const got: string[] = []
    const looped = (async () => {
      for await (const item of server) got.push(item)
    })()
    const worked = (async () => {
      for await (const item of client) await client.put(item.toUpperCase())
    })()
    await server.put('a')
    expect(await server.close()).toEqual({ undone: [] })
    await worked
    await looped
    expect(got).toEqual(['A'])
  })

  test('lets what it received be read after it is closed, then says CLOSED', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    server.tryGet()
    await rest()
    await client.put('a')
    await client.put('b')
    await server.close()
    expect(await server.get()).toBe('a')
    const rest_: string[] = []
    for await (const item of server) rest_.push(item)
    expect(rest_).toEqual(['b'])
    expect(await failureOf(server.get())).toMatchObject({ code: 'CLOSED' })
  })

  test('gives its own handlers the time, then their signal; one that outlives it makes await using throw', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const work = new Work({ heeds: false })
    const done = server.process(work.handler)
    await rest()
    await client.put('a')
    await until(() => work.started.length === 1)
    await client.close()
    const failure = failureOf(server[Symbol.asyncDispose]())
    await rest()
    place.clock.advance(4_999)
    await rest()
    expect([server.state, work.reasons]).toEqual(['closing', []])
    place.clock.advance(1)
    await rest()
    expect(work.reasons).toEqual(['CLOSED'])
    place.clock.advance(250)
    expect(await failure).toMatchObject({ code: 'DRAIN_INCOMPLETE' })
    work.finish('')
    await done
  })

  test('waits for its own handlers, also of clients that are gone, and no longer than for them', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { client, lose } = await place.attach(server)
    const work = new Work()
    const done = server.process(work.handler)
    await rest()
    await client.put('a')
    await until(() => work.started.length === 1)
    lose()
    await until(() => server.clients.length === 0)
    const closing = observe(() => server.close())
    await rest()
    expect(closing()).toBe('waits')
    work.finish('')
    await until(() => closing().startsWith('resolves'))
    await done
  })

  test('called again with less time takes no longer than that', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const received = client.receive()
    await server.put('a')
    await received
    const closing = server.close({ timeout: Number.POSITIVE_INFINITY })
    await rest()
    const hurried = server.close({ timeout: 100 })
    const left = client.close({ timeout: 50 }) // the server's time is not the client's
    place.clock.advance(50)
    await place.pass(left)
    expect(await place.pass(closing)).toEqual({ undone: ['a'] })
    await hurried
  })

  test("with reason 'restart' tells clients so", async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect({ reconnect: false })
    const codes: string[] = []
    client.on('goaway', ({ code }) => codes.push(code))
    await server.close({ reason: 'restart' })
    await client.closed
    expect(codes).toEqual(['RESTART'])
  })

  test('frees the address at once, while clients still finish', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const received = client.receive()
    await server.put('a')
    const delivery = await received
    const closing = observe(() => server.close())
    await rest()
    expect(await failureOf(place.connect())).toMatchObject({ code: 'CONNECT_FAILED' })
    const next = await place.listen()
    await place.connect()
    expect(next.clients).toHaveLength(1)
    expect(closing()).toBe('waits')
    delivery.done()
    await until(() => closing().startsWith('resolves'))
  })

  test('does not wait for a connection that never introduced itself', async () => {
    await using place = new Place()
    const server = await place.listen()
    const accepting = failureOf(server.accept(memoryPair()[0]))
    const closing = server.close()
    await rest()
    expect(await accepting).toMatchObject({ code: 'CLOSED' })
    place.clock.advance(2_000)
    expect(await closing).toEqual({ undone: [] })
  })

  test('twice closes once and returns the same', async () => {
    await using place = new Place()
    const server = await place.listen()
    const first = server.close()
    expect(await server.close()).toBe(await first)
  })

  test('refuses options that are none', async () => {
    await using place = new Place()
    const server = await place.listen()
    expect(String(await failureOf(server.close({ timeout: Number.NaN })))).toMatch('RangeError: Expected `timeout`')
    expect(String(await failureOf(server.close({ reason: 'later' as 'closed' })))).toMatch(
      'TypeError: Expected `reason`',
    )
    expect(server.state).toBe('listening')
  })

  test('by await using throws DRAIN_INCOMPLETE with the undone items', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { client } = await place.attach(server)
    const received = client.receive()
    await server.put('a')
    await received
    const failure = failureOf(server[Symbol.asyncDispose]())
    await rest()
    place.clock.advance(5_000)
    expect(await place.pass(failure)).toMatchObject({ code: 'DRAIN_INCOMPLETE', undone: ['a'] })
  })

  test('of one client hands its items to others and ends its loops', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { client } = await place.attach(server)
    const received = client.receive()
    await server.put('a')
    const delivery = await received
    const [there] = server.clients
    await there?.close()
    expect(delivery.signal.aborted).toBe(true)
    expect((await client.closed).error).toBeUndefined()
    expect(there?.isConnected).toBe(false)
    const other = await place.connect()
    expect(await other.receive()).toMatchObject({ item: 'a', attempt: 2 })
  })
})

describe('P12: a duplex with closeDuplex: false', () => {
  /** Records what is written, and whether the writing side was ended. */
  function watched(duplex: ByteDuplex): { duplex: ByteDuplex; ended: () => boolean } {
    let isEnded = false
    const sink: ByteDuplex['sink'] = async (source) => {
      await duplex.sink(source as AsyncIterable<Bytes>)
      isEnded = true
    }
    return { duplex: { source: duplex.source, sink }, ended: () => isEnded }
  }

  test('stays usable at both ends after client and server have said goodbye', async () => {
    await using place = new Place()
    const server = await place.listen()
    const [here, there] = memoryPair()
    const [a, b] = [watched(here), watched(there)]
    const accepted = server.accept(b.duplex, { closeDuplex: false })
    const client = await connect<string, string>(a.duplex, { env: place.clock, closeDuplex: false })
    await accepted
    const received = client.get()
    await server.put('a')
    expect(await received).toBe('a')
    await client.close()
    await until(() => server.clients.length === 0)
    expect([a.ended(), b.ended()]).toEqual([false, false])
    await server.close()
    await rest()
    expect([a.ended(), b.ended()]).toEqual([false, false])
    // The reading ends are free too: what is waited for now is ours.
    const next = here.source[Symbol.asyncIterator]().next()
    there.abort?.(new Error('the end of the test'))
    await next.catch(() => {})
  })

  test('is ended with the connection otherwise', async () => {
    await using place = new Place()
    const server = await place.listen()
    const [here, there] = memoryPair()
    const [a, b] = [watched(here), watched(there)]
    const accepted = server.accept(b.duplex)
    const client = await connect<string, string>(a.duplex, { env: place.clock })
    await accepted
    await client.close()
    await until(() => a.ended() && b.ended())
    expect((await client.closed).error).toBeUndefined()
  })
})

describe('P12: after close() over TCP', () => {
  test('no handle, timer or listener remains', async () => {
    const before = handles()
    const listeners = process.eventNames().map((name) => [name, process.listenerCount(name)])
    const server = await listen<string, string>('tcp://127.0.0.1:0')
    const clients = await Promise.all(Array.from({ length: 5 }, () => connect<string, string>(server.address ?? '')))
    const controller = new AbortController()
    for (const client of clients)
      client.process((item) => item.toUpperCase(), { signal: controller.signal }).catch(() => {})
    const results: string[] = []
    for await (const result of server.map(['a', 'b', 'c'], { signal: controller.signal })) results.push(result)
    expect(results).toEqual(['A', 'B', 'C'])
    await clients[0]?.close()
    await clients[1]?.close({ notify: false })
    await server.close()
    await Promise.all(clients.map(({ closed }) => closed))
    await expectHandles(before)
    expect(process.eventNames().map((name) => [name, process.listenerCount(name)])).toEqual(listeners)
  })
})
