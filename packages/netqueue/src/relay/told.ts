import type { TreeMail } from '../endpoint/relaying.ts'
import { MAX_NODES } from '../message/tree.ts'
import type { Longest, NameChange, ToldNode } from '../message/tree.ts'
import type { Writer } from '../protocol/message.ts'

/** Changes that may wait for a parent that takes nothing; beyond it, it is told all anew. */
const MAX_WAITING = 4 * MAX_NODES

export interface ToldInit {
  /** All that is below now. */
  everything: () => ToldNode[]
  /** The names that are known now. */
  names: ReadonlySet<string>
  /** Where that is less than the relay says of itself. */
  longest: Longest | undefined
}

/** What a parent is still to be told of what is below. */
export class Told implements TreeMail {
  readonly #wake: () => void
  readonly #everything: () => ToldNode[]
  readonly #known: ReadonlySet<string>
  #nodes: ToldNode[]
  /** As the parent has been told. */
  readonly #names: Set<string> = new Set()
  #hasNewNames = true
  #longest: Longest | undefined

  constructor(wake: () => void, { everything, names, longest }: ToldInit) {
    this.#wake = wake
    this.#everything = everything
    this.#nodes = everything()
    this.#known = names
    this.#longest = longest
  }

  tell(nodes: readonly ToldNode[], { hasNewNames }: { hasNewNames: boolean }): void {
    this.#hasNewNames ||= hasNewNames
    this.#nodes.push(...nodes)
    if (this.#nodes.length > MAX_WAITING) this.#nodes = this.#anew()
    this.#wake()
  }

  /** Nobody below takes a longer item now. */
  limit(longest: Longest): void {
    this.#longest = longest
    this.#wake()
  }

  fill(writer: Writer): boolean {
    // A protocol without trees has no use for them.
    if (writer.nodes === undefined || writer.names === undefined) return this.#forget()
    if (this.#longest !== undefined && writer.longest?.(this.#longest) === true) this.#longest = undefined
    if (this.#nodes.length > 0) writer.nodes(this.#nodes)
    if (this.#hasNewNames) this.#hasNewNames = !this.#tellNames(writer.names.bind(writer))
    return this.#longest === undefined && this.#nodes.length === 0 && !this.#hasNewNames
  }

  #forget(): true {
    this.#nodes.length = 0
    this.#hasNewNames = false
    this.#longest = undefined
    return true
  }

  /** Writes what is different from what was told; tells whether all of it fitted. */
  #tellNames(write: (changes: NameChange[]) => boolean): boolean {
    const changes: NameChange[] = [
      ...[...this.#names].filter((name) => !this.#known.has(name)).map((name) => ({ name, isKnown: false })),
      ...[...this.#known].filter((name) => !this.#names.has(name)).map((name) => ({ name, isKnown: true })),
    ]
    const left = [...changes]
    if (changes.length > 0) write(left)
    for (const { name, isKnown } of changes.slice(0, changes.length - left.length)) {
      if (isKnown) this.#names.add(name)
      else this.#names.delete(name)
    }
    return left.length === 0
  }

  /** Whatever it was told of is gone, and then there is what there is. */
  #anew(): ToldNode[] {
    const tops = new Set(this.#nodes.map(({ path }) => path[0] as string))
    return [...Array.from(tops, (id): ToldNode => ({ path: [id], about: undefined })), ...this.#everything()]
  }
}

/** What a child that is a relay is still to be told of what is above. */
export class Ancestry implements TreeMail {
  readonly #wake: () => void
  #ids: readonly string[] | undefined

  constructor(wake: () => void) {
    this.#wake = wake
  }

  tell(ids: readonly string[]): void {
    this.#ids = ids
    this.#wake()
  }

  fill(writer: Writer): boolean {
    if (this.#ids !== undefined && writer.ancestry?.(this.#ids) === true) this.#ids = undefined
    return this.#ids === undefined
  }
}
