import type { Env, Timer } from 'netqueue'
import type { Random } from './random.ts'
import type { Process, Schedule } from './schedule.ts'

/** What one simulated process knows of time and chance. */
export class ProcessEnv implements Env {
  readonly #schedule: Schedule
  readonly #process: Process
  readonly #random: Random
  /** Clocks of different machines have nothing in common. */
  readonly #origin: number

  constructor(schedule: Schedule, process: Process, random: Random) {
    this.#schedule = schedule
    this.#process = process
    this.#random = random
    this.#origin = random.integer(0, 1_000_000)
  }

  now(): number {
    return this.#origin + this.#schedule.now
  }

  setTimer(callback: () => void, ms: number): Timer {
    const { timers } = this.#process
    const event = this.#schedule.after(ms, this.#process, () => {
      timers.delete(event)
      callback()
    })
    timers.add(event)
    return {
      cancel: () => {
        event.run = undefined
        timers.delete(event)
      },
    }
  }

  afterTurn(callback: () => void): void {
    this.#schedule.afterTurn(this.#process, callback)
  }

  afterInput(callback: () => void): void {
    // Pieces come by promises here: behind the one that is being read, and before the turn ends.
    void this.#callBack(callback)
  }

  afterPoll(callback: () => void): void {
    // Behind all that is due by now: what has arrived was read then.
    this.#schedule.last(this.#process, callback)
  }

  random(): number {
    return this.#random.next()
  }

  randomBytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#random.below(256))
  }

  async #callBack(callback: () => void): Promise<void> {
    await Promise.resolve()
    if (!this.#process.isDead) callback()
  }
}
