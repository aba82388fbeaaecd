import type { Headers } from '../message/headers.ts'
import type { Asker, Call } from './call.ts'
import { replyStreamed } from './failures.ts'
import type { Inflow } from './inflow.ts'
import type { Reply } from './reply.ts'

/** What somebody else says, or is to say, where the peer has refused a request; `undefined`: nobody does. */
export type Elsewhere<R> = (cause: unknown, timeLeft: number) => Promise<R> | undefined

/** How the promise of a call is settled. */
export interface Settling<R> {
  resolve: (value: R) => void
  reject: (error: unknown) => void
  elsewhere: Elsewhere<R> | undefined
}

abstract class PromiseAsker<R> implements Asker {
  protected readonly settling: Settling<R>

  constructor(settling: Settling<R>) {
    this.settling = settling
  }

  abstract answered(call: Call, payload: Uint8Array, headers: Headers): void
  abstract streamed(stream: Inflow, headers: Headers): void

  failed(cause: unknown, call: Call): void {
    const { resolve, reject, elsewhere } = this.settling
    const other = call.init.body === undefined ? elsewhere?.(cause, call.timeLeft) : undefined
    if (other === undefined) reject(cause)
    else other.then(resolve, reject)
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
