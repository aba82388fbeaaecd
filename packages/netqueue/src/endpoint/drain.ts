import type { Env, Timer } from '../env/env.ts'

/** How long handlers may take to notice that their signals fired. */
const GRACE_MS = 250

/** The wait between `close()` and the goodbye: until all is done, until time is up, or until there is nobody to wait for. */
export class Drain {
  readonly #env: Env
  readonly #isDone: () => boolean
  readonly #timers: Timer[] = []
  #isOver = false
  #finish: ((isDone: boolean) => void) | undefined

  constructor(env: Env, isDone: () => boolean) {
    this.#env = env
    this.#isDone = isDone
  }

  /** Resolves when all is done, or a moment after `revoke`, which is called when time is up. */
  async run(timeout: number, revoke: () => void): Promise<void> {
    if (await this.#wait(timeout)) return
    revoke()
    await this.#wait(GRACE_MS)
  }

  /** From now on it takes no longer than this. */
  limit(timeout: number): void {
    if (this.#finish === undefined || timeout === Number.POSITIVE_INFINITY) return
    this.#timers.push(this.#env.setTimer(() => this.#finish?.(false), timeout))
  }

  /** Something changed: the wait may be over. */
  check(): void {
    if (this.#finish !== undefined && this.#isDone()) this.#finish(true)
  }

  /** There is nothing to wait for any more. */
  end(): void {
    this.#isOver = true
    this.#finish?.(true)
  }

  #wait(timeout: number): Promise<boolean> {
    if (this.#isOver || this.#isDone()) return Promise.resolve(true)
    return new Promise((resolve) => {
      this.#finish = (isDone) => {
        this.#finish = undefined
        for (const timer of this.#timers.splice(0)) timer.cancel()
        resolve(isDone)
      }
      this.limit(timeout)
    })
  }
}
