import { isLinked, LinkedList, unlink } from '../queue/linked-list.ts'
import type { Waiter } from '../queue/waiter.ts'
import type { Delivery } from './delivery.ts'

/** One call that waits for an item. */
export type Reader = Waiter<Delivery<unknown>>

/** Someone who takes items when told that there are some, and says how many at once: a `process` with free slots. */
export interface Standing {
  readonly demand: number
  offer(): void
  /** Items came that are not taken yet. */
  wait?(): void
}

/** Who wants items: loops, calls that wait, standing readers, and whoever is expected to ask again. */
export class Demand {
  readonly standing: Set<Standing> = new Set()
  loops = 0
  readonly #readers: LinkedList<Reader> = new LinkedList()
  #readerCount = 0
  /** Somebody takes items one by one: `get` and its like make no loop, but the next call is expected. */
  #isPulled = false
  /** Somebody asks without waiting, and needs an item to be on its way between the calls. */
  #isPolled = false

  /** The call that has waited longest. */
  get reader(): Reader | undefined {
    return this.#readers.first
  }

  /** Whether somebody is there, and not only expected. */
  get isPresent(): boolean {
    return this.loops > 0 || this.standing.size > 0 || this.#readerCount > 0
  }

  get isAny(): boolean {
    return this.#isPulled || this.isPresent
  }

  /** Items that would be taken at once. */
  get items(): number {
    let items = this.#readerCount
    if (this.standing.size > 0) for (const { demand } of this.standing) items += demand
    // Whoever asked without waiting is one of those who wait now, if any do.
    return Math.max(items, this.#isPolled ? 1 : 0)
  }

  join(reader: Reader): void {
    this.#readers.push(reader)
    this.#readerCount += 1
  }

  /** Takes a call out; `false` when it does not wait here. */
  leave(reader: Reader): boolean {
    if (!isLinked(reader)) return false
    unlink(reader)
    this.#readerCount -= 1
    return true
  }

  /** The next call is expected; tells whether that is new. */
  expect({ polls }: { polls: boolean }): boolean {
    if (this.#isPulled && (this.#isPolled || !polls)) return false
    this.#isPulled = true
    this.#isPolled ||= polls
    return true
  }

  expectNobody(): void {
    this.#isPulled = false
    this.#isPolled = false
  }
}
