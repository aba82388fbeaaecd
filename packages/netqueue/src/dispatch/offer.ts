import type { Entry } from '../delivery/entry.ts'
import type { Candidate } from './free-clients.ts'
import type { PolicyContext } from './policies.ts'

/** Everybody who is connected, as users and as the dispatcher see them. */
export interface Members<C> {
  clients: readonly C[]
  candidates: readonly Candidate<C>[]
}

/** What a policy of ours is asked about. The item is made only for one that looks at it: what is handed on is bytes until then. */
export class Offer<T, C> implements PolicyContext<T, C> {
  readonly #entry: Entry
  readonly #members: Members<C>

  constructor(entry: Entry, members: Members<C>) {
    this.#entry = entry
    this.#members = members
  }

  get item(): T {
    return this.#entry.item as T
  }

  get clients(): readonly C[] {
    return this.#members.clients
  }

  get candidates(): readonly Candidate<C>[] {
    return this.#members.candidates
  }
}

export const clientsOf = <C>(candidates: readonly Candidate<C>[]): C[] => candidates.map(({ client }) => client)
export const membersOf = <C>(candidates: readonly Candidate<C>[]): Members<C> => ({
  candidates,
  clients: clientsOf(candidates),
})
