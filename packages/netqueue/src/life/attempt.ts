import type { Env } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { Pending } from '../queue/pending.ts'

export interface AttemptInit {
  env: Env
  /** What is connected to, for people. */
  name: string
  connectTimeoutMs: number
  /** Calls the attempt off. */
  signal: AbortSignal | undefined
}

/** One attempt to connect: waits until both ends have introduced themselves, and calls all off when nobody waits any more. */
export class Attempt {
  readonly #controller: AbortController = new AbortController()
  readonly #opened: Pending<void>

  constructor({ env, name, connectTimeoutMs, signal }: AttemptInit) {
    this.#opened = new Pending<void>({
      env,
      wait: { signal, timeout: connectTimeoutMs },
      timedOut: () => timedOut(name, connectTimeoutMs),
      withdrawn: () => this.#controller.abort(new NetQueueError('CLOSED', 'The attempt was given up')),
    })
  }

  /** Fires when nobody waits any more. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Resolves when the attempt was {@link opened}; rejects when it failed, was refused or was given up. */
  run(begin: () => Promise<unknown>): Promise<void> {
    begin().catch((error: unknown) => this.#opened.reject(error))
    return this.#opened.promise
  }

  opened(): void {
    this.#opened.resolve()
  }

  /** The connection ended; without effect on one that was opened. */
  closed(error: NetQueueError | undefined): void {
    const isRefusal = error !== undefined && error.code !== 'CONNECTION_LOST'
    this.#opened.reject(isRefusal ? error : notOpened(error))
  }
}

function timedOut(name: string, connectTimeoutMs: number): NetQueueError {
  const message = `No connection to ${name} within ${connectTimeoutMs} ms (connectTimeoutMs)`
  return new NetQueueError('CONNECT_FAILED', message, { limit: 'connectTimeoutMs', value: connectTimeoutMs })
}

function notOpened(cause: NetQueueError | undefined): NetQueueError {
  const why = cause === undefined ? 'the peer left before it introduced itself' : cause.message
  return new NetQueueError('CONNECT_FAILED', `The connection was not opened: ${why}`, { cause })
}
