import type { Entry } from '../delivery/entry.ts'

/** A client as the dispatcher sees it. */
export interface Candidate<C> {
  /** What policies and users get to see. */
  readonly client: C
  /** Items that it takes now. */
  readonly credit: number
  /** Items that it has and has not settled. */
  readonly inFlight: number
  /** Whether it is to get items at all: an original may have said that it is not ready. */
  readonly isReady: boolean
  readonly isOpen: boolean
  /** Whether its protocol can carry the item. */
  carries(entry: Entry): boolean
  assign(entry: Entry): void
}

interface Node<C> {
  candidate: Candidate<C>
  level: number
  previous: Node<C>
  next: Node<C>
}

/**
 * The clients with credit, by how many items they have in flight, so that the least busy one is found in one step however many
 * there are. Among equals the one that was longest in its place comes first.
 */
export class FreeClients<C> {
  readonly #nodes: Map<Candidate<C>, Node<C>> = new Map()
  /** One ring of nodes for each number of items in flight; its slot holds the first. */
  readonly #levels: (Node<C> | undefined)[] = []
  #lowest = 0

  get size(): number {
    return this.#nodes.size
  }

  has(candidate: Candidate<C>): boolean {
    return this.#nodes.has(candidate)
  }

  /** The least busy one that `accepts`; usually the first that is asked. */
  leastBusy(accepts: (candidate: Candidate<C>) => boolean): Candidate<C> | undefined {
    this.#skipEmptyLevels()
    for (let level = this.#lowest; level < this.#levels.length; level += 1) {
      const first = this.#levels[level]
      let node = first
      while (node !== undefined) {
        if (accepts(node.candidate)) return node.candidate
        node = node.next === first ? undefined : node.next
      }
    }
    return undefined
  }

  /** Puts a candidate where its load says, or takes it out. */
  set(candidate: Candidate<C>, isFree: boolean): void {
    const node = this.#nodes.get(candidate)
    if (node === undefined) {
      if (isFree) this.#add(candidate)
      return
    }
    if (isFree && node.level === candidate.inFlight) return
    this.#unlink(node)
    if (isFree) return this.#link(node, candidate.inFlight)
    this.#nodes.delete(candidate)
  }

  #add(candidate: Candidate<C>): void {
    const node = { candidate, level: 0 } as Node<C>
    this.#nodes.set(candidate, node)
    this.#link(node, candidate.inFlight)
  }

  #link(node: Node<C>, level: number): void {
    const first = this.#levels[level]
    node.level = level
    node.next = first ?? node
    node.previous = first?.previous ?? node
    node.previous.next = node
    node.next.previous = node
    while (this.#levels.length < level) this.#levels.push(undefined)
    this.#levels[level] = first ?? node
    this.#lowest = Math.min(this.#lowest, level)
  }

  #unlink(node: Node<C>): void {
    const { level, previous, next } = node
    previous.next = next
    next.previous = previous
    if (this.#levels[level] === node) this.#levels[level] = next === node ? undefined : next
  }

  #skipEmptyLevels(): void {
    while (this.#lowest < this.#levels.length - 1 && this.#levels[this.#lowest] === undefined) this.#lowest += 1
  }
}
