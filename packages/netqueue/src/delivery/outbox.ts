import { NetQueueError } from '../errors/errors.ts'
import type { Path } from '../message/route.ts'
import type { Outcome, Writer } from '../protocol/message.ts'
import type { Wire } from '../protocol/wire.ts'
import { Ring } from '../queue/ring.ts'
import { Entry } from './entry.ts'
import type { Entries } from './entry.ts'
import { endDeadline } from './settle-deadlines.ts'
import type { SettleDeadlines } from './settle-deadlines.ts'
import { SETTLED } from './settlement.ts'
import type { Settlement } from './settlement.ts'
import { Unsettled } from './unsettled.ts'

/** Whose outbox it is. */
export interface OutboxOwner {
  /** There is something to write. */
  wake(): void
  /** There is a frame's worth to write. */
  flush(): void
  /** The peer settled an entry, which is the outbox's no more. Its state is `sent` until it is told of: of several, one after the other. */
  settled(entry: Entry, how: Settlement): void
  /** A settle, or an extension, came for a delivery that is not open any more. */
  stale(count: number): void
}

export interface OutboxInit {
  /** Items that may be unsettled at once, whatever the peer grants. */
  maxUnsettled: number
  maxUnsettledBytes: number
  deadlines: SettleDeadlines
  owner: OutboxOwner
}

/** The items that one peer was sent or is about to be sent; each stays here until the peer settles it. Spends the peer's credit. */
export class Outbox {
  readonly #owner: OutboxOwner
  readonly #deadlines: SettleDeadlines
  readonly #maxUnsettled: number
  readonly #maxUnsettledBytes: number
  readonly #queued: Ring<Entry> = new Ring()
  readonly #unsettled: Unsettled<Entry> = new Unsettled()
  #cancels: number[] = []
  #wire: Wire | undefined
  #queuedCount = 0
  #queuedBytes = 0
  #queuedRequests = 0
  /** Of entries in `#queued` that were cancelled. */
  #goneBytes = 0
  #unsettledBytes = 0
  /** The last number that was sent or skipped, and the bytes up to it. */
  #seq = 0
  #bytes = 0
  #limit = 0
  #byteLimit = 0
  #acknowledged = 0
  /** Places in `#unsettled` of items that were taken back: the peer has yet to say that it dropped them. */
  #takenBack = 0
  /** Some have an ordinal: what is put here waits in line elsewhere. */
  #isOrdered = false
  #isReclaimed = false

  constructor({ maxUnsettled, maxUnsettledBytes, deadlines, owner }: OutboxInit) {
    this.#owner = owner
    this.#deadlines = deadlines
    this.#maxUnsettled = maxUnsettled
    this.#maxUnsettledBytes = maxUnsettledBytes
  }

  /** How many more items can be assigned now. */
  get credit(): number {
    // What was asked back is not ours to spend, although the answer is not written yet.
    if (this.#isReclaimed) return 0
    if (this.#bytes + this.#queuedBytes >= this.#byteLimit) return 0
    if (this.#unsettledBytes + this.#queuedBytes >= this.#maxUnsettledBytes) return 0
    return Math.min(this.#limit - this.#seq, this.#maxUnsettled - this.#unsettled.size) - this.#queuedCount
  }

  /** Items assigned and not settled. */
  get inFlight(): number {
    return this.#unsettled.size - this.#takenBack + this.#queuedCount
  }

  /** Whether the peer has received all that was sent. */
  get isAcknowledged(): boolean {
    return this.#queuedCount === 0 && this.#acknowledged >= this.#seq
  }

  /** Whether the peer has said that it received an entry that was sent. */
  hasReceived({ seq }: Entry): boolean {
    return seq <= this.#acknowledged
  }

  /** The ordinal of the oldest item that was assigned and is not on the wire. */
  get oldestOrdinal(): number {
    if (!this.#isOrdered) return Number.POSITIVE_INFINITY
    for (const { state, ordinal } of this.#queued) if (state === 'queued' && ordinal > 0) return ordinal
    return Number.POSITIVE_INFINITY
  }

  open(wire: Wire): void {
    this.#wire = wire
  }

  /** Whether this peer's protocol can carry the item. */
  carries(entry: Entry): boolean {
    const wire = this.#wire
    if (wire === undefined || entry.payload.length > wire.peer.maxItemBytes) return false
    if (wire.peer.denies?.denies('put') === true) return false
    return (entry.result === undefined || wire.peer.supports.result) && this.#bytesOf(entry, wire) !== undefined
  }

  /** Takes an entry to send; there must be credit for it. */
  assign(entry: Entry): void {
    entry.state = 'queued'
    this.#queued.push(entry)
    this.#queuedCount += 1
    this.#queuedBytes += entry.payload.length
    if (entry.result !== undefined) this.#queuedRequests += 1
    if (entry.ordinal > 0) this.#isOrdered = true
    if (this.#isFlushDue()) this.#owner.flush()
    this.#owner.wake()
  }

  /** Withdraws an entry: one that is still here leaves without a trace, of one that was sent the peer is told. */
  cancel(entry: Entry): void {
    if (entry.state === 'queued') {
      entry.state = 'gone'
      this.#queuedCount -= 1
      this.#queuedBytes -= entry.payload.length
      this.#goneBytes += entry.payload.length
      if (this.#isMostlyGone()) this.#dropGone()
    } else if (entry.state === 'sent' && this.#unsettled.get(entry.seq) === entry) {
      this.#cancels.push(entry.seq)
      this.#owner.wake()
    }
  }

  /**
   * Takes back items that were sent and not settled in time: they are the outbox's no more. The peer is told, and its place for each is not free
   * before it has answered.
   */
  takeBack(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#unsettled.replace(entry.seq, TAKEN_BACK)
      // The peer was told already of one that was cancelled.
      if (!entry.isCancelled) this.#cancels.push(entry.seq)
      this.#left(entry)
    }
    this.#takenBack += entries.length
    this.#owner.wake()
  }

  /** The peer is still at work on an item. */
  extend(seq: number): void {
    this.checkSent(seq)
    const entry = this.#unsettled.get(seq)
    if (entry === undefined || entry === TAKEN_BACK) this.#owner.stale(1)
    else this.#extended(entry)
  }

  granted(limit: number, byteLimit: number, received: number): void {
    if (received > this.#seq)
      throw new NetQueueError(
        'BAD_MESSAGE',
        `The peer acknowledged item ${received}, but only ${this.#seq} were sent`,
        { value: received },
      )
    this.#acknowledged = Math.max(this.#acknowledged, received)
    this.#limit = Math.max(this.#limit, limit)
    this.#byteLimit = Math.max(this.#byteLimit, byteLimit)
  }

  /** The peer wants back what it granted and we did not use. */
  reclaim(): void {
    this.#isReclaimed = true
    this.#owner.wake()
  }

  /** Throws for the number of an item that was never sent. */
  checkSent(seq: number): void {
    if (seq <= this.#seq) return
    const message = `The peer settled item ${seq}, but only ${this.#seq} were sent`
    throw new NetQueueError('BAD_MESSAGE', message, { value: seq })
  }

  settle(outcome: Outcome, first: number, length: number): void {
    const last = first + length - 1
    this.checkSent(last)
    if (outcome === 'cancelled') this.#checkCancelled(first, last)
    const taken = this.#unsettled.takeRange(first, last)
    const entries = this.#leaveTakenBack(taken)
    for (const entry of entries) this.#left(entry)
    // What comes back goes to the head of the backlog: the newest first, so that the oldest ends up there.
    if (outcome === 'released' || outcome === 'returned') entries.reverse()
    const how = SETTLED[outcome]
    for (const entry of entries) this.#owner.settled(entry, how)
    // Whoever was told that an item was taken back says that it dropped it: that is no late settle.
    const late = length - (outcome === 'cancelled' ? taken : entries).length
    if (late > 0) this.#owner.stale(late)
  }

  /** Takes out the entry that the peer settles with an answer; `undefined` for one that is not open any more. */
  take(seq: number, { hasValue }: { hasValue: boolean }): Entry | undefined {
    this.checkSent(seq)
    const entry = this.#unsettled.get(seq)
    if (entry === undefined || entry === TAKEN_BACK) {
      if (entry === TAKEN_BACK) this.#leaveTakenBack(this.#unsettled.takeRange(seq, seq))
      this.#owner.stale(1)
      return undefined
    }
    if (hasValue && entry.result === undefined)
      throw new NetQueueError('BAD_MESSAGE', `The peer gave a result for item ${seq}, which wanted none`, {
        value: seq,
      })
    this.#unsettled.take(seq)
    this.#left(entry)
    return entry
  }

  /** Takes out everything, the oldest first: the peer is gone. */
  takeAll(): Entries {
    const sent = this.#leaveTakenBack(this.#unsettled.takeAll())
    const queued = [...this.#queued].filter(({ state }) => state === 'queued')
    this.#cancels.length = 0
    this.#queued.clear()
    this.#queuedCount = 0
    this.#queuedBytes = 0
    this.#goneBytes = 0
    for (const entry of sent) this.#left(entry)
    for (const entry of [...sent, ...queued]) entry.state = 'waiting'
    return { sent, queued }
  }

  /** Writes cancels; tells whether those are all. */
  fillControl(writer: Writer): boolean {
    if (this.#cancels.length === 0) return true
    const open = this.#cancels.filter((seq) => this.#unsettled.get(seq) !== undefined)
    for (const seq of open.splice(0, MAX_CANCELS)) writer.cancel(seq)
    this.#cancels = open
    return open.length === 0
  }

  /** Writes what is queued; `false` when the frame is full before all of it is in. */
  fill(writer: Writer): boolean {
    for (let entry = this.#queued.at(0); entry !== undefined; entry = this.#queued.at(0)) {
      if (entry.state !== 'queued') this.#goneBytes -= entry.payload.length
      else if (!this.#send(entry, writer)) return false
      this.#queued.shift()
    }
    this.#queuedRequests = 0
    return !this.#isReclaimed || this.#release(writer)
  }

  /** Nothing is written while the peer reads nothing: what was cancelled would be kept beyond all limits. */
  #isMostlyGone(): boolean {
    return (
      this.#queued.size - this.#queuedCount > Math.max(MAX_GONE, this.#queuedCount) ||
      this.#goneBytes > Math.max(MAX_GONE_BYTES, this.#queuedBytes)
    )
  }

  #dropGone(): void {
    const open = [...this.#queued].filter(({ state }) => state === 'queued')
    this.#queued.clear()
    for (const entry of open) this.#queued.push(entry)
    this.#goneBytes = 0
  }

  #isFlushDue(): boolean {
    return (
      this.#queuedCount >= FLUSHED_ITEMS ||
      this.#queuedBytes >= FLUSHED_BYTES ||
      this.#queuedRequests >= FLUSHED_REQUESTS
    )
  }

  #send(entry: Entry, writer: Writer): boolean {
    const payload = (this.#wire && this.#bytesOf(entry, this.#wire)) ?? entry.payload
    const seq = this.#seq + 1
    const way = entry.target === undefined ? undefined : entry.way
    if (way !== undefined) return this.#sendBelow(entry, payload, way, writer)
    if (!writer.item(seq, payload, entry.attempt, entry.result !== undefined)) return false
    return this.#sent(entry, payload)
  }

  #sendBelow(entry: Entry, payload: Uint8Array, way: Path, writer: Writer): boolean {
    const isTaken = writer.itemTo?.(this.#seq + 1, payload, entry.attempt, entry.result !== undefined, way) === true
    return isTaken && this.#sent(entry, payload)
  }

  #sent(entry: Entry, payload: Uint8Array): true {
    const seq = this.#seq + 1
    this.#seq = seq
    this.#bytes += payload.length
    entry.seq = seq
    entry.state = 'sent'
    this.#unsettled.push(seq, entry)
    this.#deadlines.begin(entry)
    this.#unsettledBytes += entry.payload.length
    this.#queuedCount -= 1
    this.#queuedBytes -= entry.payload.length
    return true
  }

  /** What travels of an item; nobody looks at the item itself where its bytes do. */
  #bytesOf(entry: Entry, wire: Wire): Uint8Array | undefined {
    return wire.typed ? entry.payload : wire.carry(entry.item, entry.payload)
  }

  #release(writer: Writer): boolean {
    const last = Math.max(this.#limit, this.#seq)
    // Where no number is left, the bytes stay credit: the peer refuses to hear of them.
    const bytes = last === this.#seq ? 0 : Math.max(0, this.#byteLimit - this.#bytes)
    if (!writer.released(this.#seq + 1, last, bytes)) return false
    this.#seq = last
    this.#bytes += bytes
    this.#isReclaimed = false
    return true
  }

  #extended(entry: Entry): void {
    this.#deadlines.renew(entry)
    entry.extended()
  }

  #left(entry: Entry): void {
    this.#unsettledBytes -= entry.payload.length
    endDeadline(entry)
  }

  /** Leaves out what was taken back before: its place is free now. */
  #leaveTakenBack(entries: Entry[]): Entry[] {
    if (this.#takenBack === 0) return entries
    const open = entries.filter((entry) => entry !== TAKEN_BACK)
    this.#takenBack -= entries.length - open.length
    return open
  }

  #checkCancelled(first: number, last: number): void {
    for (const { seq, isCancelled } of this.#unsettled.within(first, last)) {
      if (isCancelled) continue
      throw new NetQueueError('BAD_MESSAGE', `The peer cancelled item ${seq}, which nobody asked for`, { value: seq })
    }
  }
}

/** Stands for an item that was taken back, until the peer has answered. */
const TAKEN_BACK: Entry = new Entry(undefined, new Uint8Array(0))
TAKEN_BACK.isCancelled = true

/** So much does not wait for the end of the turn: the peer can begin while this side still puts. */
const FLUSHED_ITEMS = 512
const FLUSHED_BYTES = 49_152
/** Submitted items cost both sides far more than a write does, and what comes of them is waited for. */
const FLUSHED_REQUESTS = 64
/** So many that were cancelled before they were on the wire are kept at most, or as much as waits beside them. */
const MAX_GONE = 64
const MAX_GONE_BYTES = 262_144
/** Cancels written in one frame: control messages have little room, and the rest follows in the next. */
const MAX_CANCELS = 8
