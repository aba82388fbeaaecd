import { isWithin } from '../delivery/entry.ts'
import type { Entry } from '../delivery/entry.ts'
import type { Longest } from '../message/tree.ts'

/** What is looked at of a child. */
interface Taker {
  readonly takesItems: boolean
  readonly longest: Longest
}

/** How long an item may be for somebody below a relay to take it. */
export class Reach {
  /** The most that the relay takes itself. */
  readonly #most: number
  #longest: Longest

  constructor(most: number) {
    this.#most = most
    this.#longest = { put: most, submitted: most }
  }

  get longest(): Longest {
    return this.#longest
  }

  /** Whether something is too long for all, that the relay itself would take. */
  get isLess(): boolean {
    const { put, submitted } = this.#longest
    return put < this.#most || submitted < this.#most
  }

  takes(entry: Entry): boolean {
    return isWithin(entry, this.#longest)
  }

  /** Looks at all children anew; tells whether anything is different. Where there is none it stays as it is, as nothing comes then. */
  look(children: ReadonlySet<Taker>): boolean {
    if (children.size === 0) return false
    const { put, submitted } = this.#longest
    this.#longest = {
      put: this.#largest(children, 'put'),
      submitted: this.#largest(children, 'submitted'),
    }
    return put !== this.#longest.put || submitted !== this.#longest.submitted
  }

  /** Mostly the first one takes as much as the relay: nobody else is asked then. */
  #largest(children: ReadonlySet<Taker>, which: keyof Longest): number {
    let largest = 0
    for (const child of children) {
      if (child.takesItems) largest = Math.max(largest, child.longest[which])
      if (largest >= this.#most) return this.#most
    }
    return largest
  }
}
