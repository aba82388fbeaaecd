import type { Pending } from '../queue/pending.ts'

/** One delivery that did not end an item's life. */
export interface Attempt {
  /** The id of the peer that had the item. */
  peer: string
  /** The connection was lost, the handler failed, or the peer refused the item. */
  outcome: 'lost' | 'released' | 'rejected'
  /** The code that a refusal or failure carried. */
  code?: string
}

/** Who is waiting for what becomes of a submitted item. */
export interface ResultSlot {
  resolve(value: Uint8Array | undefined): void
  reject(error: Error): void
}

/** Where entries wait for a receiver; entries are their own links, so that any of them leaves in one step. */
export interface ListNode {
  previous: ListNode
  next: ListNode
}

/** What an entry is addressed to, as far as deliveries know. */
export interface EntryTarget {
  readonly id: string
}

/** Where an entry was assigned. */
export interface Holder {
  cancel(entry: Entry): void
}

/** An item on its way: from the call that put it until a receiver settled it. */
export class Entry implements ListNode {
  previous: ListNode = this
  next: ListNode = this
  readonly item: unknown
  readonly payload: Uint8Array
  /**
   * waiting: nobody has it. queued: assigned, not on the wire yet. sent: on the wire, unsettled.
   * gone: settled, withdrawn, or a dead letter.
   */
  state: 'waiting' | 'queued' | 'sent' | 'gone' = 'waiting'
  /** 1 for the first delivery; counts up with each delivery that failed. */
  attempt = 1
  /** The number of the current delivery on its link. */
  seq = 0
  /** Its place among all puts of its link, from 1; 0 for one that was on the wire before. */
  ordinal = 0
  /** The one client that may have it. */
  target: EntryTarget | undefined
  /** Where it is, once it was assigned. */
  holder: Holder | undefined
  history: Attempt[] | undefined
  /** The `put` that waits for a receiver. */
  assigned: Pending<void> | undefined
  /** The `submit` or `map` that waits for its result. */
  result: ResultSlot | undefined
  /** Its sender gave it up while a receiver had it: whatever becomes of it, it is not delivered again. */
  isCancelled = false

  constructor(item: unknown, payload: Uint8Array) {
    this.item = item
    this.payload = payload
  }
}

/** Entries in order; push, unshift, remove and join each take one step. */
export class EntryList {
  readonly #end: ListNode

  constructor() {
    const end = {} as ListNode
    end.previous = end
    end.next = end
    this.#end = end
  }

  get first(): Entry | undefined {
    return this.#end.next === this.#end ? undefined : (this.#end.next as Entry)
  }

  push(entry: Entry): void {
    link(entry, this.#end.previous, this.#end)
  }

  unshift(entry: Entry): void {
    link(entry, this.#end, this.#end.next)
  }

  shift(): Entry | undefined {
    const { first } = this
    if (first !== undefined) unlink(first)
    return first
  }

  /** Moves all entries of another list in front of ours. */
  prepend(other: EntryList): void {
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

  *[Symbol.iterator](): Generator<Entry> {
    for (let node = this.#end.next; node !== this.#end; node = node.next) yield node as Entry
  }
}

function link(entry: ListNode, previous: ListNode, next: ListNode): void {
  entry.previous = previous
  entry.next = next
  previous.next = entry
  next.previous = entry
}

/** Takes an entry out of whichever list it is in; one that is in none stays in none. */
export function unlink(entry: ListNode): void {
  entry.previous.next = entry.next
  entry.next.previous = entry.previous
  entry.previous = entry
  entry.next = entry
}
