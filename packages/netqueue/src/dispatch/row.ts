import type { Entry } from '../delivery/entry.ts'
import { isAlone } from './seat.ts'
import type { Seat } from './seat.ts'

/** Who gets the next entries too, as long as nothing changes, and how many: to ask about each would give the same answer. */
export class Row<S extends Seat<unknown>> {
  #seat: S | undefined
  #left = 0

  /** Whether nobody gets anything without a question. */
  get isOver(): boolean {
    return this.#seat === undefined || this.#left === 0
  }

  begin(seat: S, items: number): void {
    this.#seat = items === 0 ? undefined : seat
    this.#left = items
  }

  end(): void {
    this.#seat = undefined
  }

  /** Who gets an entry, which takes a place of the row; `undefined` where it is to be asked about. */
  take(entry: Entry): S | undefined {
    const seat = this.#seat
    if (seat === undefined || entry.target !== undefined) return undefined
    const { candidate } = seat
    if (isAlone(entry, candidate) || !candidate.carries(entry)) return undefined
    this.#left -= 1
    return seat
  }
}
