import { pipe } from 'it-pipe'
import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'

import {
  bytes,
  connect,
  DROP,
  hashBy,
  json,
  leastBusy,
  listen,
  manualTicks,
  memoryPair,
  msgpack,
  prefer,
  relay,
  text,
} from '../src/index.ts'
import type {
  ChooseDispatch,
  Client,
  Closed,
  DeadLetter,
  Delivery,
  Handler,
  MapOutcome,
  NetQueueError,
  Relay,
  RelayOptions,
  Server,
  ServerClient,
  Stage,
  Tick,
  Undone,
} from '../src/index.ts'

interface Job {
  url: string
  depth?: number | undefined
}

const job = z.object({ url: z.string(), depth: z.number().optional() })
const title = z.object({ title: z.string() }).transform(({ title }) => title)

// Nothing here runs: the compiler is the test.

test('item and result come from type arguments', async () => {
  expectTypeOf(await listen<Job, string>('memory:x')).toEqualTypeOf<Server<Job, string>>()
  expectTypeOf(await connect<Job, string>('memory:x')).toEqualTypeOf<Client<Job, string>>()
})

test('item and result come from codecs', async () => {
  expectTypeOf(await listen('memory:x', { item: text(), result: bytes() })).toEqualTypeOf<Server<string, Uint8Array>>()
  expectTypeOf(await connect('memory:x', { item: text(), result: json<number[]>() })).toEqualTypeOf<
    Client<string, number[]>
  >()
  expectTypeOf(await listen('memory:x', { item: msgpack<Job>() })).toEqualTypeOf<Server<Job>>()
})

test('item and result come from Standard Schemas, as what they give', async () => {
  expectTypeOf(await listen('memory:x', { item: job, result: z.number() })).toEqualTypeOf<Server<Job, number>>()
  expectTypeOf(await connect('memory:x', { item: job, result: title })).toEqualTypeOf<Client<Job, string>>()
})

test('those of a relay are what its stages get, and may return', async () => {
  expectTypeOf(await relay<Job, string>({ parent: 'memory:x' })).toEqualTypeOf<Relay<Job, string>>()
  const made = await relay({
    parent: ['memory:x', 'memory:y'],
    listen: ['memory:a', 'memory:b'],
    item: msgpack<Job>(),
    result: text(),
    down: (item, { signal }) => {
      expectTypeOf(item).toEqualTypeOf<Job>()
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
      return item.depth === 0 ? DROP : item
    },
    up: async (result) => {
      expectTypeOf(result).toEqualTypeOf<string>()
      return result.trim()
    },
    server: { chooseDispatch: (free, { item }) => free.find(({ maxItemBytes }) => item.url.length < maxItemBytes) },
  })
  expectTypeOf(made).toEqualTypeOf<Relay<Job, string>>()
  // @ts-expect-error -- a stage makes items of what comes
  void relay({ parent: 'memory:x', item: text(), down: (item) => item.length })
  // @ts-expect-error -- both sides have one name
  void relay({ parent: 'memory:x', server: { id: 'other' } })
  void relay({
    parent: async (signal) => {
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
      return memoryPair()[0]
    },
  })
  const options: RelayOptions = { parent: 'memory:x' }
  expectTypeOf(options.down).toEqualTypeOf<Stage<unknown> | undefined>()
})

test('without either they are unknown', async () => {
  expectTypeOf(await listen()).toEqualTypeOf<Server>()
  expectTypeOf(await connect('memory:x')).toEqualTypeOf<Client>()
})

test('a server puts items and takes results', async () => {
  const server = await listen('memory:x', { item: job, result: z.number() })
  expectTypeOf(server.put).parameter(0).toEqualTypeOf<Job>()
  expectTypeOf(server.tryPut).parameter(0).toEqualTypeOf<Job>()
  expectTypeOf(server.submit({ url: '' })).resolves.toEqualTypeOf<number>()
  expectTypeOf(server.get()).resolves.toEqualTypeOf<number>()
  expectTypeOf(server.tryGet()).toEqualTypeOf<{ value: number } | undefined>()
  expectTypeOf(server.getAll()).toEqualTypeOf<number[]>()
  expectTypeOf(server.receive()).resolves.toEqualTypeOf<Delivery<number, unknown, ServerClient>>()
  expectTypeOf(server.close()).resolves.toEqualTypeOf<Undone<Job>>()
  expectTypeOf(server.deadLetters.list()).toEqualTypeOf<DeadLetter<Job>[]>()
  server.on('deadLetter', ({ item }) => expectTypeOf(item).toEqualTypeOf<Job>())
  server.on('disconnect', ({ client, error }) => {
    expectTypeOf(client).toEqualTypeOf<ServerClient>()
    expectTypeOf(error).toEqualTypeOf<NetQueueError | undefined>()
  })
  for await (const result of server) expectTypeOf(result).toEqualTypeOf<number>()
  for await (const delivery of server.deliveries())
    expectTypeOf(delivery).toEqualTypeOf<Delivery<number, unknown, ServerClient>>()
  for await (const result of server.items({ signal: AbortSignal.abort() })) expectTypeOf(result).toEqualTypeOf<number>()
})

test('map gives results, or outcomes where it is settled', async () => {
  const server = await listen('memory:x', { item: job, result: z.number() })
  for await (const result of server.map([{ url: '' }])) expectTypeOf(result).toEqualTypeOf<number>()
  for await (const result of server.map(new Set<Job>(), { ordered: false }))
    expectTypeOf(result).toEqualTypeOf<number>()
  for await (const outcome of server.map([{ url: '' }], { settled: true })) {
    expectTypeOf(outcome).toEqualTypeOf<MapOutcome<Job, number>>()
    if (outcome.status === 'fulfilled') expectTypeOf(outcome.value).toEqualTypeOf<number>()
    else expectTypeOf(outcome.reason).toEqualTypeOf<unknown>()
  }
  // @ts-expect-error the source gives no items of this server
  server.map(['not a job'])
})

test('a client takes items and puts results', async () => {
  const client = await connect('memory:x', { item: job, result: title })
  expectTypeOf(client.put).parameter(0).toEqualTypeOf<string>()
  expectTypeOf(client.putAll).parameter(0).toExtend<Iterable<string> | AsyncIterable<string>>()
  expectTypeOf(client.get(100)).resolves.toEqualTypeOf<Job>()
  expectTypeOf(client.closed).resolves.toEqualTypeOf<Closed<string>>()
  for await (const item of client) expectTypeOf(item).toEqualTypeOf<Job>()
  for await (const { item, attempt, from } of client.deliveries()) {
    expectTypeOf(item).toEqualTypeOf<Job>()
    expectTypeOf(attempt).toEqualTypeOf<number>()
    expectTypeOf(from.id).toEqualTypeOf<string>()
  }
  await client.process((item, { signal }) => {
    expectTypeOf(item).toEqualTypeOf<Job>()
    expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
  })
  expectTypeOf<Handler<Job, string>>().parameter(1).toEqualTypeOf<Delivery<Job, string>>()
  // @ts-expect-error a handler's result is what the client was told that results are
  await client.process(() => new Date())
  client.on('goaway', ({ code }) => expectTypeOf(code).toEqualTypeOf<string>())
  for await (const { error } of client.events('disconnect'))
    expectTypeOf(error).toEqualTypeOf<NetQueueError | undefined>()
})

test('events and ticks are loops with types', async () => {
  const server = await listen('memory:x', { item: job, result: z.number() })
  const connects = server.events('connect', { capacity: 10 })
  expectTypeOf(connects.dropped).toEqualTypeOf<number>()
  for await (const { client } of connects) expectTypeOf(client).toEqualTypeOf<ServerClient>()
  for await (const { item } of server.events('deadLetter')) expectTypeOf(item).toEqualTypeOf<Job>()
  for await (const tick of server.ticks(60)) expectTypeOf(tick).toEqualTypeOf<Tick>()
  for await (const { missed } of server.ticks(manualTicks())) expectTypeOf(missed).toEqualTypeOf<number>()
  // @ts-expect-error there is no such event
  server.events('update')
  // @ts-expect-error a rate, or what manualTicks() made
  server.ticks('60')
})

test('both are duplexes of it-pipe', async () => {
  const client = await connect<string, number>('memory:x')
  const server = await listen<string, number>('memory:x')
  const lengths = async function* (jobs: AsyncIterable<string>): AsyncGenerator<number> {
    for await (const { length } of jobs) yield length
  }
  expectTypeOf(pipe(client, lengths, client)).toEqualTypeOf<Promise<void>>()
  expectTypeOf(pipe(['a'], server)).toExtend<Promise<void> | AsyncIterable<number>>()
})

test('policies know item and client', async () => {
  await listen<Job, string>('memory:x', { chooseDispatch: hashBy(({ url }) => url) })
  await listen<Job, string>('memory:x', { chooseDispatch: leastBusy() })
  await listen<Job, string>('memory:x', { chooseDispatch: prefer('gpu') })
  await listen<Job, string>('memory:x', {
    chooseDispatch: (free, { item, clients }) => {
      expectTypeOf(free).toEqualTypeOf<readonly ServerClient[]>()
      expectTypeOf(item).toEqualTypeOf<Job>()
      expectTypeOf(clients).toEqualTypeOf<readonly ServerClient[]>()
      return free[0]
    },
  })
  expectTypeOf<ReturnType<ChooseDispatch<Job, ServerClient>>>().toEqualTypeOf<
    ServerClient | undefined | Promise<ServerClient | undefined>
  >()
})

test('what must not compile does not', async () => {
  const server = await listen('memory:x', { item: job, result: z.number() })
  const client = await connect('memory:x', { item: job, result: z.number() })
  // @ts-expect-error no url
  await server.put({ depth: 1 })
  // @ts-expect-error results are numbers
  await client.put('one')
  // @ts-expect-error `to` is a client, not its name
  await server.put({ url: '' }, { to: 'a' })
  // @ts-expect-error a submit is for one client
  await server.submit({ url: '' }, { to: 'all' })
  // @ts-expect-error there is no such event
  client.on('message', () => {})
  // @ts-expect-error there is no such reason
  await server.close({ reason: 'maintenance' })
  // @ts-expect-error options are checked for spelling
  await connect('memory:x', { prefech: 3 })
  // @ts-expect-error an item that was never said to be a job
  expectTypeOf((await (await connect('memory:x')).get()).url)
  // @ts-expect-error clients are made by connect()
  await (client satisfies Server<Job, number>).idle()
})
