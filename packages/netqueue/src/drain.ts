import type { Env, Timer } from './env/env.ts'
import { NetQueueError } from './errors/errors.ts'

export interface DrainSteps {
  /** Time is up: handlers' signals fire. */
  revoke: () => void
}

/** How long a handler may take to notice that its signal fired. */
const GRACE_MS = 250

/** The wait between `close()` and the goodbye: until all is done, until time is up, or until the connection is gone. */
export class Drain {
  readonly #env: Env
  readonly #isDone: () => boolean
  #finish: (() => void) | undefined
  #timer: Timer | undefined
  #isOver = false
  #incomplete: string | undefined
  #undone: readonly unknown[] | undefined

  constructor(env: Env, isDone: () => boolean) {
    this.#env = env
    this.#isDone = isDone
  }

  /** Resolves when nothing is left to wait for. */
  async run(timeout: number, { revoke }: DrainSteps): Promise<void> {
    if (await this.#wait(timeout)) return
    revoke()
    if (await this.#wait(GRACE_MS)) return
    this.#incomplete = `A handler outlived its signal, or a put was not received, ${timeout} ms after close() (timeout)`
  }

  /** Something changed: the wait may be over. */
  check(): void {
    if (this.#finish !== undefined && this.#isDone()) this.#finish()
  }

  /** The connection is gone, with so many items that nobody settled. */
  end({ undone }: { undone: number }): void {
    this.#isOver = true
    if (undone > 0) this.#incomplete ??= `${undone} items were never settled by the other side`
    this.#finish?.()
  }

  assertComplete(): void {
    if (this.#incomplete === undefined) return
    throw new NetQueueError(
      'DRAIN_INCOMPLETE',
      this.#incomplete,
      this.#undone === undefined ? {} : { undone: this.#undone },
    )
  }

  #wait(ms: number): Promise<boolean> {
    if (this.#isOver || this.#isDone()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const finish = (isDone: boolean): void => {
        this.#timer?.cancel()
        this.#finish = undefined
        resolve(isDone)
      }
      this.#finish = () => finish(true)
      if (ms !== Number.POSITIVE_INFINITY) this.#timer = this.#env.setTimer(() => finish(false), ms)
    })
  }
}
