import type { Codec } from '../message/codec.ts'
import { decodeWith, encodeWithin } from '../message/codec.ts'
import { notAuthorized } from '../message/denials.ts'
import type { Denials } from '../message/denials.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Limits } from '../options/limits.ts'
import type { Message, Outcome, Writer } from '../protocol/message.ts'
import { Holdup } from '../queue/holdup.ts'
import { Credit } from './credit.ts'
import type { Room } from './credit.ts'
import { Fresh } from './arrival.ts'
import type { Delivery, DeliverySource, Sender } from './delivery.ts'
import { failureOf } from './failure.ts'
import type { Failure } from './failure.ts'
import { GivenBack } from './given-back.ts'
import { Grants } from './grants.ts'
import type { GrantsOwner } from './grants.ts'
import type { Inbox } from './inbox.ts'
import type { Retry } from './retry.ts'
import type { Settlement } from './settlement.ts'
import { Settles } from './settles.ts'
import type { Answer } from './settles.ts'
import { Unsettled } from './unsettled.ts'

/** What the introduction said about the sender. */
export interface IntakeTerms {
  isCredited: boolean
  /** One that knows no credit may be left unread for a while ({@link Intake.full}); from others, what is too much is an error. @default false */
  isPatient?: boolean
  isTyped: boolean
  /** Longest result that it takes. @default as long as our own */
  maxItemBytes?: number
  /** What it may not do. @default nothing */
  denied?: Denials | undefined
}

/** What the intakes of one client or server share. */
export interface SharedByIntakes {
  limits: Limits
  inbox: Inbox
  codec: Codec<unknown>
  /** Whether items may come for somebody below this side. @default they may not */
  takesPaths?: boolean
  /** For the results of what was received. */
  resultCodec: Codec<unknown>
  /** Whether handlers' error texts travel. */
  exposeErrors: boolean
  /** How often an item is tried here that its sender cannot take back. */
  retry: Retry
  /** The ordinal of the last put of this side, which a settle that comes after it must not overtake. */
  lastOrdinal: () => number
}

/** Whose intake it is. */
export interface IntakeOwner {
  /** Who the peer is; known once it has introduced itself. */
  readonly from: Sender
  /** There is something to write. */
  wake(): void
  /** There is something to write that nobody waits for. */
  wakeLater(): void
  /** There is a frame's worth to write. */
  flush(): void
  warn(error: NetQueueError): void
}

/** So many do not wait for the end of the turn: whoever waits for them can go on while this side still works. */
const FLUSHED_RESULTS = 64
/** Answers that wait to be written, before the peer gets no credit for more items: a slow way to it must not fill our memory. */
const MAX_UNSENT = 4_096
const MAX_UNSENT_BYTES = 262_144
const NOTHING: Uint8Array = new Uint8Array(0)

/**
 * The items that one peer sends us: grants it credit as the inbox has room, and settles what was handed out. What was granted
 * too freely is asked back.
 */
export class Intake implements DeliverySource, GrantsOwner {
  readonly #shared: SharedByIntakes
  readonly #owner: IntakeOwner
  readonly #credit: Credit
  readonly #grants: Grants
  /** What was handed out and is not settled, and what is here again. */
  readonly #unsettled: Unsettled<Delivery<unknown>> = new Unsettled()
  /** What came and was not handed out yet. */
  readonly #arrivals: Unsettled<Fresh> = new Unsettled()
  readonly #settles: Settles
  readonly #givenBack: GivenBack = new GivenBack()
  /** Whether the peer waits for credit and takes settles; an original does neither. */
  #isCredited = true
  #isPatient = false
  #isTyped = true
  /** Whoever reads waits for room. */
  #holdup: Holdup | undefined
  #maxResultBytes: number
  #isOpen = false
  #denied: Denials | undefined
  #hasWarned = false
  /** Set when the peer is gone: its items were lost to us, or kept because nobody else has them. */
  #end: 'lost' | 'kept' | undefined
  /** Items in the arrivals, and items that are here again. */
  #fresh = 0
  #waitingAgain = 0

  constructor(shared: SharedByIntakes, owner: IntakeOwner) {
    this.#shared = shared
    this.#owner = owner
    this.#maxResultBytes = shared.limits.maxItemBytes
    this.#credit = new Credit(shared.limits)
    this.#grants = new Grants(this.#credit, this)
    this.#settles = new Settles(shared.lastOrdinal)
  }

  get from(): Sender {
    return this.#owner.from
  }

  get isTyped(): boolean {
    return this.#isTyped
  }

  /** @internal */
  wake(): void {
    this.#owner.wake()
  }

  /** @internal */
  flush(): void {
    this.#owner.flush()
  }

  /** Items that were handed out and not settled. */
  get handedOut(): number {
    return this.#unsettled.size - this.#waitingAgain
  }

  /** Whether no further item may be handed out before one is settled. */
  get isExhausted(): boolean {
    return this.handedOut >= this.#shared.limits.maxUnsettled
  }

  /** Whether what came from this peer stays here whatever happens: the peer is gone, or cannot take anything back. */
  get isKept(): boolean {
    return this.#end === 'kept' || (this.#isOpen && !this.#isCredited)
  }

  /** The highest number that came or was skipped. */
  get received(): number {
    return this.#credit.received
  }

  /** Whether some of the items up to a number wait here, and were not handed out. */
  hasWaiting(upTo: number): boolean {
    if (this.#fresh === 0) return false
    for (const { next } of this.#arrivals) return next <= upTo
    return false
  }

  /** Whether nothing of this peer's is here any more, waiting or handed out. */
  get isSettled(): boolean {
    return this.#held() === 0
  }

  /** Set while there is no room for another item of a peer that may be left unread: resolves when there is. */
  get full(): Promise<void> | undefined {
    if (!this.#isPatient || this.#hasRoom()) return undefined
    return (this.#holdup ??= new Holdup()).over
  }

  open({ isCredited, isPatient = false, isTyped, maxItemBytes = this.#maxResultBytes, denied }: IntakeTerms): void {
    this.#denied = denied
    this.#isPatient = isPatient
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

  items(message: Extract<Message, { type: 'items' }>): void {
    this.#check(message)
    if (message.to !== undefined && this.#shared.takesPaths !== true)
      throw new NetQueueError('BAD_MESSAGE', 'The peer sent items along a path where there is none')
    this.#credit.receive(message.payloads)
    const arrival = new Fresh(this, message)
    this.#arrivals.push(arrival.first, arrival)
    this.#fresh += arrival.size
    if (this.#denied?.denies(message.wantsResult ? 'submit' : 'put') === true) this.#refuse(arrival, message)
    else this.#shared.inbox.offer(arrival)
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
    const arrival = this.#arrivals.upTo(seq)
    if (arrival?.has(seq) === true) this.#cancelFresh(arrival, seq)
    else
      this.#unsettled.get(seq)?.cancel(new NetQueueError('CANCELLED', 'The sender cancelled the item, or took it back'))
  }

  #cancelFresh(arrival: Fresh, seq: number): void {
    this.#shared.inbox.cancel(arrival, seq)
    this.#fresh -= 1
    this.#say(seq, 'cancelled')
    this.grant()
  }

  begun(delivery: Delivery<unknown>): void {
    this.#fresh -= 1
    this.#unsettled.push(delivery.seq, delivery)
  }

  skipped(bytes: number): void {
    this.#credit.finish(bytes)
  }

  emptied(first: number): void {
    this.#arrivals.take(first)
  }

  left(): void {
    this.#waitingAgain -= 1
  }

  /** Raises the peer's credit to what there is room for; small steps wait until they add up. */
  grant(): void {
    this.#grants.grant()
  }

  /** @internal */
  freed(): void {
    if (this.#holdup === undefined || !this.#hasRoom()) return
    this.#holdup.end()
    this.#holdup = undefined
  }

  taken(): void {
    if (this.#fresh + this.#waitingAgain === 0 && this.#credit.isSpent) this.#grants.grant()
    else this.#grants.freed(0)
  }

  /** Asks unused credit back: whoever it was granted for is gone. */
  shrink(): void {
    this.#grants.shrink()
  }

  settle(delivery: Delivery<unknown>, outcome: Outcome): boolean {
    if (this.isKept && outcome === 'returned') return this.#restore(delivery)
    if (this.isKept && outcome === 'released') return this.#again(delivery)
    if (!this.#finish(delivery, { wasWorkedOn: outcome !== 'returned', isDone: outcome === 'done' })) return false
    this.#settle(delivery, outcome)
    return true
  }

  result(delivery: Delivery<unknown>, value: unknown): boolean {
    if (!delivery.wantsResult) return this.#unclaimed(delivery, value)
    const payload = this.#encodeResult(delivery, value)
    return payload !== 'failed' && this.#succeed(delivery, payload)
  }

  #passResult(delivery: Delivery<unknown>, payload: Uint8Array | undefined): boolean {
    const { length } = payload ?? NOTHING
    if (length <= this.#maxResultBytes) return this.#succeed(delivery, payload)
    this.#owner.warn(resultTooLarge(this.#maxResultBytes, length))
    return this.#fail(delivery, { code: 'ITEM_TOO_LARGE', reason: '' })
  }

  #succeed(delivery: Delivery<unknown>, value: Uint8Array | undefined): boolean {
    if (!this.#finish(delivery, { isDone: true })) return false
    this.#answer({ kind: 'result', seq: delivery.seq, value })
    if (this.#settles.answers >= FLUSHED_RESULTS) this.#owner.flush()
    return true
  }

  /** The handler threw: an answer where one is wanted, otherwise a release whose reason is told. */
  failed(delivery: Delivery<unknown>, error: unknown): boolean {
    const message = `A handler failed on an item from ${this.from.id} (attempt ${delivery.attempt})`
    this.#owner.warn(new NetQueueError('HANDLER_FAILED', message, { cause: error }))
    return this.#fail(delivery, this.#failure(error, 'HANDLER_FAILED'))
  }

  #fail(delivery: Delivery<unknown>, { code, reason }: Failure): boolean {
    if (this.isKept) return this.#again(delivery)
    if (!this.#finish(delivery)) return false
    this.#answer({ kind: 'failed', seq: delivery.seq, code, reason })
    if (!delivery.wantsResult) this.#givenBack.add(delivery, 'released')
    return true
  }

  reject(delivery: Delivery<unknown>, reason: unknown): boolean {
    return this.#reject(delivery, this.#failure(reason, 'REJECTED'))
  }

  #reject(delivery: Delivery<unknown>, { code, reason }: Failure): boolean {
    if (!this.#finish(delivery)) return false
    if (this.isKept) this.#giveUp(delivery, `was rejected with ${code}`)
    else this.#answer({ kind: 'reject', seq: delivery.seq, code, reason })
    return true
  }

  pass(delivery: Delivery<unknown>, how: Settlement): boolean {
    switch (how.type) {
      case 'settle':
        return this.settle(delivery, how.outcome)
      case 'result':
        return this.#passResult(delivery, how.value)
      case 'failed':
        return this.#fail(delivery, how)
      case 'reject':
        return this.#reject(delivery, how)
      case 'overdue':
        return this.settle(delivery, 'released')
    }
  }

  /** Asks the sender for more time, if there still is one; tells whether the delivery is ours. */
  extend(delivery: Delivery<unknown>): boolean {
    if (!delivery.isOpen) return false
    if (this.#end !== undefined) return true
    this.#settles.extend(delivery.seq)
    this.#owner.wake()
    return true
  }

  decode(payload: Uint8Array): unknown {
    const { codec } = this.#shared
    if (this.#isTyped || codec.name === 'bytes') return decodeWith(codec, payload)
    const text = new TextDecoder().decode(payload)
    return codec.check === undefined ? text : codec.check(text)
  }

  fillControl(writer: Writer): void {
    this.#grants.fill(writer)
  }

  /** Writes the settles that do not overtake an item of ours that is not on the wire yet. */
  fill(writer: Writer, oldestOrdinal: number): boolean {
    const wasClogged = this.#isClogged()
    const isAll = this.#settles.fill(writer, oldestOrdinal)
    if (this.#settles.isEmpty) this.#givenBack.written()
    if (wasClogged && !this.#isClogged()) this.grant()
    return isAll
  }

  /** Fires the signals of what is handed out, which can still be settled. */
  revoke(reason: Error): void {
    // A listener may settle any of them: a walk over those that are left would pass some over.
    const open = [...this.#unsettled]
    for (const delivery of open) {
      if (!delivery.isHeld) continue
      delivery.abort(reason)
    }
  }

  /** Hands back what was not settled, started or not; handlers' signals fire. */
  handBack(reason: Error): void {
    const { inbox } = this.#shared
    const open = [...this.#unsettled]
    for (const delivery of open) {
      if (!delivery.isHeld) continue
      const outcome = inbox.withdraw(delivery) ? 'returned' : 'released'
      if (this.#finish(delivery, { wasWorkedOn: outcome !== 'returned' })) this.#settle(delivery, outcome)
      delivery.abort(reason)
    }
    for (const arrival of this.#arrivals.takeAll()) {
      inbox.drop(arrival)
      while (arrival.size > 0) this.#return(arrival.shift())
    }
  }

  /**
   * The peer is gone. A client's items are the server's to hand out again, so handlers' signals fire; what a server received
   * it keeps, for nobody else has it.
   */
  close(reason: Error, { keep }: { keep: boolean }): void {
    this.#end = keep ? 'kept' : 'lost'
    this.#grants.close()
    if (keep) return this.#keepGivenBack()
    const { inbox } = this.#shared
    for (const arrival of this.#arrivals.takeAll()) inbox.drop(arrival)
    this.#fresh = 0
    for (const delivery of this.#unsettled.takeAll()) {
      inbox.withdraw(delivery)
      delivery.lose(reason)
    }
  }

  /** Whether so much is to be answered that the peer, or the way to it, has to catch up first. */
  #isClogged(): boolean {
    return this.#settles.bytes >= MAX_UNSENT_BYTES || this.#settles.answers >= MAX_UNSENT
  }

  /** Items that came and are not settled. */
  #held(): number {
    return this.#unsettled.size + this.#fresh
  }

  /** @internal What may come. */
  get room(): Room {
    const { inbox, limits } = this.#shared
    const { slots } = inbox
    const waiting = this.#fresh + this.#waitingAgain
    const items = this.#isClogged() ? 0 : Math.min(slots - waiting, limits.maxUnsettled - this.#held())
    return { items: Math.max(0, items), window: slots, isDry: waiting === 0 }
  }

  /** What the peer may not send goes no further. It is told by an answer to each; one that takes none is not talked to. */
  #refuse(arrival: Fresh, { wantsResult }: Extract<Message, { type: 'items' }>): void {
    const error = notAuthorized(`Client ${this.from.id}`, wantsResult ? 'submit' : 'put')
    if (!this.#isCredited) throw error
    if (!this.#hasWarned) this.#owner.warn(error)
    this.#hasWarned = true
    while (arrival.size > 0) {
      const delivery = arrival.shift()
      if (this.#finish(delivery, { wasWorkedOn: false }))
        this.#answer({ kind: 'reject', seq: delivery.seq, code: error.code, reason: '' })
    }
  }

  #return(delivery: Delivery<unknown>): void {
    if (this.#finish(delivery, { wasWorkedOn: false })) this.#settle(delivery, 'returned')
  }

  #answer(answer: Answer): void {
    this.#settles.answer(answer)
    this.#owner.wake()
  }

  /** Settles are written together, when all that has arrived was looked at. */
  #say(seq: number, outcome: Outcome): void {
    this.#settles.add(seq, outcome)
    this.#owner.wakeLater()
  }

  #settle(delivery: Delivery<unknown>, outcome: Outcome): void {
    this.#say(delivery.seq, outcome)
    this.#givenBack.add(delivery, outcome)
  }

  /** What was given back to a peer that never heard of it is still here, and nowhere else. */
  #keepGivenBack(): void {
    const kept = this.#givenBack.take(this.#settles)
    if (kept.length === 0) return
    const all = [...kept, ...this.#unsettled.takeAll()].toSorted(bySeq)
    for (const delivery of all) this.#unsettled.push(delivery.seq, delivery)
    this.#waitingAgain += kept.length
    // They were given back in any order.
    this.#shared.inbox.restore(kept.toSorted(bySeq))
  }

  /** Ends a delivery; tells whether its sender is still to hear what became of the item. */
  #finish(delivery: Delivery<unknown>, { wasWorkedOn = true, isDone = false } = {}): boolean {
    if (this.#isStale(delivery)) return false
    const isOurs = delivery.isOpen
    this.#unsettled.take(delivery.seq)
    this.#credit.finish(delivery.bytes)
    delivery.settled()
    if (!isOurs) this.#drop(delivery, isDone)
    if (wasWorkedOn) this.#shared.inbox.finished()
    this.#grants.freed(delivery.bytes)
    return isOurs
  }

  /** Its sender had cancelled it, and hears that it was dropped. Whoever did the work all the same is told that it was for nothing. */
  #drop(delivery: Delivery<unknown>, isDone: boolean): void {
    this.#say(delivery.seq, 'cancelled')
    if (isDone) this.#warnStale(delivery, 'its sender had cancelled it, or taken it back')
  }

  /** An item that cannot go back and was not started. */
  #restore(delivery: Delivery<unknown>): boolean {
    if (this.#isStale(delivery)) return false
    this.#waitingAgain += 1
    this.#shared.inbox.restore([delivery])
    return true
  }

  /** An item that cannot go back: it is ours to try again, after a while. */
  #again(delivery: Delivery<unknown>): boolean {
    const { inbox, retry } = this.#shared
    const again = delivery.again()
    if (again.attempt > retry.maxAttempts) {
      if (!this.#finish(delivery)) return false
      this.#giveUp(delivery, `failed ${retry.maxAttempts} times (maxAttempts)`)
      return true
    }
    if (!delivery.isOpen) return this.#finish(delivery)
    delivery.settled()
    this.#unsettled.replace(again.seq, again)
    this.#waitingAgain += 1
    inbox.retry(again, retry.delayBefore(again.attempt))
    return true
  }

  #isStale(delivery: Delivery<unknown>): boolean {
    if (delivery.isHeld) return false
    this.#warnStale(delivery, 'its delivery is over')
    return true
  }

  #warnStale({ seq }: Delivery<unknown>, why: string): void {
    this.#owner.warn(new NetQueueError('STALE_SETTLE', `Item ${seq} from ${this.from.id} was settled, but ${why}`))
  }

  /** Nobody can take the item back: all that is left to do is to say so. */
  #giveUp(delivery: Delivery<unknown>, what: string): void {
    const message = `An item from ${this.from.id}, which cannot take it back, ${what}`
    this.#owner.warn(new NetQueueError('DEAD_LETTER', message, { value: delivery.rawItem }))
    // There is nothing to say, and one item less in hand.
    this.#owner.wakeLater()
  }

  #unclaimed(delivery: Delivery<unknown>, value: unknown): boolean {
    if (value !== undefined) {
      const message = 'A result was given for an item that was put, not submitted; it is discarded'
      this.#owner.warn(new NetQueueError('RESULT_UNCLAIMED', message))
    }
    return this.settle(delivery, 'done')
  }

  /** The result's bytes, `undefined` for the result `undefined`; what cannot be sent is the sender's to know. */
  #encodeResult(delivery: Delivery<unknown>, value: unknown): Uint8Array | undefined | 'failed' {
    if (value === undefined) return undefined
    try {
      return encodeWithin(this.#shared.resultCodec, value, this.#maxResultBytes)
    } catch (error) {
      this.#owner.warn(error as NetQueueError)
      this.#fail(delivery, this.#failure(error, 'HANDLER_FAILED'))
      return 'failed'
    }
  }

  #failure(error: unknown, fallback: string): Failure {
    return failureOf(error, { fallback, exposeErrors: this.#shared.exposeErrors })
  }

  #check({ first, payloads }: Extract<Message, { type: 'items' }>): void {
    const next = this.#credit.received + 1
    if (first !== next)
      throw new NetQueueError('BAD_MESSAGE', `Expected item ${next}, the peer sent ${first}`, { value: first })
    if (this.#isCredited) return this.#credit.check(payloads)
    this.#credit.checkUnasked(this.#held() + payloads.count)
    if (this.#shared.inbox.isFull && !this.#isPatient) throw inboxFull(this.#shared.limits.maxInboxBytes)
  }

  #hasRoom(): boolean {
    return this.#credit.hasRoomFor(this.#held() + 1) && !this.#shared.inbox.isFull
  }
}

function resultTooLarge(maxItemBytes: number, value: number): NetQueueError {
  const message = `Expected a result of at most ${maxItemBytes} bytes (maxItemBytes of its receiver), got ${value}`
  return new NetQueueError('ITEM_TOO_LARGE', message, { limit: 'maxItemBytes', value })
}

function inboxFull(maxInboxBytes: number): NetQueueError {
  const message = `The peer knows no credit, and ${maxInboxBytes} bytes of items wait here already (maxInboxBytes)`
  return new NetQueueError('INBOX_OVERFLOW', message, { limit: 'maxInboxBytes', value: maxInboxBytes })
}

const bySeq = (one: Delivery<unknown>, other: Delivery<unknown>): number => one.seq - other.seq
