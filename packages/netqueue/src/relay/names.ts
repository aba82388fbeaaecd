import { MAX_NAMES } from '../message/tree.ts'
import type { ConnectedClient } from '../server/server-client.ts'

/** The names of messages that somebody below a relay defines, and it does not: by how many children each is known. */
export class KnownNames {
  readonly #own: ReadonlySet<string>
  readonly #counts: Map<string, number> = new Map()
  /** Those of relays, which change; a leaf's do not. */
  readonly #ofRelays: Map<ConnectedClient, ReadonlySet<string>> = new Map()
  /** As parents are told. */
  readonly #told: Set<string> = new Set()
  /** Those that may be told anew. */
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
    const names = new Set(client.names)
    if (client.isRelay) this.#ofRelays.set(client, names)
    this.#count(names, 1)
  }

  /** What is known below a relay is not what it was. */
  changed(client: ConnectedClient): void {
    this.#count(this.#ofRelays.get(client) ?? [], -1)
    this.came(client)
  }

  left(client: ConnectedClient): void {
    this.#count(this.#ofRelays.get(client) ?? new Set(client.names), -1)
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

  #count(names: Iterable<string>, change: 1 | -1): void {
    for (const name of names) {
      if (this.#own.has(name)) continue
      const count = (this.#counts.get(name) ?? 0) + change
      if (count > 0) this.#counts.set(name, count)
      else this.#counts.delete(name)
      this.#changed.add(name)
    }
  }
}
