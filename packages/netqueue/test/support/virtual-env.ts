import type { Env, Timer } from '../../src/env/env.ts'

/** An `Env` whose clock stands still until `advance` is called. */
export class VirtualEnv implements Env {
  readonly #timers = new Map<Timer, { at: number; callback: () => void }>()
  #now = 0

  get timers(): number {
    return this.#timers.size
  }

  /** Fires what is due, in order of time, then of making. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).toSorted(([, a], [, b]) => a.at - b.at)[0]
      if (due === undefined) break
      this.#now = due[1].at
      this.#timers.delete(due[0])
      due[1].callback()
    }
    this.#now = end
  }

  now(): number {
    return this.#now
  }

  setTimer(callback: () => void, ms: number): Timer {
    const timer = { cancel: (): void => void this.#timers.delete(timer) }
    this.#timers.set(timer, { at: this.#now + ms, callback })
    return timer
  }

  afterTurn(callback: () => void): void {
    this.setTimer(callback, 0)
  }

  afterPoll(callback: () => void): void {
    this.setTimer(callback, 0)
  }

  random(): number {
    return 0.5
  }

  randomBytes(length: number): Uint8Array {
    return new Uint8Array(length)
  }
}
