import type { Env } from '../env/env.ts'

/** Puts after which the event loop gets its turn, settles and heartbeats with it: about a millisecond. */
const PUTS_IN_A_TURN = 2_048
const NOW: Promise<void> = Promise.resolve()

/**
 * What a `put` resolves with that does not have to wait. A caller that awaits nothing else would keep the event loop for as long as
 * any receiver has credit, and with a thousand receivers fill the memory meanwhile.
 */
export class Turns {
  readonly #env: Env
  #left = PUTS_IN_A_TURN
  #pause: Promise<void> | undefined

  constructor(env: Env) {
    this.#env = env
  }

  /** At once, or after a look at what has arrived. */
  next(): Promise<void> {
    this.#left -= 1
    if (this.#left > 0) return NOW
    this.#pause ??= new Promise((resolve) => this.#env.afterPoll(() => this.#polled(resolve)))
    return this.#pause
  }

  #polled(resolve: () => void): void {
    this.#pause = undefined
    this.#left = PUTS_IN_A_TURN
    resolve()
  }
}
