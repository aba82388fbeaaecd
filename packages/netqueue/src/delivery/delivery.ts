import type { Path } from '../message/route.ts'
import type { Outcome } from '../protocol/message.ts'
import type { Settlement } from './settlement.ts'

/** Who sent an item. */
export interface Sender {
  readonly id: string
}

/** Where deliveries come from, and how they end towards it. */
export interface DeliverySource {
  readonly from: Sender
  /** Whether its bytes are in the agreed codec. */
  readonly isTyped: boolean
  /** Whether what came from there cannot go back. */
  readonly isKept: boolean
  settle(delivery: Delivery<unknown>, outcome: Outcome): boolean
  result(delivery: Delivery<unknown>, value: unknown): boolean
  failed(delivery: Delivery<unknown>, error: unknown): boolean
  reject(delivery: Delivery<unknown>, reason: unknown): boolean
  /** Ends as a delivery of the same item elsewhere did. */
  pass(delivery: Delivery<unknown>, how: Settlement): boolean
  extend(delivery: Delivery<unknown>): boolean
  decode(payload: Uint8Array): unknown
  /** One of its items, which had not been handed out before, is. */
  begun(delivery: Delivery<unknown>): void
  /** Bytes of cancelled items are not kept any more. */
  skipped(bytes: number): void
  /** All items are gone that came with the one of this number. */
  emptied(first: number): void
  /** One of its items that was here again does not wait any more. */
  left(): void
  /** A reader has one of its items: there may be room for more. */
  taken(): void
}

/** Whoever is told that an item is no longer its own to work on. */
export interface Revocable {
  abort(reason: Error): void
}

export interface DeliveryInit {
  seq: number
  attempt: number
  wantsResult: boolean
  bytes: number
  /** `undefined` for an item that was decoded before. */
  payload: Uint8Array | undefined
}

/**
 * One item that was handed out, until it is settled by `done`, `release` or `reject`. Only the first of them counts, and only
 * while the delivery is still ours: a settle that comes too late is ignored, returns `false`, and is counted (`STALE_SETTLE`).
 */
export class Delivery<T, Result = unknown, From extends Sender = Sender> {
  /** How many times the item has been delivered, this time included. */
  readonly attempt: number
  /** Whether the sender waits for a result: the item was given to `submit` or `map`. */
  readonly wantsResult: boolean
  /** @internal */ readonly seq: number
  /** @internal */ readonly source: DeliverySource
  /** @internal The size of the item as it came. */ readonly bytes: number
  /** Until the item is decoded. */
  #payload: Uint8Array | undefined
  #item: T | undefined
  #controller: AbortController | undefined
  /** In place of a signal, which costs far more. */
  #holder: Revocable | undefined
  /** open: ours to settle. cancelled: its sender gave it up, and waits to hear that we did. over: settled, or lost. */
  #state: 'open' | 'cancelled' | 'over' = 'open'

  /** @internal */
  constructor(source: DeliverySource, { seq, attempt, wantsResult, bytes, payload }: DeliveryInit) {
    this.source = source
    this.seq = seq
    this.attempt = attempt
    this.wantsResult = wantsResult
    this.bytes = bytes
    this.#payload = payload
  }

  /** What was sent. */
  get item(): T {
    if (this.#payload !== undefined) {
      this.#item = this.source.decode(this.#payload) as T
      this.#payload = undefined
    }
    return this.#item as T
  }

  /** Who sent it. */
  get from(): From {
    return this.source.from as From
  }

  /** Fires when the item is no longer ours to work on: the sender cancelled it or took it back, the connection was lost, or a drain ran out of time. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  /** Whether it is still ours to settle. */
  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** @internal For whom it is, of those below this side. */
  get to(): Path | undefined {
    return undefined
  }

  /** The work is done. A result answers `submit` and `map`; without one they reject with `NO_RESULT`. */
  done(...result: [] | [result: Result]): boolean {
    return result.length === 0 ? this.source.settle(this, 'done') : this.source.result(this, result[0])
  }

  /** The work failed and is to be tried again, here or elsewhere: the item goes back with `attempt + 1`. */
  release(): boolean {
    return this.source.settle(this, 'released')
  }

  /**
   * The item is of no use and is not to be tried again: it becomes a dead letter at its sender; `submit` rejects with `RemoteError`.
   * The sender learns the reason's `code`, and its text where `exposeErrors` allows it.
   */
  reject(reason?: unknown): boolean {
    return this.source.reject(this, reason)
  }

  /**
   * The work takes longer than the sender's `settleTimeoutMs`: its time begins anew, when the sender hears of it. Tells whether the
   * delivery is still ours: where it is not, somebody else has the item, and the signal has fired. Can be taken out, as in
   * `(item, { extend }) => …`.
   */
  get extend(): () => boolean {
    return () => this.source.extend(this)
  }

  /** @internal The handler threw. */
  failed(error: unknown): boolean {
    return this.source.failed(this, error)
  }

  /** @internal It was never started: it goes back as it came. */
  giveBack(): boolean {
    return this.source.settle(this, 'returned')
  }

  /** @internal Whether its sender has yet to hear of it. */
  get isHeld(): boolean {
    return this.#state !== 'over'
  }

  /** @internal Its bytes as they came; `undefined` once it was decoded. */
  get payload(): Uint8Array | undefined {
    return this.source.isTyped ? this.#payload : undefined
  }

  /** @internal It is somebody's who hands it on, and is told when it is its own no more. */
  hold(holder: Revocable): void {
    this.#holder = holder
  }

  /** @internal The item, or the bytes of one that nobody could decode. */
  get rawItem(): unknown {
    return this.#payload ?? this.#item
  }

  /** @internal The next delivery of the same item, by this side. */
  again(attempt: number = this.attempt + 1): Delivery<T, Result, From> {
    const { seq, wantsResult, bytes } = this
    const again = new Delivery<T, Result, From>(this.source, {
      seq,
      bytes,
      wantsResult,
      attempt,
      payload: this.#payload,
    })
    again.#item = this.#item
    return again
  }

  /** @internal Its sender has been told what became of it. */
  settled(): void {
    this.#state = 'over'
  }

  /** @internal Time to finish; it is still ours. */
  abort(reason: Error): void {
    this.#holder?.abort(reason)
    // For those, too, who ask for the signal only now.
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }

  /** @internal Its sender gave it up. */
  cancel(reason: Error): void {
    this.#state = 'cancelled'
    this.abort(reason)
  }

  /** @internal Its sender is gone, and has it. */
  lose(reason: Error): void {
    this.#state = 'over'
    this.abort(reason)
  }
}

/** One item for somebody below this side. */
export class DeliveryBelow extends Delivery<unknown> {
  readonly #to: Path

  constructor(source: DeliverySource, init: DeliveryInit, to: Path) {
    super(source, init)
    this.#to = to
  }

  override get to(): Path {
    return this.#to
  }
}
