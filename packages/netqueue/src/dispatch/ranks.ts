import type { Entry } from '../delivery/entry.ts'

/** Who stands before whom of all that wait: those who come, behind all others, and those who come back, before them. */
export class Ranks {
  #lowest = 0
  #highest = 0

  came(): number {
    this.#highest += 1
    return this.#highest
  }

  cameBack(): number {
    this.#lowest -= 1
    return this.#lowest
  }
}

/** Whether an entry has been with a client before. */
export const hasComeBack = ({ rank }: Entry): boolean => rank < 0

export const byRank = (one: Entry, other: Entry): number => one.rank - other.rank
