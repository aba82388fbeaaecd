import type { Env, Timer, TimerOptions } from '../env/env.ts'
import { LinkedList, unlink } from './linked-list.ts'
import type { Linked } from './linked-list.ts'

/** A call is told of its time at most this part of it too late, never too early. */
const PARTS = 64

/** Whose time it is. */
export interface Timed {
  /** It is over. */
  timeIsUp(): void
}

/** What happens at one moment, and the timer for all of it. */
class Moment {
  readonly members: LinkedList<Deadline> = new LinkedList()
  timer: Timer | undefined
  readonly emptied: (moment: Moment) => void

  constructor(emptied: (moment: Moment) => void) {
    this.emptied = emptied
  }
}

class Deadline implements Timer, Linked {
  before: Linked = this
  after: Linked = this
  readonly whose: Timed
  readonly #moment: Moment

  constructor(moment: Moment, whose: Timed) {
    this.whose = whose
    this.#moment = moment
    moment.members.push(this)
  }

  cancel(): void {
    unlink(this)
    if (this.#moment.members.first === undefined) this.#moment.emptied(this.#moment)
  }
}

/** The deadlines of many calls. Those that are near each other share a timer: one for each call costs more than most calls do. */
export class Deadlines {
  readonly #env: Env
  readonly #options: TimerOptions | undefined
  readonly #moments: Map<number, Moment> = new Map()

  constructor(env: Env, options?: TimerOptions) {
    this.#env = env
    this.#options = options
  }

  /** Tells somebody after so many milliseconds from `now`, and at most 1/64 of them more. */
  set(whose: Timed, ms: number, now: number = this.#env.now()): Timer {
    const at = roundedUp(now + ms, ms)
    const moment = this.#moments.get(at) ?? this.#begin(at, now)
    return new Deadline(moment, whose)
  }

  #begin(at: number, now: number): Moment {
    const moment = new Moment((left) => this.#end(at, left))
    moment.timer = this.#env.setTimer(() => this.#pass(at, moment), at - now, this.#options)
    this.#moments.set(at, moment)
    return moment
  }

  #pass(at: number, moment: Moment): void {
    this.#moments.delete(at)
    for (let due = moment.members.shift(); due !== undefined; due = moment.members.shift()) due.whose.timeIsUp()
  }

  #end(at: number, moment: Moment): void {
    moment.timer?.cancel()
    if (this.#moments.get(at) === moment) this.#moments.delete(at)
  }
}

/** To whole milliseconds, or to the power of two of them that is just below the part that may be too late. */
function roundedUp(at: number, ms: number): number {
  const grain = 1 << (31 - Math.clz32(Math.min(Math.max(ms / PARTS, 1), 2 ** 30)))
  return Math.ceil(at / grain) * grain
}
