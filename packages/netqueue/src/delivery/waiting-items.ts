import { isLinked, LinkedList, unlink } from '../queue/linked-list.ts'
import { Again } from './arrival.ts'
import type { Arrival, Fresh } from './arrival.ts'
import type { Delivery } from './delivery.ts'

export interface WaitingItemsOwner {
  /** Bytes that may wait before no peer gets room. */
  readonly maxBytes: number
  /** So much waited that no peer had room; now they have. */
  freed(): void
  /** Nothing waits any more. */
  emptied(): void
}

/** Messages whose items wait: items without a byte cost some 500 of ours where each comes alone. */
const MAX_ARRIVALS = 500_000

/** The items that wait to be handed out, the oldest first, and how much they are. */
export class WaitingItems implements Iterable<Arrival> {
  readonly #owner: WaitingItemsOwner
  readonly #arrivals: LinkedList<Arrival> = new LinkedList()
  /** Items that are here again. */
  readonly #again: Map<Delivery<unknown>, Again> = new Map()
  #size = 0
  #bytes = 0
  #count = 0

  constructor(owner: WaitingItemsOwner) {
    this.#owner = owner
  }

  get size(): number {
    return this.#size
  }

  /** Whether so much waits that no peer gets room. */
  get isFull(): boolean {
    return this.#bytes >= this.#owner.maxBytes || this.#count >= MAX_ARRIVALS
  }

  push(arrival: Arrival): void {
    this.#arrivals.push(arrival)
    this.#came(arrival)
  }

  unshift(arrival: Arrival): void {
    this.#arrivals.unshift(arrival)
    this.#came(arrival)
  }

  /** Takes the oldest item. */
  shift(): Delivery<unknown> | undefined {
    const arrival = this.#arrivals.first
    if (arrival === undefined) return undefined
    const { bytes } = arrival
    const delivery = this.#take(arrival)
    this.#left(arrival, bytes)
    return delivery
  }

  /** An item that is to be here again. */
  again(delivery: Delivery<unknown>): Again {
    const again = new Again(delivery)
    this.#again.set(delivery, again)
    return again
  }

  /** Takes out one item that is here again; `false` when it was handed out. */
  withdraw(delivery: Delivery<unknown>): boolean {
    const again = this.#again.get(delivery)
    if (again === undefined) return false
    this.drop(again)
    this.#take(again)
    return true
  }

  /** Takes one item out of those that came with it. */
  cancel(arrival: Fresh, seq: number): void {
    const { bytes } = arrival
    arrival.cancel(seq)
    this.#left(arrival, bytes)
  }

  /** Takes out all that came together. */
  drop(arrival: Arrival): void {
    if (!isLinked(arrival)) return
    unlink(arrival)
    this.#gone({ items: arrival.size, bytes: arrival.bytes, arrivals: 1 })
  }

  /** Gives back all that came together. */
  giveBack(arrival: Arrival): void {
    this.drop(arrival)
    while (arrival.size > 0) this.#take(arrival).giveBack()
  }

  /** All that came, the oldest first; what was handed out last may leave meanwhile. */
  [Symbol.iterator](): Iterator<Arrival> {
    return this.#arrivals[Symbol.iterator]()
  }

  #take(arrival: Arrival): Delivery<unknown> {
    const delivery = arrival.shift()
    if (this.#again.size > 0) this.#again.delete(delivery)
    return delivery
  }

  #came({ size, bytes }: Arrival): void {
    this.#size += size
    this.#bytes += bytes
    this.#count += 1
  }

  /** One item left those that came with it, and had kept so many bytes. */
  #left(arrival: Arrival, bytes: number): void {
    const isLast = arrival.size === 0
    if (isLast) unlink(arrival)
    this.#gone({ items: 1, bytes: bytes - arrival.bytes, arrivals: isLast ? 1 : 0 })
  }

  #gone({ items, bytes, arrivals }: { items: number; bytes: number; arrivals: number }): void {
    const wasFull = this.isFull
    this.#size -= items
    this.#bytes -= bytes
    this.#count -= arrivals
    if (wasFull && !this.isFull) this.#owner.freed()
    if (this.#size === 0) this.#owner.emptied()
  }
}
