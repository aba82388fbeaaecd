import type { Message } from '../protocol/message.ts'
import type { Linked } from '../queue/linked-list.ts'
import { Delivery, DeliveryBelow } from './delivery.ts'
import type { DeliverySource } from './delivery.ts'

/** Items of one peer that wait: what came in one message, or one that is here again. */
export interface Arrival extends Linked {
  readonly source: DeliverySource
  /** Items that wait. */
  readonly size: number
  /** The bytes that they keep. */
  readonly bytes: number

  /** Takes out the next one; there must be one. */
  shift(): Delivery<unknown>
}

/** One that was handed out before. */
export class Again implements Arrival {
  before: Linked = this
  after: Linked = this
  readonly source: DeliverySource
  readonly #delivery: Delivery<unknown>
  #isHere = true

  constructor(delivery: Delivery<unknown>) {
    this.source = delivery.source
    this.#delivery = delivery
  }

  get size(): number {
    return this.#isHere ? 1 : 0
  }

  get bytes(): number {
    return this.#isHere ? this.#delivery.bytes : 0
  }

  shift(): Delivery<unknown> {
    this.#isHere = false
    this.source.left()
    return this.#delivery
  }
}

/**
 * What came in one message, with numbers in a row. An item becomes a delivery when it is its turn: those that wait cost what they
 * came in, and nothing more.
 */
export class Fresh implements Arrival {
  before: Linked = this
  after: Linked = this
  readonly source: DeliverySource
  /** The number of the first, which names all of them. */
  readonly first: number
  readonly #message: Extract<Message, { type: 'items' }>
  #next: number
  #size: number
  #bytes: number
  /** The numbers of those that were cancelled. */
  #cancelled: Set<number> | undefined

  constructor(source: DeliverySource, message: Extract<Message, { type: 'items' }>) {
    this.source = source
    this.#message = message
    this.first = message.first
    this.#next = message.first
    this.#size = message.payloads.count
    this.#bytes = message.payloads.bytes
  }

  get size(): number {
    return this.#size
  }

  /** The number of the next one, be it cancelled. */
  get next(): number {
    return this.#next
  }

  get bytes(): number {
    return this.#bytes
  }

  has(seq: number): boolean {
    return seq >= this.#next && seq < this.first + this.#message.payloads.count && this.#cancelled?.has(seq) !== true
  }

  /** Gives up one that is here. Its bytes stay counted as long as they are kept, which is until those before it are gone. */
  cancel(seq: number): void {
    this.#cancelled ??= new Set()
    this.#cancelled.add(seq)
    this.#size -= 1
    if (this.#size === 0) this.#finish()
  }

  shift(): Delivery<unknown> {
    for (;;) {
      const payload = this.#message.payloads.next()
      const seq = this.#next
      this.#next += 1
      this.#bytes -= payload.length
      if (this.#cancelled?.has(seq) !== true) return this.#delivery(seq, payload)
      this.source.skipped(payload.length)
    }
  }

  #delivery(seq: number, payload: Uint8Array): Delivery<unknown> {
    this.#size -= 1
    const { attempt, wantsResult, to } = this.#message
    const init = { seq, attempt, wantsResult, bytes: payload.length, payload }
    const delivery =
      to === undefined ? new Delivery<unknown>(this.source, init) : new DeliveryBelow(this.source, init, to)
    this.source.begun(delivery)
    if (this.#size === 0) this.#finish()
    return delivery
  }

  /** All that is left was cancelled. */
  #finish(): void {
    this.source.skipped(this.#bytes)
    this.#bytes = 0
    this.source.emptied(this.first)
  }
}
