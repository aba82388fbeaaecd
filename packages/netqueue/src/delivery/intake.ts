import type { Codec } from '../message/codec.ts'
import { decodeWith, encodeWithin } from '../message/codec.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Limits } from '../options/limits.ts'
import type { Message, Outcome, Writer } from '../protocol/protocol.ts'
import { Delivery } from './delivery.ts'
import type { DeliverySource, Sender } from './delivery.ts'
import type { Inbox } from './inbox.ts'
import { Settles } from './settles.ts'
import { Unsettled } from './unsettled.ts'

export interface IntakeInit {
  limits: Limits
  inbox: Inbox
  codec: Codec<unknown>
  /** For the results of what was received. */
  resultCodec: Codec<unknown>
  from: Sender
  /** Whether handlers' error texts travel. */
  exposeErrors: boolean
  maxAttempts: number
  wake: () => void
  /** The ordinal of the last put of this side, which a settle that comes after it must not overtake. */
  lastOrdinal: () => number
  warn: (error: NetQueueError) => void
}

/**
 * The items that one peer sends us: grants it credit as the inbox has room, and settles what was handed out. Credit is an
 * absolute limit that never falls; what was granted too freely is asked back.
 */
export class Intake implements DeliverySource {
  readonly from: Sender
  readonly #init: IntakeInit
  readonly #unsettled: Unsettled<Delivery<unknown>> = new Unsettled()
  readonly #settles: Settles
  /** Whether the peer waits for credit and takes settles; an original does neither. */
  #isCredited = true
  #isTyped = true
  #isOpen = false
  /** Set when the peer is gone: its items were lost to us, or kept because nobody else has them. */
  #end: 'lost' | 'kept' | undefined
  #waiting = 0
  #received = 0
  #receivedBytes = 0
  #finishedBytes = 0
  #granted = 0
  #grantedBytes = 0
  #isCreditDue = false
  #acknowledges = false
  #reclaim: 'no' | 'due' | 'asked' = 'no'

  constructor(init: IntakeInit) {
    this.#init = init
    this.from = init.from
    this.#settles = new Settles(init.lastOrdinal)
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

  open({ isCredited, isTyped }: { isCredited: boolean; isTyped: boolean }): void {
    this.#isCredited = isCredited
    this.#isTyped = isTyped
    this.#isOpen = true
    this.#isCreditDue = true
    this.grant()
    this.#init.wake()
  }

  /** The peer waits to hear that we received what it sent: it is told after each item from now on. */
  acknowledge(): void {
    this.#acknowledges = true
    this.#isCreditDue = true
    this.#init.wake()
  }

  items({ first, attempt, wantsResult, payloads }: Extract<Message, { type: 'items' }>): void {
    this.#checkCredit(first, payloads)
    for (const [index, payload] of payloads.entries()) {
      const delivery = new Delivery<unknown>(this, first + index, payload, attempt, wantsResult)
      this.#received = delivery.seq
      this.#receivedBytes += payload.byteLength
      this.#unsettled.push(delivery.seq, delivery)
      this.#waiting += 1
      this.#init.inbox.offer(delivery, this)
    }
    if (this.#acknowledges) this.#isCreditDue = true
    this.grant()
  }

  released({ first, last, bytes }: Extract<Message, { type: 'released' }>): void {
    if (first !== this.#received + 1 || last < this.#received || last > this.#granted) {
      throw new NetQueueError('BAD_MESSAGE', `The peer skipped items ${first} to ${last}, which it could not`, {
        value: first,
      })
    }
    this.#received = last
    this.#receivedBytes += bytes
    this.#finishedBytes += bytes
    this.#reclaim = 'no'
    this.grant()
  }

  /** The sender gave an item up: one that waits is gone, a handler's signal fires and its slot stays taken until it settles. */
  cancel(seq: number): void {
    const delivery = this.#unsettled.get(seq)
    if (delivery === undefined) return
    if (this.#init.inbox.withdraw(delivery)) this.settle(delivery, 'cancelled')
    else delivery.revoke(new NetQueueError('CLOSED', 'The sender cancelled the item'))
  }

  /** One of our items left the inbox. */
  taken(): void {
    this.#waiting -= 1
  }

  /** Raises the peer's credit to what there is room for; small steps wait until they add up. */
  grant(): void {
    if (!this.#isOpen || this.#end !== undefined || !this.#isCredited) return
    const target = this.#target()
    const step = Math.ceil(this.#init.inbox.slots / 2)
    const isDue = target > this.#granted && (target - this.#granted >= step || this.#granted <= this.#received)
    const areBytesDue =
      target > this.#received && this.#byteTarget() - this.#grantedBytes >= this.#init.limits.maxUnsettledBytes / 2
    if (!isDue && !areBytesDue) return
    this.#isCreditDue = true
    this.#init.wake()
  }

  /** Asks unused credit back: whoever it was granted for is gone. */
  shrink(): void {
    if (
      !this.#isOpen ||
      this.#end !== undefined ||
      !this.#isCredited ||
      this.#reclaim !== 'no' ||
      this.#granted <= this.#target()
    )
      return
    this.#reclaim = 'due'
    this.#init.wake()
  }

  settle(delivery: Delivery<unknown>, outcome: Outcome): boolean {
    if (this.isKept && outcome !== 'done') return this.#again(delivery)
    return this.#finish(delivery, () => this.#settles.add(delivery.seq, outcome))
  }

  result(delivery: Delivery<unknown>, value: unknown): boolean {
    if (!delivery.wantsResult) return this.#unclaimed(delivery, value)
    const payload = this.#encodeResult(delivery, value)
    return (
      payload !== 'failed' &&
      this.#finish(delivery, () => this.#settles.answer({ kind: 'result', seq: delivery.seq, value: payload }))
    )
  }

  failed(delivery: Delivery<unknown>, error: unknown): boolean {
    return this.#finish(delivery, () =>
      this.#settles.answer({ kind: 'failed', seq: delivery.seq, ...this.#describe(error, 'HANDLER_FAILED') }),
    )
  }

  reject(delivery: Delivery<unknown>, reason: unknown): boolean {
    return this.#finish(delivery, () =>
      this.#settles.answer({ kind: 'reject', seq: delivery.seq, ...this.#describe(reason, 'REJECTED') }),
    )
  }

  extend(delivery: Delivery<unknown>): void {
    if (this.#unsettled.get(delivery.seq) !== delivery) return
    this.#settles.answer({ kind: 'extend', seq: delivery.seq })
    this.#init.wake()
  }

  decode(payload: Uint8Array): unknown {
    if (this.#isTyped || this.#init.codec.name === 'bytes') return decodeWith(this.#init.codec, payload)
    const text = new TextDecoder().decode(payload)
    return this.#init.codec.check === undefined ? text : this.#init.codec.check(text)
  }

  fillControl(writer: Writer): void {
    if (this.#reclaim === 'due') {
      this.#reclaim = 'asked'
      writer.reclaim()
    }
    if (!this.#isCreditDue) return
    this.#isCreditDue = false
    this.#granted = Math.max(this.#granted, this.#target())
    this.#grantedBytes = Math.max(this.#grantedBytes, this.#byteTarget())
    writer.credit(this.#granted, this.#grantedBytes, this.#received)
  }

  /** Writes the settles that do not overtake an item of ours that is not on the wire yet. */
  fill(writer: Writer, oldestOrdinal: number): boolean {
    return this.#settles.fill(writer, oldestOrdinal)
  }

  /** Fires the signals of what is handed out, which can still be settled. */
  revoke(reason: Error): void {
    for (const delivery of this.#unsettled) delivery.abort(reason)
  }

  /** Hands back what was not settled, started or not; handlers' signals fire. */
  handBack(reason: Error): number {
    const open = [...this.#unsettled]
    for (const delivery of open) {
      const isUnstarted = this.#init.inbox.withdraw(delivery)
      this.settle(delivery, isUnstarted ? 'returned' : 'released')
      delivery.revoke(reason)
    }
    return open.length
  }

  /**
   * The peer is gone. A client's items are the server's to hand out again, so handlers' signals fire; what a server received
   * it keeps, for nobody else has it.
   */
  close(reason: Error, { keep }: { keep: boolean }): void {
    this.#end = keep ? 'kept' : 'lost'
    if (keep) return
    for (const delivery of [...this.#unsettled]) {
      this.#init.inbox.withdraw(delivery)
      this.#unsettled.take(delivery.seq)
      delivery.revoke(reason)
    }
  }

  #finish(delivery: Delivery<unknown>, tell: () => void): boolean {
    if (this.#unsettled.get(delivery.seq) !== delivery) {
      this.#init.warn(
        new NetQueueError(
          'STALE_SETTLE',
          `Item ${delivery.seq} from ${this.from.id} was settled, but its delivery is over`,
        ),
      )
      return false
    }
    const wasOurs = delivery.isOpen
    this.#unsettled.take(delivery.seq)
    this.#finishedBytes += delivery.payload.byteLength
    delivery.settled()
    if (wasOurs) tell()
    else this.#settles.add(delivery.seq, 'cancelled')
    this.#init.wake()
    this.grant()
    return wasOurs
  }

  /** An item that cannot go back: it is ours to try again. */
  #again(delivery: Delivery<unknown>): boolean {
    const { inbox, maxAttempts, warn } = this.#init
    const again = new Delivery<unknown>(this, delivery.seq, delivery.payload, delivery.attempt + 1, false)
    const isFinished = this.#finish(delivery, () => {})
    if (!isFinished) return false
    if (again.attempt > maxAttempts) {
      warn(
        new NetQueueError(
          'DEAD_LETTER',
          `An item from ${this.from.id}, which cannot take it back, failed ${maxAttempts} times (maxAttempts)`,
          { limit: 'maxAttempts', value: again.item },
        ),
      )
      return true
    }
    this.#unsettled.push(again.seq, again)
    this.#waiting += 1
    inbox.offer(again, this)
    return true
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
      return encodeWithin(this.#init.resultCodec, value, this.#init.limits.maxItemBytes)
    } catch (error) {
      this.#init.warn(error as NetQueueError)
      this.failed(delivery, error)
      return 'failed'
    }
  }

  #describe(error: unknown, fallback: string): { code: string; reason: string } {
    const code = (error as { code?: unknown } | null | undefined)?.code
    const reason = error instanceof Error ? error.message : String(error ?? '')
    return {
      code: typeof code === 'string' && CODE.test(code) ? code : fallback,
      reason: this.#init.exposeErrors ? reason : '',
    }
  }

  #target(): number {
    const { inbox, limits } = this.#init
    const room = Math.min(inbox.slots - this.#waiting, limits.maxUnsettled - this.#unsettled.size)
    return this.#received + Math.max(0, room)
  }

  #byteTarget(): number {
    return this.#finishedBytes + this.#init.limits.maxUnsettledBytes
  }

  #checkCredit(first: number, payloads: readonly Uint8Array[]): void {
    if (first !== this.#received + 1)
      throw new NetQueueError('BAD_MESSAGE', `Expected item ${this.#received + 1}, the peer sent ${first}`, {
        value: first,
      })
    const last = this.#received + payloads.length
    if (!this.#isCredited) return this.#checkOverflow(payloads.length)
    if (last > this.#granted) {
      throw new NetQueueError('CREDIT_EXCEEDED', `The peer sent item ${last}; its credit ended with ${this.#granted}`, {
        limit: 'prefetch',
        value: last,
      })
    }
    let bytes = this.#receivedBytes
    for (const { byteLength } of payloads) {
      if (bytes >= this.#grantedBytes) {
        throw new NetQueueError(
          'CREDIT_EXCEEDED',
          `The peer sent more than its ${this.#grantedBytes} bytes of credit`,
          { limit: 'maxUnsettledBytes', value: bytes },
        )
      }
      bytes += byteLength
    }
  }

  #checkOverflow(count: number): void {
    const { maxUnsettled, maxUnsettledBytes } = this.#init.limits
    const items = this.#unsettled.size + count
    if (items > maxUnsettled) {
      throw new NetQueueError(
        'INBOX_OVERFLOW',
        `The peer knows no credit and has ${items} items here; at most ${maxUnsettled} are kept (maxUnsettled)`,
        { limit: 'maxUnsettled', value: items },
      )
    }
    const bytes = this.#receivedBytes - this.#finishedBytes
    if (bytes > maxUnsettledBytes) {
      throw new NetQueueError(
        'INBOX_OVERFLOW',
        `The peer knows no credit and has ${bytes} bytes here; at most ${maxUnsettledBytes} are kept (maxUnsettledBytes)`,
        { limit: 'maxUnsettledBytes', value: bytes },
      )
    }
  }
}

const CODE = /^[\w.:-]{1,64}$/
