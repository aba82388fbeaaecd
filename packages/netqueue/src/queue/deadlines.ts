import type { Env, Timer, TimerOptions } from '../env/env.ts'
import { LinkedList, unlink } from './linked-list.ts'
import type { Linked } from './linked-list.ts'
import { RecentMap } from './recent-map.ts'

/** A call is told of its time at most this part of it too late, never too early. */
const PARTS = 64

/** Whose time it is. */
export interface Timed {
  /** It is over. */
  timeIsUp(): void
}

/** What happens at one moment, and the timer for all of it. */
class Moment {
  readonly at: number
  readonly members: LinkedList<Deadline> = new LinkedList()
  timer: Timer | undefined
  readonly emptied: (moment: Moment) => void

  constructor(at: number, emptied: (moment: Moment) => void) {
    this.at = at
    this.emptied = emptied
  }

  get isEmpty(): boolean {
    return this.members.first === undefined
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
    if (this.#moment.isEmpty) this.#moment.emptied(this.#moment)
  }
}

export interface DeadlinesOptions extends TimerOptions {
  /** Keeps a timer for whoever is next, until {@link Deadlines.close}. @default false */
  keepsTimer?: boolean
}

/** The deadlines of many calls. Those that are near each other share a timer: one for each call costs more than most calls do. */
export class Deadlines {
  readonly #env: Env
  readonly #options: DeadlinesOptions
  readonly #moments: Map<number, Moment> = new RecentMap()
  /** The moment that was empty last, with its timer: calls that follow each other, one at a time, would each set one otherwise. */
  #spare: Moment | undefined
  #keepsTimer: boolean

  constructor(env: Env, options: DeadlinesOptions = {}) {
    this.#env = env
    this.#options = options
    this.#keepsTimer = options.keepsTimer === true
  }

  /** Tells somebody after so many milliseconds from `now`, and at most 1/64 of them more. */
  set(whose: Timed, ms: number, now: number = this.#env.now()): Timer {
    const at = roundedUp(now + ms, ms)
    const moment = this.#moments.get(at) ?? this.#begin(at, now)
    if (moment === this.#spare) this.#useSpare(moment)
    return new Deadline(moment, whose)
  }

  /** Keeps no timer for whoever is next any more. */
  close(): void {
    this.#keepsTimer = false
    this.#dropSpare()
  }

  #begin(at: number, now: number): Moment {
    const moment = new Moment(at, this.#emptied)
    moment.timer = this.#env.setTimer(() => this.#pass(at, moment), at - now, this.#options)
    this.#moments.set(at, moment)
    return moment
  }

  #pass(at: number, moment: Moment): void {
    this.#moments.delete(at)
    for (let due = moment.members.shift(); due !== undefined; due = moment.members.shift()) due.whose.timeIsUp()
  }

  readonly #emptied = (moment: Moment): void => {
    if (moment === this.#spare) return
    this.#dropSpare()
    if (!this.#keepsTimer || moment.timer?.hold === undefined) return this.#end(moment)
    moment.timer.hold(false)
    this.#spare = moment
  }

  #useSpare(moment: Moment): void {
    moment.timer?.hold?.(true)
    this.#spare = undefined
  }

  #dropSpare(): void {
    const spare = this.#spare
    this.#spare = undefined
    if (spare !== undefined) this.#end(spare)
  }

  #end(moment: Moment): void {
    moment.timer?.cancel()
    if (this.#moments.get(moment.at) === moment) this.#moments.delete(moment.at)
  }
}

/** To whole milliseconds, or to the power of two of them that is just below the part that may be too late. */
function roundedUp(at: number, ms: number): number {
  const grain = 1 << (31 - Math.clz32(Math.min(Math.max(ms / PARTS, 1), 2 ** 30)))
  return Math.ceil(at / grain) * grain
}
