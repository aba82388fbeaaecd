import { checkInteger } from '../../errors/check.ts'
import type { MessageEntry } from '../../message/definition.ts'
import type { Announced } from '../../message/registry.ts'

/** The greatest type that a request can have. */
const MAX_TYPE = 2 ** 32 - 1

/** What messages are on the wire: numbers that a user names, or else their ids. */
export class RequestTypes {
  readonly #types: ReadonlyMap<string, number>

  /** Throws a `RangeError` for what is no type. */
  constructor(types: Readonly<Record<string, number>> = {}) {
    this.#types = new Map(Object.entries(types))
    for (const [name, type] of this.#types) checkInteger(`types[${JSON.stringify(name)}]`, type, 0, MAX_TYPE)
  }

  /** Throws a `TypeError` for types of messages that are not there, and a `RangeError` for two of one type. */
  check(table: Iterable<MessageEntry>): void {
    const entries = [...table]
    const stranger = [...this.#types.keys()].find((name) => !entries.some((entry) => entry.name === name))
    if (stranger !== undefined)
      throw new TypeError(`Expected \`types\` to name this side's \`messages\`, got ${JSON.stringify(stranger)}`)
    const names = new Map<number, string>()
    for (const { name, id } of entries) this.#take(names, name, this.#typeOf(name, id))
  }

  /** As if the peer had said so: what it calls them is the number on the wire, from 1, as none is called 0. */
  announced(table: Iterable<MessageEntry>): ReadonlyMap<string, Announced> {
    return new Map(Array.from(table, (entry) => [entry.name, { ...entry, id: this.#typeOf(entry.name, entry.id) + 1 }]))
  }

  #typeOf(name: string, id: number): number {
    return this.#types.get(name) ?? id
  }

  #take(names: Map<number, string>, name: string, type: number): void {
    const other = names.get(type)
    names.set(type, name)
    if (other === undefined) return
    const both = `${JSON.stringify(other)} and ${JSON.stringify(name)}`
    throw new RangeError(`Expected types that differ (\`types\`, or the ids of \`messages\`), got ${type} for ${both}`)
  }
}
