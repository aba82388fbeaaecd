import { limitDefaults } from 'netqueue'
import { keyOf, LONG } from './ledger.ts'
import type { Item, Ledger } from './ledger.ts'
import type { Counts } from './counts.ts'
import type { Invariant, Violate } from './invariants.ts'
import type { WireRecord } from './wire.ts'

export interface FlowInit {
  name: string
  /** The items of the sender. */
  ledger: Ledger
  maxUnsettled: number
  maxAttempts: number
  /** Milliseconds that the receiver has for each item; 0: for ever. */
  settleTimeoutMs: number
  /** Whether first deliveries must be in order: the policy parks nothing. */
  isFifo: boolean
  /** The receiver's name, part of the key of an item that several clients get. */
  receiver: () => string
  counts: Counts
  /** Counts the events of the world. */
  turn: () => number
  now: () => number
  /** Whether the sender stood still a moment ago, and may be late. */
  mayBeLate: () => boolean
  violate: Violate
  /** The item is on the wire for the first time. */
  began: (item: Item) => void
  /** The sender has been told that the item is done. */
  done: (item: Item, flow: Flow) => void
}

/** What sums of fractions may be off, and what a timer may. */
const EARLY_MS = 1e-6
const LATE_MS = 1

/** One direction of one connection, as the wire shows it: what its sender may think, and what it must not do. */
export class Flow {
  readonly name: string
  /** What the sender has sent and, as far as it knows, is not settled. */
  readonly unsettled: Map<number, Item> = new Map()
  /** What the receiver has received and not settled, as far as it has written. */
  readonly held: Map<number, Item> = new Map()
  /** Items that the receiver gave back or dropped unstarted: what waits there cannot be told from outside any more. */
  isBlurred = false
  isLost = false
  received = 0
  /** Items whose cancel arrived before they were handed out. */
  readonly dropped: Set<Item> = new Set()
  readonly #init: FlowInit
  readonly #cancelled: Set<number> = new Set()
  /** Since when the time of each item runs. */
  readonly #since: Map<number, number> = new Map()
  #seq = 0
  #bytes = 0
  #limit = 0
  #byteLimit = 0
  #lastOrder = 0
  /** The highest number that the receiver was given or that was skipped, and the bytes up to it. */
  #arrivedUpTo = 0
  #arrivedBytes = 0

  constructor(init: FlowInit) {
    this.#init = init
    this.name = init.name
  }

  /** The sender has written a record. */
  sent(record: WireRecord): void {
    if (record.kind === 'items') return this.#sentItems(record)
    if (record.kind === 'released') {
      this.#check(
        record.last <= Math.max(this.#limit, this.#seq),
        'I8',
        `gave back numbers up to ${record.last} of ${this.#limit}`,
      )
      this.#seq = record.last
      this.#bytes += record.bytes
    }
    if (record.kind === 'cancel') {
      this.#cancelled.add(record.seq)
      this.#init.counts.cancels += 1
    }
  }

  /** The receiver was given a record of the sender's; returns the items in it. */
  arrived(record: WireRecord): Item[] {
    if (record.kind === 'cancel') {
      const item = this.held.get(record.seq)
      // One that came with its cancel may be with a reader already, its signal fired.
      const isEarly = item?.timesHanded === 0 && item.arrivedIn < this.#init.turn()
      if (isEarly && !this.#isHereTwice(item)) this.dropped.add(item)
    }
    if (record.kind === 'released') {
      this.#arrivedUpTo = record.last
      this.#arrivedBytes += record.bytes
    }
    if (record.kind !== 'items') return []
    this.#arrivedUpTo += record.texts.length
    for (const length of record.bytes) this.#arrivedBytes += length
    return record.texts.map((text, index) => {
      const item = this.#find(text)
      if (item === undefined) throw new Error(`Nobody put ${keyOf(text)}`)
      item.timesReceived += 1
      if (item.receivedBy !== this) item.copies += 1
      item.receivedBy = this
      this.dropped.delete(item)
      item.arrivedIn = this.#init.turn()
      this.received += 1
      this.held.set(record.first + index, item)
      return item
    })
  }

  /** The receiver has written a settle. */
  answered(record: WireRecord): void {
    if (record.kind === 'reclaim') this.#init.counts.reclaims += 1
    if (record.kind === 'credit') {
      const { limit, byteLimit } = record
      const most = this.#arrivedBytes + limitDefaults.maxUnsettledBytes
      this.#check(byteLimit <= most, 'I7', `${byteLimit} bytes of credit were given, where ${most} would be all`)
      const mostItems = this.#arrivedUpTo + this.#init.maxUnsettled
      this.#check(limit <= mostItems, 'I7', `credit up to item ${limit} was given, where ${mostItems} would be all`)
    }
    if (record.kind === 'settle' && record.outcome !== 'done' && record.outcome !== 'released') this.isBlurred = true
    for (const seq of this.#numbers(record)) this.held.delete(seq)
  }

  /** The sender took items back that were not settled in time: those that it had given away longest. */
  tookBack(count: number): void {
    const { turn, counts, settleTimeoutMs } = this.#init
    const oldest = [...this.unsettled].toSorted(([one], [other]) => this.#age(other) - this.#age(one)).slice(0, count)
    this.#check(oldest.length === count, 'I29', `took back ${count} items, where ${oldest.length} were unsettled`)
    for (const [seq, item] of oldest) {
      const age = this.#age(seq)
      this.#check(age >= settleTimeoutMs - EARLY_MS, 'I29', `${item.key} was taken back after ${age} ms`)
      counts.takenBack += 1
      this.unsettled.delete(seq)
      item.holder = undefined
      item.wasTakenBack = true
      item.freeSince = turn()
      this.#failed(item)
    }
  }

  /** The sender was given a credit, a settle, or was asked for more time. */
  told(record: WireRecord): void {
    if (record.kind === 'extend') return this.#extended(record.seq)
    if (record.kind === 'credit') {
      this.#limit = Math.max(this.#limit, record.limit)
      this.#byteLimit = Math.max(this.#byteLimit, record.byteLimit)
      return
    }
    for (const seq of this.#numbers(record)) this.#settled(seq, record)
  }

  /** The sender knows that the connection is gone. */
  lost(): void {
    if (this.isLost) return
    this.isLost = true
    for (const item of this.unsettled.values()) {
      item.holder = undefined
      item.freeSince = this.#init.turn()
      this.#failed(item)
    }
    this.unsettled.clear()
  }

  /** It was taken back and sent again, and the cancel is of the first time. */
  #isHereTwice(item: Item): boolean {
    return [...this.held.values()].filter((held) => held === item).length > 1
  }

  #sentItems({ first, attempt, texts, bytes, wantsResult }: Extract<WireRecord, { kind: 'items' }>): void {
    const { counts, maxUnsettled } = this.#init
    this.#check(first === this.#seq + 1, 'I8', `sent item ${first} after item ${this.#seq}`)
    for (const [index, text] of texts.entries()) {
      const seq = first + index
      this.#check(seq <= this.#limit, 'I8', `sent item ${seq} with credit up to ${this.#limit}`)
      this.#check(this.#bytes < this.#byteLimit, 'I8', `sent item ${seq} beyond its ${this.#byteLimit} bytes of credit`)
      this.#seq = seq
      this.#bytes += bytes[index] as number
      const item = this.#find(text)
      this.#check(item !== undefined, 'I3', `sent ${keyOf(text)}, which nobody put`)
      if (item === undefined) continue
      counts.deliveries += 1
      if ((bytes[index] as number) > LONG) counts.fragments += 1
      item.wantsResult = wantsResult
      this.#deliver(item, seq, attempt)
    }
    this.#check(this.unsettled.size <= maxUnsettled, 'I7', `${this.unsettled.size} items unsettled, of ${maxUnsettled}`)
  }

  #deliver(item: Item, seq: number, attempt: number): void {
    const { key } = item
    this.#check(item.state !== 'done', 'I2', `${key} was sent again after it was settled`)
    this.#check(item.state === 'open', 'I2', `${key} was sent again after it was given up (${item.state})`)
    this.#check(!item.isWithdrawn, 'P1', `${key} was sent although its put said that it is not delivered`)
    // A long one may be half on the wire when it is cancelled; it is finished then.
    this.#check(!item.isCancelled || item.text.length > LONG, 'P1', `${key} was sent again after it was cancelled`)
    this.#check(item.holder === undefined, 'I4', `${key} was sent while ${item.holder?.name} has it`)
    const isExpected = attempt >= item.attempt && attempt <= item.attempt + item.mayCountMore
    this.#check(isExpected, 'I9', `${key} was sent with attempt ${attempt}, not ${item.attempt}`)
    item.attempt = attempt
    item.mayCountMore = 0
    if (attempt > 1) this.#init.counts.redeliveries += 1
    if (item.timesSent === 0) {
      this.#checkOrder(item)
      this.#init.began(item)
    }
    item.freeSince = undefined
    item.timesSent += 1
    item.holder = this
    this.unsettled.set(seq, item)
    this.#since.set(seq, this.#init.now())
  }

  #extended(seq: number): void {
    if (!this.unsettled.has(seq)) return
    this.#init.counts.extensions += 1
    this.#checkAge(seq)
    this.#since.set(seq, this.#init.now())
  }

  /** Milliseconds that the receiver has had an item, as its sender counts them. */
  #age(seq: number): number {
    return this.#init.now() - (this.#since.get(seq) ?? 0)
  }

  /** Whoever is heard so late had been given up before. */
  #checkAge(seq: number): void {
    const { settleTimeoutMs, mayBeLate } = this.#init
    const isInTime = settleTimeoutMs === 0 || this.#age(seq) <= settleTimeoutMs + LATE_MS || mayBeLate()
    this.#check(isInTime, 'I29', `${this.unsettled.get(seq)?.key} was not taken back for ${this.#age(seq)} ms`)
  }

  #checkOrder(item: Item): void {
    if (!this.#init.isFifo || item.order === undefined || item.isDisplaced) return
    this.#check(item.order > this.#lastOrder, 'I5', `${item.key} came after a later item`)
    this.#lastOrder = item.order
  }

  #settled(seq: number, record: WireRecord): void {
    const item = this.unsettled.get(seq)
    if (item === undefined) {
      this.#init.counts.staleSettles += 1
      return
    }
    this.#checkAge(seq)
    this.unsettled.delete(seq)
    item.holder = undefined
    const what = outcomeFor(item, record)
    if (what === 'cancelled') this.#check(this.#cancelled.has(seq), 'I6', `${item.key} was cancelled by its receiver`)
    if (what === 'returned') this.#init.counts.returns += 1
    if (what === 'released') return this.#failed(item)
    if (what === 'returned') {
      item.freeSince = this.#init.turn()
      return undefined
    }
    if (what === 'reject') item.state = 'dead'
    else item.state = 'done'
    if (what === 'done' || what === 'result') this.#init.done(item, this)
  }

  #failed(item: Item): void {
    item.attempt += 1
    if (item.attempt > this.#init.maxAttempts) item.state = 'dead'
  }

  #numbers(record: WireRecord): number[] {
    if (record.kind === 'result' || record.kind === 'failed' || record.kind === 'reject') return [record.seq]
    if (record.kind !== 'settle') return []
    return record.ranges.flatMap(([first, length]) => Array.from({ length }, (_, index) => first + index))
  }

  #find(text: string): Item | undefined {
    const key = keyOf(text)
    const { items } = this.#init.ledger
    const item = items.get(key.endsWith('@') ? key + this.#init.receiver() : key)
    return item?.text === text ? item : undefined
  }

  #check(isTrue: boolean, invariant: Invariant, message: string): void {
    if (!isTrue) this.#init.violate(invariant, `${this.name}: ${message}`)
  }
}

/** A handler that failed answers where a result is wanted; an item that was put is released by it. */
function outcomeFor(item: Item, record: WireRecord): string {
  if (record.kind === 'settle') return record.outcome
  return record.kind === 'failed' && !item.wantsResult ? 'released' : record.kind
}
