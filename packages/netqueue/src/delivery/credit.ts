import { NetQueueError } from '../errors/errors.ts'
import type { Limits } from '../options/limits.ts'
import type { Payloads } from '../protocol/payloads.ts'

/** How much the receiver wants to take now. */
export interface Room {
  /** Items beyond those that are here. */
  items: number
  /** Items that may be under way at most: credit is given in steps of half of it. */
  window: number
  /** Nothing is left here to be handed out. */
  isDry: boolean
}

/**
 * What a peer may send, what of it has come, and what is done with: absolute limits that never fall, in items and in bytes.
 * Source: docs/protocol.md §8.
 */
export class Credit {
  readonly #limits: Pick<Limits, 'maxUnsettled' | 'maxUnsettledBytes'>
  #limit = 0
  #byteLimit = 0
  #received = 0
  #receivedBytes = 0
  #finishedBytes = 0

  constructor(limits: Pick<Limits, 'maxUnsettled' | 'maxUnsettledBytes'>) {
    this.#limits = limits
  }

  /** The highest number that may be sent. */
  get limit(): number {
    return this.#limit
  }

  /** An item may start while the bytes before it are below this. */
  get byteLimit(): number {
    return this.#byteLimit
  }

  /** The highest number that came or was skipped. */
  get received(): number {
    return this.#received
  }

  /** Bytes that came and are not done with. */
  get heldBytes(): number {
    return this.#receivedBytes - this.#finishedBytes
  }

  /** Throws for items beyond what was granted. */
  check({ count, bytes, lastBytes }: Payloads): void {
    const last = this.#received + count
    if (last > this.#limit) throw exceeded(`item ${last}; its credit ended with ${this.#limit}`, 'prefetch', last)
    const before = this.#receivedBytes + bytes - lastBytes
    if (before >= this.#byteLimit)
      throw exceeded(`more than its ${this.#byteLimit} bytes of credit`, 'maxUnsettledBytes', before)
  }

  /** Throws where a peer that knows no credit has more here than is kept: so many items, and bytes beyond its own limit. */
  checkUnasked(items: number): void {
    const { maxUnsettled, maxUnsettledBytes } = this.#limits
    const bytes = this.heldBytes
    if (items > maxUnsettled) throw overflow(`${items} items`, 'maxUnsettled', maxUnsettled, items)
    if (bytes > maxUnsettledBytes) throw overflow(`${bytes} bytes`, 'maxUnsettledBytes', maxUnsettledBytes, bytes)
  }

  /** Whether that would not throw for so many. */
  hasRoomFor(items: number): boolean {
    const { maxUnsettled, maxUnsettledBytes } = this.#limits
    return items <= maxUnsettled && this.heldBytes <= maxUnsettledBytes
  }

  /** Items came. */
  receive({ count, bytes }: Payloads): void {
    this.#received += count
    this.#receivedBytes += bytes
  }

  /** The peer will never use these numbers and bytes. */
  skip({ first, last, bytes }: { first: number; last: number; bytes: number }): void {
    if (first !== this.#received + 1 || last < this.#received || (last === this.#received && bytes > 0)) {
      const message = `The peer skipped items ${first} to ${last} and ${bytes} bytes, but ${this.#received + 1} is next`
      throw new NetQueueError('BAD_MESSAGE', message, { value: first })
    }
    if (last > this.#limit) throw exceeded(`back credit up to item ${last} of ${this.#limit}`, 'prefetch', last)
    if (bytes > 0 && this.#receivedBytes + bytes > this.#byteLimit)
      throw exceeded(`back more bytes than it had credit for`, 'maxUnsettledBytes', bytes)
    this.#received = last
    this.#receivedBytes += bytes
    this.#finishedBytes += bytes
  }

  /** An item is settled. */
  finish(bytes: number): void {
    this.#finishedBytes += bytes
  }

  /** Whether the peer may send nothing more. */
  get isSpent(): boolean {
    return this.#limit <= this.#received || this.#byteLimit <= this.#receivedBytes
  }

  /** Whether it is time to grant more: half a window adds up, or nothing is left on either side. */
  isDue({ items, window, isDry }: Room): boolean {
    const { maxUnsettled, maxUnsettledBytes } = this.#limits
    const more = this.#received + items - this.#limit
    const step = Math.ceil(Math.min(window, maxUnsettled) / 2)
    if (more > 0 && (more >= step || (isDry && this.#limit <= this.#received))) return true
    const moreBytes = this.#byteTarget() - this.#byteLimit
    if (items === 0 || moreBytes <= 0) return false
    return moreBytes >= maxUnsettledBytes / 2 || (isDry && this.#byteLimit <= this.#receivedBytes)
  }

  /** How many items, and how many bytes, have to come free at least before it is time to grant more. */
  dueAfter({ items, window }: Room): { items: number; bytes: number } {
    const { maxUnsettled, maxUnsettledBytes } = this.#limits
    const step = Math.ceil(Math.min(window, maxUnsettled) / 2)
    return {
      items: step - (this.#received + items - this.#limit),
      bytes: maxUnsettledBytes / 2 - (this.#byteTarget() - this.#byteLimit),
    }
  }

  /** Grants what there is room for. */
  raise({ items }: Room): void {
    this.#limit = Math.max(this.#limit, this.#received + items)
    this.#byteLimit = Math.max(this.#byteLimit, this.#byteTarget())
  }

  /** Whether the peer may send more than there is room for. */
  isExcessive({ items }: Room): boolean {
    return this.#limit > this.#received + items
  }

  #byteTarget(): number {
    return this.#finishedBytes + this.#limits.maxUnsettledBytes
  }
}

function exceeded(what: string, limit: string, value: number): NetQueueError {
  return new NetQueueError('CREDIT_EXCEEDED', `The peer sent ${what}`, { limit, value })
}

function overflow(what: string, limit: string, max: number, value: number): NetQueueError {
  const message = `The peer knows no credit and has ${what} here; at most ${max} are kept (${limit})`
  return new NetQueueError('INBOX_OVERFLOW', message, { limit, value })
}
