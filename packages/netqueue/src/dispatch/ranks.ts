import type { Entry } from '../delivery/entry.ts'
import type { LinkedList } from '../queue/linked-list.ts'

/** Where entries stand: behind all that came before, or, where they come back, before all others. */
export class Ranks {
  #lowest = 0
  #highest = 0

  /** The next rank behind all others. */
  behind(): number {
    this.#highest += 1
    return this.#highest
  }

  /** The next rank before all others. */
  before(): number {
    this.#lowest -= 1
    return this.#lowest
  }
}

/** Puts an entry where its rank says. */
export const place = (entry: Entry, list: LinkedList<Entry>): void =>
  list.insert(entry, ({ rank }) => rank < entry.rank)

/** Moves the entries of one list before those of another, but for such as stand at the head of that and have a lower rank: they came back meanwhile. */
export function bring(list: LinkedList<Entry>, into: LinkedList<Entry>): void {
  const { first } = list
  if (first === undefined) return
  const before: Entry[] = []
  for (let entry = into.first; entry !== undefined && entry.rank < first.rank; entry = into.first) {
    into.shift()
    before.push(entry)
  }
  into.prepend(list)
  for (const entry of before.toReversed()) into.unshift(entry)
}
