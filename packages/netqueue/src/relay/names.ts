import { MAX_NAMES } from '../message/tree.ts'
import type { NameChange } from '../message/tree.ts'
import type { ConnectedClient } from '../server/server-client.ts'

/** The names of messages that somebody below a relay defines, and it does not: by how many children each is known. */
export class KnownNames {
  readonly #own: ReadonlySet<string>
  readonly #counts: Map<string, number> = new Map()
  /** Those of relays, which change; a leaf's do not. */
  readonly #ofRelays: Map<ConnectedClient, ReadonlySet<string>> = new Map()
  /** As parents have been told. */
  readonly #told: Set<string> = new Set()
  /** Those that may be told anew. */
  readonly #changed: Set<string> = new Set()

  constructor(own: ReadonlySet<string>) {
    this.#own = own
  }

  /** As parents have been told. */
  get told(): Iterable<string> {
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

  /** What is to be told, and is from now on told. */
  changes(): NameChange[] {
    const changes = [...this.#changed].flatMap((name) => this.#change(name))
    this.#changed.clear()
    return changes.toSorted((a, b) => Number(a.isKnown) - Number(b.isKnown))
  }

  #change(name: string): NameChange[] {
    const isKnown = this.#counts.has(name)
    if (isKnown === this.#told.has(name) || (isKnown && this.#told.size >= MAX_NAMES)) return []
    if (isKnown) this.#told.add(name)
    else this.#told.delete(name)
    return [{ name, isKnown }]
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
