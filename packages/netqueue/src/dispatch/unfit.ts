import type { Entry } from '../delivery/entry.ts'
import { hasComeBack } from './ranks.ts'
import type { Seat } from './seat.ts'
import { Shelf } from './shelf.ts'

/**
 * Entries that nobody free can be given: they are too long for those, say. No client that is free carries one of them, unless it has become free, or was
 * altered, and has yet to look. It looks at each of them once, so that one that takes few of many does not hold up the others. What has come back stands
 * before what has not, and what came back first before the rest of that.
 */
export class Unfit<C> implements Iterable<Entry> {
  readonly #back: Shelf<C> = new Shelf()
  readonly #fresh: Shelf<C> = new Shelf()
  /** Those who are free, and have yet to look. */
  readonly #looking: Set<Seat<C>> = new Set()

  get size(): number {
    return this.#back.size + this.#fresh.size
  }

  /** The first that one of those can be given who have yet to look. */
  find(): Entry | undefined {
    let first: Entry | undefined
    for (const seat of this.#looking) {
      const entry = this.#back.find(seat) ?? this.#fresh.find(seat)
      if (entry === undefined) this.#looking.delete(seat)
      else if (first === undefined || entry.rank < first.rank) first = entry
    }
    return first
  }

  add(entry: Entry): void {
    this.#shelfOf(entry).add(entry)
  }

  has({ shelved }: Entry): boolean {
    return shelved > 0
  }

  delete(entry: Entry): void {
    this.#shelfOf(entry).delete(entry)
  }

  /** A client has become free. */
  freed(seat: Seat<C>): void {
    if (this.#back.hasMore(seat) || this.#fresh.hasMore(seat)) this.#looking.add(seat)
  }

  /** A client is free no more. If it has not looked at all, it goes on from there. */
  taken(seat: Seat<C>): void {
    if (this.#looking.delete(seat)) return
    this.#back.skip(seat)
    this.#fresh.skip(seat)
  }

  /** A client may carry other entries than before: it begins anew. */
  altered(seat: Seat<C>): void {
    this.left(seat)
    if (seat.isFree) this.freed(seat)
  }

  /** A client does not come again. */
  left(seat: Seat<C>): void {
    this.#looking.delete(seat)
    this.#back.forget(seat)
    this.#fresh.forget(seat)
  }

  *[Symbol.iterator](): Generator<Entry> {
    yield* this.#back
    yield* this.#fresh
  }

  #shelfOf(entry: Entry): Shelf<C> {
    return hasComeBack(entry) ? this.#back : this.#fresh
  }
}
