import type { Env } from '../env/env.ts'

/** Puts after which the event loop gets its turn, settles and heartbeats with it: about a millisecond. */
const PUTS_IN_A_TURN = 2_048
const NOW: Promise<void> = Promise.resolve()

/** Work in one turn of the event loop, in milliseconds, after which it gets its next one. */
const WORK_MS = 5
/** A look at the clock for each item would cost as much as a quick item. */
const ITEMS_A_LOOK = 8

/** Lets the event loop turn while items are worked on that wait for nothing: heartbeats, settles, and other clients' items depend on it. */
export class Shifts {
  readonly #env: Env
  #items = 0
  #since: number

  constructor(env: Env) {
    this.#env = env
    this.#since = env.now()
  }

  /** Asked with each item: a promise when it is time for a pause. */
  pause(): Promise<void> | undefined {
    this.#items += 1
    if (this.#items % ITEMS_A_LOOK > 0 || this.#env.now() - this.#since < WORK_MS) return undefined
    return new Promise((resolve) =>
      this.#env.afterPoll(() => {
        this.#since = this.#env.now()
        resolve()
      }),
    )
  }
}

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
