import type { ListenOptions, Server, Socket } from 'node:net'
import type { Timer } from '../env/env.ts'
import { host } from '../env/host.ts'
import { checkInteger } from '../errors/check.ts'
import { NetQueueError } from '../errors/errors.ts'
import { Queue } from '../queue/queue.ts'
import { listenFailed } from './failures.ts'
import type { ByteDuplex, Listener } from './transport.ts'

export interface ListenerOptions {
  /** Connections that the system holds until this process gets to them; the system may allow fewer. @default 511, as Node has it */
  backlog?: number
  /** Accepted connections that wait to be iterated; further ones are cut. They hold a descriptor each, and no bytes. @default 1024 */
  maxWaiting?: number
}

export const listenerDefaults: Required<ListenerOptions> = { backlog: 511, maxWaiting: 1_024 }

/** Fills in the defaults and throws for what is no option. */
export function listenerOptionsFrom(options: ListenerOptions): Required<ListenerOptions> {
  const { backlog, maxWaiting } = { ...listenerDefaults, ...options }
  checkInteger('backlog', backlog, 1)
  checkInteger('maxWaiting', maxWaiting, 1)
  return { backlog, maxWaiting }
}

interface AcceptingInit {
  address: string
  maxWaiting: number
  /** Takes no more connections. */
  stop: () => void
}

/** The listener of every transport: connections go in by `accept` and come out by iteration. */
export class Accepting implements Listener {
  readonly address: string
  readonly #waiting: Queue<ByteDuplex>
  readonly #stop: () => void

  constructor({ address, maxWaiting, stop }: AcceptingInit) {
    this.address = address
    this.#waiting = new Queue({ capacity: maxWaiting })
    this.#stop = stop
  }

  accept(connection: ByteDuplex): void {
    if (this.#waiting.tryPut(connection)) return
    const { capacity } = this.#waiting
    const message = `${capacity} connections wait at ${this.address} to be iterated (maxWaiting)`
    connection.abort?.(new NetQueueError('TOO_MANY_CONNECTIONS', message, { limit: 'maxWaiting', value: capacity }))
  }

  [Symbol.asyncIterator](): AsyncIterator<ByteDuplex> {
    return this.#waiting[Symbol.asyncIterator]()
  }

  /** Connections that were not iterated yet belong to nobody and are cut. Idempotent. */
  async close(): Promise<void> {
    if (this.#waiting.closed) return
    this.#stop()
    this.#waiting.close()
    const reason = new NetQueueError('CLOSED', `The listener at ${this.address} was closed`)
    for (const connection of this.#waiting.getAll()) connection.abort?.(reason)
  }
}

export interface ServeInit {
  /** What was asked for, for errors. */
  address: string
  listen: ListenOptions
  maxWaiting: number
  /** The address that peers connect to, known once the server listens, each time that it does. What it throws says that it must not. */
  bound: () => string
  wrap: (socket: Socket) => ByteDuplex
}

/** Lets a server of `node:net` listen; rejects with `LISTEN_FAILED`. */
export function serve(server: Server, { address, listen, maxWaiting, bound, wrap }: ServeInit): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const failed = (error: unknown): void => reject(listenFailed(address, error))
    server.on('error', failed)
    server.listen(listen, () => {
      try {
        const accepting = new Accepting({ address: bound(), maxWaiting, stop: () => pauses.stop() })
        const pauses = new Pauses(server, listen, bound)
        server.on('connection', (socket) => accepting.accept(wrap(socket)))
        resolve(accepting)
      } catch (error) {
        server.close()
        failed(error)
      }
    })
  })
}

/** Milliseconds without connections after a failed accept; twice as many after each that follows. */
const LEAST_PAUSE_MS = 10
const MOST_PAUSE_MS = 1_000

/**
 * Stops listening for a while when the system cannot hand over a connection. One that lacks descriptors (EMFILE) turns those away who come,
 * and tells us nothing: it keeps a descriptor in reserve for that. Where it has lost that one, or lacks something else, the connection stays
 * where it is, and we would be told of it again and again without an end.
 */
class Pauses {
  readonly #server: Server
  readonly #listen: ListenOptions
  #ms = LEAST_PAUSE_MS
  #timer: Timer | undefined

  constructor(server: Server, listen: ListenOptions, bound: () => string) {
    const at = server.address()
    this.#server = server
    this.#listen = typeof at === 'object' && at !== null ? { ...listen, port: at.port } : listen
    server.on('error', () => this.#pause())
    server.on('listening', () => this.#ready(bound))
    server.on('connection', () => (this.#ms = LEAST_PAUSE_MS))
  }

  stop(): void {
    this.#timer?.cancel()
    this.#close()
  }

  /** The callback of close() would wait for every connection; the listening handle is gone when the call returns. */
  #close(): void {
    if (this.#server.listening) this.#server.close()
  }

  /** The event of a server has nobody to catch what is thrown there. */
  #ready(bound: () => string): void {
    try {
      bound()
    } catch {
      this.#pause()
    }
  }

  #pause(): void {
    this.#close()
    this.#timer?.cancel()
    this.#timer = host.setTimer(() => this.#server.listen(this.#listen), this.#ms)
    this.#ms = Math.min(this.#ms * 2, MOST_PAUSE_MS)
  }
}
