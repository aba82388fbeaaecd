import { describe, expect, test } from 'vitest'

import { hashBy, leastBusy, listen, memory, memoryPair, prefer, roundRobin } from '../src/index.ts'
import type { DispatchPolicy, NetQueueError, ServerClient, ServerOptions, Transport } from '../src/index.ts'
import { expectHandles, handles } from './support/handles.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'

describe('P10, P11: listen() rejects', () => {
  for (const address of ['tcp://0.0.0.0:0', 'tcp://[::]:0', 'tcp://:0'])
    test(`with INSECURE_LISTEN at ${address}, unless insecure says so`, async () => {
      expect(await failureOf(listen(address))).toMatchObject({
        code: 'INSECURE_LISTEN',
        limit: 'insecure',
        value: address,
      })
    })

  test('nothing at loopback, and listens off it with insecure: true', async () => {
    const before = handles()
    const [near, far] = [await listen('tcp://localhost:0'), await listen('tcp://0.0.0.0:0', { insecure: true })]
    expect(near.address).toMatch(/^tcp:\/\/.*:\d+$/)
    await near.close()
    await far.close()
    await expectHandles(before)
  })

  test('with LISTEN_FAILED and the system’s error where the address is taken', async () => {
    const before = handles()
    const server = await listen('tcp://127.0.0.1:0')
    expect(await failureOf(listen(server.address))).toMatchObject({
      code: 'LISTEN_FAILED',
      cause: { code: 'EADDRINUSE' },
    })
    await server.close()
    await expectHandles(before)
  })

  test('with a TypeError that shows the forms for what is no address', async () => {
    expect(String(await failureOf(listen('udp://localhost:1')))).toMatch(
      /^TypeError: Expected `address` to look like `tcp:/,
    )
  })

  const cases: [options: ServerOptions<unknown, unknown>, error: string][] = [
    [{ prefetch: 0 }, 'RangeError: Expected `prefetch` to be an integer from 1 to 16384, got `0`'],
    [{ maxAttempts: 1.5 }, 'RangeError: Expected `maxAttempts` to be an integer from 1, got `1.5`'],
    [{ maxRetryDelayMs: -1 }, 'RangeError: Expected `maxRetryDelayMs` to be a number of milliseconds from 0, got `-1`'],
    [{ limits: { maxConnections: 0 } }, 'RangeError: Expected `maxConnections` to be an integer from 1, got `0`'],
    [
      { limits: { maxWaiting: Number.POSITIVE_INFINITY } },
      'RangeError: Expected `maxWaiting` to be an integer from 1, got `Infinity`',
    ],
    [
      { limits: { maxHelloBytes: 1 } },
      'RangeError: Expected `maxHelloBytes` to be an integer from 8192 to 65536, got `1`',
    ],
    [
      { result: 7 as never },
      'TypeError: Expected `result` to be a codec with name, encode and decode, or a Standard Schema, got `7`',
    ],
    [{ id: 'x'.repeat(200) }, 'RangeError: Expected `id` to have at most 128 bytes of UTF-8'],
    [{ status: 1n }, 'TypeError: Expected `status`'],
    [{ chooseDispatch: 'leastBusy' as never }, 'TypeError: Expected `chooseDispatch` to be a function'],
  ]
  test.for(cases)('%o, naming option, rule and value, and does not listen', async ([options, error]) => {
    const before = handles()
    expect(String(await failureOf(listen('tcp://127.0.0.1:0', options)))).toContain(error)
    await expectHandles(before)
    const transports = [memory()]
    await failureOf(listen('memory:once', { ...options, transports }))
    const server = await listen('memory:once', { transports })
    await server.close()
  })
})

describe('a server', () => {
  test('without an address takes what accept() gives it', async () => {
    await using place = new Place()
    const server = await listen<string, string>(undefined, { env: place.clock })
    expect(server.address).toBeUndefined()
    const { client } = await place.attach(server)
    const received = client.get()
    await server.put('a')
    expect(await received).toBe('a')
    await client.close()
    await server.close()
  })

  test('tells of those who come and go, and of what went back', async () => {
    await using place = new Place()
    const server = await place.listen()
    const news: unknown[] = []
    server.on('connect', ({ client }) => news.push(['connect', client.id, client.isConnected]))
    server.on('disconnect', ({ client, unsettled, error }) =>
      news.push(['disconnect', client.id, client.isConnected, unsettled, error?.code]),
    )
    const polite = await place.connect({ id: 'polite' })
    const { client: unlucky, lose } = await place.attach(server, { id: 'unlucky', prefetch: 2 })
    const received = unlucky.receive()
    await server.put('a')
    await server.put('b')
    await received
    await polite.close()
    lose()
    await until(() => news.length === 4)
    expect(news).toEqual([
      ['connect', 'polite', true],
      ['connect', 'unlucky', true],
      ['disconnect', 'polite', false, 0, undefined],
      ['disconnect', 'unlucky', false, 2, 'CONNECTION_LOST'],
    ])
    expect(server.backlog).toBe(2)
  })

  test('knows of each client its id, status, tags, address, protocol, load and times, and keeps data with it', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect({ id: 'a', tags: ['gpu', 'eu'], status: { cores: 8 }, prefetch: 3 })
    const [there] = server.clients as [ServerClient]
    expect(there).toMatchObject({
      id: 'a',
      tags: ['gpu', 'eu'],
      status: { cores: 8 },
      address: 'memory:here',
      protocol: 'netqueue/1',
      inFlight: 0,
      credit: 0,
      data: undefined,
      isConnected: true,
    })
    there.data = { seen: 1 }
    const received = client.receive()
    await until(() => there.credit === 3)
    await server.put('x')
    expect([there.inFlight, there.credit]).toEqual([1, 2])
    place.clock.advance(25)
    ;(await received).done()
    await until(() => there.inFlight === 0)
    expect(there.serviceTime).toBe(25)
    expect(there.rtt).toBe(0)
    expect(server.clients[0]?.data).toEqual({ seen: 1 })
  })

  test('lists clients in the order in which they came', async () => {
    await using place = new Place()
    const server = await place.listen()
    for (const id of ['c', 'a', 'b']) await place.connect({ id })
    expect(server.clients.map(({ id }) => id)).toEqual(['c', 'a', 'b'])
  })

  test('P2: tells of dead letters, and keeps them until they are requeued or dropped', async () => {
    await using place = new Place()
    const server = await place.listen({ maxAttempts: 1 })
    const buried: string[] = []
    server.on('deadLetter', ({ item }) => buried.push(item))
    const client = await place.connect({ id: 'a' })
    for (const item of ['x', 'y']) {
      const received = client.receive()
      await server.put(item)
      ;(await received).release()
      await until(() => buried.includes(item))
    }
    expect(server.deadLetters.list()).toMatchObject([
      { item: 'x', attempts: 1, history: [{ peer: 'a', outcome: 'released' }] },
      { item: 'y', attempts: 1 },
    ])
    await server.idle()
    const [first] = server.deadLetters.list()
    expect(server.deadLetters.drop(first?.id)).toBe(1)
    const again = client.get()
    expect(server.deadLetters.requeue()).toBe(1)
    expect(await again).toBe('y')
    await server.idle()
  })

  test('P8: puts dead letters again as far as there is room; the others stay', async () => {
    await using place = new Place()
    const server = await place.listen({ maxAttempts: 1, limits: { maxWaiting: 1 } })
    const client = await place.connect()
    for (const item of ['x', 'y']) {
      const received = client.receive()
      await server.put(item)
      ;(await received).reject(new Error('no'))
    }
    await until(() => server.deadLetters.size === 2)
    await client.close()
    expect(() => server.deadLetters.requeue()).toThrow(
      expect.objectContaining({ code: 'QUEUE_FULL', limit: 'maxWaiting' }),
    )
    expect([server.backlog, server.deadLetters.list().map(({ item }) => item)]).toEqual([1, ['y']])
  })

  test('is idle when every item is settled, withdrawn or a dead letter', async () => {
    await using place = new Place()
    const server = await place.listen({ maxAttempts: 1 })
    await server.idle()
    const late = failureOf(server.put('withdrawn', { timeout: 10 }))
    const idle = observe(() => server.idle())
    place.clock.advance(10)
    await late
    await rest()
    expect(idle()).toBe('resolves')
    const client = await place.connect()
    for (const end of ['done', 'release', 'reject'] as const) {
      const received = client.receive()
      await server.put('a')
      const delivery = await received
      const later = observe(() => server.idle())
      await rest()
      expect(later()).toBe('waits')
      delivery[end]()
      await until(() => later() === 'resolves')
    }
    expect(server.deadLetters.size).toBe(2)
  })

  test('P11: warns of a peer that speaks nonsense, with the client where there is one, and logs it', async () => {
    await using place = new Place()
    const lines: [object, string][] = []
    const logger = {
      debug() {},
      info() {},
      warn: (fields: object, message: string) => void lines.push([fields, message]),
    }
    const server = await place.listen({ id: 'srv', logger })
    const warnings: [NetQueueError, ServerClient | undefined][] = []
    server.on('warning', ({ error, client }) => warnings.push([error, client]))
    const [here, there] = memoryPair()
    const accepted = failureOf(server.accept(there))
    void here.sink([Uint8Array.of(0, 0, 0, 4, 0x47, 0x45, 0x54, 0x20)]).catch(() => {})
    const refused = (await accepted) as NetQueueError
    expect(refused).toMatchObject({ code: expect.stringMatching(/UNKNOWN_TYPE|UNEXPECTED_FRAME|BAD_MESSAGE/) })
    expect(warnings).toEqual([[refused, undefined]])
    expect(lines).toMatchObject([[{ server: 'srv', code: refused.code }, refused.message]])
    const { client } = await place.attach(server, { id: 'c' })
    const received = client.receive()
    await server.put('a')
    const delivery = await received
    delivery.done()
    delivery.done()
    await rest()
  })

  test('P7: warns when its listener fails, and keeps the clients that it has', async () => {
    await using place = new Place()
    const [here, there] = memoryPair()
    let fail!: (error: Error) => void
    const transport: Transport = {
      ...memory(),
      accepts: () => true,
      exposed: () => false,
      connect: async () => here,
      listen: async (address) => ({
        address,
        close: async () => {},
        async *[Symbol.asyncIterator]() {
          yield there
          await new Promise((_, reject) => (fail = reject))
        },
      }),
    }
    const server = await place.listen({ transports: [transport] })
    const client = await place.connect({ transports: [transport] })
    const codes: string[] = []
    server.on('warning', ({ error }) => codes.push(error.code))
    fail(new Error('out of descriptors'))
    await until(() => codes.length === 1)
    expect(codes).toEqual(['LISTEN_FAILED'])
    const received = client.get()
    await server.put('a')
    expect(await received).toBe('a')
  })

  test('P7: a listener that throws disturbs neither the server nor the other listeners', async () => {
    await using place = new Place()
    const server = await place.listen()
    const seen: string[] = []
    const told: unknown[] = []
    const error = new Error('a bug in a listener')
    server.on('warning', (warning) => told.push([warning.error.code, warning.error.cause, warning.client?.id]))
    server.on('connect', () => {
      throw error
    })
    server.on('connect', ({ client }) => seen.push(client.id))
    const client = await place.connect({ id: 'a' })
    await rest()
    expect([seen, client.state]).toEqual([['a'], 'connected'])
    expect(told).toEqual([['HANDLER_FAILED', error, 'a']])
  })
})

describe('chooseDispatch', () => {
  test('gets the clients with credit, the item and all clients, and its choice gets the item', async () => {
    await using place = new Place()
    const asked: [string[], unknown, string[]][] = []
    const server = await place.listen({
      chooseDispatch: (free, { item, clients }) => {
        asked.push([free.map(({ id }) => id), item, clients.map(({ id }) => id)])
        return free.find(({ id }) => id === 'b')
      },
    })
    const [a, b] = [await place.connect({ id: 'a' }), await place.connect({ id: 'b' })]
    const received = b.get()
    void failureOf(a.get())
    await rest()
    await server.put('x')
    expect(await received).toBe('x')
    expect(asked).toEqual(
      [[['b', 'a'], 'x', ['a', 'b']]].map(([free, ...others]) => [expect.arrayContaining(free as string[]), ...others]),
    )
  })

  test('parks an item for undefined, offers later ones, and is asked again when a status changes', async () => {
    await using place = new Place()
    const server = await place.listen({
      chooseDispatch: (free, { item }) =>
        free.find(({ status }) => (Array.isArray(status) ? status.includes(item) : true)),
    })
    const client = await place.connect({ status: ['light'], prefetch: 2 })
    const got: string[] = []
    client.process((item) => void got.push(item)).catch(() => {})
    const heavy = observe(() => server.put('heavy'))
    await server.put('light')
    await until(() => got.length === 1)
    expect(heavy()).toBe('waits')
    client.setStatus(['light', 'heavy'])
    await until(() => got.length === 2)
    expect(got).toEqual(['light', 'heavy'])
  })

  test('may take its time; what is withdrawn meanwhile is not delivered', async () => {
    await using place = new Place()
    let answer!: () => void
    const server = await place.listen({
      chooseDispatch: ([client]) => new Promise((resolve) => (answer = () => resolve(client))),
    })
    const client = await place.connect()
    const received = client.get()
    await rest()
    const late = failureOf(server.put('late', { timeout: 10 }))
    const put = server.put('next')
    place.clock.advance(10)
    expect(await late).toMatchObject({ code: 'QUEUE_FULL' })
    answer()
    await rest()
    answer()
    expect(await received).toBe('next')
    await put
  })

  test('that throws or rejects is reported (DISPATCH_FAILED), and asked again', async () => {
    await using place = new Place()
    let calls = 0
    const server = await place.listen({
      chooseDispatch: ([client]) => {
        calls += 1
        if (calls === 1) throw new Error('a bug')
        return calls === 2 ? Promise.reject(new Error('another')) : client
      },
    })
    const codes: string[] = []
    server.on('warning', ({ error }) => codes.push(error.code))
    const client = await place.connect({ prefetch: 2 })
    const received = client.get()
    const put = server.put('a')
    for (const status of [1, 2, 3]) {
      await rest()
      client.setStatus(status)
    }
    expect(await received).toBe('a')
    await put
    expect(codes).toEqual(['DISPATCH_FAILED', 'DISPATCH_FAILED'])
  })

  const policies: [name: string, policy: DispatchPolicy<string, ServerClient>, shares: number[]][] = [
    ['leastBusy', leastBusy(), [2, 2]],
    ['roundRobin', roundRobin(), [2, 2]],
    ['prefer', prefer('gpu'), [0, 4]],
    ['hashBy', hashBy((item) => item), [0, 4]],
  ]
  test.for(policies)('%s is wired in', async ([, chooseDispatch, shares]) => {
    await using place = new Place()
    const server = await place.listen({ chooseDispatch })
    const got: Record<string, string[]> = { a: [], b: [] }
    for (const id of ['a', 'b']) {
      const client = await place.connect({ id, tags: id === 'b' ? ['gpu'] : [], prefetch: 10 })
      client.process((item) => void got[id]?.push(item)).catch(() => {})
    }
    await rest()
    await Promise.all(['x', 'x', 'x', 'x'].map((item) => server.put(item)))
    await server.idle()
    expect([got.a?.length, got.b?.length]).toEqual(shares)
  })
})
