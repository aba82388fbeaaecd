import { LinkedList, unlink } from './linked-list.ts'
import type { Linked } from './linked-list.ts'

/** Members of one party, in order. */
class Party<N extends Linked> implements Linked {
  before: Linked = this
  after: Linked = this
  readonly key: unknown
  readonly members: LinkedList<N> = new LinkedList()

  constructor(key: unknown) {
    this.key = key
  }
}

/** A line in which parties take turns, however many members each of them has there; those of one party are served in order. */
export class FairLine<N extends Linked> {
  /** Those with members, by whatever tells them apart. */
  readonly #parties: Map<unknown, Party<N>> = new Map()
  /** The same, the one whose turn is next first. */
  readonly #turns: LinkedList<Party<N>> = new LinkedList()

  get isEmpty(): boolean {
    return this.#turns.first === undefined
  }

  push(member: N, key: unknown): void {
    const party = this.#parties.get(key) ?? this.#join(key)
    party.members.push(member)
  }

  shift(): N | undefined {
    const party = this.#turns.shift()
    if (party === undefined) return undefined
    const member = party.members.shift()
    if (party.members.first === undefined) this.#parties.delete(party.key)
    else this.#turns.push(party)
    return member
  }

  /** Takes a member out, wherever it stands. */
  remove(member: N, key: unknown): void {
    unlink(member)
    const party = this.#parties.get(key)
    if (party === undefined || party.members.first !== undefined) return
    unlink(party)
    this.#parties.delete(key)
  }

  #join(key: unknown): Party<N> {
    const party = new Party<N>(key)
    this.#parties.set(key, party)
    this.#turns.push(party)
    return party
  }
}
