import type { Path } from '../message/route.ts'
import type { Longest } from '../message/tree.ts'
import type { Pending } from '../queue/pending.ts'
import type { Linked } from '../queue/linked-list.ts'
import { SettleDeadline } from './settle-deadlines.ts'
import type { Settlement } from './settlement.ts'

/** One delivery that did not end an item's life. */
export interface Attempt {
  /** The id of the peer that had the item. */
  peer: string
  /** The connection was lost, the handler failed, the peer refused the item, or it did not settle it within `settleTimeoutMs`. */
  outcome: 'lost' | 'released' | 'rejected' | 'overdue'
  /** The code that a refusal or failure carried. */
  code?: string
  /** Why a relay gave it up, in words; or the text of an error, where the peer exposes those. */
  reason?: string
}

/** Who is waiting for what becomes of a submitted item. */
export interface ResultSlot {
  /** Called with each assignment. */
  assigned?: (() => void) | undefined
  resolve(value: Uint8Array | undefined): void
  reject(error: Error): void
}

/** What an entry is addressed to, as far as deliveries know. */
export interface EntryTarget {
  readonly id: string
}

/** Where an entry was assigned. */
export interface Holder {
  cancel(entry: Entry): void
  /** They were not settled in time. */
  takeBack(entries: readonly Entry[]): void
}

/** An item on its way: from the call that put it until a receiver settled it. */
export class Entry implements Linked {
  before: Linked = this
  after: Linked = this
  readonly #item: unknown
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
  /** Its place among all that wait for a client: those with a lower one came before; below 0, it has come back from one. */
  rank = 0
  /** Its number among those that no free client can be given; 0 for one that is not there. */
  shelved = 0
  /** The one client that may have it. */
  target: EntryTarget | undefined
  /** Where it is, once it was assigned. */
  holder: Holder | undefined
  history: Attempt[] | undefined
  /** The `put` that waits for a receiver. */
  assigned: Pending<void> | undefined
  /** The `submit` or `map` that waits for its result. */
  result: ResultSlot | undefined
  /** Until when it is to be settled, where it has a time for that. */
  deadline: SettleDeadline | undefined
  /** Its sender gave it up while a receiver had it: whatever becomes of it, it is not delivered again. */
  isCancelled = false

  constructor(item: unknown, payload: Uint8Array) {
    this.#item = item
    this.payload = payload
  }

  get item(): unknown {
    return this.#item
  }

  /** The way from its target down to whom it is for. @default the target, or whomever that finds */
  get way(): Path | undefined {
    return undefined
  }

  /** Whether whom it is for is known to be gone, though its target is there. */
  get isLost(): boolean {
    return false
  }

  /** Whether whoever sent it wants it back: it is not tried again here. */
  get isRecalled(): boolean {
    return false
  }

  /** The same item at the beginning of another life. */
  anew(): Entry {
    const { target, deadline } = this
    const entry = this.copy()
    entry.target = target
    if (deadline !== undefined) entry.deadline = new SettleDeadline(entry, deadline.ms)
    return entry
  }

  protected copy(): Entry {
    return new Entry(this.item, this.payload)
  }

  /** Its life here ended so. Tells whether somebody else keeps the item: then this side does not. */
  ended(_how: Settlement): boolean {
    return false
  }

  /** Whoever has it asked for more time. */
  extended(): void {}
}

/** Whether somebody takes an item as long as that. */
export function isWithin({ payload, result }: Entry, { put, submitted }: Longest): boolean {
  const most = result === undefined ? put : submitted
  // Nobody takes anything, be it empty.
  return most > 0 && payload.length <= most
}

/** A node below a peer. */
export interface NodeBelow {
  /** From the peer. */
  readonly way: Path
  readonly isConnected: boolean
}

/** An item for a node below the peer that gets it. */
export class EntryBelow extends Entry {
  readonly #node: NodeBelow

  constructor(item: unknown, payload: Uint8Array, node: NodeBelow) {
    super(item, payload)
    this.#node = node
  }

  override get way(): Path {
    return this.#node.way
  }

  override get isLost(): boolean {
    return !this.#node.isConnected
  }

  protected override copy(): Entry {
    return new EntryBelow(this.item, this.payload, this.#node)
  }
}

/** What a peer had, or was about to have, when it was gone; the oldest first. */
export interface Entries {
  sent: Entry[]
  queued: Entry[]
}
