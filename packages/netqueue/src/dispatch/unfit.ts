import type { Entry } from '../delivery/entry.ts'
import { LinkedList, unlink } from '../queue/linked-list.ts'
import { place } from './ranks.ts'
import type { Seat } from './seat.ts'

/**
 * Entries that nobody free can be given, in order: they are too long for those, say. A client that becomes free looks at each of them once, so that
 * one that takes few of many costs a step for each, not for each and every time that it is free again.
 */
export class Unfit<C> implements Iterable<Entry> {
  readonly #list: LinkedList<Entry> = new LinkedList()
  /** The rank up to which a client has looked, and found none. */
  readonly #looked: Map<Seat<C>, number> = new Map()
  /** Those who have become free and have not looked at all. */
  readonly #looking: Set<Seat<C>> = new Set()
  /** Of all that ever came here, the highest rank. */
  #highest = Number.NEGATIVE_INFINITY

  /** Takes in an entry that nobody free can be given. */
  add(entry: Entry): void {
    // It may stand before where somebody has looked.
    if (entry.rank <= this.#highest) this.#looked.clear()
    else this.#highest = entry.rank
    place(entry, this.#list)
  }

  /** A client has become free. */
  freed(seat: Seat<C>): void {
    const { last } = this.#list
    if (last !== undefined && this.#lookedUpTo(seat) < last.rank) this.#looking.add(seat)
  }

  /** A client is free no more. While it was, it could be given nothing that came here. */
  taken(seat: Seat<C>): void {
    const hasLooked = !this.#looking.delete(seat)
    const { last } = this.#list
    if (hasLooked && last !== undefined) this.#looked.set(seat, last.rank)
  }

  forget(seat: Seat<C>): void {
    this.#looking.delete(seat)
    this.#looked.delete(seat)
  }

  /** Takes out the first entry that one of those can be given who have become free. */
  shift(): Entry | undefined {
    for (const seat of this.#looking) {
      const entry = this.#unseen(seat)
      if (entry !== undefined) {
        this.#looked.set(seat, entry.rank)
        unlink(entry)
        return entry
      }
      this.#looking.delete(seat)
    }
    return undefined
  }

  /** Moves all to the head of a list. */
  moveTo(list: LinkedList<Entry>): void {
    list.prepend(this.#list)
  }

  [Symbol.iterator](): Iterator<Entry> {
    return this.#list[Symbol.iterator]()
  }

  /** The first that a client can be given, behind those at which it has looked. */
  #unseen(seat: Seat<C>): Entry | undefined {
    const looked = this.#lookedUpTo(seat)
    const first = this.#list.tail(({ rank }) => rank > looked)
    return first === undefined ? undefined : this.#list.find((entry) => seat.candidate.carries(entry), first)
  }

  #lookedUpTo(seat: Seat<C>): number {
    return this.#looked.get(seat) ?? Number.NEGATIVE_INFINITY
  }
}
