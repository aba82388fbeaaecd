import { NetQueueError } from 'netqueue'
import type { ByteDuplex, Bytes, DialOptions, Listener, Transport } from 'netqueue'
import { Pipe } from './pipe.ts'
import type { Shape } from './pipe.ts'
import type { Random } from './random.ts'
import type { Process, Schedule } from './schedule.ts'

export type Side = 'client' | 'server'

/** Sees every byte: when one side has written it, and when the library at the other side has been given it. */
export interface Observer {
  written(connection: Connection, side: Side, bytes: Uint8Array): void
  read(connection: Connection, side: Side, length: number): void
  /** One side writes without end. */
  runaway(connection: Connection, side: Side): void
}

export interface NetworkInit {
  schedule: Schedule
  random: Random
  shape: () => Shape
  observer: Observer
  /** There is a new one. */
  joined: (connection: Connection) => void
  /** What happens to this attempt of a process to connect. */
  fate: (process: Process) => 'connects' | 'refused' | 'hangs'
}

const lost = (name: string): NetQueueError => new NetQueueError('CONNECTION_LOST', `The connection ${name} broke`)
const refused = (address: string): NetQueueError => new NetQueueError('CONNECT_FAILED', `Cannot connect to ${address}`)

/** All simulated connections of a world, and the transports that make them. */
export class Network {
  readonly connections: Connection[] = []
  readonly #init: NetworkInit
  #listener: (SimListener & { process: Process }) | undefined

  constructor(init: NetworkInit) {
    this.#init = init
  }

  /** The transport as one process sees it. */
  transport(process: Process): Transport {
    return {
      form: 'sim:name',
      accepts: (address) => address.startsWith('sim:'),
      exposed: () => false,
      connect: (address, options) => this.#connect(process, address, options),
      listen: async (address) => {
        const listener = Object.assign(
          new SimListener(address, () => {
            if (this.#listener === listener) this.#listener = undefined
          }),
          { process },
        )
        this.#listener = listener
        return listener
      },
    }
  }

  /** A server's process died: what the system had taken from it may still arrive. */
  crashServer(process: Process): void {
    if (this.#listener?.process === process) this.#listener = undefined
    for (const connection of this.connections)
      if (connection.server === process && !connection.isOver) connection.crashServer()
  }

  #connect(client: Process, address: string, { signal }: DialOptions = {}): Promise<ByteDuplex> {
    const { schedule, random, fate } = this.#init
    const latency = random.between(0.1, 10)
    const what = fate(client)
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      if (what === 'hangs') return
      schedule.after(latency, client, () => {
        const listener = this.#listener
        if (signal?.aborted) return
        if (listener === undefined || what === 'refused') return reject(refused(address))
        const connection = this.#join(client, listener.process)
        schedule.after(random.between(0, 5), listener.process, () => listener.accept(connection.ends.server))
        resolve(connection.ends.client)
      })
    })
  }

  #join(client: Process, server: Process): Connection {
    const { schedule, random, observer, shape } = this.#init
    const connection = new Connection({
      name: `c${this.connections.length + 1}`,
      schedule,
      random: random.fork(),
      shape: shape(),
      observer,
      client,
      server,
    })
    this.connections.push(connection)
    this.#init.joined(connection)
    return connection
  }
}

interface ConnectionInit {
  name: string
  schedule: Schedule
  random: Random
  shape: Shape
  observer: Observer
  client: Process
  server: Process
}

/** One simulated connection, and what can happen to it. */
export class Connection {
  readonly name: string
  readonly client: Process
  readonly server: Process
  readonly ends: { client: End; server: End }
  readonly #random: Random
  readonly #up: Pipe
  readonly #down: Pipe
  /** Cut, crashed or half-open: no further fault happens to it. */
  isBroken = false

  constructor({ name, schedule, random, shape, observer, client, server }: ConnectionInit) {
    this.name = name
    this.client = client
    this.server = server
    this.#random = random
    const pipe = (from: Side, to: Side): Pipe =>
      new Pipe({
        schedule,
        random: random.fork(),
        shape,
        writer: from === 'client' ? client : server,
        reader: to === 'client' ? client : server,
        written: (bytes) => observer.written(this, from, bytes),
        read: (length) => observer.read(this, to, length),
        failed: () => this.ends[to].fail(lost(name)),
        runaway: () => observer.runaway(this, from),
      })
    this.#up = pipe('client', 'server')
    this.#down = pipe('server', 'client')
    this.ends = {
      client: new End(`sim:${name}`, this.#down, this.#up, () => this.#reset()),
      server: new End(`sim:${name}`, this.#up, this.#down, () => this.#reset()),
    }
  }

  get isOver(): boolean {
    return this.isBroken || (this.#up.isEnded && this.#down.isEnded)
  }

  /** Both sides learn that it broke, each in its time. */
  cut(): void {
    this.isBroken = true
    this.#up.cut(this.#random.pick(['end', 'fail']), 0)
    this.#down.cut(this.#random.pick(['end', 'fail']), 0)
  }

  /** The client's process died: what the system had taken from it may still arrive. */
  crash(): void {
    this.isBroken = true
    this.#down.cut('silent')
    this.#up.cut(this.#random.pick(['end', 'fail']), 0)
  }

  /** The same for the server's process. */
  crashServer(): void {
    this.isBroken = true
    this.#up.cut('silent')
    this.#down.cut(this.#random.pick(['end', 'fail']), 0)
  }

  /** Nothing arrives any more, and nobody is told. */
  blackhole(): void {
    this.isBroken = true
    this.#up.cut('silent')
    this.#down.cut('silent')
  }

  /** Whether something is there that this side could have read by now. */
  waits(side: Side): boolean {
    return (side === 'client' ? this.#down : this.#up).waits
  }

  /** Nothing arrives any more, and each side learns of it only after its time. */
  halfOpen(clientMs: number, serverMs: number): void {
    this.isBroken = true
    this.#up.cut('fail', serverMs)
    this.#down.cut('fail', clientMs)
  }

  /** Nothing arrives for a while. */
  stall(until: number): void {
    for (const pipe of [this.#up, this.#down]) pipe.stalledUntil = Math.max(pipe.stalledUntil, until)
  }

  #reset(): void {
    this.isBroken = true
    for (const pipe of [this.#up, this.#down]) if (!pipe.isCut) pipe.cut('fail')
  }
}

/** One side's end of a connection, as the library gets it. */
export class End implements ByteDuplex {
  readonly remoteAddress: string
  readonly source: AsyncIterableIterator<Bytes, undefined>
  readonly sink: ByteDuplex['sink']
  readonly #incoming: Pipe
  readonly #broken: Promise<never>
  readonly #reset: () => void
  #break!: (error: Error) => void
  #hasEnded = false

  constructor(remoteAddress: string, incoming: Pipe, outgoing: Pipe, reset: () => void) {
    this.remoteAddress = remoteAddress
    this.#incoming = incoming
    this.#reset = reset
    this.#broken = new Promise((_, reject) => (this.#break = reject))
    this.#broken.catch(() => {})
    this.source = {
      [Symbol.asyncIterator]: () => this.source,
      next: () => incoming.next(),
      return: () => incoming.return(),
    }
    this.sink = async (source) => {
      const iterator = (source as AsyncIterable<Bytes>)[Symbol.asyncIterator]()
      try {
        await Promise.race([this.#pump(iterator, outgoing), this.#broken])
      } catch (error) {
        void iterator.return?.()?.catch(() => {})
        throw error
      }
    }
  }

  /** Closing a connection that both sides have ended loses nothing; any other is reset. */
  abort(reason: Error): void {
    if (this.#hasEnded && this.#incoming.isEnded) return
    this.fail(reason)
    this.#reset()
  }

  fail(error: Error): void {
    this.#hasEnded = true
    this.#incoming.fail(error)
    this.#break(error)
  }

  async #pump(iterator: AsyncIterator<Bytes>, outgoing: Pipe): Promise<void> {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      const taken = outgoing.write(next.value instanceof Uint8Array ? next.value : next.value.subarray())
      if (taken !== undefined) await taken
    }
    if (this.#hasEnded) return
    this.#hasEnded = true
    outgoing.end()
  }
}

class SimListener implements Listener {
  readonly address: string
  readonly #stop: () => void
  readonly #waiting: ByteDuplex[] = []
  #next: ((result: IteratorResult<ByteDuplex>) => void) | undefined
  #isClosed = false

  constructor(address: string, stop: () => void) {
    this.address = address
    this.#stop = stop
  }

  accept(end: End): void {
    if (this.#isClosed) return end.abort(lost(this.address))
    const next = this.#next
    this.#next = undefined
    if (next === undefined) this.#waiting.push(end)
    else next({ done: false, value: end })
  }

  [Symbol.asyncIterator](): AsyncIterator<ByteDuplex> {
    return { next: () => this.#take() }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stop()
    for (const end of this.#waiting.splice(0)) end.abort?.(lost(this.address))
    this.#next?.({ done: true, value: undefined })
  }

  #take(): Promise<IteratorResult<ByteDuplex>> {
    const end = this.#waiting.shift()
    if (end !== undefined) return Promise.resolve({ done: false, value: end })
    if (this.#isClosed) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => (this.#next = resolve))
  }
}
