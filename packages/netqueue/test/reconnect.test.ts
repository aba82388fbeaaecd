import { describe, expect, test } from 'vitest'

import { connect, json, memoryPair, text } from '../src/index.ts'
import type { ByteDuplex, ClientStateChange } from '../src/index.ts'
import { observe, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { FIRST_MS, Neighbours, watch } from './support/places.ts'
import { collected } from './support/talking.ts'

describe('§7: a client that lost its server', () => {
  test('finds it again, tells of each state with the address, and keeps its id', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    const { id } = client
    const told: ClientStateChange[] = []
    void (async () => {
      for await (const change of client.states()) told.push(change)
    })()
    const news: string[] = []
    client.on('connect', ({ server: there, resumed }) => news.push(`connect ${there.id === server.id} ${resumed}`))
    client.on('disconnect', ({ server: there, error }) => news.push(`disconnect ${there.address} ${error?.code}`))
    client.on('reconnecting', ({ attempt, delayMs, error }) =>
      news.push(`reconnecting ${attempt} ${delayMs} ${error?.code}`),
    )
    await rest()
    place.road.cut()
    await rest()
    expect([client.state, client.servers[0]?.state]).toEqual(['reconnecting', 'reconnecting'])
    await place.later(FIRST_MS)
    expect([client.state, client.id, server.clients[0]?.id]).toEqual(['connected', id, id])
    expect(told).toMatchObject([
      { state: 'connected', address: 'memory:here', resumed: false },
      {
        state: 'reconnecting',
        address: 'memory:here',
        attempt: 1,
        delayMs: FIRST_MS,
        error: { code: 'CONNECTION_LOST' },
      },
      { state: 'connected', address: 'memory:here', resumed: false },
    ])
    expect(news).toEqual([
      'disconnect memory:here CONNECTION_LOST',
      'reconnecting 1 50 CONNECTION_LOST',
      'connect true false',
    ])
  })

  test('goes on looking while there is none, and finds one that is another process', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    const seen = watch(client)
    place.road.mood = 'refuses'
    place.road.cut()
    await until(() => server.clients.length === 0)
    await server.close()
    for (let attempt = 1; attempt <= 4; attempt += 1) await place.later(10_000)
    const another = await place.serve({ id: 'another' })
    place.road.mood = 'open'
    await place.later(10_000)
    expect(another.clients.map(({ id }) => id)).toEqual([client.id])
    expect(client.servers[0]?.id).toBe('another')
    expect(seen).toEqual([
      'connected',
      'reconnecting 1',
      'reconnecting 2',
      'reconnecting 3',
      'reconnecting 4',
      'reconnecting 5',
      'connected',
    ])
  })

  test('gives an attempt that hangs its time, and begins the next one', async () => {
    await using place = new Neighbours()
    const { client } = await place.both({ connectTimeoutMs: 1_000 })
    place.road.mood = 'hangs'
    place.road.cut()
    await place.later(FIRST_MS)
    expect(place.road.dialled).toHaveLength(2)
    place.road.mood = 'open'
    await place.later(1_000)
    expect(client.servers[0]?.state).toBe('reconnecting')
    await place.later(2 * FIRST_MS)
    expect(client.state).toBe('connected')
  })

  test('P2: goes on with its loop and its handlers; what it had in hand is stale, and another gets it', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    const warnings: string[] = []
    client.on('warning', ({ error }) => warnings.push(error.code))
    const seen: string[] = []
    let finish = (): void => {}
    void (async () => {
      for await (const { item, attempt, signal } of client.deliveries()) {
        seen.push(`${item} ${attempt}`)
        if (attempt > 1) continue
        await new Promise<void>((resolve) => (finish = resolve))
        seen.push(`${item} ${signal.aborted}`)
      }
    })()
    await rest()
    await server.put('a')
    await until(() => seen.length === 1)
    place.road.cut()
    await rest()
    expect(server.backlog).toBe(1)
    finish()
    await place.later(FIRST_MS)
    expect(seen).toEqual(['a 1', 'a true', 'a 2'])
    await server.put('b')
    await rest()
    expect(seen.at(-1)).toBe('b 1')
    expect(warnings).toEqual([])
  })

  test('P4: settles nothing of the connection before: STALE_SETTLE', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    const warnings: string[] = []
    client.on('warning', ({ error }) => warnings.push(error.code))
    const received = client.receive()
    await server.put('a')
    const delivery = await received
    place.road.cut()
    await place.later(FIRST_MS)
    expect([delivery.done(), warnings]).toEqual([false, ['STALE_SETTLE']])
    expect(await client.receive()).toMatchObject({ item: 'a', attempt: 2 })
  })

  test('process() goes on with the next connection', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    const done = observe(() => client.process((item) => item.toUpperCase()))
    expect(await server.submit('a')).toBe('A')
    place.road.cut()
    const result = server.submit('b')
    await place.later(FIRST_MS)
    expect([await result, done()]).toEqual(['B', 'waits'])
  })

  test('P2: puts again what the server had not settled, ahead of what waits, and in order', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({}, { prefetch: 2 })
    server.tryGet()
    await rest()
    const puts = ['a', 'b', 'c', 'd'].map((item) => observe(() => client.put(item)))
    await rest()
    expect(puts.map((put) => put())).toEqual(['resolves', 'resolves', 'waits', 'waits'])
    place.road.cut()
    await rest()
    // The server keeps what it had received, so these are repeats.
    expect(server.getAll()).toEqual(['a', 'b'])
    await place.later(FIRST_MS)
    const items: [string, number][] = []
    for (let count = 0; count < 4; count += 1) {
      const delivery = await server.receive()
      items.push([delivery.item, delivery.attempt])
      delivery.done()
      await rest()
    }
    expect(items).toEqual([
      ['a', 2],
      ['b', 2],
      ['c', 1],
      ['d', 1],
    ])
    expect(puts.map((put) => put())).toEqual(['resolves', 'resolves', 'resolves', 'resolves'])
  })

  test('P2: puts that had credit and had not left yet leave in their order, and have lost no attempt', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    server.tryGet()
    await rest()
    for (const item of ['a', 'b', 'c']) expect(client.tryPut(item)).toBe(true)
    place.road.cut()
    await place.later(FIRST_MS)
    expect(await server.receive()).toMatchObject({ item: 'a', attempt: 1 })
    expect(server.getAll()).toEqual(['b', 'c'])
  })

  test('an item that loses its server again and again is a dead letter after maxAttempts', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({ maxAttempts: 2 })
    server.tryGet()
    await rest()
    await client.put('poison')
    for (let round = 0; round < 2; round += 1) {
      await rest()
      place.road.cut()
      await place.later(10_000)
    }
    expect(client.deadLetters.list()).toMatchObject([
      { item: 'poison', attempts: 2, history: [{ outcome: 'lost' }, { outcome: 'lost' }] },
    ])
  })

  test('refuses what waited and is too long for the server that it finds', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    server.tryGet()
    await rest()
    await client.put('a'.repeat(2_000))
    place.road.cut()
    await until(() => server.clients.length === 0)
    await server.close()
    const waits = failureOf(client.put('b'.repeat(2_000)))
    const small = observe(() => client.put('c'))
    const another = await place.serve({ limits: { maxItemBytes: 1_000 } })
    another.tryGet()
    await place.later(FIRST_MS)
    expect(await waits).toMatchObject({ code: 'ITEM_TOO_LARGE', limit: 'maxItemBytes', delivered: 'no' })
    expect([small(), client.deadLetters.size]).toEqual(['resolves', 1])
  })

  test('P11: a request that was sent rejects with CONNECTION_LOST; one that is made meanwhile waits', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    let asked = 0
    server.handle('any:ask', (payload) => {
      asked += 1
      return payload === 'first' ? new Promise(() => {}) : payload
    })
    const first = failureOf(client.request('any:ask', 'first'))
    await until(() => asked === 1)
    place.road.cut()
    expect(await first).toMatchObject({ code: 'CONNECTION_LOST', delivered: 'maybe' })
    const calls = [
      client.request('any:ask', 'second'),
      client.call('any:ask', 'third').then(({ value }) => value),
      collected(client.stream('any:ask', 'fourth')),
    ]
    const heard = server.messages('news:flash')
    const sent = client.send('news:flash', 'hello')
    await place.later(FIRST_MS)
    expect(await Promise.all(calls)).toEqual(['second', 'third', { values: ['fourth'] }])
    await sent
    expect((await heard.next()).value?.payload).toBe('hello')
  })

  test('P11: a request and a message that had not left when it was lost wait for the next connection', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({ limits: { maxRequests: 1, maxUnsentMessages: 1 } })
    const asked: unknown[] = []
    server.handle('any:ask', (payload) => {
      asked.push(payload)
      return payload === 'first' ? new Promise(() => {}) : payload
    })
    const heard = server.messages('news:flash')
    const first = failureOf(client.request('any:ask', 'first'))
    const second = client.request('any:ask', 'second')
    await until(() => asked.length === 1)
    const sent = ['a', 'b', 'c'].map((word) => client.send('news:flash', word))
    place.road.cut()
    expect(await first).toMatchObject({ code: 'CONNECTION_LOST', delivered: 'maybe' })
    await place.later(FIRST_MS)
    expect([await second, asked]).toEqual(['second', ['first', 'second']])
    await Promise.all(sent)
    expect([(await heard.next()).value?.payload, (await heard.next()).value?.payload]).toEqual(['b', 'c'])
  })

  test('P11: what waits for a connection ends with its time and its signal, certainly not delivered', async () => {
    await using place = new Neighbours()
    const { client } = await place.both()
    place.road.mood = 'refuses'
    place.road.cut()
    await rest()
    const stop = new AbortController()
    const late = { timeout: 500 }
    const stopped = { signal: stop.signal }
    const failures = [
      failureOf(client.put('x', late)),
      failureOf(client.request('any:ask', 'x', late)),
      failureOf(client.stream('any:ask', 'x', late).next()),
      failureOf(client.send('news:flash', 'x', late)),
      failureOf(client.get(late)),
    ]
    const aborted = [
      failureOf(client.put('x', stopped)),
      failureOf(client.request('any:ask', 'x', stopped)),
      failureOf(client.stream('any:ask', 'x', stopped).next()),
      failureOf(client.send('news:flash', 'x', stopped)),
      failureOf(client.get(stopped)),
    ]
    stop.abort('enough')
    await place.later(500)
    expect(await Promise.all(failures)).toMatchObject([
      { code: 'QUEUE_FULL', limit: 'timeout', delivered: 'no' },
      { code: 'TIMEOUT', delivered: 'no' },
      { code: 'TIMEOUT', delivered: 'no' },
      { code: 'QUEUE_FULL', delivered: 'no' },
      { code: 'QUEUE_EMPTY' },
    ])
    expect(await Promise.all(aborted)).toEqual(['enough', 'enough', 'enough', 'enough', 'enough'])
  })

  test('the time of a request goes on while it waits for a connection', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    server.handle('any:ask', () => new Promise(() => {}))
    place.road.cut()
    await rest()
    const failure = failureOf(client.request('any:ask', 'x', { timeout: 1_000 }))
    await place.later(FIRST_MS)
    await place.later(900)
    const outcome = observe(() => failure)
    await rest()
    expect(outcome()).toBe('waits')
    await place.later(70)
    expect(await failure).toMatchObject({ code: 'TIMEOUT', delivered: 'maybe' })
  })

  test('says on each connection what it last said of itself, and hears what the server does', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({ status: 'new', tags: ['gpu'] })
    client.setStatus('busy')
    await rest()
    place.road.cut()
    await rest()
    client.setStatus('idle')
    server.setStatus('late')
    await place.later(FIRST_MS)
    expect(server.clients[0]).toMatchObject({ status: 'idle', tags: ['gpu'] })
    expect(client.serverStatus).toBe('late')
  })

  test('that has ended its requests says so on each connection', async () => {
    await using place = new Neighbours()
    const { client } = await place.both()
    await client.endRequests()
    place.road.cut()
    await place.later(FIRST_MS)
    expect(client.state).toBe('connected')
    expect(await failureOf(client.request('any:ask', 'x'))).toMatchObject({ code: 'CLOSED', delivered: 'no' })
  })

  test('handlers, subscribers and listeners stay', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    client.handle('any:ask', (payload) => `${String(payload)}!`)
    const loop = client.messages('news:flash')
    place.road.cut()
    await place.later(FIRST_MS)
    await server.broadcast('news:flash', 'hello')
    expect((await loop.next()).value?.payload).toBe('hello')
    expect(await server.request('any:ask', 'well')).toBe('well!')
  })
})

describe('P2: a server that keeps sessions', () => {
  const serving = { resumeTimeoutMs: 5_000 }

  test('goes on with all that was under way: nothing is lost, nothing is repeated, and both are told', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({}, serving)
    const news: string[] = []
    client.on('connect', ({ resumed }) => news.push(`connect ${resumed}`))
    client.on('disconnect', ({ error }) => news.push(`disconnect ${error?.code}`))
    const signals: AbortSignal[] = []
    let finish: (result: string) => void = () => {}
    client
      .process((item, { signal }) => {
        signals.push(signal)
        return new Promise<string>((resolve) => (finish = () => resolve(item.toUpperCase())))
      })
      .catch(() => {})
    let answer: (reply: unknown) => void = () => {}
    server.handle('any:ask', () => new Promise((resolve) => (answer = resolve)))
    const result = server.submit('a')
    const asked = client.request('any:ask', 'x')
    await until(() => signals.length === 1)
    await rest()
    place.road.cut()
    await rest()
    expect([client.state, signals[0]?.aborted, server.backlog]).toEqual(['reconnecting', false, 0])
    finish('A')
    answer('y')
    const meanwhile = client.request('any:ask', 'z')
    await place.later(FIRST_MS)
    expect([await result, await asked]).toEqual(['A', 'y'])
    answer('!')
    expect(await meanwhile).toBe('!')
    expect(signals).toHaveLength(1)
    expect(news).toEqual(['disconnect CONNECTION_LOST', 'connect true'])
    expect(client.servers[0]).toMatchObject({ state: 'connected', id: server.id })
  })

  test('and one that came back too late: what was under way is over when its time is, and the client hears it', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({}, serving)
    const resumed: boolean[] = []
    client.on('connect', (event) => resumed.push(event.resumed))
    const received = client.receive()
    await server.put('a')
    const delivery = await received
    server.handle('any:ask', () => new Promise(() => {}))
    const asked = failureOf(client.request('any:ask', 'x', { timeout: 100_000 }))
    await rest()
    place.road.mood = 'refuses'
    place.road.cut()
    await place.later(4_000)
    expect([delivery.signal.aborted, server.backlog]).toEqual([false, 0])
    await place.later(2_000)
    expect([delivery.signal.aborted, server.backlog]).toEqual([true, 1])
    expect(await asked).toMatchObject({ code: 'CONNECTION_LOST', delivered: 'maybe' })
    place.road.mood = 'open'
    await place.later(10_000)
    expect([resumed, client.state]).toEqual([[false], 'connected'])
    expect(await client.receive()).toMatchObject({ item: 'a', attempt: 2 })
  })

  test('that is another process begins anew: what was put and not settled is put again', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({}, serving)
    server.tryGet()
    await rest()
    await client.put('a')
    await rest()
    place.road.mood = 'refuses'
    place.road.cut()
    await rest()
    await server.close({ timeout: 0 })
    const another = await place.serve(serving)
    const got = another.receive()
    place.road.mood = 'open'
    await place.later(1_000)
    expect(await got).toMatchObject({ item: 'a', attempt: 2 })
    expect(client.servers[0]).toMatchObject({ id: another.id })
  })

  test('close() while it looks for that server ends the session, too', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({}, serving)
    server.tryGet()
    await rest()
    await client.put('a')
    const received = client.receive()
    await server.put('b')
    const delivery = await received
    place.road.cut()
    await rest()
    await client.close()
    expect([await client.closed, client.state, delivery.signal.aborted]).toEqual([{ undone: ['a'] }, 'closed', true])
  })

  test('and attempts that end in vain end it with why', async () => {
    await using place = new Neighbours()
    const { client } = await place.both({ reconnect: { attempts: 1 } }, serving)
    const asked = failureOf(client.request('any:ask', 'x'))
    await rest()
    place.road.mood = 'refuses'
    place.road.cut()
    await place.later(FIRST_MS)
    expect(await client.closed).toMatchObject({ error: { code: 'CONNECT_FAILED', limit: 'reconnect.attempts' } })
    expect(await asked).toBeInstanceOf(Error)
  })
})

describe('§7: what ends a client', () => {
  test('permanent: a server that wants another codec', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({ result: text() }, { result: text() })
    const seen = watch(client)
    place.road.cut()
    await until(() => server.clients.length === 0)
    await server.close()
    const waiting = failureOf(client.put('x'))
    const got = failureOf(client.get())
    await place.serve({ result: json<string>() })
    await place.later(FIRST_MS)
    expect(client.state).toBe('failed')
    expect(await client.closed).toMatchObject({ error: { code: 'CODEC_MISMATCH' }, undone: [] })
    expect([await waiting, await got, await failureOf(client.put('x'))]).toMatchObject([
      { code: 'CODEC_MISMATCH' },
      { code: 'CODEC_MISMATCH' },
      { code: 'CODEC_MISMATCH' },
    ])
    expect(seen).toEqual(['connected', 'reconnecting 1', 'failed'])
  })

  test('as many attempts in vain as were wanted; its items are undone', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({ reconnect: { attempts: 2 } })
    server.tryGet()
    await rest()
    await client.put('a')
    place.road.mood = 'refuses'
    place.road.cut()
    await place.later(FIRST_MS)
    await place.later(2 * FIRST_MS)
    expect(await client.closed).toMatchObject({
      error: { code: 'CONNECT_FAILED', limit: 'reconnect.attempts', value: 2, cause: { code: 'CONNECT_FAILED' } },
      undone: ['a'],
    })
  })

  test('reconnect: false, and a duplex that was handed in: a loss is the end', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({ reconnect: false })
    const { client: other, lose } = await place.attach(server)
    place.road.cut()
    lose()
    expect(await client.closed).toMatchObject({ error: { code: 'CONNECTION_LOST' } })
    expect(await other.closed).toMatchObject({ error: { code: 'CONNECTION_LOST' } })
    expect([client.state, other.state]).toEqual(['failed', 'failed'])
  })

  test('close() while it looks for a server ends it at once; what was put is undone', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    server.tryGet()
    await rest()
    const seen = watch(client)
    await client.put('a')
    place.road.mood = 'hangs'
    place.road.cut()
    await place.later(FIRST_MS)
    const [put, request, got] = [
      failureOf(client.put('b')),
      failureOf(client.request('any:ask', 'x')),
      failureOf(client.get()),
    ]
    await client.close()
    expect([await put, await request, await got]).toMatchObject([
      { code: 'CLOSED', delivered: 'no' },
      { code: 'CLOSED' },
      { code: 'CLOSED' },
    ])
    expect(await client.closed).toEqual({ undone: ['a'] })
    expect(await failureOf(client[Symbol.asyncDispose]())).toMatchObject({ code: 'DRAIN_INCOMPLETE', undone: ['a'] })
    await rest()
    expect([seen, client.state, place.clock.timers]).toEqual([
      ['connected', 'reconnecting 1', 'closing', 'closed'],
      'closed',
      0,
    ])
  })

  test('P12: a dead letter that was put again and waits is undone with what else waits', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    const received = server.receive()
    await rest()
    await client.put('refused')
    ;(await received).reject(new Error('no'))
    await until(() => client.deadLetters.size === 1)
    place.road.mood = 'refuses'
    place.road.cut()
    await rest()
    expect([client.deadLetters.requeue(), client.deadLetters.size]).toEqual([1, 0])
    await client.close()
    expect(await client.closed).toEqual({ undone: ['refused'] })
  })

  test('a server that closes, and one that sends it away', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    const seen = watch(client)
    const other = await place.reach()
    await rest()
    await server.clients.find(({ id }) => id === other.id)?.close()
    expect(await other.closed).toEqual({ undone: [] })
    await server.close()
    expect(await client.closed).toEqual({ undone: [] })
    await rest()
    expect(seen).toEqual(['connected', 'closing', 'closed'])
  })

  test('a connection that is lost while it closes', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    const seen = watch(client)
    const received = client.receive()
    await server.put('a')
    await received
    const closing = client.close()
    await rest()
    place.road.cut()
    await closing
    expect(await client.closed).toMatchObject({ error: { code: 'CONNECTION_LOST' } })
    expect(seen).toEqual(['connected', 'closing', 'failed'])
  })
})

describe('P12: a server that restarts', () => {
  test('is left when what is in hand is done, and found again', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({ prefetch: 3 })
    const seen = watch(client)
    const begun: string[] = []
    let finish: (result: string) => void = () => {}
    const done = observe(() =>
      client.process((item) => {
        begun.push(item)
        return new Promise<string>((resolve) => (finish = resolve))
      }),
    )
    await rest()
    const results = ['a', 'b'].map((item) => observe(() => server.submit(item)))
    await until(() => begun.length === 1)
    const closing = server.close({ reason: 'restart' })
    await rest()
    expect([client.state, begun]).toEqual(['connected', ['a']])
    finish('A')
    await closing
    expect(results.map((result) => result())).toEqual(['resolves A', 'rejects CLOSED'])
    expect(client.state).toBe('reconnecting')
    const next = await place.serve()
    const later = next.submit('c')
    await place.later(FIRST_MS)
    finish('C')
    expect([await later, done()]).toEqual(['C', 'waits'])
    expect(seen).toEqual(['connected', 'reconnecting 1', 'connected'])
  })

  test('what is put meanwhile waits for it, but for what is made of an item in hand', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    const results = server.messages('news:flash')
    void results
    const read: string[] = []
    void (async () => {
      for await (const item of server) read.push(item)
    })()
    await rest()
    const received = client.receive()
    const put = server.put('question')
    const delivery = await received
    const closing = server.close({ reason: 'restart' })
    await rest()
    await client.put('answer')
    delivery.done()
    await rest()
    const waiting = observe(() => client.put('later'))
    await put
    await closing
    expect([read, waiting()]).toEqual([['answer'], 'waits'])
    const next = await place.serve()
    const got = next.get()
    await place.later(FIRST_MS)
    expect([await got, waiting()]).toEqual(['later', 'resolves'])
  })

  test('is not left before it has settled what was put: what it has only received goes with it', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    const received = server.receive()
    await rest()
    await client.put('a')
    const delivery = await received
    const closing = observe(() => server.close({ reason: 'restart' }))
    await rest()
    expect([client.state, closing()]).toEqual(['connected', 'waits'])
    delivery.done()
    await rest()
    expect([client.state, closing()]).toEqual(['reconnecting', 'resolves {"undone":[]}'])
    const next = await place.serve()
    next.tryGet()
    await place.later(FIRST_MS)
    expect(next.getAll()).toEqual([])
  })

  test('gets nothing new while it waits for something else', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    let answer: (reply: unknown) => void = () => {}
    client.handle('any:ask', () => new Promise((resolve) => (answer = resolve)))
    server.tryGet()
    const asked = server.request('any:ask', 'x')
    await rest()
    const closing = observe(() => server.close({ reason: 'restart' }))
    await rest()
    const put = observe(() => client.put('later'))
    await rest()
    expect([client.state, put(), server.getAll()]).toEqual(['connected', 'waits', []])
    answer('y')
    expect(await asked).toBe('y')
    await rest()
    expect(closing()).toBe('resolves {"undone":[]}')
    const next = await place.serve()
    const got = next.get()
    await place.later(FIRST_MS)
    expect([await got, put()]).toEqual(['later', 'resolves'])
  })

  test('and is killed before the work is done, is found again as one that was lost', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    const received = client.receive()
    await server.put('a')
    const delivery = await received
    void server.close({ reason: 'restart' })
    await rest()
    place.road.cut()
    await rest()
    expect([delivery.signal.aborted, client.state]).toEqual([true, 'reconnecting'])
    await place.pass(server.closed)
    await place.serve()
    await place.later(10_000)
    expect(client.state).toBe('connected')
  })

  test('with reconnect: false it is a server that closes', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({ reconnect: false })
    await server.close({ reason: 'restart' })
    expect(await client.closed).toEqual({ undone: [] })
  })
})

describe('connect({ wait: true })', () => {
  test('resolves when there is a server, however long that takes', async () => {
    await using place = new Neighbours()
    const connecting = place.reach({ wait: true })
    const outcome = observe(() => connecting.then(({ state }) => state))
    for (let round = 0; round < 5; round += 1) await place.later(10_000)
    expect(outcome()).toBe('waits')
    await place.serve()
    await place.later(10_000)
    await rest()
    expect(outcome()).toBe('resolves connected')
  })

  test('rejects with its signal’s reason, with a permanent error, and after its attempts', async () => {
    await using place = new Neighbours()
    const stop = new AbortController()
    const failure = failureOf(place.reach({ wait: true, signal: stop.signal }))
    await place.later(1_000)
    stop.abort('enough')
    expect(await failure).toBe('enough')
    const few = failureOf(place.reach({ wait: true, reconnect: { attempts: 2 } }))
    await place.later(10_000)
    expect(await few).toMatchObject({ code: 'CONNECT_FAILED', limit: 'reconnect.attempts', value: 2 })
    await place.serve({ item: json<string>() })
    expect(await failureOf(place.reach({ wait: true, item: text() }))).toMatchObject({ code: 'CODEC_MISMATCH' })
  })

  test('leaves nobody behind when its signal fires in the turn in which it is connected', async () => {
    await using place = new Neighbours()
    const server = await place.serve()
    const stop = new AbortController()
    const silent = (): void => {}
    const debug = (_: object, what: string): void => void (what === 'connected' && stop.abort('enough'))
    const logger = { debug, info: silent, warn: silent, error: silent }
    expect(await failureOf(place.reach({ signal: stop.signal, logger }))).toBe('enough')
    await rest()
    expect(server.clients).toEqual([])
  })

  test('waits for an id that another client has', async () => {
    await using place = new Neighbours()
    await place.serve()
    const first = await place.reach({ id: 'the one' })
    const second = place.reach({ id: 'the one', wait: true })
    await place.later(10_000)
    await first.close()
    await place.later(10_000)
    expect((await second).id).toBe('the one')
  })
})

test('fault 25: at a reconnect, an id that another has taken meanwhile is waited for', async () => {
  await using place = new Neighbours()
  const { server, client } = await place.both({ id: 'the one' })
  place.road.cut()
  await until(() => server.clients.length === 0)
  const thief = await place.reach({ id: 'the one' })
  await place.later(FIRST_MS)
  expect(client.state).toBe('reconnecting')
  await thief.close()
  await place.later(10_000)
  expect([client.state, server.clients.map(({ id }) => id)]).toEqual(['connected', ['the one']])
})

test('a transport that gives a connection when nobody waits for it any more disturbs the next attempt in no way', async () => {
  await using place = new Neighbours()
  const { client } = await place.both({ connectTimeoutMs: 1_000 })
  const dial = place.road.connect.bind(place.road)
  let comeLate: (duplex: ByteDuplex) => void = () => {}
  const late = new Promise<ByteDuplex>((resolve) => (comeLate = resolve))
  place.road.connect = () => late
  place.road.cut()
  await place.later(FIRST_MS)
  place.road.connect = async (address) => {
    const duplex = await dial(address)
    process.nextTick(async () => comeLate(await dial(address)))
    return duplex
  }
  await place.later(1_000)
  await place.later(2 * FIRST_MS)
  await place.later(10_000)
  expect([client.state, place.road.dialled.length]).toEqual(['connected', 3])
})

test('a transport that rejects with whatever it likes, once it has led there, is asked again', async () => {
  await using place = new Neighbours()
  const { client } = await place.both()
  const { connect: dial } = place.road
  place.road.connect = () => Promise.reject(new TypeError('fetch failed'))
  place.road.cut()
  await place.later(FIRST_MS)
  place.road.connect = dial
  const errors: unknown[] = []
  client.on('reconnecting', ({ error }) => errors.push(error))
  await place.later(2 * FIRST_MS)
  expect([client.state, errors]).toEqual(['connected', []])
})

test('a listener of warnings that was there before a loss hears those after it', async () => {
  await using place = new Neighbours()
  const { server, client } = await place.both()
  const codes: string[] = []
  client.on('warning', ({ error, server: there }) => codes.push(`${error.code} ${there?.id === server.id}`))
  client.process(() => 'nobody asked for this').catch(() => {})
  place.road.cut()
  await place.later(FIRST_MS)
  await server.put('a')
  await until(() => codes.length === 1)
  expect(codes).toEqual(['RESULT_UNCLAIMED true'])
})

test('reconnect is refused where it is none', async () => {
  const [here] = memoryPair()
  expect(await failureOf(connect(here, { reconnect: { attempts: 0 } }))).toBeInstanceOf(RangeError)
})
