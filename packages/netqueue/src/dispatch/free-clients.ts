import type { Entry } from '../delivery/entry.ts'
import { LinkedList, unlink } from '../queue/linked-list.ts'
import type { Linked } from '../queue/linked-list.ts'
import { RecentMap } from '../queue/recent-map.ts'

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
  /** Whether it holds no more than it works on in moments, so that items may come to it in a row. */
  readonly isPaced: boolean
  readonly isOpen: boolean
  /** Whether it hands items on. @default false */
  readonly isRelay?: boolean
  /** Whether it may and can be given this item: by its permissions, its protocol, and the length, for itself or somebody below it. */
  carries(entry: Entry): boolean
  assign(entry: Entry): void
}

/** A candidate in its place. */
class Node<C> implements Linked {
  before: Linked = this
  after: Linked = this
  level = 0
  readonly candidate: Candidate<C>

  constructor(candidate: Candidate<C>) {
    this.candidate = candidate
  }
}

/**
 * The clients with credit, by about how many items they have in flight, so that the least busy one is found in one step however many
 * there are. Among equals the one that was longest in its place comes first.
 */
export class FreeClients<C> {
  readonly #nodes: Map<Candidate<C>, Node<C>> = new RecentMap()
  /** A list for each number of items in flight, as {@link levelOf} rounds it. */
  readonly #levels: LinkedList<Node<C>>[] = []
  #lowest = 0

  get size(): number {
    return this.#nodes.size
  }

  /** Items that they take now. */
  get credit(): number {
    let credit = 0
    for (const { credit: more } of this.#nodes.keys()) credit += more
    return credit
  }

  has(candidate: Candidate<C>): boolean {
    return this.#nodes.has(candidate)
  }

  /** The least busy one that `accepts`; usually the first that is asked. */
  leastBusy(accepts: (candidate: Candidate<C>) => boolean): Candidate<C> | undefined {
    this.#skipEmptyLevels()
    let left = this.#nodes.size
    for (let level = this.#lowest; level < this.#levels.length; level += 1) {
      if (left === 0) return undefined
      const first = this.#levels[level]?.first
      if (first === undefined) continue
      if (accepts(first.candidate)) return first.candidate
      const other = this.#levels[level]?.find(({ candidate }) => {
        left -= 1
        return accepts(candidate)
      })
      if (other !== undefined) return other.candidate
    }
    return undefined
  }

  /** How many items one that paces itself may get in a row: to the end of its level, in a rush some more; 0 unless it is the least busy one. */
  rowOf(candidate: Candidate<C>, { isRush }: { isRush: boolean }): number {
    this.#skipEmptyLevels()
    if (this.#levels[this.#lowest]?.first?.candidate !== candidate) return 0
    const grain = isRush ? rushGrainOf(candidate) : grainOf(candidate)
    return grain <= 1 ? 0 : grain - (candidate.inFlight % grain)
  }

  /** Puts a candidate where its load says, or takes it out. */
  set(candidate: Candidate<C>, isFree: boolean): void {
    const node = this.#nodes.get(candidate)
    if (node === undefined) {
      if (isFree) this.#add(candidate)
      return
    }
    const level = levelOf(candidate)
    if (isFree && node.level === level) return
    unlink(node)
    if (isFree) return this.#link(node, level)
    this.#nodes.delete(candidate)
  }

  #add(candidate: Candidate<C>): void {
    const node = new Node(candidate)
    this.#nodes.set(candidate, node)
    this.#link(node, levelOf(candidate))
  }

  #link(node: Node<C>, level: number): void {
    while (this.#levels.length <= level) this.#levels.push(new LinkedList())
    this.#levels[level]?.push(node)
    node.level = level
    this.#lowest = Math.min(this.#lowest, level)
  }

  #skipEmptyLevels(): void {
    while (this.#lowest < this.#levels.length - 1 && this.#levels[this.#lowest]?.first === undefined) this.#lowest += 1
  }
}

/** A client with a deep window gets items in a row, up to this part of it. */
const PARTS = 64
/** A client that paces itself holds some 2 ms of work: this part of it is too little to be worth a frame for each client and item. */
const PACED_PARTS = 8
/** In a rush a frame for a dozen items costs more than they do: up to this part of the window goes into one, if that is no more than so many. */
const RUSH_PARTS = 2
const RUSH_ROW = 256

/**
 * The items that a client has in flight, rounded down to a part of its window. Where thousands of quick items are under way, one more or less says
 * nothing of who is free, and a frame for each client and item would cost far more than the items. A deep window says nothing of quick items
 * where a user has set it: such a client comes behind all that have nothing to do.
 */
function levelOf(candidate: Candidate<unknown>): number {
  const { inFlight, isPaced } = candidate
  const grain = grainOf(candidate)
  if (grain <= 1) return inFlight
  const level = inFlight - (inFlight % grain)
  return isPaced ? level : Math.max(Math.min(1, inFlight), level)
}

function grainOf({ inFlight, credit, isPaced }: Candidate<unknown>): number {
  return Math.floor((inFlight + credit) / (isPaced ? PACED_PARTS : PARTS))
}

function rushGrainOf(candidate: Candidate<unknown>): number {
  const part = Math.floor((candidate.inFlight + candidate.credit) / RUSH_PARTS)
  return Math.max(grainOf(candidate), Math.min(part, RUSH_ROW))
}
