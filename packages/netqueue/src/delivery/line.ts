import type { Env } from '../env/env.ts'
import { Pending } from '../queue/pending.ts'
import type { WaitOptions } from '../queue/pending.ts'
import type { Entry } from './entry.ts'
import type { Link } from './link.ts'
import { LinkedList, unlink } from '../queue/linked-list.ts'
import { Turns } from './turns.ts'
import { checkWaiting, nobodyFree } from './waiting.ts'

export interface LineInit {
  env: Env
  /** Calls that may wait for credit at once. */
  maxWaiting: number
  link: () => Link
}

/** The items that wait for the credit of one peer, in line: those that came back go first. */
export class Line {
  readonly #init: LineInit
  readonly #turns: Turns
  readonly #again: LinkedList<Entry> = new LinkedList()
  readonly #first: LinkedList<Entry> = new LinkedList()
  #size = 0

  constructor(init: LineInit) {
    this.#init = init
    this.#turns = new Turns(init.env)
  }

  get size(): number {
    return this.#size
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
    const link = this.#init.link()
    if (this.#size > 0 || link.outbox.credit <= 0) return false
    entry.ordinal = link.outbox.nextOrdinal()
    link.assign(entry)
    return true
  }

  /** Puts a dead letter to the end. */
  revive(entry: Entry): void {
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
    const link = this.#init.link()
    while (this.#size > 0 && link.outbox.credit > 0) {
      const entry = this.#again.shift() ?? this.#first.shift()
      if (entry === undefined) return
      this.#size -= 1
      link.assign(entry)
      entry.assigned?.resolve()
    }
  }

  /** Takes out all that waits: calls are rejected, and what nobody waits for any more is returned. */
  close(error: Error): Entry[] {
    const abandoned = [...this.#again]
    for (const entry of [...abandoned, ...this.#first]) {
      this.#withdraw(entry)
      entry.assigned?.reject(error)
    }
    return abandoned
  }

  #enter(entry: Entry): void {
    entry.state = 'waiting'
    entry.ordinal = this.#init.link().outbox.nextOrdinal()
    this.#first.push(entry)
    this.#size += 1
    this.advance()
  }

  #withdraw(entry: Entry): void {
    entry.state = 'gone'
    unlink(entry)
    this.#size -= 1
    // Settles that may not overtake this item wait for it no more.
    this.#init.link().wake()
  }
}
