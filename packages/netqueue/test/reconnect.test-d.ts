import { expectTypeOf, test } from 'vitest'

import { connect, tcp } from '../src/index.ts'
import type {
  ByteDuplex,
  Client,
  ClientServer,
  ClientState,
  ClientStateChange,
  Lookup,
  NetQueueError,
  ReconnectOptions,
} from '../src/index.ts'

// Nothing here runs: the compiler is the test.

test('connect takes an address, several, or a duplex, and gives a client in each case', async () => {
  expectTypeOf(await connect<string, number>('tcp://127.0.0.1:7000')).toEqualTypeOf<Client<string, number>>()
  expectTypeOf(await connect<string, number>(['tcp://a:1', 'tcp://b:1'] as const)).toEqualTypeOf<
    Client<string, number>
  >()
  expectTypeOf(await connect<string, number>({} as ByteDuplex)).toEqualTypeOf<Client<string, number>>()
  // @ts-expect-error a list of duplexes could not be dialled again
  await connect([{} as ByteDuplex])
})

test('reconnect is a yes, a no, or how', async () => {
  await connect('memory:x', { reconnect: false, wait: true, failover: true })
  await connect('memory:x', { reconnect: { minDelayMs: 1, maxDelayMs: 2, attempts: 3 } })
  expectTypeOf<ReconnectOptions['attempts']>().toEqualTypeOf<number | undefined>()
  // @ts-expect-error a number says nothing
  await connect('memory:x', { reconnect: 3 })
})

test('states say what belongs to each of them', async () => {
  const client = await connect('memory:x')
  expectTypeOf(client.state).toEqualTypeOf<ClientState>()
  expectTypeOf(client.servers).toEqualTypeOf<readonly ClientServer[]>()
  for await (const change of client.states({ capacity: 10 })) {
    expectTypeOf(change).toEqualTypeOf<ClientStateChange>()
    expectTypeOf(change.address).toEqualTypeOf<string>()
    if (change.state === 'reconnecting') {
      expectTypeOf(change.attempt).toEqualTypeOf<number>()
      expectTypeOf(change.delayMs).toEqualTypeOf<number>()
      expectTypeOf(change.error).toEqualTypeOf<NetQueueError | undefined>()
    }
    if (change.state === 'connected') expectTypeOf(change.resumed).toEqualTypeOf<boolean>()
    if (change.state === 'failed') expectTypeOf(change.error).toEqualTypeOf<NetQueueError>()
    // @ts-expect-error only a search has attempts
    if (change.state === 'closed') void change.attempt
  }
})

test('events name the server', async () => {
  const client = await connect('memory:x')
  client.on('connect', ({ server, resumed }) => {
    expectTypeOf(server).toEqualTypeOf<ClientServer>()
    expectTypeOf(resumed).toEqualTypeOf<boolean>()
  })
  client.on('reconnecting', ({ server, attempt, error }) => {
    expectTypeOf(server.state).toEqualTypeOf<ClientState>()
    expectTypeOf(attempt).toEqualTypeOf<number>()
    expectTypeOf(error).toEqualTypeOf<NetQueueError | undefined>()
  })
  client.on('disconnect', ({ server }) => expectTypeOf(server.address).toEqualTypeOf<string>())
  client.on('state', (change) => expectTypeOf(change).toEqualTypeOf<ClientStateChange>())
})

test('a resolver is a function from names to addresses', () => {
  const lookup: Lookup = async (host) => [host]
  expectTypeOf(tcp).toBeCallableWith({ lookup, backlog: 10 })
  // @ts-expect-error it is asked for a name, and answers later
  tcp({ lookup: () => ['127.0.0.1'] })
})
