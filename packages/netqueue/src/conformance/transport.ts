import { host } from '../env/host.ts'
import type { Timer } from '../env/env.ts'
import type { ByteDuplex, DialOptions, Listener, Transport } from '../transport/transport.ts'
import { collect, ending, pattern } from './bytes.ts'
import { check, coded, rejection, same, turn } from './checks.ts'
import { duplexCases } from './duplex.ts'
import type { DuplexSuite } from './duplex.ts'
import { register } from './suite.ts'
import type { Cases, TestFunctions } from './suite.ts'

export interface TransportSuite extends Omit<DuplexSuite, 'create'> {
  /** A transport for one test. In one of them with `maxWaiting`, the connections that may wait at a listener to be iterated. */
  create: (options?: { maxWaiting?: number }) => Transport
  /** An address that can be listened at; it may leave a part, such as the port, to the system. */
  address: string
  /** An address of the right form where nobody listens. */
  nobody: string
  /** What is no address of this transport. @default ['', 'no address'] */
  bad?: readonly string[]
  /** What the `remoteAddress` of both ends of a connection looks like. @default what the transport accepts */
  remote?: RegExp
}

/** Whether a transport keeps the contract of `Transport`, and its connections that of `ByteDuplex`. */
export function testTransport(suite: TransportSuite, functions: TestFunctions): void {
  const create = async (): Promise<readonly [ByteDuplex, ByteDuplex]> => {
    const transport = suite.create()
    const listener = await transport.listen(suite.address)
    const ends = await meet(transport, listener)
    await listener.close()
    return ends
  }
  register(suite, { ...transportCases(suite), ...duplexCases({ ...suite, create }) }, functions)
}

type TransportTest = (transport: Transport, suite: TransportSuite) => Promise<void>

function transportCases(suite: TransportSuite): Cases {
  const bound = (run: TransportTest) => (): Promise<void> => run(suite.create(), suite)
  return Object.fromEntries(Object.entries(tests).map(([title, run]) => [title, bound(run)]))
}

const tests: Record<string, TransportTest> = {
  'a listener gives each connection once, and its iteration ends at close': async (transport, suite) => {
    const listener = await transport.listen(suite.address)
    const clients = [await begun(transport, listener), await begun(transport, listener)]
    const sent = clients.map(async ({ connecting }, index) => (await connecting).sink([pattern(1, index)]))
    const got: (number | undefined)[] = []
    for await (const connection of listener) {
      got.push((await collect(connection.source))[0])
      await connection.sink([])
      if (got.length === 2) await listener.close()
    }
    // Which of them is first is the system's to say: a name may take the first one longer to look up.
    same(
      got.toSorted((a = 0, b = 0) => a - b),
      [pattern(1)[0], pattern(1, 1)[0]],
      'what the connections said',
    )
    await Promise.all([...sent, ...clients.map(async ({ connecting }) => collect((await connecting).source))])
  },

  'addresses tell where the other end is, and carry what the system chose': async (transport, { address, remote }) => {
    const listener = await transport.listen(address)
    const [client, served] = await meet(transport, listener)
    const looksRight = (text = ''): boolean => (remote === undefined ? transport.accepts(text) : remote.test(text))
    check(transport.accepts(listener.address), `the transport to accept ${listener.address}`)
    for (const { remoteAddress } of [client, served])
      check(looksRight(remoteAddress), `the address of the other end, got ${remoteAddress}`)
    await Promise.all([end(client, served), listener.close()])
  },

  'close takes no more connections and leaves those that exist': async (transport, { address }) => {
    const listener = await transport.listen(address)
    const [client, served] = await meet(transport, listener)
    const waiting = listener[Symbol.asyncIterator]().next()
    await listener.close()
    await listener.close()
    same(await waiting, { done: true }, 'the end of the iteration')
    coded(await rejection(transport.connect(listener.address), 'connect'), 'CONNECT_FAILED', 'connect')
    const got = collect(served.source)
    await Promise.all([client.sink([pattern(100)]), served.sink([]), collect(client.source)])
    same((await got).length, 100, 'what arrived')
  },

  'close cuts connections that nobody iterated': async (transport, { address, cut = 'broken' }) => {
    const listener = await transport.listen(address)
    const { connecting } = await begun(transport, listener)
    const seen = fate(connecting)
    await turn()
    await listener.close()
    same(await seen, cut, 'what the connection sees (cut)')
  },

  'an address is free again after close': async (transport, { address }) => {
    const first = await transport.listen(address)
    await first.close()
    const second = await transport.listen(first.address)
    same(second.address, first.address, 'the address of the second listener')
    await second.close()
  },

  'leaving the iteration leaves the listener as it is': async (transport, { address }) => {
    const listener = await transport.listen(address)
    for (let round = 1; round <= 2; round += 1) {
      const { connecting } = await begun(transport, listener)
      for await (const connection of listener) {
        await connection.open?.()
        await end(await connecting, connection)
        break
      }
    }
    await listener.close()
  },

  'connections beyond maxWaiting are cut, the others are served': async (_, { create, address, cut = 'broken' }) => {
    const transport = create({ maxWaiting: 2 })
    const listener = await transport.listen(address)
    const clients = [await begun(transport, listener), await begun(transport, listener)]
    await turn()
    same(await fate(transport.connect(listener.address)), cut, 'what the third sees (cut)')
    for (const { connecting } of clients) {
      const served = await next(listener)
      await served.open?.()
      await end(await connecting, served)
    }
    await listener.close()
  },

  'connect where nobody listens rejects with CONNECT_FAILED, which names the address and the reason': async (
    transport,
    { nobody },
  ) => {
    const error = await rejection(transport.connect(nobody), 'connect')
    coded(error, 'CONNECT_FAILED', 'connect')
    namesReason(error as Error, nobody)
  },

  'listen where somebody listens rejects with LISTEN_FAILED, and the first goes on': async (transport, { address }) => {
    const listener = await transport.listen(address)
    const error = await rejection(transport.listen(listener.address), 'listen')
    coded(error, 'LISTEN_FAILED', 'listen')
    namesReason(error as Error, listener.address)
    const done = transport
      .connect(listener.address)
      .then(end)
      .then(() => listener.close())
    // Whoever tried to listen may have looked whether anybody answers, and hung up: that is a connection too.
    for await (const connection of listener) await end(connection).catch(() => {})
    await done
  },

  'a signal that has fired rejects connect with its reason': async (transport, { address }) => {
    const listener = await transport.listen(address)
    const reason = new Error('not today')
    const signal = AbortSignal.abort(reason)
    const error = await rejection(transport.connect(listener.address, { signal }), 'connect')
    check(error === reason, `the reason of the signal, got ${String(error)}`)
    await listener.close()
  },

  'a signal that fires after connect does nothing, and no listener stays on it': async (transport, suite) => {
    const listener = await transport.listen(suite.address)
    const { controller, listeners } = watched()
    const { signal } = controller
    const [client, served] = await meet(transport, listener, { signal })
    coded(await rejection(transport.connect(suite.nobody, { signal }), 'connect'), 'CONNECT_FAILED', 'connect')
    same(listeners(), 0, 'the number of listeners on the signal')
    controller.abort()
    await end(client, served)
    await listener.close()
  },

  'what is no address is refused by connect and listen, with a TypeError that shows the form': async (
    transport,
    { bad = ['', 'no address'] },
  ) => {
    for (const address of bad)
      for (const call of [transport.connect(address), transport.listen(address)]) {
        const error = await rejection(call, `an address like ${JSON.stringify(address)}`)
        check(error instanceof TypeError, `a TypeError for ${JSON.stringify(address)}, got ${String(error)}`)
        check(error.message.includes(transport.form), `the error to show ${transport.form}, got: ${error.message}`)
      }
  },
}

async function next(listener: Listener): Promise<ByteDuplex> {
  const { done, value } = await listener[Symbol.asyncIterator]().next()
  check(done !== true, 'a connection, the iteration ended')
  return value
}

/** The two ends of a connection. */
async function meet(
  transport: Transport,
  listener: Listener,
  options?: DialOptions,
): Promise<readonly [ByteDuplex, ByteDuplex]> {
  const accept = async (): Promise<ByteDuplex> => {
    const served = await next(listener)
    await served.open?.()
    // What the one that opened it still says by itself arrives, for it can hide a reset.
    await arrival()
    return served
  }
  return Promise.all([transport.connect(listener.address, options), accept()])
}

/** Turns of the event loop after which something from this machine has arrived. */
const TURNS_TO_ARRIVE = 50
/** To look up a name takes its own time, in which many turns may pass. */
const MS_TO_ARRIVE = 150

/** A connection that waits at the listener; some are made only when they are opened there. */
async function begun(transport: Transport, { address }: Listener): Promise<{ connecting: Promise<ByteDuplex> }> {
  const connecting = transport.connect(address)
  connecting.catch(() => {}) // which is looked at later
  let timer: Timer | undefined
  const late = new Promise<void>((resolve) => (timer = host.setTimer(resolve, MS_TO_ARRIVE)))
  await Promise.race([connecting, late]).finally(() => timer?.cancel())
  return { connecting }
}

async function arrival(): Promise<void> {
  for (let turns = 0; turns < TURNS_TO_ARRIVE; turns += 1) await turn()
}

/** Ends the connections, here as there. */
async function end(...connections: ByteDuplex[]): Promise<void> {
  await Promise.all(connections.flatMap((connection) => [connection.sink([]), collect(connection.source)]))
}

/** How a connection ends that is cut; the system may tell while it connects, or after. */
async function fate(connecting: Promise<ByteDuplex>): Promise<string> {
  const connection = await connecting.catch(() => undefined)
  if (connection === undefined) return 'broken'
  const seen = await ending(connection.source)
  connection.abort?.(new Error('over'))
  return seen
}

function namesReason({ message, cause }: Error, address: string): void {
  const code = (cause as { code?: unknown } | undefined)?.code
  check(typeof code === 'string' && code !== '', `a cause with a code, got ${String(cause)}`)
  check(
    message.includes(address) && message.includes(code),
    `the error to name ${address} and ${code}, got: ${message}`,
  )
}

/** A controller whose signal counts who listens to it. */
function watched(): { controller: AbortController; listeners: () => number } {
  const controller = new AbortController()
  const { signal } = controller
  const listening = new Set<unknown>()
  const watch = (name: 'addEventListener' | 'removeEventListener', note: (listener: unknown) => unknown): void => {
    const call = signal[name].bind(signal) as (...args: unknown[]) => void
    const watched = (...args: unknown[]): void => {
      note(args[1])
      call(...args)
    }
    Object.assign(signal, { [name]: watched })
  }
  watch('addEventListener', (listener) => listening.add(listener))
  watch('removeEventListener', (listener) => listening.delete(listener))
  return { controller, listeners: () => listening.size }
}
