import type { Env, Timer } from '../env/env.ts'
import type { Beats } from './tick-loop.ts'

/** Clocks and timers round: a period may end this much early. Less than anybody sees, and more than sums of fractions are off by. */
const GRAIN_MS = 0.01

/** So many periods in a second. Each is due by its number from the start, whatever became of those before: nothing adds up. */
export class Metronome implements Beats {
  readonly #env: Env
  readonly #periodMs: number
  readonly #startedAt: number
  #timer: Timer | undefined

  constructor(env: Env, hz: number) {
    this.#env = env
    this.#periodMs = 1_000 / hz
    this.#startedAt = env.now()
  }

  get passed(): number {
    return Math.floor((this.#env.now() - this.#startedAt + GRAIN_MS) / this.#periodMs)
  }

  wait(count: number, callback: () => void): void {
    const dueAt = this.#startedAt + (count + 1) * this.#periodMs
    this.#timer = this.#env.setTimer(callback, Math.max(0, dueAt - this.#env.now()))
  }

  end(): void {
    this.#timer?.cancel()
  }
}
