import { NetQueueError } from './errors/errors.ts'
import { onAbort } from './queue/on-abort.ts'

export type Stream = AsyncIterableIterator<unknown, undefined>

type Result = IteratorResult<unknown, undefined>

/** A stream whose first chunk has been asked for. */
export interface Begun {
  stream: Stream
  first: Promise<Result>
}

const DONE: Result = { done: true, value: undefined }

export function begun(stream: Stream): Begun {
  const first = stream.next()
  first.catch(() => {}) // whoever waits for it hears of it, unless it was left meanwhile
  return { stream, first }
}

/** A stream of whoever is free when its first chunk is asked for: who is free before may not be so then. */
export class LateStream implements Stream {
  readonly #find: (signal: AbortSignal) => Begun | Promise<Begun>
  readonly #signal: AbortSignal | undefined
  readonly #search: AbortController = new AbortController()
  #begun: Promise<Begun> | undefined
  /** Nobody is found, or is to be found. */
  #isOver = false

  /** `find` begins it with somebody, or waits for somebody until its signal fires. */
  constructor(signal: AbortSignal | undefined, find: (signal: AbortSignal) => Begun | Promise<Begun>) {
    this.#signal = signal
    this.#find = find
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<Result> {
    if (this.#begun !== undefined) return (await this.#begun).stream.next()
    if (this.#isOver) return DONE
    this.#begun = this.#begin()
    try {
      const { first } = await this.#begun
      return await first
    } catch (error) {
      if (this.#isOver) return DONE
      this.#isOver = true
      this.#begun = undefined
      throw error
    }
  }

  async return(): Promise<Result> {
    this.#isOver = true
    this.#search.abort(new NetQueueError('CLOSED', 'The stream was left'))
    const found = await this.#begun?.catch(() => undefined)
    return (await found?.stream.return?.()) ?? DONE
  }

  async #begin(): Promise<Begun> {
    this.#signal?.throwIfAborted()
    const callOff =
      this.#signal === undefined ? undefined : onAbort(this.#signal, () => this.#search.abort(this.#signal?.reason))
    try {
      return await this.#find(this.#search.signal)
    } finally {
      callOff?.()
    }
  }
}
