import { describe, expect, test } from 'vitest'

import { Runner } from '../../test/support/runner.ts'
import { NetQueueError } from '../errors/errors.ts'
import { memory } from '../transport/index.ts'
import type { Transport } from '../transport/transport.ts'
import { testTransport } from './transport.ts'

type Options = { maxWaiting?: number }
type Broken = (transport: Transport, options: Options) => Partial<Transport>

/** A transport, of which some is broken. */
function broken(transport: Transport, options: Options, how: Broken): Transport {
  return {
    form: transport.form,
    accepts: (address) => transport.accepts(address),
    exposed: (address) => transport.exposed(address),
    connect: (...args) => transport.connect(...args),
    listen: (address) => transport.listen(address),
    ...how(transport, options),
  }
}

const uncoded = (error: unknown): never => {
  throw new Error((error as Error).message)
}

const brokenTransports: [string, Broken, fails: string][] = [
  [
    'gives no connection',
    () => ({ listen: async (address) => ({ address, close: async () => {}, async *[Symbol.asyncIterator]() {} }) }),
    'a listener gives each connection once, and its iteration ends at close',
  ],
  [
    'says nothing of the other end',
    (transport) => ({
      connect: async (address) => {
        const { source, sink } = await transport.connect(address)
        return { source, sink }
      },
    }),
    'addresses tell where the other end is, and carry what the system chose',
  ],
  [
    'listens on when it was closed',
    (transport) => ({
      listen: async (address) => Object.assign(await transport.listen(address), { close: async () => {} }),
    }),
    'close takes no more connections and leaves those that exist',
  ],
  [
    'forgets who was not iterated',
    (transport) => {
      const forget = async (address: string): ReturnType<Transport['listen']> => {
        const listener = await transport.listen(address)
        const iterator = listener[Symbol.asyncIterator]()
        void iterator.next()
        return listener
      }
      return { listen: forget }
    },
    'close cuts connections that nobody iterated',
  ],
  [
    'keeps its address for ever',
    (transport) => {
      const known = new Set<string>()
      const listen = async (address: string): ReturnType<Transport['listen']> => {
        if (known.has(address)) throw new NetQueueError('LISTEN_FAILED', 'It is taken')
        known.add(address)
        return transport.listen(address)
      }
      return { listen }
    },
    'an address is free again after close',
  ],
  [
    'closes when it is left',
    (transport) => ({
      listen: async (address) => {
        const listener = await transport.listen(address)
        const iterator = listener[Symbol.asyncIterator]()
        const leave = async (): Promise<{ done: true; value: undefined }> => {
          await listener.close()
          return { done: true, value: undefined }
        }
        return Object.assign(listener, {
          [Symbol.asyncIterator]: () => ({ next: () => iterator.next(), return: leave }),
        })
      },
    }),
    'leaving the iteration leaves the listener as it is',
  ],
  [
    'lets any number wait',
    () => {
      const boundless = memory()
      return { connect: (address) => boundless.connect(address), listen: (address) => boundless.listen(address) }
    },
    'connections beyond maxWaiting are cut, the others are served',
  ],
  [
    'fails to connect without a code',
    (transport) => ({ connect: (address) => transport.connect(address).catch(uncoded) }),
    'connect where nobody listens rejects with CONNECT_FAILED, which names the address and the reason',
  ],
  [
    'fails to listen without a code',
    (transport) => ({ listen: (address) => transport.listen(address).catch(uncoded) }),
    'listen where somebody listens rejects with LISTEN_FAILED, and the first goes on',
  ],
  [
    'takes no signal',
    (transport) => ({ connect: (address) => transport.connect(address) }),
    'a signal that has fired rejects connect with its reason',
  ],
  [
    'stays on the signal',
    (transport) => ({
      connect: (address, options) => {
        options?.signal?.addEventListener('abort', () => {})
        return transport.connect(address, options)
      },
    }),
    'a signal that fires after connect does nothing, and no listener stays on it',
  ],
  [
    'takes every address',
    (transport) => ({
      connect: (address) => transport.connect(address === '' ? 'memory:x' : address),
      listen: (address) => transport.listen(address === '' ? 'memory:x' : address),
    }),
    'what is no address is refused by connect and listen, with a TypeError that shows the form',
  ],
]

describe('testTransport fails for a transport that', () => {
  const run = (how: Broken): Runner => {
    const runner = new Runner()
    const suite = { name: 'broken', address: 'memory:here', nobody: 'memory:nobody', maxHeldBytes: 128 * 1024 }
    const create = (options: Options = {}): Transport => broken(memory(options), options, how)
    testTransport({ ...suite, create }, runner.functions)
    return runner
  }

  test.each(brokenTransports)('%s', async (_, how, title) => {
    expect(await run(how).fails(title)).toBe(true)
    expect(await run(() => ({})).fails(title)).toBe(false)
  })

  test('each of the tests, and then tests its duplexes', () => {
    const titles = [...run(() => ({})).cases.keys()]
    expect(titles.slice(0, brokenTransports.length)).toEqual(brokenTransports.map(([, , title]) => title))
    expect(titles[brokenTransports.length]).toBe('bytes go both ways at once, in order')
  })
})
