import type { Headers } from '../message/headers.ts'
import type { Asker, Call } from './call.ts'
import { replyStreamed } from './failures.ts'
import type { Inflow } from './inflow.ts'
import type { Reply } from './reply.ts'

/** Settles the promise of a call with all that the answer has. */
export class ReplyAsker implements Asker {
  readonly #resolve: (reply: Reply) => void
  readonly #reject: (error: unknown) => void

  constructor(resolve: (reply: Reply) => void, reject: (error: unknown) => void) {
    this.#resolve = resolve
    this.#reject = reject
  }

  answered(call: Call, payload: Uint8Array, headers: Headers): void {
    try {
      this.#resolve({ value: call.decode(payload), headers, stream: undefined })
    } catch (error) {
      this.#reject(error)
    }
  }

  streamed(stream: Inflow, headers: Headers): void {
    this.#resolve({ value: undefined, headers, stream })
  }

  failed(error: unknown): void {
    this.#reject(error)
  }
}

/** Settles the promise of a call with the value of the answer. One that is streamed has none, and is left. */
export class ValueAsker implements Asker {
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void

  constructor(resolve: (value: unknown) => void, reject: (error: unknown) => void) {
    this.#resolve = resolve
    this.#reject = reject
  }

  answered(call: Call, payload: Uint8Array): void {
    try {
      this.#resolve(call.decode(payload))
    } catch (error) {
      this.#reject(error)
    }
  }

  streamed(stream: Inflow): void {
    this.#reject(replyStreamed())
    void stream.return()
  }

  failed(error: unknown): void {
    this.#reject(error)
  }
}
