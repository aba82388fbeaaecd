import type { ListenOptions, Server, Socket } from 'node:net'
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
  /** The address that peers connect to, known once the server listens. */
  bound: () => string
  wrap: (socket: Socket) => ByteDuplex
}

/** Lets a server of `node:net` listen; rejects with `LISTEN_FAILED`. */
export function serve(server: Server, { address, listen, maxWaiting, bound, wrap }: ServeInit): Promise<Listener> {
  return new Promise((resolve, reject) => {
    // Stays: later errors are failed accepts (EMFILE), which the system has already turned away; the server goes on.
    server.on('error', (error) => reject(listenFailed(address, error)))
    server.listen(listen, () => {
      // The callback of close() would wait for every connection; the listening handle is gone when the call returns.
      const accepting = new Accepting({ address: bound(), maxWaiting, stop: () => server.close() })
      server.on('connection', (socket) => accepting.accept(wrap(socket)))
      resolve(accepting)
    })
  })
}
