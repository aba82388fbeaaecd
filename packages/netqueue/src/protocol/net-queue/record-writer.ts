import type { Bytes } from '../../transport/transport.ts'
import type { Outcome, Writer } from '../protocol.ts'
import { ByteWriter, encodeText, MAX_VARINT_BYTES } from './bytes.ts'
import { FrameType, TYPE_BYTES } from './frame-types.ts'
import {
  CancelTarget,
  FragmentFlag,
  isOrdered,
  ItemsFlag,
  ITEM_LANE,
  Kind,
  MAX_CODE_BYTES,
  MAX_REASON_BYTES,
  MIN_FRAGMENT_BYTES,
  OUTCOMES,
  RECORD_OVERHEAD_BYTES,
  ResultKind,
} from './record-kinds.ts'

/**
 * Longest frame that is written, its 4 bytes of length aside: 61,440 with them. On loopback, writes of 64 KiB and more fall
 * into two segments and move a quarter as much.
 */
export const CUT_BYTES = 61_436
/** The longest payload that is put into a frame whole; there is room for what surrounds it, and for control records. */
export const MAX_WHOLE_BYTES = 60_800

/** Bytes that ordered records leave free, so that control records always fit. */
const CONTROL_BYTES = 256
/** The longest control record: CREDIT. */
const MAX_CONTROL_RECORD_BYTES = 1 + 4 * MAX_VARINT_BYTES
/** kind, lane, flags, total and length of a FRAGMENT, at their longest. */
const FRAGMENT_OVERHEAD_BYTES = 3 + 2 * MAX_VARINT_BYTES

/** A record too long for one frame: what precedes its payload, the payload, and how much of both has left. */
interface Fragmented {
  seq: number
  isOrdered: boolean
  head: Uint8Array
  payload: Uint8Array
  sent: number
  /** It was cancelled meanwhile: CANCEL follows its last piece. */
  isCancelled: boolean
}

/** Items in a row that share attempt and flags make one ITEMS record, whose count is filled in as they come. */
interface Run {
  countAt: number
  count: number
  next: number
  attempt: number
  wantsResult: boolean
}

/** Builds one BATCH frame after the other in a buffer that connections share, and hands out copies of what was filled, with long payloads between them. */
export class RecordWriter implements Writer {
  readonly #out: ByteWriter
  readonly #ordered: () => number
  #run: Run | undefined
  #fragmented: Fragmented | undefined
  #sentRecords = 0

  /** `out` has room for {@link CUT_BYTES}; `ordered` tells how many ordered records were taken from the peer. */
  constructor(out: ByteWriter, ordered: () => number) {
    this.#out = out
    this.#ordered = ordered
  }

  /** How many ordered records are on their way, the last byte of each included: the peer cannot have taken more. */
  get sentRecords(): number {
    return this.#sentRecords
  }

  /** The next frame with what `fill` writes, or what was left of a long record; `undefined` for neither. */
  build(fill: (writer: Writer) => void): Bytes | undefined {
    this.#out.restart()
    this.#run = undefined
    this.#out.u16(FrameType.BATCH)
    fill(this)
    this.#drain()
    return this.#out.at === TYPE_BYTES ? undefined : this.#out.take()
  }

  credit(limit: number, byteLimit: number, received: number): void {
    this.#control(Kind.CREDIT)
    for (const value of [limit, byteLimit, received, this.#ordered()]) this.#out.varint(value)
  }

  reclaim(): void {
    this.#control(Kind.RECLAIM)
  }

  cancel(seq: number): void {
    if (this.#fragmented?.seq === seq && !this.#fragmented.isOrdered) {
      this.#fragmented.isCancelled = true
      return
    }
    this.#control(Kind.CANCEL)
    this.#out.u8(CancelTarget.ITEM)
    this.#out.varint(seq)
  }

  ping(token: number): void {
    this.#control(Kind.PING)
    this.#out.varint(token)
  }

  pong(token: number): void {
    this.#control(Kind.PONG)
    this.#out.varint(token)
  }

  released(first: number, last: number, bytes: number): boolean {
    if (!this.#fits(RECORD_OVERHEAD_BYTES)) return false
    this.#begin(Kind.RELEASED)
    for (const value of [first, last, bytes]) this.#out.varint(value)
    return true
  }

  item(seq: number, payload: Uint8Array, attempt: number, wantsResult: boolean): boolean {
    const run = this.#run
    // The count has two bytes; a frame has no room for more items than that.
    if (run?.next === seq && run.attempt === attempt && run.wantsResult === wantsResult) {
      if (!this.#fits(payload.byteLength + MAX_VARINT_BYTES)) return false
      this.#join(run, payload)
      return true
    }
    if (payload.byteLength > MAX_WHOLE_BYTES)
      return this.#fragment(Kind.ITEMS, seq, payload, (out) => itemsHeader(out, seq, attempt, wantsResult, 1))
    if (!this.#fits(payload.byteLength + RECORD_OVERHEAD_BYTES)) return false
    const countAt = itemsHeader(this.#out, seq, attempt, wantsResult, 0)
    this.#run = { countAt, count: 0, next: seq, attempt, wantsResult }
    this.#join(this.#run, payload)
    return true
  }

  settle(outcome: Outcome, ranges: number[]): boolean {
    if (!this.#drain()) return false
    const room = this.#out.left - CONTROL_BYTES - RECORD_OVERHEAD_BYTES
    const count = Math.min(ranges.length / 2, Math.floor(room / (2 * MAX_VARINT_BYTES)))
    if (count <= 0) return false
    this.#begin(Kind.SETTLE)
    this.#out.u8(OUTCOMES.indexOf(outcome))
    this.#out.varint(count)
    for (const value of ranges.splice(0, count * 2)) this.#out.varint(value)
    return ranges.length === 0
  }

  result(seq: number, value: Uint8Array | undefined): boolean {
    const header = (out: ByteWriter): void => {
      out.u8(Kind.RESULT)
      out.varint(seq)
      out.u8(value === undefined ? ResultKind.UNDEFINED : ResultKind.VALUE)
    }
    if (value !== undefined && value.byteLength > MAX_WHOLE_BYTES)
      return this.#fragment(Kind.RESULT, seq, value, header)
    if (!this.#fits((value?.byteLength ?? 0) + RECORD_OVERHEAD_BYTES)) return false
    this.#run = undefined
    this.#sentRecords += 1
    header(this.#out)
    if (value !== undefined) this.#out.bytes(value)
    return true
  }

  failed(seq: number, code: string, reason: string): boolean {
    return this.#failure([Kind.RESULT], seq, [ResultKind.FAILED], code, reason)
  }

  reject(seq: number, code: string, reason: string): boolean {
    return this.#failure([Kind.REJECT], seq, [], code, reason)
  }

  extend(seq: number): boolean {
    if (!this.#fits(RECORD_OVERHEAD_BYTES)) return false
    this.#begin(Kind.EXTEND)
    this.#out.varint(seq)
    return true
  }

  status(value: unknown): boolean {
    const text = encodeText(JSON.stringify(value) ?? 'null')
    if (!this.#fits(text.byteLength + RECORD_OVERHEAD_BYTES)) return false
    this.#begin(Kind.STATUS)
    this.#out.bytes(text)
    return true
  }

  goaway(code: string, reason: string): boolean {
    return this.#failure([Kind.GOAWAY], undefined, [], code, reason)
  }

  request(): boolean {
    throw new TypeError('Expected no request: none are written yet')
  }

  response(): boolean {
    throw new TypeError('Expected no response: none are written yet')
  }

  refusal(): boolean {
    throw new TypeError('Expected no refusal: none are written yet')
  }

  message(): boolean {
    throw new TypeError('Expected no message: none are written yet')
  }

  chunk(): boolean {
    throw new TypeError('Expected no chunk: none are written yet')
  }

  chunkCredit(): boolean {
    throw new TypeError('Expected no credit for chunks: none is written yet')
  }

  chunkEnd(): boolean {
    throw new TypeError('Expected no end of a stream: none is written yet')
  }

  endRequests(): boolean {
    throw new TypeError('Expected no end of requests: none is written yet')
  }

  cancelRequest(): void {
    throw new TypeError('Expected no cancelled request: none is written yet')
  }

  #failure(kind: [number], seq: number | undefined, marks: number[], code: string, reason: string): boolean {
    if (!this.#fits(MAX_CODE_BYTES + MAX_REASON_BYTES + RECORD_OVERHEAD_BYTES)) return false
    this.#begin(kind[0])
    if (seq !== undefined) this.#out.varint(seq)
    for (const mark of marks) this.#out.u8(mark)
    this.#out.bytes(cutText(code, MAX_CODE_BYTES))
    this.#out.bytes(cutText(reason, MAX_REASON_BYTES))
    return true
  }

  #begin(kind: number): void {
    this.#run = undefined
    if (isOrdered(kind)) this.#sentRecords += 1
    this.#out.u8(kind)
  }

  #control(kind: number): void {
    if (this.#out.left < MAX_CONTROL_RECORD_BYTES)
      throw new RangeError(`Expected at most ${CONTROL_BYTES} bytes of control records in a frame`)
    this.#begin(kind)
  }

  #join(run: Run, payload: Uint8Array): void {
    this.#out.bytes(payload)
    run.count += 1
    run.next += 1
    this.#out.u16At(run.countAt, run.count)
  }

  /** Whether an ordered record of that length may be written now: a long one before it has to be out. */
  #fits(bytes: number): boolean {
    return (this.#fragmented === undefined || this.#drain()) && bytes <= this.#out.left - CONTROL_BYTES
  }

  /** Takes a long record, to leave in pieces in this frame and those that follow. */
  #fragment(kind: number, seq: number, payload: Uint8Array, header: (out: ByteWriter) => void): boolean {
    if (!this.#drain()) return false
    const head = new ByteWriter(new Uint8Array(RECORD_OVERHEAD_BYTES))
    header(head)
    head.varint(payload.byteLength)
    const fragmented = { seq, isOrdered: isOrdered(kind), payload, head: head.take().subarray() }
    this.#fragmented = { ...fragmented, sent: 0, isCancelled: false }
    this.#drain()
    return true
  }

  /** Writes what fits of the record that is in pieces; `true` when none is left. */
  #drain(): boolean {
    const record = this.#fragmented
    if (record === undefined) return true
    const total = record.head.byteLength + record.payload.byteLength
    const left = total - record.sent
    const length = Math.min(left, this.#out.left - CONTROL_BYTES - FRAGMENT_OVERHEAD_BYTES)
    if (length < left && length < MIN_FRAGMENT_BYTES) return false
    this.#piece(record, total, length)
    record.sent += length
    if (record.sent < total) return false
    this.#fragmented = undefined
    if (record.isOrdered) this.#sentRecords += 1
    if (record.isCancelled) this.cancel(record.seq)
    return true
  }

  #piece({ head, payload, sent }: Fragmented, total: number, length: number): void {
    this.#begin(Kind.FRAGMENT)
    this.#out.varint(ITEM_LANE)
    this.#out.u8((sent === 0 ? FragmentFlag.FIRST : 0) | (sent + length === total ? FragmentFlag.LAST : 0))
    if (sent === 0) this.#out.varint(total)
    this.#out.varint(length)
    if (sent < head.byteLength) this.#out.raw(head.subarray(sent, sent + length))
    const from = Math.max(0, sent - head.byteLength)
    this.#out.raw(payload.subarray(from, Math.max(0, sent + length - head.byteLength)))
  }
}

/** Writes the part of an ITEMS record that precedes its items; returns where its count stands. */
function itemsHeader(out: ByteWriter, first: number, attempt: number, wantsResult: boolean, count: number): number {
  out.u8(Kind.ITEMS)
  out.u8(wantsResult ? ItemsFlag.WANTS_RESULT : 0)
  out.varint(attempt)
  out.varint(first)
  const countAt = out.at
  out.u16(count)
  return countAt
}

/** Text cut to a number of bytes, without half a character at its end. */
function cutText(text: string, maxBytes: number): Uint8Array {
  const whole = encodeText(text)
  if (whole.byteLength <= maxBytes) return whole
  let end = maxBytes
  while (((whole[end] as number) & 0xc0) === 0x80) end -= 1
  return whole.subarray(0, end)
}
