import type { Path } from '../../message/route.ts'
import { MAX_STATUS_BYTES } from '../../message/status.ts'
import type { Message } from '../message.ts'
import type { Payloads } from '../payloads.ts'
import { Shelf } from '../payloads.ts'
import { LonePayload, readPayloads } from './record-payloads.ts'
import { Assemblies } from './assemblies.ts'
import { ByteReader, decodeJson } from './bytes.ts'
import { badMessage, itemTooLarge } from '../failures.ts'
import { checkedStatus, readFailure, readNumber } from './record-fields.ts'
import { CancelTarget, isControl, isOfTrees, isOrdered, ItemsFlag, Kind, OUTCOMES, ResultKind } from './record-kinds.ts'
import { RequestReader } from './request-reader.ts'
import { readPath } from './route-block.ts'
import { readTree } from './tree-records.ts'

type Take = (message: Message) => void

const ITEMS_FLAGS = ItemsFlag.WANTS_RESULT | ItemsFlag.PATH

export interface RecordReaderInit {
  readonly maxItemBytes: number
  /** How many ordered records the peer was sent: it cannot have taken more. */
  readonly sentRecords: number
}

/** Turns the records of BATCH frames into messages; keeps at most four unfinished records, each of at most `maxItemBytes` and a little. */
export class RecordReader {
  readonly #init: RecordReaderInit
  readonly #assemblies: Assemblies
  readonly #kept = new Shelf()
  readonly #requests: RequestReader
  #ordered = 0

  constructor(init: RecordReaderInit) {
    this.#init = init
    this.#assemblies = new Assemblies(init.maxItemBytes)
    this.#requests = new RequestReader(init.maxItemBytes, this.#kept)
  }

  /** How many ordered records were taken, items aside: what CREDIT acknowledges. */
  get ordered(): number {
    return this.#ordered
  }

  /** Reads all records of a frame, from `at` on; it may go on in a second piece. */
  read(data: Uint8Array, take: Take, next?: Uint8Array, at = 0): void {
    const reader = new ByteReader(data, at, next)
    if (reader.left === 0) throw badMessage('an empty batch')
    while (reader.left > 0) this.#next(reader, take)
    this.#kept.leave()
  }

  #next(reader: ByteReader, take: Take): void {
    const kind = reader.u8()
    if (kind === Kind.FRAGMENT) return this.#fragment(reader, take)
    if (kind !== Kind.ITEMS) reader.join()
    if (!isControl(kind)) this.#assemblies.check(kind, reader)
    this.#record(kind, reader, take)
  }

  #fragment(reader: ByteReader, take: Take): void {
    const whole = this.#assemblies.take(reader)
    if (whole === undefined) return
    const record = new ByteReader(whole)
    const messages: Message[] = []
    this.#record(record.u8(), record, (message) => messages.push(message))
    if (record.left > 0) throw badMessage('fragments that hold more than one record')
    messages.forEach(take)
  }

  #record(kind: number, reader: ByteReader, take: Take): void {
    if (isOrdered(kind)) this.#ordered += 1
    if (kind === Kind.SETTLE) settles(reader, take)
    else take(this.#message(kind, reader))
  }

  #message(kind: number, reader: ByteReader): Message {
    switch (kind) {
      case Kind.ITEMS:
        return this.#items(reader)
      case Kind.CREDIT:
        return this.#credit(reader)
      case Kind.RESULT:
        return this.#result(reader)
      case Kind.REJECT:
        return { type: 'reject', seq: readNumber(reader), ...readFailure(reader) }
      case Kind.CANCEL:
        return cancel(reader)
      case Kind.EXTEND:
        return { type: 'extend', seq: readNumber(reader) }
      case Kind.RECLAIM:
        return { type: 'reclaim' }
      case Kind.RELEASED:
        return released(reader)
      case Kind.STATUS:
        return { type: 'status', value: status(reader) }
      case Kind.PING:
        return { type: 'ping', token: reader.varint() }
      case Kind.PONG:
        return { type: 'pong', token: reader.varint() }
      case Kind.GOAWAY:
        return { type: 'goaway', ...readFailure(reader) }
      default:
        return isOfTrees(kind) ? readTree(kind, reader) : this.#requests.read(kind, reader)
    }
  }

  #items(reader: ByteReader): Message {
    const flags = reader.u8()
    if ((flags & ~ITEMS_FLAGS) !== 0) throw badMessage('ITEMS with flags that have no meaning', flags)
    const attempt = readNumber(reader)
    const first = readNumber(reader)
    const to = (flags & ItemsFlag.PATH) === 0 ? undefined : this.#path(reader)
    const count = reader.u16()
    if (count === 0 || count > reader.left) throw badMessage(`ITEMS that hold no ${count} items`, count)
    checkLast(first, count)
    const wantsResult = (flags & ItemsFlag.WANTS_RESULT) !== 0
    return { type: 'items', first, attempt, wantsResult, payloads: this.#payloads(reader, count), to }
  }

  #payloads(reader: ByteReader, count: number): Payloads {
    if (count > 1) return readPayloads(reader, count, this.#init.maxItemBytes)
    reader.join()
    return new LonePayload(this.#payload(reader))
  }

  #path(reader: ByteReader): Path {
    reader.join()
    return readPath(reader)
  }

  #credit(reader: ByteReader): Message {
    const [limit, byteLimit, received] = [reader.varint(), reader.varint(), reader.varint()]
    const records = reader.varint()
    if (records > this.#init.sentRecords)
      throw badMessage(`a CREDIT for ${records} records, which were not sent`, records)
    return { type: 'credit', limit, byteLimit, received, records }
  }

  #result(reader: ByteReader): Message {
    const seq = readNumber(reader)
    const kind = reader.u8()
    if (kind === ResultKind.VALUE) return { type: 'result', seq, value: this.#payload(reader) }
    if (kind === ResultKind.UNDEFINED) return { type: 'result', seq, value: undefined }
    if (kind === ResultKind.FAILED) return { type: 'failed', seq, ...readFailure(reader) }
    throw badMessage('a RESULT of a kind that has no meaning', kind)
  }

  #payload(reader: ByteReader): Uint8Array {
    const length = reader.skip()
    if (length > this.#init.maxItemBytes) throw itemTooLarge(length, this.#init.maxItemBytes)
    return reader.last(length, this.#kept)
  }
}

function checkLast(first: number, length: number): void {
  if (first - 1 > Number.MAX_SAFE_INTEGER - length) throw badMessage('numbers beyond 2^53 - 1', first)
}

function settles(reader: ByteReader, take: Take): void {
  const outcome = OUTCOMES[reader.u8()]
  if (outcome === undefined) throw badMessage('a SETTLE with an outcome that has no meaning')
  const count = reader.varint()
  if (count === 0 || count > reader.left / 2) throw badMessage(`a SETTLE that holds no ${count} ranges`, count)
  for (let index = 0; index < count; index += 1) {
    const first = readNumber(reader)
    const length = readNumber(reader)
    checkLast(first, length)
    take({ type: 'settle', outcome, first, length })
  }
}

function released(reader: ByteReader): Message {
  const first = readNumber(reader)
  const last = reader.varint()
  const bytes = reader.varint()
  if (last < first - 1 || (last < first && bytes > 0)) throw badMessage('a RELEASED that runs backwards', last)
  return { type: 'released', first, last, bytes }
}

function cancel(reader: ByteReader): Message {
  const target = reader.u8()
  const id = readNumber(reader)
  if (target === CancelTarget.ITEM) return { type: 'cancel', seq: id }
  if (target === CancelTarget.REQUEST) return { type: 'cancelRequest', tag: id }
  throw badMessage('a CANCEL of a target that has no meaning', target)
}

function status(reader: ByteReader): unknown {
  const data = reader.bytes()
  if (data.length <= MAX_STATUS_BYTES) return checkedStatus(decodeJson(data, 'a status'))
  throw badMessage(`a status of ${data.length} bytes; at most ${MAX_STATUS_BYTES} are allowed`, data.length)
}
