import type { Timer } from '../env/env.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { Timed } from '../queue/deadlines.ts'
import type { Side } from './side.ts'

/** A request that somebody may give up. */
export interface Wanted extends Timed {
  readonly side: Side
  /** Milliseconds for which the requester waits; `undefined`: for ever. */
  readonly deadlineMs: number | undefined
}

/** Whether somebody still waits for the answer to a request, as its handler is told. */
export class Interest {
  /** When the requester gives up; `undefined`: never. */
  readonly deadline: number | undefined
  readonly #timer: Timer | undefined
  #controller: AbortController | undefined
  #reason: NetQueueError | undefined

  constructor(wanted: Wanted) {
    const { side, deadlineMs } = wanted
    if (deadlineMs === undefined) return
    const now = side.env.now()
    this.deadline = now + deadlineMs
    this.#timer = side.deadlines.set(wanted, deadlineMs, now)
  }

  /** Why nobody waits any more; `undefined` while somebody does. */
  get reason(): NetQueueError | undefined {
    return this.#reason
  }

  /** Made for whoever asks for it: most handlers do not. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    return this.#controller.signal
  }

  /** Nobody waits any more. */
  lose(reason: NetQueueError): void {
    this.#reason ??= reason
    this.#controller?.abort(this.#reason)
  }

  /** Somebody does, but not for long. */
  hurry(reason: NetQueueError): void {
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }

  /** It was answered. */
  end(): void {
    this.#timer?.cancel()
  }
}
