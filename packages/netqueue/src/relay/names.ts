import { MAX_NAMES } from '../message/tree.ts'
import type { NameChange } from '../message/tree.ts'
import type { ConnectedClient } from '../server/server-client.ts'

/** What is counted of a child that is a relay. No name is in both. */
interface Counted {
  readonly own: ReadonlySet<string>
  readonly below: Set<string>
}

/** The names of messages that somebody below a relay defines, and it does not: by how many children each is known. */
export class KnownNames {
  readonly #own: ReadonlySet<string>
  readonly #counts: Map<string, number> = new Map()
  /** Those of relays, which change; a leaf's do not. */
  readonly #ofRelays: Map<ConnectedClient, Counted> = new Map()
  /** As parents are told. */
  readonly #told: Set<string> = new Set()
  /** Those that are to be told anew: known and not told, or the other way round. */
  readonly #changed: Set<string> = new Set()
  /** Whether something was left out. */
  isFull = false

  constructor(own: ReadonlySet<string>) {
    this.#own = own
  }

  /** As parents are told. */
  get told(): ReadonlySet<string> {
    return this.#told
  }

  came(client: ConnectedClient): void {
    const own = new Set(client.names)
    if (client.isRelay) this.#ofRelays.set(client, { own, below: new Set() })
    for (const name of own) this.#count(name, 1)
  }

  /** What is known below a relay is not what it was. A step for each change: it may tell of one at a time, beside a thousand others. */
  changed(client: ConnectedClient, changes: readonly NameChange[]): void {
    const counted = this.#ofRelays.get(client)
    if (counted === undefined) return
    const { own, below } = counted
    for (const { name, isKnown } of changes) {
      if (own.has(name) || below.has(name) === isKnown) continue
      if (isKnown) below.add(name)
      else below.delete(name)
      this.#count(name, isKnown ? 1 : -1)
    }
  }

  left(client: ConnectedClient): void {
    const { own, below } = this.#ofRelays.get(client) ?? { own: new Set(client.names), below: [] }
    for (const name of [...own, ...below]) this.#count(name, -1)
    this.#ofRelays.delete(client)
  }

  /** Decides anew which are told; whether those are other ones. */
  look(): boolean {
    const changed = [...this.#changed]
    this.#changed.clear()
    let isOther = false
    for (const name of changed) if (!this.#counts.has(name) && this.#told.delete(name)) isOther = true
    // Behind those that are gone, whose room they may have.
    for (const name of changed) if (this.#counts.has(name) && this.#tell(name)) isOther = true
    return isOther
  }

  /** Tells whether it was not told before, and there is room for it. */
  #tell(name: string): boolean {
    if (this.#told.has(name)) return false
    if (this.#told.size < MAX_NAMES) {
      this.#told.add(name)
      return true
    }
    this.isFull = true
    // When others are gone, there is room for it.
    this.#changed.add(name)
    return false
  }

  #count(name: string, change: 1 | -1): void {
    if (this.#own.has(name)) return
    const count = (this.#counts.get(name) ?? 0) + change
    if (count > 0) this.#counts.set(name, count)
    else this.#counts.delete(name)
    // One that came and went again is not kept until somebody looks: without a parent nobody does.
    if (this.#counts.has(name) === this.#told.has(name)) this.#changed.delete(name)
    else this.#changed.add(name)
  }
}
