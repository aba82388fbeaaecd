import type { Env } from '../env/env.ts'
import { Pending } from '../queue/pending.ts'
import type { WaitOptions } from '../queue/pending.ts'
import type { Entry } from './entry.ts'
import { isLinked, LinkedList, unlink } from '../queue/linked-list.ts'
import { Turns } from './turns.ts'
import { checkWaiting, nobodyFree } from './waiting.ts'

/** Who can be given an item now. */
export interface Taker {
  assign(entry: Entry): void
}

export interface LineInit {
  env: Env
  /** Calls that may wait for credit at once. */
  maxWaiting: number
  /** Who has credit for the item that is next. */
  taker: (entry: Entry) => Taker | undefined
  /** Settles that may not overtake an item wait for it no more. */
  withdrawn: () => void
}

/** The items that wait for the credit of whoever takes them, in line: those that came back go first. It outlives connections. */
export class Line {
  readonly #init: LineInit
  readonly #turns: Turns
  readonly #again: LinkedList<Entry> = new LinkedList()
  readonly #first: LinkedList<Entry> = new LinkedList()
  #size = 0
  #ordinals = 0

  constructor(init: LineInit) {
    this.#init = init
    this.#turns = new Turns(init.env)
  }

  get size(): number {
    return this.#size
  }

  /** The ordinal that was given last: a settle that is due now must not overtake it. */
  get lastOrdinal(): number {
    return this.#ordinals
  }

  /** The ordinal of the oldest item that was never on the wire. */
  get oldestOrdinal(): number {
    return this.#first.first?.ordinal ?? Number.POSITIVE_INFINITY
  }

  /** Resolves when there is credit for the item. Throws `QUEUE_FULL` where too many wait already. */
  put(entry: Entry, wait?: WaitOptions): Promise<void> {
    if (this.tryPut(entry)) return this.#turns.next()
    checkWaiting(this.#size, this.#init.maxWaiting)
    this.#enter(entry)
    if (entry.state !== 'waiting') return this.#turns.next()
    const assigned = new Pending<void>({
      env: this.#init.env,
      wait,
      timedOut: () => nobodyFree('The server had no', wait?.timeout),
      withdrawn: () => this.#withdraw(entry),
    })
    entry.assigned = assigned
    return assigned.promise
  }

  /** Sends the item now, or not at all. */
  tryPut(entry: Entry): boolean {
    const taker = this.#size > 0 ? undefined : this.#init.taker(entry)
    if (taker === undefined) return false
    entry.ordinal = this.#nextOrdinal()
    taker.assign(entry)
    return true
  }

  /** Sends an item of somebody else's, which nobody waits for, when there is credit for it. */
  pass(entry: Entry): void {
    if (!this.tryPut(entry)) this.#enter(entry)
  }

  /** Takes out an item that waits here. */
  withdraw(entry: Entry): void {
    if (entry.state === 'waiting' && isLinked(entry)) this.#withdraw(entry)
  }

  /** Puts a dead letter to the end. Throws `QUEUE_FULL` where too many wait already. */
  revive(entry: Entry): void {
    if (this.tryPut(entry)) return
    checkWaiting(this.#size, this.#init.maxWaiting)
    this.#enter(entry)
  }

  /** Puts an item that came back to the head, to leave with {@link advance}. */
  requeue(entry: Entry): void {
    entry.state = 'waiting'
    entry.ordinal = 0
    this.#again.unshift(entry)
    this.#size += 1
  }

  /** Sends what there is credit for. */
  advance(): void {
    for (let entry = this.#next(); entry !== undefined; entry = this.#next()) {
      const taker = this.#init.taker(entry)
      if (taker === undefined) return
      unlink(entry)
      this.#size -= 1
      taker.assign(entry)
      entry.assigned?.resolve()
    }
  }

  /** Takes out what nobody will ever take; a call that waits gets the error, and what nobody waits for any more is returned. */
  refuse(objection: (entry: Entry) => Error | undefined): { entry: Entry; error: Error }[] {
    const abandoned: { entry: Entry; error: Error }[] = []
    for (const entry of [...this.#again, ...this.#first]) {
      const error = objection(entry)
      if (error === undefined) continue
      this.#withdraw(entry)
      if (entry.assigned === undefined || entry.assigned.settled) abandoned.push({ entry, error })
      else entry.assigned.reject(error)
    }
    return abandoned
  }

  /** Takes out all that waits, in the same way. */
  close(error: Error): Entry[] {
    return this.refuse(() => error).map(({ entry }) => entry)
  }

  #next(): Entry | undefined {
    return this.#again.first ?? this.#first.first
  }

  #nextOrdinal(): number {
    this.#ordinals += 1
    return this.#ordinals
  }

  #enter(entry: Entry): void {
    entry.state = 'waiting'
    entry.ordinal = this.#nextOrdinal()
    this.#first.push(entry)
    this.#size += 1
    this.advance()
  }

  #withdraw(entry: Entry): void {
    entry.state = 'gone'
    unlink(entry)
    this.#size -= 1
    this.#init.withdrawn()
  }
}
