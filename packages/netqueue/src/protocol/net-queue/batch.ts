import { roomyFrame } from '../../framing/roomy.ts'
import { headerBytes } from '../../message/headers.ts'
import type { Headers } from '../../message/headers.ts'
import { routeBytes } from '../../message/route.ts'
import type { Route } from '../../message/route.ts'
import type { Bytes } from '../../transport/transport.ts'
import { ByteWriter, MAX_VARINT_BYTES } from './bytes.ts'
import { FrameType, TYPE_BYTES } from './frame-types.ts'
import { bytesLeft, FRAGMENT_OVERHEAD_BYTES, Lanes } from './lanes.ts'
import type { LongRecord } from './lanes.ts'
import {
  CancelTarget,
  FragmentFlag,
  isOrdered,
  Kind,
  MAX_WHOLE_BYTES,
  MIN_FRAGMENT_BYTES,
  RECORD_OVERHEAD_BYTES,
} from './record-kinds.ts'

/**
 * Longest frame that is written, its 4 bytes of length aside: 61,440 with them. On loopback, writes of 64 KiB and more fall
 * into two segments and move a quarter as much.
 */
export const CUT_BYTES = 61_436
/** Bytes that ordered records leave free, so that control records always fit. */
const CONTROL_BYTES = 256
/** The longest control record: CREDIT. */
const MAX_CONTROL_RECORD_BYTES = 1 + 4 * MAX_VARINT_BYTES

/** What a record that ends with a payload is to say. */
export interface Carried {
  headers?: Headers | undefined
  route?: Route | undefined
  payload: Uint8Array
}

/** How one kind of such records is written. */
export interface Form<S extends Carried> {
  readonly kind: number
  laneOf(said: S): number
  /** The item's number or the request's tag. */
  idOf(said: S): number
  /** Writes what stands between the kind and the payload's length. */
  writeHead(out: ByteWriter, said: S): void
}

/** Where frames are built. Connections share it: each frame is built in one go. */
export const newOut = (): ByteWriter => new ByteWriter(roomyFrame(CUT_BYTES))

/** One BATCH frame after the other, and the long records that are spread over them. */
export class Batch {
  /** As {@link newOut} makes it. */
  readonly out: ByteWriter
  readonly #lanes = new Lanes()
  /** Requests whose cancels found no room. */
  readonly #cancels: number[] = []
  #begun = 0
  #sentRecords = 0

  constructor(out: ByteWriter) {
    this.out = out
  }

  /** How many records were begun, in all frames: tells whether something came in between. */
  get begun(): number {
    return this.#begun
  }

  /** How many ordered records are on their way, the last byte of each included. */
  get sentRecords(): number {
    return this.#sentRecords
  }

  /** Begins the next frame. */
  start(): void {
    this.out.restart()
    this.out.u16(FrameType.BATCH)
    this.#begun += 1
    if (this.#cancels.length > 0) this.#writeCancels()
  }

  /** Adds what is left of long records, and gives the frame away; `undefined` where nothing is in it. */
  finish(): Bytes | undefined {
    if (this.#lanes.isWaiting) {
      this.#continueAll()
      this.#lanes.endFrame()
    }
    return this.out.at === TYPE_BYTES ? undefined : this.out.takeFrame()
  }

  /** Whether somebody was refused who may come in the next frame. */
  get isWaitedFor(): boolean {
    return this.#lanes.isWaiting
  }

  /** Whether something is left for the next frame. */
  get hasMore(): boolean {
    return this.#lanes.isWaiting || this.#cancels.length > 0
  }

  /** Whether so many bytes of a whole record may be written into a lane now; where not, the lane keeps its place. */
  fits(lane: number, bytes: number): boolean {
    return bytes <= this.#left() - this.#lanes.heldFrom(lane) || this.#admits(lane, bytes)
  }

  /** How many bytes a lane may write now; none before the record that it has in pieces is out. */
  room(lane: number): number {
    if (!this.#lanes.isWaiting) return this.#left()
    return this.#isClear(lane) ? this.#lanes.room(lane, this.#left()) : 0
  }

  /** A lane has more to write than there was room for. */
  refuse(lane: number, bytes: number): false {
    this.#lanes.refused(lane, bytes)
    return false
  }

  begin(kind: number): void {
    this.#begun += 1
    if (isOrdered(kind)) this.#sentRecords += 1
    this.out.u8(kind)
  }

  control(kind: number): void {
    if (this.out.left < MAX_CONTROL_RECORD_BYTES)
      throw new RangeError(`Expected at most ${CONTROL_BYTES} bytes of control records in a frame`)
    this.begin(kind)
  }

  /** Takes a record, to leave whole, or in pieces in this frame and those that follow. */
  write<S extends Carried>(form: Form<S>, said: S): boolean {
    const { headers, route, payload } = said
    const bytes = headerBytes(headers) + routeBytes(route) + payload.length
    if (bytes > MAX_WHOLE_BYTES) return this.#startLong(form, said)
    if (!this.fits(form.laneOf(said), bytes + RECORD_OVERHEAD_BYTES)) return false
    this.begin(form.kind)
    form.writeHead(this.out, said)
    this.out.bytes(payload)
    return true
  }

  /** Whether a record of that kind is half sent. */
  isSending(kind: number): boolean {
    return this.#lanes.isWaiting && this.#lanes.records().some(({ record }) => record.kind === kind)
  }

  cancelItem(seq: number): void {
    if (this.#isCancelledLater(Kind.ITEMS, seq)) return
    this.control(Kind.CANCEL)
    this.out.u8(CancelTarget.ITEM)
    this.out.varint(seq)
  }

  cancelRequest(tag: number): void {
    if (this.#isCancelledLater(Kind.REQUEST, tag)) return
    this.#cancels.push(tag)
    this.#writeCancels()
  }

  /** Bytes that are left to ordered records. */
  #left(): number {
    return this.out.left - CONTROL_BYTES
  }

  #admits(lane: number, bytes: number): boolean {
    if (bytes > this.room(lane)) return this.refuse(lane, bytes)
    this.#lanes.served(lane, bytes)
    return true
  }

  #startLong<S extends Carried>(form: Form<S>, said: S): boolean {
    const lane = form.laneOf(said)
    if (!this.#isClear(lane) || !this.#lanes.mayStart(lane)) {
      this.#lanes.refused(lane, MIN_FRAGMENT_BYTES, true)
      return false
    }
    const { headers, route, payload } = said
    const out = new ByteWriter(new Uint8Array(headerBytes(headers) + routeBytes(route) + RECORD_OVERHEAD_BYTES))
    out.u8(form.kind)
    form.writeHead(out, said)
    out.varint(payload.length)
    const head = out.take().subarray()
    this.#lanes.start(lane, { kind: form.kind, id: form.idOf(said), head, payload, sent: 0, isCancelled: false })
    return true
  }

  /** Whether no record of a lane is half sent: the rest of one is written if it fits. */
  #isClear(lane: number): boolean {
    const record = this.#lanes.record(lane)
    if (record === undefined) return true
    const left = bytesLeft(record)
    if (left + FRAGMENT_OVERHEAD_BYTES > this.#lanes.room(lane, this.#left())) return false
    this.#piece(lane, record, left)
    return true
  }

  /** Gives what is left of the frame to the records that are half sent, in equal parts. */
  #continueAll(): void {
    const records = this.#lanes.records()
    records.forEach(({ lane, record }, index) => {
      const part = Math.floor(this.#left() / (records.length - index)) - FRAGMENT_OVERHEAD_BYTES
      const length = Math.min(bytesLeft(record), Math.max(part, MIN_FRAGMENT_BYTES))
      if (length + FRAGMENT_OVERHEAD_BYTES <= this.#left()) this.#piece(lane, record, length)
    })
    this.#writeCancels()
  }

  #piece(lane: number, record: LongRecord, length: number): void {
    const { head, payload, sent } = record
    const isLast = length === bytesLeft(record)
    this.begin(Kind.FRAGMENT)
    this.out.varint(lane)
    this.out.u8((sent === 0 ? FragmentFlag.FIRST : 0) | (isLast ? FragmentFlag.LAST : 0))
    if (sent === 0) this.out.varint(head.length + payload.length)
    this.out.varint(length)
    if (sent < head.length) this.out.raw(head.subarray(sent, sent + length))
    const from = Math.max(0, sent - head.length)
    this.out.raw(payload.subarray(from, Math.max(0, sent + length - head.length)))
    record.sent += length
    this.#lanes.sent(lane, record, length + FRAGMENT_OVERHEAD_BYTES)
    if (isLast) this.#whole(record)
  }

  /** The last byte of a long record is in the frame. */
  #whole({ kind, id, isCancelled }: LongRecord): void {
    if (isOrdered(kind)) this.#sentRecords += 1
    if (!isCancelled) return
    if (kind === Kind.REQUEST) this.cancelRequest(id)
    else this.cancelItem(id)
  }

  #isCancelledLater(kind: number, id: number): boolean {
    if (!this.#lanes.isWaiting) return false
    const found = this.#lanes.records().find(({ record }) => record.kind === kind && record.id === id)
    if (found !== undefined) found.record.isCancelled = true
    return found !== undefined
  }

  #writeCancels(): void {
    while (this.#cancels.length > 0 && this.#left() >= MAX_CONTROL_RECORD_BYTES) {
      this.control(Kind.CANCEL)
      this.out.u8(CancelTarget.REQUEST)
      this.out.varint(this.#cancels.shift() as number)
    }
  }
}
