import type { Timer } from '../env/env.ts'
import type { Deadlines } from '../queue/deadlines.ts'
import { onAbort } from '../queue/on-abort.ts'

export interface GuardInit {
  deadlines: Deadlines
  /** Milliseconds; `Infinity`: none. */
  timeout: number
  /** When it begins. */
  now: number
  signal?: AbortSignal | undefined
  timedOut: () => void
  aborted: (reason: unknown) => void
}

/** The time and the signal of one request, until it is over: a promise may settle long before its streams do. */
export class Guard {
  readonly #timer: Timer | undefined
  readonly #callOff: (() => void) | undefined

  constructor({ deadlines, timeout, now, signal, timedOut, aborted }: GuardInit) {
    if (signal !== undefined) this.#callOff = onAbort(signal, () => aborted(signal.reason))
    if (timeout !== Number.POSITIVE_INFINITY) this.#timer = deadlines.set(timedOut, timeout, now)
  }

  end(): void {
    this.#timer?.cancel()
    this.#callOff?.()
  }
}
