import type { NetQueueError } from '../errors/errors.ts'
import type { Headers } from '../message/headers.ts'
import type { Again } from './again.ts'
import type { Asker, Call } from './call.ts'
import { replyStreamed } from './failures.ts'
import type { Inflow } from './inflow.ts'
import type { Reply } from './reply.ts'

/** Who asks on this side. */
export interface OwnAsker extends Asker {
  /** Finds somebody else to ask; `undefined`: nobody does. */
  readonly again: Again | undefined
}

/** What the promise of a call resolves with. */
interface Outcome<R> {
  value(value: unknown, headers: Headers): R
  /** Throws where there is nothing to resolve with. */
  stream(stream: Inflow, headers: Headers): R
}

/** All that the answer has. */
export const WHOLE: Outcome<Reply> = {
  value: (value, headers) => ({ value, headers, stream: undefined }),
  stream: (stream, headers) => ({ value: undefined, headers, stream }),
}

/** The value of the answer alone. One that is streamed has none, and is left. */
export const VALUE: Outcome<unknown> = {
  value: (value) => value,
  stream: (stream) => {
    void stream.return()
    throw replyStreamed()
  },
}

/** Settles the promise of a call. */
export class PromiseAsker<R> implements OwnAsker {
  readonly again: Again | undefined
  readonly #outcome: Outcome<R>
  readonly #resolve: (value: R) => void
  readonly #reject: (error: unknown) => void

  constructor(
    outcome: Outcome<R>,
    resolve: (value: R) => void,
    reject: (error: unknown) => void,
    again: Again | undefined,
  ) {
    this.#outcome = outcome
    this.#resolve = resolve
    this.#reject = reject
    this.again = again
  }

  answered(call: Call, payload: Uint8Array, headers: Headers): void {
    try {
      this.#resolve(this.#outcome.value(call.decode(payload), headers))
    } catch (error) {
      this.#reject(error)
    }
  }

  streamed(stream: Inflow, headers: Headers): void {
    try {
      this.#resolve(this.#outcome.stream(stream, headers))
    } catch (error) {
      this.#reject(error)
    }
  }

  failed(error: unknown): void {
    this.#reject(error)
  }

  unserved(cause: NetQueueError, call: Call): boolean {
    const other = this.again?.elsewhere(cause, call.deadline)
    other?.then((value) => this.#resolve(value as R), this.#reject)
    return other !== undefined
  }
}

/** Whoever reads the answer as a stream: it has the chunks by {@link Call.replies}, and its errors too. */
export class StreamAsker implements OwnAsker {
  readonly again: Again | undefined

  constructor(again: Again | undefined) {
    this.again = again
  }

  answered(call: Call, payload: Uint8Array): void {
    call.only(payload)
  }

  streamed(): void {}

  failed(): void {}

  unserved(cause: NetQueueError, { deadline }: Call): boolean {
    return this.again?.elsewhere(cause, deadline) !== undefined
  }
}
