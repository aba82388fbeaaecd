import type { Bytes } from '../../transport/transport.ts'
import { pathBytes } from '../../message/route.ts'
import type { Path, Route } from '../../message/route.ts'
import type { Longest, NameChange, ToldNode } from '../../message/tree.ts'
import type { Outcome, Said, SaidInChannel, Writer } from '../message.ts'
import { Batch } from './batch.ts'
import type { Form } from './batch.ts'
import { encodeText, MAX_VARINT_BYTES } from './bytes.ts'
import type { ByteWriter } from './bytes.ts'
import {
  ITEM_LANE,
  ItemsFlag,
  Kind,
  MAX_WHOLE_BYTES,
  OUTCOMES,
  RECORD_OVERHEAD_BYTES,
  ResultKind,
} from './record-kinds.ts'
import { MAX_FAILURE_BYTES, writeFailure } from './record-fields.ts'
import * as requests from './request-writer.ts'
import { writePath } from './route-block.ts'
import { writeAncestry, writeLongest, writeNames, writeNodes } from './tree-records.ts'

/** Items in a row that share attempt and flags make one ITEMS record, whose count is filled in as they come. */
interface Run {
  /** The records begun so far, it among them: with one more, something stands behind it. */
  begun: number
  countAt: number
  count: number
  next: number
  attempt: number
  wantsResult: boolean
}

/** Whoever reads what the peer sends. */
export interface Taken {
  /** How many ordered records were taken from the peer. */
  readonly ordered: number
}

/** Builds one BATCH frame after the other in a buffer that connections share, and hands out what was filled, with long payloads between its parts. */
export class RecordWriter implements Writer {
  readonly #batch: Batch
  readonly #taken: Taken
  #run: Run | undefined

  /** `out` is one of `newOut`. */
  constructor(out: ByteWriter, taken: Taken) {
    this.#batch = new Batch(out)
    this.#taken = taken
  }

  /** How many ordered records are on their way, the last byte of each included: the peer cannot have taken more. */
  get sentRecords(): number {
    return this.#batch.sentRecords
  }

  /** Whether something is left for the next frame: of what was taken, or of whoever was refused. */
  get hasMore(): boolean {
    return this.#batch.hasMore
  }

  /** The next frame with what `fill` writes, or what was left of long records; `undefined` for neither. */
  build(fill: (writer: Writer) => void): Bytes | undefined {
    const frame = this.#fill(fill)
    // Room was kept for somebody who did not come: those who were refused for its sake have it now.
    return frame === undefined && this.#batch.isWaitedFor ? this.#fill(fill) : frame
  }

  credit(limit: number, byteLimit: number, received: number): void {
    this.#batch.control(Kind.CREDIT)
    for (const value of [limit, byteLimit, received, this.#taken.ordered]) this.#batch.out.varint(value)
  }

  reclaim(): void {
    this.#batch.control(Kind.RECLAIM)
  }

  cancel(seq: number): void {
    this.#batch.cancelItem(seq)
  }

  ping(token: number): void {
    this.#batch.control(Kind.PING)
    this.#batch.out.varint(token)
  }

  pong(token: number): void {
    this.#batch.control(Kind.PONG)
    this.#batch.out.varint(token)
  }

  released(first: number, last: number, bytes: number): boolean {
    if (!this.#batch.fits(ITEM_LANE, RECORD_OVERHEAD_BYTES)) return false
    this.#batch.begin(Kind.RELEASED)
    for (const value of [first, last, bytes]) this.#batch.out.varint(value)
    return true
  }

  item(seq: number, payload: Uint8Array, attempt: number, wantsResult: boolean): boolean {
    const run = this.#run
    if (
      run?.next !== seq ||
      run.begun !== this.#batch.begun ||
      run.attempt !== attempt ||
      run.wantsResult !== wantsResult
    )
      return this.#firstItem(seq, payload, attempt, wantsResult)
    // The count has two bytes; a frame has no room for more items than that.
    if (!this.#batch.fits(ITEM_LANE, payload.length + MAX_VARINT_BYTES)) return false
    this.#join(run, payload)
    return true
  }

  /** A record of its own: few items are for somebody. */
  itemTo(seq: number, payload: Uint8Array, attempt: number, wantsResult: boolean, to: Path): boolean {
    const item = { seq, attempt, wantsResult, payload, route: { to } }
    if (payload.length + pathBytes(to) > MAX_WHOLE_BYTES) return this.#batch.write(LONG_ITEM, item)
    if (!this.#batch.fits(ITEM_LANE, payload.length + pathBytes(to) + RECORD_OVERHEAD_BYTES)) return false
    this.#batch.begin(Kind.ITEMS)
    itemsHead(this.#batch.out, item, 1)
    this.#batch.out.bytes(payload)
    return true
  }

  ancestry(ids: readonly string[]): boolean {
    return writeAncestry(this.#batch, ids)
  }

  nodes(changes: ToldNode[]): boolean {
    return writeNodes(this.#batch, changes)
  }

  names(changes: NameChange[]): boolean {
    return writeNames(this.#batch, changes)
  }

  longest(longest: Longest): boolean {
    return writeLongest(this.#batch, longest)
  }

  settle(outcome: Outcome, ranges: number[]): boolean {
    const bytes = RECORD_OVERHEAD_BYTES + 2 * MAX_VARINT_BYTES
    if (!this.#batch.fits(ITEM_LANE, bytes)) return false
    const room = this.#batch.room(ITEM_LANE) - RECORD_OVERHEAD_BYTES
    const count = Math.min(ranges.length / 2, Math.floor(room / (2 * MAX_VARINT_BYTES)))
    this.#batch.begin(Kind.SETTLE)
    this.#batch.out.u8(OUTCOMES.indexOf(outcome))
    this.#batch.out.varint(count)
    for (const value of ranges.splice(0, count * 2)) this.#batch.out.varint(value)
    return ranges.length === 0 || this.#batch.refuse(ITEM_LANE, bytes)
  }

  result(seq: number, value: Uint8Array | undefined): boolean {
    if (value === undefined) return this.#undefined(seq)
    return this.#batch.write(RESULT, { seq, payload: value })
  }

  failed(seq: number, code: string, reason: string): boolean {
    if (!this.#begins(Kind.RESULT)) return false
    this.#batch.out.varint(seq)
    this.#batch.out.u8(ResultKind.FAILED)
    writeFailure(this.#batch.out, code, reason)
    return true
  }

  reject(seq: number, code: string, reason: string): boolean {
    if (!this.#begins(Kind.REJECT)) return false
    this.#batch.out.varint(seq)
    writeFailure(this.#batch.out, code, reason)
    return true
  }

  extend(seq: number): boolean {
    if (!this.#batch.fits(ITEM_LANE, RECORD_OVERHEAD_BYTES)) return false
    this.#batch.begin(Kind.EXTEND)
    this.#batch.out.varint(seq)
    return true
  }

  status(value: unknown): boolean {
    const text = encodeText(JSON.stringify(value) ?? 'null')
    if (!this.#batch.fits(ITEM_LANE, text.length + RECORD_OVERHEAD_BYTES)) return false
    this.#batch.begin(Kind.STATUS)
    this.#batch.out.bytes(text)
    return true
  }

  goaway(code: string, reason: string): boolean {
    if (!this.#begins(Kind.GOAWAY)) return false
    writeFailure(this.#batch.out, code, reason)
    return true
  }

  request(request: Said<'request'>): boolean {
    return this.#batch.write(requests.REQUEST, request)
  }

  response(response: SaidInChannel<'response'>): boolean {
    return this.#batch.write(requests.RESPONSE, response)
  }

  refusal(refusal: SaidInChannel<'refusal'>): boolean {
    return requests.refusal(this.#batch, refusal)
  }

  message(message: Said<'message'>): boolean {
    return this.#batch.write(requests.MESSAGE, message)
  }

  chunk(chunk: SaidInChannel<'chunk'>): boolean {
    return this.#batch.write(requests.CHUNK, chunk)
  }

  chunkCredit(credit: SaidInChannel<'chunkCredit'>): boolean {
    return requests.chunkCredit(this.#batch, credit)
  }

  chunkEnd(end: SaidInChannel<'chunkEnd'>): boolean {
    return requests.chunkEnd(this.#batch, end)
  }

  endRequests(): boolean {
    return requests.endRequests(this.#batch)
  }

  cancelRequest({ tag }: Said<'cancelRequest'>): void {
    this.#batch.cancelRequest(tag)
  }

  #fill(fill: (writer: Writer) => void): Bytes | undefined {
    this.#batch.start()
    fill(this)
    return this.#batch.finish()
  }

  #firstItem(seq: number, payload: Uint8Array, attempt: number, wantsResult: boolean): boolean {
    if (payload.length > MAX_WHOLE_BYTES) return this.#batch.write(LONG_ITEM, { seq, attempt, wantsResult, payload })
    if (!this.#batch.fits(ITEM_LANE, payload.length + RECORD_OVERHEAD_BYTES)) return false
    this.#batch.begin(Kind.ITEMS)
    const countAt = itemsHead(this.#batch.out, { seq, attempt, wantsResult }, 0)
    this.#run = { begun: this.#batch.begun, countAt, count: 0, next: seq, attempt, wantsResult }
    this.#join(this.#run, payload)
    return true
  }

  #join(run: Run, payload: Uint8Array): void {
    const { out } = this.#batch
    out.bytes(payload)
    run.count += 1
    run.next += 1
    out.u16At(run.countAt, run.count)
  }

  #undefined(seq: number): boolean {
    if (!this.#batch.fits(ITEM_LANE, RECORD_OVERHEAD_BYTES)) return false
    this.#batch.begin(Kind.RESULT)
    this.#batch.out.varint(seq)
    this.#batch.out.u8(ResultKind.UNDEFINED)
    return true
  }

  /** Begins a record of the item lane that ends with a failure. */
  #begins(kind: number): boolean {
    if (!this.#batch.fits(ITEM_LANE, MAX_FAILURE_BYTES + RECORD_OVERHEAD_BYTES)) return false
    this.#batch.begin(kind)
    return true
  }
}

const RESULT: Form<{ seq: number; payload: Uint8Array }> = {
  kind: Kind.RESULT,
  laneOf: () => ITEM_LANE,
  idOf: ({ seq }) => seq,
  writeHead(out, { seq }) {
    out.varint(seq)
    out.u8(ResultKind.VALUE)
  },
}

/** What stands before the items of a record. */
interface ItemsHead {
  seq: number
  attempt: number
  wantsResult: boolean
  route?: Pick<Route, 'to'>
}

const LONG_ITEM: Form<ItemsHead & { payload: Uint8Array }> = {
  kind: Kind.ITEMS,
  laneOf: () => ITEM_LANE,
  idOf: ({ seq }) => seq,
  writeHead: (out, item) => void itemsHead(out, item, 1),
}

/** Writes the part of an ITEMS record between its kind and its items; returns where its count stands. */
function itemsHead(out: ByteWriter, { seq, attempt, wantsResult, route }: ItemsHead, count: number): number {
  const to = route?.to
  out.u8((wantsResult ? ItemsFlag.WANTS_RESULT : 0) | (to === undefined ? 0 : ItemsFlag.PATH))
  out.varint(attempt)
  out.varint(seq)
  if (to !== undefined) writePath(out, to)
  const countAt = out.at
  out.u16(count)
  return countAt
}
