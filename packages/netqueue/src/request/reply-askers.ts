import type { NetQueueError } from '../errors/errors.ts'
import type { Headers } from '../message/headers.ts'
import type { Again } from './again.ts'
import type { Asker, Call } from './call.ts'
import { replyStreamed } from './failures.ts'
import type { Inflow } from './inflow.ts'
import type { Reply } from './reply.ts'

/** How the promise of a call is settled. */
export interface Settling<R> {
  resolve: (value: R) => void
  reject: (error: unknown) => void
  /** @default nobody else is asked */
  again: Again | undefined
}

abstract class PromiseAsker<R> implements Asker {
  protected readonly settling: Settling<R>

  constructor(settling: Settling<R>) {
    this.settling = settling
  }

  abstract answered(call: Call, payload: Uint8Array, headers: Headers): void
  abstract streamed(stream: Inflow, headers: Headers): void

  failed(error: unknown): void {
    this.settling.reject(error)
  }

  unserved(cause: NetQueueError, call: Call): boolean {
    const { resolve, reject, again } = this.settling
    const other = again?.elsewhere(cause, call.deadline)
    other?.then((value) => resolve(value as R), reject)
    return other !== undefined
  }
}

/** Settles the promise of a call with all that the answer has. */
export class ReplyAsker extends PromiseAsker<Reply> {
  answered(call: Call, payload: Uint8Array, headers: Headers): void {
    try {
      this.settling.resolve({ value: call.decode(payload), headers, stream: undefined })
    } catch (error) {
      this.settling.reject(error)
    }
  }

  streamed(stream: Inflow, headers: Headers): void {
    this.settling.resolve({ value: undefined, headers, stream })
  }
}

/** Settles the promise of a call with the value of the answer. One that is streamed has none, and is left. */
export class ValueAsker extends PromiseAsker<unknown> {
  answered(call: Call, payload: Uint8Array): void {
    try {
      this.settling.resolve(call.decode(payload))
    } catch (error) {
      this.settling.reject(error)
    }
  }

  streamed(stream: Inflow): void {
    this.settling.reject(replyStreamed())
    void stream.return()
  }
}

/** Whoever reads the answer as a stream: it has the chunks by {@link Call.replies}, and its errors too. */
export class StreamAsker implements Asker {
  readonly #again: Again | undefined

  constructor(again: Again | undefined) {
    this.#again = again
  }

  answered(call: Call, payload: Uint8Array): void {
    call.only(payload)
  }

  streamed(): void {}

  failed(): void {}

  unserved(cause: NetQueueError, { deadline }: Call): boolean {
    return this.#again?.elsewhere(cause, deadline) !== undefined
  }
}
