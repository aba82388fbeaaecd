/** A member of a list, and its own link: it can leave in one step, from wherever it is. In no list it points to itself. */
export interface Linked {
  previous: Linked
  next: Linked
}

/** Members in order; every operation but `for … of` takes one step. A member is in one list at a time. */
export class LinkedList<N extends Linked> {
  /** Stands between the last and the first. */
  readonly #end: Linked

  constructor() {
    const end = {} as Linked
    end.previous = end
    end.next = end
    this.#end = end
  }

  get first(): N | undefined {
    return this.#end.next === this.#end ? undefined : (this.#end.next as N)
  }

  push(node: N): void {
    link(node, this.#end.previous, this.#end)
  }

  unshift(node: N): void {
    link(node, this.#end, this.#end.next)
  }

  shift(): N | undefined {
    const { first } = this
    if (first !== undefined) unlink(first)
    return first
  }

  /** Moves all members of another list in front of ours. */
  prepend(other: LinkedList<N>): void {
    if (other.first === undefined) return
    const head = other.#end.next
    const tail = other.#end.previous
    head.previous = this.#end
    tail.next = this.#end.next
    this.#end.next.previous = tail
    this.#end.next = head
    other.#end.next = other.#end
    other.#end.previous = other.#end
  }

  /** The member that was handed out last may leave meanwhile; others may not. */
  *[Symbol.iterator](): Generator<N> {
    let node = this.#end.next
    while (node !== this.#end) {
      const { next } = node
      yield node as N
      node = next
    }
  }
}

function link(node: Linked, previous: Linked, next: Linked): void {
  node.previous = previous
  node.next = next
  previous.next = node
  next.previous = node
}

/** Takes a node out of whichever list it is in; one that is in none stays in none. */
export function unlink(node: Linked): void {
  node.previous.next = node.next
  node.next.previous = node.previous
  node.previous = node
  node.next = node
}

export function isLinked(node: Linked): boolean {
  return node.next !== node
}
