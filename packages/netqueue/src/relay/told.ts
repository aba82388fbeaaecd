import type { TreeMail } from '../endpoint/relaying.ts'
import { MAX_NODES } from '../message/tree.ts'
import type { NameChange, NodeChange } from '../message/tree.ts'
import type { Writer } from '../protocol/message.ts'

/** A change as a writer takes it. */
export type ToldNode = Omit<NodeChange, 'bytes'>

/** Changes that may wait for a parent that takes nothing; beyond it, it is told all anew. */
const MAX_WAITING = 4 * MAX_NODES

/** What a parent is still to be told of what is below. */
export class Told implements TreeMail {
  readonly #wake: () => void
  readonly #everything: () => ToldNode[]
  #nodes: ToldNode[]
  readonly #names: NameChange[]

  /** `everything` is all that is below now. */
  constructor(wake: () => void, everything: () => ToldNode[], names: Iterable<string>) {
    this.#wake = wake
    this.#everything = everything
    this.#nodes = everything()
    this.#names = [...names].map((name) => ({ name, isKnown: true }))
  }

  tell(nodes: readonly ToldNode[], names: readonly NameChange[]): void {
    this.#names.push(...names)
    this.#nodes.push(...nodes)
    if (this.#nodes.length > MAX_WAITING) this.#nodes = this.#anew()
    this.#wake()
  }

  fill(writer: Writer): boolean {
    // A protocol without trees has no use for them.
    if (writer.nodes === undefined || writer.names === undefined) return this.#forget()
    if (this.#nodes.length > 0) writer.nodes(this.#nodes)
    if (this.#names.length > 0) writer.names(this.#names)
    return this.#nodes.length + this.#names.length === 0
  }

  #forget(): true {
    this.#nodes.length = 0
    this.#names.length = 0
    return true
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
