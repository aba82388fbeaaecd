import { EntryList, unlink } from './entry.ts'
import type { Entry } from './entry.ts'
import type { Link } from './link.ts'

/** The items that wait for the credit of one peer, in line: those that came back go first. */
export class Line {
  readonly #link: () => Link
  readonly #again: EntryList = new EntryList()
  readonly #first: EntryList = new EntryList()
  #size = 0

  constructor(link: () => Link) {
    this.#link = link
  }

  get size(): number {
    return this.#size
  }

  /** The ordinal of the oldest item that was never on the wire. */
  get oldestOrdinal(): number {
    return this.#first.first?.ordinal ?? Number.POSITIVE_INFINITY
  }

  /** Takes an entry in, and sends it at once if it can. */
  put(entry: Entry): void {
    entry.ordinal = this.#link().outbox.nextOrdinal()
    this.#first.push(entry)
    this.#size += 1
    this.advance()
  }

  requeue(entry: Entry): void {
    entry.ordinal = 0
    this.#again.unshift(entry)
    this.#size += 1
    this.advance()
  }

  withdraw(entry: Entry): void {
    if (entry.state !== 'waiting') return
    entry.state = 'gone'
    unlink(entry)
    this.#size -= 1
  }

  /** Sends what there is credit for. */
  advance(): void {
    const link = this.#link()
    while (this.#size > 0 && link.outbox.credit > 0) {
      const entry = this.#again.shift() ?? (this.#first.shift() as Entry)
      this.#size -= 1
      link.assign(entry)
      entry.assigned?.resolve()
    }
  }

  /** Takes out all that waits, in order. */
  close(): Entry[] {
    const entries = [...this.#again, ...this.#first]
    for (const entry of entries) this.withdraw(entry)
    return entries
  }
}
