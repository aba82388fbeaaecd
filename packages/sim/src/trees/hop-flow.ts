import { limitDefaults } from 'netqueue'
import type { Counts } from '../counts.ts'
import type { Invariant, Violate } from '../invariants.ts'
import { keyOf } from '../ledger.ts'
import type { WireRecord } from '../wire.ts'
import type { Custody, Ending } from './custody.ts'

interface Copy {
  readonly key: string
  readonly wantsResult: boolean
  isCancelled: boolean
}

export interface HopFlowInit {
  name: string
  sender: Custody
  receiver: Custody
  maxUnsettled: number
  counts: Counts
  violate: Violate
  /** Whether what came first goes first: nothing on the way takes a time of its own. */
  isFifo: boolean
}

/** One direction of one session between two nodes of a tree: keeps the books of both by what the wire shows. */
export class HopFlow {
  readonly name: string
  readonly #init: HopFlowInit
  /** Copies as their sender knows them. */
  readonly #unsettled: Map<number, Copy> = new Map()
  /** Copies as their receiver has them. */
  readonly #here: Map<number, Copy> = new Map()
  #seq = 0
  #bytes = 0
  /** The highest number that the receiver said it has. */
  #acknowledged = 0
  /** As the sender knows it. */
  #limit = 0
  #byteLimit = 0
  #arrivedUpTo = 0
  #arrivedBytes = 0
  #saidLimit = 0
  /** The last places that went, by what they are among. */
  readonly #lastPlaces: Map<string, number> = new Map()

  constructor(init: HopFlowInit) {
    this.#init = init
    this.name = init.name
  }

  /** Items that the receiver would take now, as the sender knows. */
  get credit(): number {
    return Math.max(0, this.#limit - this.#seq)
  }

  /** Items that the receiver has said it would take, and that have not come. */
  get granted(): number {
    return Math.max(0, this.#saidLimit - this.#arrivedUpTo)
  }

  /** Copies of an item that are with the receiver, as the sender knows. */
  count(key: string): number {
    return [...this.#unsettled.values()].filter((copy) => copy.key === key && !copy.isCancelled).length
  }

  get unsettled(): number {
    return this.#unsettled.size
  }

  /** The sender has written a record. */
  sent(record: WireRecord): void {
    if (record.kind === 'items') return this.#sentItems(record)
    if (record.kind === 'released') {
      this.#check(record.last <= Math.max(this.#limit, this.#seq), 'I8', `gave back numbers up to ${record.last}`)
      this.#seq = record.last
      this.#bytes += record.bytes
    }
    if (record.kind === 'cancel') this.#cancelled(record.seq)
  }

  /** The receiver was given a record of the sender's. */
  arrived(record: WireRecord): void {
    if (record.kind === 'cancel') return this.#heardCancel(record.seq)
    if (record.kind === 'released') {
      this.#arrivedUpTo = record.last
      this.#arrivedBytes += record.bytes
    }
    if (record.kind !== 'items') return
    for (const [index, text] of record.texts.entries()) {
      const { wantsResult, attempt } = record
      const copy = { key: keyOf(text), wantsResult, isCancelled: false }
      this.#here.set(record.first + index, copy)
      this.#arrivedUpTo += 1
      this.#arrivedBytes += record.bytes[index] as number
      this.#init.receiver.took(copy.key, attempt)
    }
  }

  /** The receiver has written a settle, or a credit. */
  answered(record: WireRecord): void {
    const { counts, maxUnsettled, receiver } = this.#init
    if (record.kind === 'reclaim') counts.reclaims += 1
    if (record.kind === 'credit') {
      this.#saidLimit = Math.max(this.#saidLimit, record.limit)
      const most = this.#arrivedUpTo + maxUnsettled
      this.#check(record.limit <= most, 'I7', `credit up to item ${record.limit} was given, where ${most} would be all`)
      const mostBytes = this.#arrivedBytes + limitDefaults.maxUnsettledBytes
      this.#check(
        record.byteLimit <= mostBytes,
        'I7',
        `${record.byteLimit} bytes of credit were given, of ${mostBytes}`,
      )
    }
    for (const seq of numbersOf(record)) {
      const copy = this.#here.get(seq)
      this.#check(copy !== undefined, 'I2', `item ${seq} was settled, which is not there, or was settled before`)
      this.#here.delete(seq)
      if (copy !== undefined && !copy.isCancelled) receiver.tells(copy.key, endingOf(copy, record))
    }
  }

  /** The sender was given a credit, or a settle. */
  told(record: WireRecord): void {
    if (record.kind === 'credit') {
      this.#limit = Math.max(this.#limit, record.limit)
      this.#byteLimit = Math.max(this.#byteLimit, record.byteLimit)
      this.#acknowledged = Math.max(this.#acknowledged, record.received)
    }
    const { sender, counts } = this.#init
    for (const seq of numbersOf(record)) {
      const copy = this.#unsettled.get(seq)
      this.#unsettled.delete(seq)
      if (copy === undefined) continue
      const ending = endingOf(copy, record)
      if (ending === 'returned') counts.returns += 1
      this.#check(ending !== 'cancelled' || copy.isCancelled, 'I6', `${copy.key} was cancelled by its receiver`)
      if (!copy.isCancelled) sender.heard(copy.key, ending)
    }
  }

  /** Items that the receiver has, as it said, and did not settle. */
  get received(): string[] {
    const open = [...this.#unsettled].filter(([seq, { isCancelled }]) => seq <= this.#acknowledged && !isCancelled)
    return open.map(([, { key }]) => key)
  }

  /** Items that the receiver has, as it knows itself. */
  get here(): string[] {
    return [...this.#here.values()].map(({ key }) => key)
  }

  /** The sender knows that the session is over. */
  lostBySender(): void {
    for (const { key, isCancelled } of this.#unsettled.values()) if (!isCancelled) this.#init.sender.lost(key)
    this.#unsettled.clear()
    this.#init.sender.disturb()
    this.#limit = this.#seq = this.#acknowledged = 0
  }

  /** The receiver knows that the session is over; a server keeps what it was given. */
  lostByReceiver({ keeps }: { keeps: boolean }): void {
    const { receiver, counts } = this.#init
    for (const { key, isCancelled } of this.#here.values()) {
      if (keeps) counts.keptPuts += 1
      if (keeps) receiver.kept(key, this.name)
      else if (!isCancelled) receiver.dropped(key)
    }
    this.#here.clear()
    this.#saidLimit = this.#arrivedUpTo = 0
  }

  #sentItems({ first, attempt, texts, bytes, wantsResult }: Extract<WireRecord, { kind: 'items' }>): void {
    const { counts, maxUnsettled, sender } = this.#init
    this.#check(first === this.#seq + 1, 'I8', `sent item ${first} after item ${this.#seq}`)
    for (const [index, text] of texts.entries()) {
      const seq = first + index
      this.#check(seq <= this.#limit, 'I8', `sent item ${seq} with credit up to ${this.#limit}`)
      this.#check(this.#bytes < this.#byteLimit, 'I8', `sent item ${seq} beyond its ${this.#byteLimit} bytes of credit`)
      this.#seq = seq
      this.#bytes += bytes[index] as number
      counts.deliveries += 1
      if (attempt > 1) counts.redeliveries += 1
      const key = keyOf(text)
      this.#unsettled.set(seq, { key, wantsResult, isCancelled: false })
      this.#checkOrder(key)
      sender.gave(key, attempt)
    }
    this.#check(
      this.#unsettled.size <= maxUnsettled,
      'I7',
      `${this.#unsettled.size} items unsettled, of ${maxUnsettled}`,
    )
  }

  #checkOrder(key: string): void {
    const { sender, isFifo } = this.#init
    const order = sender.orderOf(key)
    if (!isFifo || order === undefined) return
    const { among, place } = order
    this.#check(place > (this.#lastPlaces.get(among) ?? 0), 'I5', `${key} came after a later item`)
    this.#lastPlaces.set(among, place)
  }

  #cancelled(seq: number): void {
    const copy = this.#unsettled.get(seq)
    if (copy === undefined || copy.isCancelled) return
    this.#init.counts.cancels += 1
    copy.isCancelled = true
    this.#init.sender.tookBack(copy.key)
  }

  #heardCancel(seq: number): void {
    const copy = this.#here.get(seq)
    if (copy === undefined || copy.isCancelled) return
    copy.isCancelled = true
    this.#init.receiver.dropped(copy.key)
  }

  #check(isTrue: boolean, invariant: Invariant, message: string): void {
    if (!isTrue) this.#init.violate(invariant, `${this.name}: ${message}`)
  }
}

function numbersOf(record: WireRecord): number[] {
  if (record.kind === 'result' || record.kind === 'failed' || record.kind === 'reject') return [record.seq]
  if (record.kind !== 'settle') return []
  return record.ranges.flatMap(([first, length]) => Array.from({ length }, (_, index) => first + index))
}

/** A handler that failed answers where a result is wanted; an item that was put is released by it. */
function endingOf({ wantsResult }: Copy, record: WireRecord): Ending {
  if (record.kind === 'settle') return record.outcome
  if (record.kind === 'result') return 'done'
  if (record.kind === 'failed') return wantsResult ? 'failed' : 'released'
  return 'reject'
}
