import type { Outcome } from '../protocol/protocol.ts'

/** Who sent an item. */
export interface Sender {
  readonly id: string
}

/** How a delivery ends, towards the side that it came from. */
export interface DeliverySource {
  /** Whether the sender waits for a result. */
  settle(delivery: Delivery<unknown>, outcome: Outcome): boolean
  result(delivery: Delivery<unknown>, value: unknown): boolean
  failed(delivery: Delivery<unknown>, error: unknown): boolean
  reject(delivery: Delivery<unknown>, reason: unknown): boolean
  extend(delivery: Delivery<unknown>): void
  decode(payload: Uint8Array): unknown
  readonly from: Sender
}

/**
 * One item that was handed out, until it is settled by `done`, `release` or `reject`. Only the first of them counts, and only
 * while the delivery is still ours: a settle that comes too late is ignored, returns `false`, and is counted (`STALE_SETTLE`).
 */
export class Delivery<T> {
  /** How many times the item has been delivered, this time included. */
  readonly attempt: number
  /** Whether the sender waits for a result: the item was given to `submit` or `map`. */
  readonly wantsResult: boolean
  /** @internal */ readonly seq: number
  /** @internal */ readonly payload: Uint8Array
  readonly #source: DeliverySource
  #item: T | undefined
  #isDecoded = false
  #controller: AbortController | undefined
  #isOpen = true

  /** @internal */
  constructor(source: DeliverySource, seq: number, payload: Uint8Array, attempt: number, wantsResult: boolean) {
    this.#source = source
    this.seq = seq
    this.payload = payload
    this.attempt = attempt
    this.wantsResult = wantsResult
  }

  /** What was sent. */
  get item(): T {
    if (!this.#isDecoded) this.#item = this.#source.decode(this.payload) as T
    this.#isDecoded = true
    return this.#item as T
  }

  /** Who sent it. */
  get from(): Sender {
    return this.#source.from
  }

  /** Fires when the item is no longer ours to work on: the sender cancelled it, the connection was lost, or a drain ran out of time. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  /** Whether it is still ours to settle. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** The work is done. A result answers `submit` and `map`; without one they reject with `NO_RESULT`. */
  done(...result: [] | [result: unknown]): boolean {
    return result.length === 0 ? this.#source.settle(this, 'done') : this.#source.result(this, result[0])
  }

  /** The work failed and is to be tried again, here or elsewhere: the item goes back with `attempt + 1`. */
  release(): boolean {
    return this.#source.settle(this, 'released')
  }

  /**
   * The item is of no use and is not to be tried again: it becomes a dead letter at its sender; `submit` rejects with `RemoteError`.
   * The sender learns the reason's `code`, and its text where `exposeErrors` allows it.
   */
  reject(reason?: unknown): boolean {
    return this.#source.reject(this, reason)
  }

  /** The work takes longer than the sender's `settleTimeout`: renews it. */
  extend(): void {
    this.#source.extend(this)
  }

  /** @internal The handler threw: an answer where a result is wanted, otherwise a release. */
  failed(error: unknown): boolean {
    return this.wantsResult ? this.#source.failed(this, error) : this.release()
  }

  /** @internal It was settled, by us. */
  settled(): void {
    this.#isOpen = false
  }

  /** @internal Time to finish; it is still ours. */
  abort(reason: Error): void {
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }

  /** @internal It is not ours any more, whatever the handler still does. */
  revoke(reason: Error): void {
    this.#isOpen = false
    this.abort(reason)
  }
}
