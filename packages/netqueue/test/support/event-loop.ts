import type { Env, Timer } from '../../src/env/env.ts'

interface Due {
  at: number
  run: () => void
}

/**
 * A process in virtual time, with the phases of Node's event loop: timers first, then what has arrived from outside, then what waited for
 * that. It can stand still, and then finds everything late, in that order.
 */
export class EventLoop implements Env {
  readonly #timers = new Set<Due>()
  #arrivals: Due[] = []
  #polled: (() => void)[] = []
  #now = 0

  get timers(): number {
    return this.#timers.size
  }

  /** Something comes from outside. */
  arrive(run: () => void, ms: number): void {
    this.#arrivals.push({ at: this.#now + ms, run })
  }

  /** Lets time pass while nothing runs. */
  stall(ms: number): void {
    this.#now += ms
  }

  /** Runs for so long. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      this.#turn()
      const next = Math.min(...[...this.#timers, ...this.#arrivals].map(({ at }) => at))
      if (this.#polled.length > 0 || next <= this.#now) continue
      if (next > end) break
      this.#now = next
    }
    this.#now = Math.max(this.#now, end)
  }

  now(): number {
    return this.#now
  }

  setTimer(run: () => void, ms: number): Timer {
    const timer = { at: this.#now + ms, run }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  afterTurn(run: () => void): void {
    this.afterPoll(run)
  }

  afterInput(run: () => void): void {
    this.afterPoll(run)
  }

  afterPoll(run: () => void): void {
    this.#polled.push(run)
  }

  random(): number {
    return 0.5
  }

  randomBytes(length: number): Uint8Array {
    return new Uint8Array(length)
  }

  #turn(): void {
    const now = this.#now
    const due = [...this.#timers].filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at)
    for (const timer of due) if (this.#timers.delete(timer)) timer.run()
    const [arrived, later] = [this.#arrivals.filter(({ at }) => at <= now), this.#arrivals.filter(({ at }) => at > now)]
    this.#arrivals = later
    for (const { run } of arrived) run()
    for (const run of this.#polled.splice(0)) run()
  }
}
