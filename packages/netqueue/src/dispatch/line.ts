import type { Entry } from '../delivery/entry.ts'
import { LinkedList } from '../queue/linked-list.ts'
import { hasComeBack } from './ranks.ts'

/** Entries in the order in which they are to be asked about: what has come back stands before what has not. Every operation but the walks takes one step. */
export class Line implements Iterable<Entry> {
  readonly #back: LinkedList<Entry> = new LinkedList()
  readonly #fresh: LinkedList<Entry> = new LinkedList()

  get first(): Entry | undefined {
    return this.#back.first ?? this.#fresh.first
  }

  shift(): Entry | undefined {
    return this.#back.shift() ?? this.#fresh.shift()
  }

  /** Puts an entry behind its like. */
  push(entry: Entry): void {
    this.#partOf(entry).push(entry)
  }

  /** Puts an entry before its like. */
  unshift(entry: Entry): void {
    this.#partOf(entry).unshift(entry)
  }

  /** Puts an entry behind all others, whether it has come back or not. */
  append(entry: Entry): void {
    this.#fresh.push(entry)
  }

  /** Moves all entries of another line before their like. */
  prepend(other: Line): void {
    this.#back.prepend(other.#back)
    this.#fresh.prepend(other.#fresh)
  }

  count(): number {
    return this.#back.count() + this.#fresh.count()
  }

  *[Symbol.iterator](): Generator<Entry> {
    yield* this.#back
    yield* this.#fresh
  }

  #partOf(entry: Entry): LinkedList<Entry> {
    return hasComeBack(entry) ? this.#back : this.#fresh
  }
}
