import type { Env, Timer } from '../env/env.ts'
import type { Delivery } from './delivery.ts'

/** Items that are ours to try again, until they are. */
export class Retries {
  readonly #env: Env
  readonly #offer: (delivery: Delivery<unknown>) => void
  readonly #timers: Map<Delivery<unknown>, Timer> = new Map()

  /** `offer` is called with each when it is time. */
  constructor(env: Env, offer: (delivery: Delivery<unknown>) => void) {
    this.#env = env
    this.#offer = offer
  }

  add(delivery: Delivery<unknown>, delayMs: number): void {
    const timer = this.#env.setTimer(() => {
      this.#timers.delete(delivery)
      this.#offer(delivery)
    }, delayMs)
    this.#timers.set(delivery, timer)
  }

  /** Takes one out; `false` when it is not here. */
  withdraw(delivery: Delivery<unknown>): boolean {
    const timer = this.#timers.get(delivery)
    timer?.cancel()
    return this.#timers.delete(delivery)
  }

  /** It is time for all of them. */
  hurry(): void {
    const due = [...this.#timers.keys()]
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    for (const delivery of due) this.#offer(delivery)
  }
}
