import type { Entry } from '../delivery/entry.ts'
import type { Seat } from './seat.ts'

/** So many places may be empty, whatever else is there. */
const MIN_HOLES = 32

/**
 * Entries in the order in which they came here. Each client looks at each of them once, to find one that it can be given, and goes on from there the next
 * time, however many there are before and behind.
 */
export class Shelf<C> implements Iterable<Entry> {
  /** Those that left have left a hole. */
  #entries: (Entry | undefined)[] = []
  /** The number of each place, which goes up. */
  #numbers: number[] = []
  #size = 0
  #highest = 0
  /** The number up to which clients have looked. */
  readonly #looked: Map<Seat<C>, number> = new Map()

  get size(): number {
    return this.#size
  }

  add(entry: Entry): void {
    this.#highest += 1
    entry.shelved = this.#highest
    this.#entries.push(entry)
    this.#numbers.push(this.#highest)
    this.#size += 1
  }

  delete(entry: Entry): void {
    this.#entries[this.#placeOf(entry.shelved)] = undefined
    entry.shelved = 0
    this.#size -= 1
    if (this.#entries.length > 2 * this.#size + MIN_HOLES) this.#close()
  }

  /** Whether there is anything at which a client has not looked. */
  hasMore(seat: Seat<C>): boolean {
    return this.#size > 0 && this.#lookedAt(seat) < this.#highest
  }

  /** The first entry that a client can be given, of those at which it has not looked. It stays here, and is the first the next time. */
  find(seat: Seat<C>): Entry | undefined {
    const { length } = this.#entries
    let place = this.#placeOf(this.#lookedAt(seat) + 1)
    while (place < length && !isFor(seat, this.#entries[place])) place += 1
    if (place === length) this.skip(seat)
    else this.#looked.set(seat, (this.#numbers[place] as number) - 1)
    return this.#entries[place]
  }

  /** A client is known to carry nothing that is here. */
  skip(seat: Seat<C>): void {
    if (this.#size > 0) this.#looked.set(seat, this.#highest)
  }

  /** A client begins anew, or does not come again. */
  forget(seat: Seat<C>): void {
    this.#looked.delete(seat)
  }

  *[Symbol.iterator](): Generator<Entry> {
    for (const entry of this.#entries) if (entry !== undefined) yield entry
  }

  #lookedAt(seat: Seat<C>): number {
    return this.#looked.get(seat) ?? 0
  }

  /** The first place that has a number or a higher one. */
  #placeOf(number: number): number {
    let low = 0
    let high = this.#numbers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#numbers[middle] as number) < number) low = middle + 1
      else high = middle
    }
    return low
  }

  #close(): void {
    this.#entries = [...this]
    this.#numbers = this.#entries.map((entry) => entry?.shelved ?? 0)
  }
}

const isFor = ({ candidate }: Seat<unknown>, entry: Entry | undefined): boolean =>
  entry !== undefined && candidate.carries(entry)
