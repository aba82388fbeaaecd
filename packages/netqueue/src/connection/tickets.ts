import type { Applicant, Ticket } from '../protocol/protocol.ts'

/** By which a client can come again to its session: the present ticket, and the one before for as long as it may not have heard of that. */
export class Tickets {
  #present: Ticket | undefined
  #former: Ticket | undefined

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

  /** The client was given another one. `former`: the one by which it came. */
  renew(present: Ticket | undefined, former: Ticket | undefined): void {
    this.#present = present
    this.#former = former
  }

  /** It has heard of the present one. */
  heard(): void {
    this.#former = undefined
  }

  /** By which of them an applicant proves that the session is its own; none where it does not. */
  provenBy({ resume }: Applicant): Ticket | undefined {
    if (resume === undefined) return undefined
    return [this.#present, this.#former].find((ticket) => ticket?.session === resume.session && resume.proves(ticket))
  }
}
