import type { Env, Timer } from '../env/env.ts'
import { host } from '../env/host.ts'
import { checkInteger, checkMs } from '../errors/check.ts'
import { Chance } from './chance.ts'

export interface VirtualEnvOptions {
  /** The same seed gives the same random numbers and bytes. @default 1 */
  seed?: number
  /**
   * `afterTurn`, `afterInput` and `afterPoll` call back at the next `advance`, like timers of 0 ms: for code that is synchronous from end to end.
   * Otherwise they call back when the event loop gets there, as on any host. @default false
   */
  manualTurns?: boolean
}

export interface PassOptions {
  /** The most that passes for it, in virtual milliseconds. @default 3_600_000 */
  withinMs?: number
}

/** An `Env` whose clock stands still until it is told to go on: give it to `listen` and `connect` as `env`. */
export interface VirtualEnv extends Env {
  /** Timers that were set and have neither fired nor been cancelled. */
  readonly timers: number
  /** Lets so many milliseconds pass at once: fires what is due, in order of time, then of setting, and what that sets if it is due too. */
  advance(ms: number): void
  /**
   * Lets time pass from timer to timer, with a rest in between, until a promise settles; gives what it gave. Throws when the promise
   * waits for no timer, or for longer than `withinMs`.
   */
  pass<T>(promise: Promise<T>, options?: PassOptions): Promise<T>
  /** Resolves when everything between nodes in this process has come to rest: time stands still meanwhile. */
  rest(): Promise<void>
}

/** Time and chance in the hands of a test. */
export function virtualEnv(options: VirtualEnvOptions = {}): VirtualEnv {
  return new VirtualClock(options)
}

/** Turns of the event loop, in a row, in which nobody asked for anything: nothing more comes of what was begun. */
const TURNS_OF_REST = 30
/** Two ends that talk on and on never rest; time passes all the same. */
const MAX_TURNS = 10_000
/** Rests without a timer after which a promise is given up: a socket may take some turns more than memory. */
const MAX_IDLE_RESTS = 100

interface Due extends Timer {
  readonly at: number
  readonly callback: () => void
}

export class VirtualClock implements VirtualEnv {
  /** In the order in which they fire. */
  readonly #due: Due[] = []
  readonly #chance: Chance
  readonly #manualTurns: boolean
  #now = 0
  /** How often anybody asked for anything to be called back. */
  #calls = 0

  constructor({ seed = 1, manualTurns = false }: VirtualEnvOptions = {}) {
    checkInteger('seed', seed, 0)
    this.#chance = new Chance(seed)
    this.#manualTurns = manualTurns
  }

  get timers(): number {
    return this.#due.length
  }

  now(): number {
    return this.#now
  }

  advance(ms: number): void {
    checkMs('ms', ms)
    const end = this.#now + ms
    while (this.#due[0] !== undefined && this.#due[0].at <= end) this.#fire()
    this.#now = end
  }

  async pass<T>(promise: Promise<T>, { withinMs = 3_600_000 }: PassOptions = {}): Promise<T> {
    const end = this.#now + withinMs
    const settled = promise.then(
      () => true,
      () => true,
    )
    const isSettled = (): Promise<boolean> => Promise.race([settled, this.rest().then(() => false)])
    for (let idle = 0; !(await isSettled());) {
      const next = this.#due[0]
      idle = next === undefined ? idle + 1 : 0
      if (idle > MAX_IDLE_RESTS) throw new Error('Expected the promise to settle, but it waits and no timer is set')
      if (next === undefined) continue
      if (next.at > end) throw new Error(`Expected the promise to settle within ${withinMs} ms (\`withinMs\`)`)
      this.advance(next.at - this.#now)
    }
    return promise
  }

  async rest(): Promise<void> {
    let last = this.#calls
    let quiet = 0
    for (let turns = 0; quiet < TURNS_OF_REST && turns < MAX_TURNS; turns += 1) {
      await new Promise<void>((resolve) => host.afterPoll(resolve))
      quiet = this.#calls === last ? quiet + 1 : 0
      last = this.#calls
    }
  }

  setTimer(callback: () => void, ms: number): Timer {
    this.#calls += 1
    const timer: Due = { at: this.#now + ms, callback, cancel: () => this.#cancel(timer) }
    const later = this.#due.findLastIndex(({ at }) => at <= timer.at)
    this.#due.splice(later + 1, 0, timer)
    return timer
  }

  afterTurn(callback: () => void): void {
    this.#defer('afterTurn', callback)
  }

  afterInput(callback: () => void): void {
    this.#defer('afterInput', callback)
  }

  afterPoll(callback: () => void): void {
    this.#defer('afterPoll', callback)
  }

  random(): number {
    return this.#chance.next()
  }

  randomBytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#chance.below(256))
  }

  #defer(how: 'afterTurn' | 'afterInput' | 'afterPoll', callback: () => void): void {
    this.#calls += 1
    if (this.#manualTurns) this.setTimer(callback, 0)
    else host[how](callback)
  }

  #fire(): void {
    const { at, callback } = this.#due.shift() as Due
    this.#now = Math.max(this.#now, at)
    callback()
  }

  #cancel(timer: Due): void {
    const index = this.#due.indexOf(timer)
    if (index >= 0) this.#due.splice(index, 1)
  }
}
