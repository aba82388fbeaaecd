import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

import { describe, expect, test } from 'vitest'

import { connect, defineMessages, json, listen, memory, memoryPair, text, type } from '../src/index.ts'
import type { ClientOptions, NetQueueError } from '../src/index.ts'
import { expectHandles, handles } from './support/handles.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { ownAddress } from './support/ports.ts'
import { frame, FRAME, hello, RawPeer, welcome } from './support/raw-peer.ts'

describe('P11: connect() rejects', () => {
  test('with CONNECT_FAILED and the system’s error where nobody listens', async () => {
    const before = handles()
    expect(await failureOf(connect(await ownAddress()))).toMatchObject({
      code: 'CONNECT_FAILED',
      cause: { code: 'ECONNREFUSED' },
    })
    expect(await failureOf(connect('memory:nobody'))).toMatchObject({ code: 'CONNECT_FAILED' })
    await expectHandles(before)
  })

  test('with a TypeError that shows the forms for what is no address', async () => {
    expect(String(await failureOf(connect('http://localhost')))).toMatch(
      /^TypeError: Expected `address` to look like `tcp:/,
    )
  })

  test('with CONNECT_FAILED when its time is up, introductions included, and leaves nothing behind', async () => {
    await using place = new Place()
    const [here] = memoryPair()
    const failure = failureOf(connect(here, { env: place.clock, connectTimeoutMs: 300 }))
    await rest()
    place.clock.advance(300)
    expect(await failure).toMatchObject({ code: 'CONNECT_FAILED', limit: 'connectTimeoutMs', value: 300 })
    await rest()
    expect(place.clock.timers).toBe(0)
  })

  test('over TCP when a server takes the connection and says nothing', async () => {
    const before = handles()
    const silent = createServer()
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as AddressInfo
    const gone = new Promise((resolve) =>
      silent.once('connection', (socket) =>
        socket
          .resume()
          .once('close', resolve)
          .on('error', () => {}),
      ),
    )
    const failure = await failureOf(connect(`tcp://127.0.0.1:${port}`, { connectTimeoutMs: 50 }))
    expect(failure).toMatchObject({ code: 'CONNECT_FAILED', limit: 'connectTimeoutMs' })
    await gone
    silent.close()
    await expectHandles(before)
  })

  test('with HANDSHAKE_TIMEOUT where that time is shorter', async () => {
    await using place = new Place()
    const failure = failureOf(connect(memoryPair()[0], { env: place.clock, limits: { handshakeTimeoutMs: 100 } }))
    await rest()
    place.clock.advance(100)
    expect(await failure).toMatchObject({ code: 'HANDSHAKE_TIMEOUT', limit: 'handshakeTimeoutMs', value: 100 })
    place.clock.advance(2_050)
    await rest()
  })

  test('with the reason of its signal, before and during the attempt; a later abort does nothing', async () => {
    await using place = new Place()
    const server = await place.listen()
    const reason = new Error('changed my mind')
    expect(await failureOf(place.connect({ signal: AbortSignal.abort(reason) }))).toBe(reason)
    const controller = new AbortController()
    const failure = failureOf(connect(memoryPair()[0], { env: place.clock, signal: controller.signal }))
    await rest()
    controller.abort(reason)
    expect(await failure).toBe(reason)
    const late = new AbortController()
    const client = await place.connect({ signal: late.signal })
    late.abort(reason)
    await rest()
    expect(client.state).toBe('connected')
    expect(server.clients).toHaveLength(1)
  })

  test('with CONNECT_FAILED where the server closes, or cuts the stream, before it introduced itself', async () => {
    await using place = new Place()
    const [here, there] = memoryPair()
    const failure = failureOf(connect(here, { env: place.clock }))
    await rest()
    there.abort?.(new Error('gone'))
    expect(await failure).toMatchObject({ code: 'CONNECT_FAILED', cause: { code: 'CONNECTION_LOST' } })
  })

  test('with ID_IN_USE for an id that another client has, at both ends', async () => {
    await using place = new Place()
    const server = await place.listen()
    const warnings: (string | undefined)[] = []
    server.on('warning', ({ error }) => warnings.push(error.code))
    const first = await place.connect({ id: 'the one' })
    expect(first.id).toBe('the one')
    expect(await failureOf(place.connect({ id: 'the one' }))).toMatchObject({ code: 'ID_IN_USE', limit: 'id' })
    expect(warnings).toEqual(['ID_IN_USE'])
    await first.close()
    await until(() => server.clients.length === 0)
    const next = await place.connect({ id: 'the one' })
    expect(next.id).toBe('the one')
  })

  for (const option of ['item', 'result'] as const)
    test(`with CODEC_MISMATCH, naming \`${option}\`, at both ends`, async () => {
      await using place = new Place()
      const server = await place.listen({ [option]: json() })
      const warnings: NetQueueError[] = []
      server.on('warning', ({ error }) => warnings.push(error))
      expect(await failureOf(place.connect({ [option]: text() }))).toMatchObject({
        code: 'CODEC_MISMATCH',
        limit: option,
      })
      expect(warnings).toMatchObject([{ code: 'CODEC_MISMATCH', limit: option, value: 'text' }])
      expect(server.clients).toEqual([])
    })

  test('with TOO_MANY_CONNECTIONS at the server: the connection is cut unanswered', async () => {
    await using place = new Place()
    const server = await place.listen({ limits: { maxConnections: 1 } })
    const warnings: NetQueueError[] = []
    server.on('warning', ({ error }) => warnings.push(error))
    const first = await place.connect()
    expect(await failureOf(place.connect())).toMatchObject({ code: 'CONNECT_FAILED' })
    expect(await failureOf(server.accept(memoryPair()[0]))).toMatchObject({ code: 'TOO_MANY_CONNECTIONS' })
    expect(warnings).toMatchObject([
      { code: 'TOO_MANY_CONNECTIONS', limit: 'maxConnections', value: 2 },
      { code: 'TOO_MANY_CONNECTIONS' },
    ])
    await first.close()
    await until(() => server.clients.length === 0)
    await rest()
    await place.connect()
  })
})

describe('P11: connect() refuses options that are none, naming option, rule and value', () => {
  const cases: [options: ClientOptions<unknown, unknown>, error: string][] = [
    [{ prefetch: 0 }, 'RangeError: Expected `prefetch` to be an integer from 1 to 16384, got `0`'],
    [{ prefetch: 1.5 }, 'RangeError: Expected `prefetch` to be an integer from 1 to 16384, got `1.5`'],
    [
      { prefetch: '2' as unknown as number },
      'TypeError: Expected `prefetch` to be an integer from 1 to 16384, got `"2"` (string)',
    ],
    [
      { prefetch: 20, limits: { maxUnsettled: 10 } },
      'RangeError: Expected `prefetch` to be an integer from 1 to 10, got `20`',
    ],
    [
      { connectTimeoutMs: -1 },
      'RangeError: Expected `connectTimeoutMs` to be a number of milliseconds from 0, got `-1`',
    ],
    [{ maxAttempts: 0 }, 'RangeError: Expected `maxAttempts` to be an integer from 1, got `0`'],
    [
      { retryDelayMs: Number.NaN },
      'RangeError: Expected `retryDelayMs` to be a number of milliseconds from 0, got `NaN`',
    ],
    [{ limits: { maxItemBytes: 0 } }, 'RangeError: Expected `maxItemBytes` to be an integer from 1, got `0`'],
    [
      { limits: { maxFrameBytes: 1 } },
      'RangeError: Expected `maxFrameBytes` to be an integer from 65536 to 67108864, got `1`',
    ],
    [
      { item: {} as never },
      'TypeError: Expected `item` to be a codec with name, encode and decode, or a Standard Schema, got `{}`',
    ],
    [{ id: 'x'.repeat(200) }, 'RangeError: Expected `id` to have at most 128 bytes of UTF-8'],
    [{ id: 'a\nb' }, 'RangeError: Expected `id` to have at most 128 bytes of UTF-8 without control characters'],
    [{ status: 1n }, 'TypeError: Expected `status`'],
  ]
  test.for(cases)('%o', async ([options, error]) => {
    await using place = new Place()
    const server = await place.listen()
    const [here, there] = memoryPair()
    const accepted = observe(() => server.accept(there))
    expect(String(await failureOf(connect(here, { env: place.clock, ...options })))).toContain(error)
    expect(await failureOf(place.connect(options as ClientOptions<string, string>))).toBeInstanceOf(Error)
    await rest()
    expect(place.clock.timers).toBe(1) // of the server, which waits for an introduction
    expect(accepted()).toBe('waits')
    here.abort?.(new Error('the end of the test'))
  })

  test('that are refused leave the duplex alone', async () => {
    const [here, there] = memoryPair()
    expect(await failureOf(connect(here, { prefetch: 0 }))).toBeInstanceOf(RangeError)
    const next = observe(() => there.source[Symbol.asyncIterator]().next())
    await rest()
    expect(next()).toBe('waits')
  })
})

describe('a client', () => {
  test('has the id that it asked for, or one of the server’s making', async () => {
    await using place = new Place()
    const server = await place.listen()
    const named = await place.connect({ id: 'ein Ñame' })
    const unnamed = await place.connect()
    expect(server.clients.map(({ id }) => id)).toEqual([named.id, unnamed.id])
    expect(named.id).toBe('ein Ñame')
    expect(unnamed.id).toMatch(/^client-[0-9a-f]{12}$/)
  })

  test('sees the first status of the server and its changes; the server sees those of the client', async () => {
    await using place = new Place()
    const server = await place.listen({ status: { load: 0 } })
    const client = await place.connect({ status: 'idle' })
    expect(client.serverStatus).toEqual({ load: 0 })
    expect(server.clients[0]?.status).toBe('idle')
    const seen: unknown[] = []
    client.on('status', ({ status }) => seen.push(status))
    server.on('status', ({ client: from, status }) => seen.push([from.id === client.id, from.status, status]))
    server.setStatus({ load: 1 })
    await until(() => seen.length === 1)
    client.setStatus(['busy', null])
    await until(() => seen.length === 2)
    expect(seen).toEqual([{ load: 1 }, [true, ['busy', null], ['busy', null]]])
    expect(client.serverStatus).toEqual({ load: 1 })
    const later = await place.connect()
    expect(later.serverStatus).toEqual({ load: 1 })
  })

  test('sends the last of many statuses that are set in one turn, and at least that one', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    for (let status = 0; status <= 1_000; status += 1) client.setStatus(status)
    await until(() => server.clients[0]?.status === 1_000)
    expect(server.clients[0]?.status).toBe(1_000)
  })

  test('refuses a status that JSON does not carry, and lives on', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const circle: unknown[] = []
    circle.push(circle)
    for (const status of [1n, circle]) {
      expect(() => client.setStatus(status)).toThrow(TypeError)
      expect(() => server.setStatus(status)).toThrow(TypeError)
    }
    await rest()
    expect(client.state).toBe('connected')
  })

  test('hears goaway with its code, and warnings', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const news: string[] = []
    client.on('goaway', ({ code }) => news.push(code))
    client.on('warning', ({ error }) => news.push(error.code))
    client.process(() => 'a result that nobody asked for').catch(() => {})
    await server.put('a')
    await until(() => news.length === 1)
    await server.close()
    await client.closed
    expect(news).toEqual(['RESULT_UNCLAIMED', 'CLOSED'])
  })

  test('stops telling a listener that was taken away', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const seen: unknown[] = []
    const off = client.on('status', ({ status }) => seen.push(status))
    client.on('status', () => seen.push('second'))
    server.setStatus(1)
    await until(() => seen.length === 2)
    off()
    off()
    server.setStatus(2)
    await until(() => seen.length === 3)
    expect(seen).toEqual([1, 'second', 'second'])
  })

  test('P4: keeps what the server refused as dead letters, which can be put again', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const received = server.receive()
    await client.put('a')
    ;(await received).reject(Object.assign(new Error('no'), { code: 'NOT_TODAY' }))
    await until(() => client.deadLetters.size === 1)
    expect(client.deadLetters.list()).toMatchObject([
      { item: 'a', history: [{ outcome: 'rejected', code: 'NOT_TODAY' }] },
    ])
    const again = server.receive()
    expect(client.deadLetters.requeue()).toBe(1)
    expect(await again).toMatchObject({ item: 'a', attempt: 1 })
  })

  test('logs that it came and went, and its warnings, with its id', async () => {
    await using place = new Place()
    const server = await place.listen()
    const lines: [string, object, string][] = []
    const logger = {
      debug: (fields: object, message: string) => void lines.push(['debug', fields, message]),
      info: (fields: object, message: string) => void lines.push(['info', fields, message]),
      warn: (fields: object, message: string) => void lines.push(['warn', fields, message]),
    }
    const client = await place.connect({ id: 'me', logger })
    client.process(() => 'unclaimed').catch(() => {})
    await server.put('a')
    await rest()
    await client.close()
    expect(lines).toMatchObject([
      ['debug', { client: 'me', server: server.id }, 'connected'],
      ['warn', { client: 'me', code: 'RESULT_UNCLAIMED' }, expect.any(String)],
      ['debug', { client: 'me', code: 'CLOSED' }, 'disconnected'],
    ])
  })

  test('hears what came along with the introduction, once connect() has resolved', async () => {
    const messages = defineMessages({ 'world:state': { payload: type<number>() } })
    const { peer, duplex } = RawPeer.inMemory()
    const greeting = { session: 'a', you: { id: 'me' }, messages: { 'world:state': [16] } }
    peer.send(
      frame(FRAME.CONN, hello('server')),
      frame(FRAME.WELCOME, welcome('server', greeting)),
      frame(FRAME.BATCH, Buffer.of(22, 16, 0, 1, 7)),
    )
    const client = await connect(duplex, { item: text(), result: text(), messages })
    const heard: unknown[] = []
    client.on('world:state', ({ payload }) => heard.push(payload))
    await rest()
    expect(heard).toEqual([7])
    peer.send(frame(FRAME.DISCONN))
    peer.end()
    await client.closed
  })

  test('meets only servers of its own memory transport', async () => {
    const [a, b] = [memory(), memory()]
    const server = await listen('memory:x', { transports: [a] })
    expect(await failureOf(connect('memory:x', { transports: [b] }))).toMatchObject({ code: 'CONNECT_FAILED' })
    const client = await connect('memory:x', { transports: [a] })
    await client.close()
    await server.close()
  })
})
