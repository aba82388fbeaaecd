import type { Flow } from './flow.ts'
import type { Check } from './invariants.ts'
import type { Item, Ledger } from './ledger.ts'
import type { Schedule } from './schedule.ts'

export interface SequenceInit {
  schedule: Schedule
  /** Whose order it is. */
  ledger: Ledger
  /** Whether items are sent in the order of their puts. */
  isInOrder: boolean
  /** Whether items may be assigned and not written when an event is over: where writes wait for the window. */
  mayBeUnwritten: () => boolean
  check: Check
}

/** What must not come before what: settles before puts, new items before those that came back, done before the body is. */
export class Sequence {
  readonly #init: SequenceInit
  readonly #begun: Item[] = []
  readonly #leftOpen: Map<Item, Flow> = new Map()
  readonly #mustFollow: Map<Flow, Map<Item, Item[]>> = new Map()

  constructor(init: SequenceInit) {
    this.#init = init
  }

  get isInOrder(): boolean {
    return this.#init.isInOrder
  }

  /** Whether an item may be assigned and not written when an event is over: where writes wait for the window. */
  get mayBeUnwritten(): boolean {
    return this.#init.mayBeUnwritten()
  }

  /** The settle of `item` by this client must not arrive before `result`, which it put first. */
  mustFollow(flow: Flow, item: Item, result: Item): void {
    const results = this.#mustFollow.get(flow) ?? new Map<Item, Item[]>()
    this.#mustFollow.set(flow, results.set(item, [...(results.get(item) ?? []), result]))
  }

  /** A client's user left its loop in the middle of an item: that is not done. */
  leftOpen(flow: Flow, item: Item): void {
    this.#leftOpen.set(item, flow)
  }

  /** Somebody works on the item, for the first time or again. */
  handed(item: Item): void {
    this.#leftOpen.delete(item)
  }

  /** The server was told that the item is done. */
  done(item: Item, flow: Flow): void {
    const { check } = this.#init
    const isLeft = this.#leftOpen.get(item) === flow
    check(!isLeft, 'P3', `${item.key} was settled by a loop that was left in the middle of it`)
    for (const result of this.#mustFollow.get(flow)?.get(item) ?? []) {
      // A put that was rejected was none.
      const isThere = result.timesReceived > 0 || result.call === 'failed'
      check(isThere, 'P4', `${item.key} was settled before ${result.key}, which was put before, arrived`)
    }
  }

  /** An item is on the wire for the first time: items that came back go first, which is judged when the event is over. */
  began(item: Item): void {
    const { isInOrder } = this.#init
    if (isInOrder && !this.mayBeUnwritten && item.order !== undefined && !item.isDisplaced) this.#begun.push(item)
  }

  /** To be called when an event is over. */
  checkHead(): void {
    const { check, ledger, schedule } = this.#init
    const [first] = this.#begun.splice(0)
    if (first === undefined) return
    for (const { freeSince = Number.POSITIVE_INFINITY, attempt, order, key, isOver } of ledger.items.values()) {
      const waits = freeSince < schedule.ranBefore && order !== undefined && attempt < ALONE_FROM_ATTEMPT && !isOver
      check(!waits, 'I5', `${first.key} was sent first while ${key}, which came back, waits`)
    }
  }
}

/** From this attempt on an item is delivered alone, and others may go before it. */
const ALONE_FROM_ATTEMPT = 3
