import type { Codec } from '../message/codec.ts'
import { decodeWith, encodeWithin } from '../message/codec.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Limits } from '../options/limits.ts'
import type { Message, Outcome, Writer } from '../protocol/protocol.ts'
import { Credit } from './credit.ts'
import type { Room } from './credit.ts'
import { Delivery } from './delivery.ts'
import type { DeliverySource, Sender } from './delivery.ts'
import { failureOf } from './failure.ts'
import type { Failure } from './failure.ts'
import { GivenBack } from './given-back.ts'
import { Grants } from './grants.ts'
import type { Inbox } from './inbox.ts'
import type { Retry } from './retry.ts'
import { Settles } from './settles.ts'
import { unpinned } from './unpinned.ts'
import { Unsettled } from './unsettled.ts'

/** What the introduction said about the sender. */
export interface IntakeTerms {
  isCredited: boolean
  isTyped: boolean
  /** Longest result that it takes. @default as long as our own */
  maxItemBytes?: number
}

export interface IntakeInit {
  limits: Limits
  inbox: Inbox
  codec: Codec<unknown>
  /** For the results of what was received. */
  resultCodec: Codec<unknown>
  /** Who the peer is; known once it has introduced itself. */
  from: () => Sender
  /** Whether handlers' error texts travel. */
  exposeErrors: boolean
  /** How often an item is tried here that its sender cannot take back. */
  retry: Retry
  wake: () => void
  /** The ordinal of the last put of this side, which a settle that comes after it must not overtake. */
  lastOrdinal: () => number
  warn: (error: NetQueueError) => void
}

/**
 * The items that one peer sends us: grants it credit as the inbox has room, and settles what was handed out. What was granted
 * too freely is asked back.
 */
export class Intake implements DeliverySource {
  readonly #init: IntakeInit
  readonly #credit: Credit
  readonly #grants: Grants
  readonly #unsettled: Unsettled<Delivery<unknown>> = new Unsettled()
  readonly #settles: Settles
  readonly #givenBack: GivenBack = new GivenBack()
  /** Whether the peer waits for credit and takes settles; an original does neither. */
  #isCredited = true
  #isTyped = true
  #maxResultBytes: number
  #isOpen = false
  /** Set when the peer is gone: its items were lost to us, or kept because nobody else has them. */
  #end: 'lost' | 'kept' | undefined
  #waiting = 0

  constructor(init: IntakeInit) {
    this.#init = init
    this.#maxResultBytes = init.limits.maxItemBytes
    this.#credit = new Credit(init.limits)
    this.#grants = new Grants({ credit: this.#credit, room: () => this.#room, wake: init.wake })
    this.#settles = new Settles(init.lastOrdinal)
  }

  get from(): Sender {
    return this.#init.from()
  }

  /** Items that were handed out and not settled. */
  get handedOut(): number {
    return this.#unsettled.size - this.#waiting
  }

  /** Whether no further item may be handed out before one is settled. */
  get isExhausted(): boolean {
    return this.handedOut >= this.#init.limits.maxUnsettled
  }

  /** Whether what came from this peer stays here whatever happens: the peer is gone, or cannot take anything back. */
  get isKept(): boolean {
    return this.#end === 'kept' || (this.#isOpen && !this.#isCredited)
  }

  /** Whether nothing of this peer's is here any more, waiting or handed out. */
  get isSettled(): boolean {
    return this.#unsettled.size === 0
  }

  open({ isCredited, isTyped, maxItemBytes = this.#maxResultBytes }: IntakeTerms): void {
    this.#maxResultBytes = maxItemBytes
    this.#isCredited = isCredited
    this.#isTyped = isTyped
    this.#isOpen = true
    this.#grants.open({ isCredited })
  }

  /** The peer waits to hear that we received what it sent: it is told each time from now on. */
  acknowledge(): void {
    this.#grants.reportAll()
  }

  items({ first, attempt, wantsResult, payloads }: Extract<Message, { type: 'items' }>): void {
    this.#check(first, payloads)
    for (const payload of unpinned(payloads)) {
      this.#credit.receive(payload.byteLength)
      this.#enter(
        new Delivery<unknown>(this, {
          seq: this.#credit.received,
          attempt,
          wantsResult,
          bytes: payload.byteLength,
          payload,
        }),
      )
    }
    this.#grants.arrived()
  }

  released(range: Extract<Message, { type: 'released' }>): void {
    this.#credit.skip(range)
    this.#grants.released()
  }

  /** The sender gave an item up: one that waits is gone, a handler's signal fires and its slot stays taken until it settles. */
  cancel(seq: number): void {
    if (seq > this.#credit.received) {
      const message = `The peer cancelled item ${seq}, but sent only ${this.#credit.received}`
      throw new NetQueueError('BAD_MESSAGE', message, { value: seq })
    }
    const delivery = this.#unsettled.get(seq)
    if (delivery === undefined) return
    if (this.#init.inbox.withdraw(delivery)) this.settle(delivery, 'cancelled')
    else delivery.cancel(new NetQueueError('CLOSED', 'The sender cancelled the item'))
  }

  /** One of our items left the inbox. */
  left(): void {
    this.#waiting -= 1
  }

  /** Raises the peer's credit to what there is room for; small steps wait until they add up. */
  grant(): void {
    this.#grants.grant()
  }

  /** Asks unused credit back: whoever it was granted for is gone. */
  shrink(): void {
    this.#grants.shrink()
  }

  settle(delivery: Delivery<unknown>, outcome: Outcome): boolean {
    if (this.isKept && outcome === 'returned') return this.#restore(delivery)
    if (this.isKept && outcome === 'released') return this.#again(delivery)
    return this.#finish(delivery, () => this.#settle(delivery, outcome))
  }

  result(delivery: Delivery<unknown>, value: unknown): boolean {
    if (!delivery.wantsResult) return this.#unclaimed(delivery, value)
    const payload = this.#encodeResult(delivery, value)
    return (
      payload !== 'failed' &&
      this.#finish(delivery, () => this.#settles.answer({ kind: 'result', seq: delivery.seq, value: payload }))
    )
  }

  /** The handler threw: an answer where one is wanted, otherwise a release whose reason is told. */
  failed(delivery: Delivery<unknown>, error: unknown): boolean {
    const message = `A handler failed on an item from ${this.from.id} (attempt ${delivery.attempt})`
    this.#init.warn(new NetQueueError('HANDLER_FAILED', message, { cause: error }))
    return this.#fail(delivery, error)
  }

  #fail(delivery: Delivery<unknown>, error: unknown): boolean {
    if (this.isKept) return this.#again(delivery)
    return this.#finish(delivery, () => {
      this.#settles.answer({ kind: 'failed', seq: delivery.seq, ...this.#failure(error, 'HANDLER_FAILED') })
      if (!delivery.wantsResult) this.#givenBack.add(delivery, 'released')
    })
  }

  reject(delivery: Delivery<unknown>, reason: unknown): boolean {
    const described = this.#failure(reason, 'REJECTED')
    return this.#finish(delivery, () => {
      if (this.isKept) this.#giveUp(delivery, `was rejected with ${described.code}`)
      else this.#settles.answer({ kind: 'reject', seq: delivery.seq, ...described })
    })
  }

  extend(delivery: Delivery<unknown>): void {
    if (this.#unsettled.get(delivery.seq) !== delivery) return
    this.#settles.answer({ kind: 'extend', seq: delivery.seq })
    this.#init.wake()
  }

  decode(payload: Uint8Array): unknown {
    const { codec } = this.#init
    if (this.#isTyped || codec.name === 'bytes') return decodeWith(codec, payload)
    const text = new TextDecoder().decode(payload)
    return codec.check === undefined ? text : codec.check(text)
  }

  fillControl(writer: Writer): void {
    this.#grants.fill(writer)
  }

  /** Writes the settles that do not overtake an item of ours that is not on the wire yet. */
  fill(writer: Writer, oldestOrdinal: number): boolean {
    const isAll = this.#settles.fill(writer, oldestOrdinal)
    if (this.#settles.isEmpty) this.#givenBack.written()
    return isAll
  }

  /** Fires the signals of what is handed out, which can still be settled. */
  revoke(reason: Error): void {
    for (const delivery of this.#unsettled) delivery.abort(reason)
  }

  /** Hands back what was not settled, started or not; handlers' signals fire. */
  handBack(reason: Error): number {
    const open = [...this.#unsettled]
    for (const delivery of open) {
      const outcome = this.#init.inbox.withdraw(delivery) ? 'returned' : 'released'
      this.#finish(delivery, () => this.#settle(delivery, outcome))
      delivery.abort(reason)
    }
    return open.length
  }

  /**
   * The peer is gone. A client's items are the server's to hand out again, so handlers' signals fire; what a server received
   * it keeps, for nobody else has it.
   */
  close(reason: Error, { keep }: { keep: boolean }): void {
    this.#end = keep ? 'kept' : 'lost'
    this.#grants.close()
    if (keep) return this.#keepGivenBack()
    for (const delivery of this.#unsettled.takeAll()) {
      this.#init.inbox.withdraw(delivery)
      delivery.lose(reason)
    }
  }

  get #room(): Room {
    const { inbox, limits } = this.#init
    const { slots } = inbox
    const items = Math.min(slots - this.#waiting, limits.maxUnsettled - this.#unsettled.size)
    return { items: Math.max(0, items), window: slots, isDry: this.#waiting === 0 }
  }

  #enter(delivery: Delivery<unknown>): void {
    this.#unsettled.push(delivery.seq, delivery)
    this.#waiting += 1
    this.#init.inbox.offer(delivery)
  }

  #settle(delivery: Delivery<unknown>, outcome: Outcome): void {
    this.#settles.add(delivery.seq, outcome)
    this.#givenBack.add(delivery, outcome)
  }

  /** What was given back to a peer that never heard of it is still here, and nowhere else. */
  #keepGivenBack(): void {
    const kept = this.#givenBack.take(this.#settles)
    if (kept.length === 0) return
    const all = [...kept, ...this.#unsettled.takeAll()].toSorted((one, other) => one.seq - other.seq)
    for (const delivery of all) this.#unsettled.push(delivery.seq, delivery)
    this.#waiting += kept.length
    for (const delivery of kept.toReversed()) this.#init.inbox.restore(delivery)
  }

  #finish(delivery: Delivery<unknown>, tell: () => void): boolean {
    if (this.#isStale(delivery)) return false
    const isOurs = delivery.isOpen
    this.#unsettled.take(delivery.seq)
    this.#credit.finish(delivery.bytes)
    delivery.settled()
    if (isOurs) tell()
    else this.#settles.add(delivery.seq, 'cancelled')
    this.#init.wake()
    this.grant()
    return isOurs
  }

  /** An item that cannot go back and was not started. */
  #restore(delivery: Delivery<unknown>): boolean {
    if (this.#isStale(delivery)) return false
    this.#waiting += 1
    this.#init.inbox.restore(delivery)
    return true
  }

  /** An item that cannot go back: it is ours to try again, after a while. */
  #again(delivery: Delivery<unknown>): boolean {
    const { inbox, retry } = this.#init
    const again = delivery.again()
    if (again.attempt > retry.maxAttempts)
      return this.#finish(delivery, () => this.#giveUp(delivery, `failed ${retry.maxAttempts} times (maxAttempts)`))
    if (!delivery.isOpen) return this.#finish(delivery, () => {})
    delivery.settled()
    this.#unsettled.replace(again.seq, again)
    this.#waiting += 1
    inbox.retry(again, retry.delayBefore(again.attempt))
    return true
  }

  #isStale(delivery: Delivery<unknown>): boolean {
    if (delivery.isHeld) return false
    const message = `Item ${delivery.seq} from ${this.from.id} was settled, but its delivery is over`
    this.#init.warn(new NetQueueError('STALE_SETTLE', message))
    return true
  }

  /** Nobody can take the item back: all that is left to do is to say so. */
  #giveUp(delivery: Delivery<unknown>, what: string): void {
    const message = `An item from ${this.from.id}, which cannot take it back, ${what}`
    this.#init.warn(new NetQueueError('DEAD_LETTER', message, { value: delivery.rawItem }))
  }

  #unclaimed(delivery: Delivery<unknown>, value: unknown): boolean {
    if (value !== undefined) {
      const message = 'A result was given for an item that was put, not submitted; it is discarded'
      this.#init.warn(new NetQueueError('RESULT_UNCLAIMED', message))
    }
    return this.settle(delivery, 'done')
  }

  /** The result's bytes, `undefined` for the result `undefined`; what cannot be sent is the sender's to know. */
  #encodeResult(delivery: Delivery<unknown>, value: unknown): Uint8Array | undefined | 'failed' {
    if (value === undefined) return undefined
    try {
      return encodeWithin(this.#init.resultCodec, value, this.#maxResultBytes)
    } catch (error) {
      this.#init.warn(error as NetQueueError)
      this.#fail(delivery, error)
      return 'failed'
    }
  }

  #failure(error: unknown, fallback: string): Failure {
    return failureOf(error, { fallback, exposeErrors: this.#init.exposeErrors })
  }

  #check(first: number, payloads: readonly Uint8Array[]): void {
    const next = this.#credit.received + 1
    if (first !== next)
      throw new NetQueueError('BAD_MESSAGE', `Expected item ${next}, the peer sent ${first}`, { value: first })
    if (this.#isCredited) return this.#credit.check(payloads)
    this.#credit.checkUnasked(this.#unsettled.size + payloads.length)
    if (this.#init.inbox.isFull) throw inboxFull(this.#init.limits.maxInboxBytes)
  }
}

function inboxFull(maxInboxBytes: number): NetQueueError {
  const message = `The peer knows no credit, and ${maxInboxBytes} bytes of items wait here already (maxInboxBytes)`
  return new NetQueueError('INBOX_OVERFLOW', message, { limit: 'maxInboxBytes', value: maxInboxBytes })
}
