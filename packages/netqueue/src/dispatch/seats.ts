import type { Entry } from '../delivery/entry.ts'
import type { Candidate } from './free-clients.ts'
import { membersOf } from './offer.ts'
import type { Members } from './offer.ts'
import { Seat } from './seat.ts'

/** The connected clients, in the order in which they came, each with what waits for it alone. */
export class Seats<C> {
  readonly #seats: Map<C, Seat<C>> = new Map()
  /** Those with a {@link Seat.loner}. */
  readonly #withLoner: Set<Seat<C>> = new Set()
  #members: Members<C> | undefined
  #membership = 0

  /** Counts who comes and goes. */
  get membership(): number {
    return this.#membership
  }

  /** All of them, as policies see them; another object whenever one has come or gone. */
  get members(): Members<C> {
    this.#members ??= membersOf([...this.#seats.values()].map(({ candidate }) => candidate))
    return this.#members
  }

  /** Those with a {@link Seat.loner}, the last one first. */
  get withLoner(): Seat<C>[] {
    return this.#withLoner.size === 0 ? [] : [...this.#withLoner].toReversed()
  }

  /** What waits for one of them, in order. */
  get addressed(): Entry[] {
    return [...this.#seats.values()].flatMap(({ addressed }) => [...addressed])
  }

  join(candidate: Candidate<C>): void {
    this.#seats.set(candidate.client, new Seat(candidate))
    this.#changed()
  }

  /** Gives the seat of one who leaves; `undefined` for one who is not there. */
  leave({ client }: Candidate<C>): Seat<C> | undefined {
    const seat = this.#seats.get(client)
    if (seat === undefined) return undefined
    this.#seats.delete(client)
    this.#withLoner.delete(seat)
    this.#changed()
    return seat
  }

  of(client: C): Seat<C> | undefined {
    return this.#seats.get(client)
  }

  /** Of the client to which an entry is addressed; none where whom it is for is gone. */
  for({ target, isLost }: Entry): Seat<C> | undefined {
    return isLost ? undefined : this.#seats.get(target as C)
  }

  /** Of the client that takes nothing else before it has had the entry, or that is withdrawn. */
  before(entry: Entry): Seat<C> | undefined {
    if (entry.target !== undefined) return this.for(entry)
    for (const seat of this.#withLoner) if (seat.loner === entry) return seat
    return undefined
  }

  setLoner(seat: Seat<C>, loner: Entry | undefined): void {
    seat.loner = loner
    if (loner === undefined) this.#withLoner.delete(seat)
    else this.#withLoner.add(seat)
  }

  #changed(): void {
    this.#membership += 1
    this.#members = undefined
  }
}
