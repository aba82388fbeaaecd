import type { Applicant, Ticket } from '../protocol/handshake.ts'

/** Tickets that are kept at most: as often a client may be let in without hearing of it. */
const MAX_TICKETS = 8
const NONE: readonly Ticket[] = []

/**
 * By which a client can come again to its session: the present ticket, and those before from the one on that it is known to have had. It may
 * not have heard of the present one, nor have gone on by it: an attempt that it gave up can arrive later than one that it made after it.
 */
export class Tickets {
  #present: Ticket | undefined
  #former = NONE

  /** None where the protocol or the server has no such thing. */
  constructor(present: Ticket | undefined) {
    this.#present = present
  }

  get present(): Ticket | undefined {
    return this.#present
  }

  /** Milliseconds for which the server keeps a session whose connection is lost; 0: it ends with it. */
  get resumeMs(): number {
    return this.#present?.resumeMs ?? 0
  }

  /** The session takes the place of another one, of which the client has this ticket. */
  follow(former: Ticket | undefined): void {
    this.#former = former === undefined ? NONE : [former]
  }

  /** The client was given another one. `came`: the one by which it came, and so has had. */
  renew(present: Ticket | undefined, came: Ticket | undefined): void {
    const known = [...this.#former, this.#present].filter((ticket) => ticket !== undefined)
    const since = came === undefined ? NONE : known.slice(known.indexOf(came))
    this.#former = since.length < MAX_TICKETS ? since : [...since.slice(0, 1), ...since.slice(2 - MAX_TICKETS)]
    this.#present = present
  }

  /** It has heard of the present one. */
  heard(): void {
    this.#former = NONE
  }

  /** By which of them an applicant proves that the session is its own; none where it does not. */
  provenBy({ resume }: Applicant): Ticket | undefined {
    if (resume === undefined) return undefined
    return [this.#present, ...this.#former].find(
      (ticket) => ticket?.session === resume.session && resume.proves(ticket),
    )
  }
}
