import type { Timer } from '../env/env.ts'
import type { Deadlines, Timed } from '../queue/deadlines.ts'
import { onAbort } from '../queue/on-abort.ts'

/** Whom a {@link Guard} tells. */
export interface Guarded extends Timed {
  aborted(reason: unknown): void
}

export interface GuardInit {
  deadlines: Deadlines
  /** Milliseconds; `Infinity`: none. */
  timeout: number
  /** When it begins. */
  now: number
  signal?: AbortSignal | undefined
}

/** The time and the signal of one request, until it is over: a promise may settle long before its streams do. */
export class Guard {
  readonly #timer: Timer | undefined
  readonly #callOff: (() => void) | undefined

  constructor(guarded: Guarded, { deadlines, timeout, now, signal }: GuardInit) {
    if (signal !== undefined) this.#callOff = onAbort(signal, () => guarded.aborted(signal.reason))
    if (timeout !== Number.POSITIVE_INFINITY) this.#timer = deadlines.set(guarded, timeout, now)
  }

  end(): void {
    this.#timer?.cancel()
    this.#callOff?.()
  }
}
