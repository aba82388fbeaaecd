import { NetQueueError } from '../../errors/errors.ts'
import type { Message } from '../protocol.ts'
import { badMessage, ByteReader, decodeJson } from './bytes.ts'
import {
  CancelTarget,
  FragmentFlag,
  ItemsFlag,
  ITEM_LANE,
  Kind,
  MAX_CODE_BYTES,
  MAX_REASON_BYTES,
  MAX_STATUS_BYTES,
  MIN_FRAGMENT_BYTES,
  OUTCOMES,
  RECORD_OVERHEAD_BYTES,
  ResultKind,
} from './record-kinds.ts'

type Take = (message: Message) => void

/** A record that is coming in pieces. */
interface Assembly {
  bytes: Uint8Array
  filled: number
}

/** Turns the records of BATCH frames into messages; keeps at most one unfinished record, of at most `maxItemBytes` and a little. */
export class RecordReader {
  readonly #maxItemBytes: number
  #assembly: Assembly | undefined
  #ordered = 0

  constructor(maxItemBytes: number) {
    this.#maxItemBytes = maxItemBytes
  }

  /** How many ordered records were taken, items aside: what CREDIT acknowledges. */
  get ordered(): number {
    return this.#ordered
  }

  read(data: Uint8Array, take: Take): void {
    const reader = new ByteReader(data)
    if (reader.left === 0) throw badMessage('an empty batch')
    while (reader.left > 0) this.#record(reader, take)
  }

  #record(reader: ByteReader, take: Take): void {
    const kind = reader.u8()
    if (kind === Kind.FRAGMENT) return this.#fragment(reader, take)
    if (kind === Kind.ITEMS) return this.#items(reader, take)
    if (kind === Kind.SETTLE) return this.#settle(reader, take)
    if (this.#assembly !== undefined && !CONTROL_KINDS.has(kind))
      throw badMessage('a record inside another one of its lane')
    if (ORDERED_KINDS.has(kind)) this.#ordered += 1
    take(message(kind, reader))
  }

  #items(reader: ByteReader, take: Take): void {
    const flags = reader.u8()
    if ((flags & ~ItemsFlag.WANTS_RESULT) !== 0) throw badMessage('ITEMS with flags that have no meaning', flags)
    const attempt = reader.varint()
    const first = reader.varint()
    const count = reader.u16()
    if (attempt === 0 || first === 0 || count === 0) throw badMessage('ITEMS with an attempt, a number or a count of 0')
    if (this.#assembly !== undefined) throw badMessage('items inside a record of their lane')
    const payloads: Uint8Array[] = []
    for (let index = 0; index < count; index += 1) payloads.push(this.#payload(reader))
    take({ type: 'items', first, attempt, wantsResult: (flags & ItemsFlag.WANTS_RESULT) !== 0, payloads })
  }

  #payload(reader: ByteReader): Uint8Array {
    const payload = reader.bytes()
    if (payload.byteLength > this.#maxItemBytes) throw this.#tooLarge(payload.byteLength)
    return payload
  }

  #settle(reader: ByteReader, take: Take): void {
    const outcome = OUTCOMES[reader.u8()]
    if (outcome === undefined) throw badMessage('a SETTLE with an outcome that has no meaning')
    this.#ordered += 1
    const count = reader.varint()
    if (count === 0) throw badMessage('a SETTLE of no items')
    for (let index = 0; index < count; index += 1) {
      const first = reader.varint()
      const length = reader.varint()
      if (first === 0 || length === 0) throw badMessage('a SETTLE of an empty range')
      take({ type: 'settle', outcome, first, length })
    }
  }

  #fragment(reader: ByteReader, take: Take): void {
    const lane = reader.varint()
    const flags = reader.u8()
    if (lane !== ITEM_LANE)
      throw new NetQueueError('UNKNOWN_TYPE', `The peer sent a fragment in lane ${lane}`, { value: lane })
    if (flags > (FragmentFlag.FIRST | FragmentFlag.LAST))
      throw badMessage('a FRAGMENT with flags that have no meaning', flags)
    const isFirst = (flags & FragmentFlag.FIRST) !== 0
    if (isFirst !== (this.#assembly === undefined)) throw badMessage('a FRAGMENT that does not follow the one before')
    const assembly = this.#assembly ?? this.#begin(reader.varint())
    const piece = reader.bytes()
    const isLast = (flags & FragmentFlag.LAST) !== 0
    if (!isLast && piece.byteLength < MIN_FRAGMENT_BYTES)
      throw badMessage(`a FRAGMENT of less than ${MIN_FRAGMENT_BYTES} bytes`, piece.byteLength)
    const filled = assembly.filled + piece.byteLength
    if (filled > assembly.bytes.byteLength || isLast !== (filled === assembly.bytes.byteLength))
      throw badMessage('fragments that do not add up to their record')
    assembly.bytes.set(piece, assembly.filled)
    assembly.filled = filled
    this.#assembly = isLast ? undefined : assembly
    if (isLast) this.#whole(assembly.bytes, take)
  }

  #begin(total: number): Assembly {
    if (total > this.#maxItemBytes + RECORD_OVERHEAD_BYTES) throw this.#tooLarge(total)
    return { bytes: new Uint8Array(total), filled: 0 }
  }

  #whole(record: Uint8Array, take: Take): void {
    const reader = new ByteReader(record)
    if (record[0] === Kind.FRAGMENT) throw badMessage('a fragment of a fragment')
    this.#record(reader, take)
    if (reader.left > 0) throw badMessage('fragments that hold more than one record')
  }

  #tooLarge(bytes: number): NetQueueError {
    const message = `The peer sent an item of ${bytes} bytes; at most ${this.#maxItemBytes} are taken (maxItemBytes)`
    return new NetQueueError('ITEM_TOO_LARGE', message, { limit: 'maxItemBytes', value: bytes })
  }
}

const ORDERED_KINDS: ReadonlySet<number> = new Set([Kind.RESULT, Kind.REJECT, Kind.EXTEND, Kind.STATUS, Kind.GOAWAY])
const CONTROL_KINDS: ReadonlySet<number> = new Set([Kind.CREDIT, Kind.PING, Kind.PONG, Kind.RECLAIM, Kind.CANCEL])

function message(kind: number, reader: ByteReader): Message {
  switch (kind) {
    case Kind.CREDIT: {
      const credit = {
        type: 'credit',
        limit: reader.varint(),
        byteLimit: reader.varint(),
        received: reader.varint(),
      } as const
      reader.varint() // acknowledged records: of use to a session that can be resumed
      return credit
    }
    case Kind.RESULT:
      return result(reader)
    case Kind.REJECT:
      return { type: 'reject', ...failure(reader) }
    case Kind.CANCEL:
      return cancel(reader)
    case Kind.EXTEND:
      return { type: 'extend', seq: reader.varint() }
    case Kind.RECLAIM:
      return { type: 'reclaim' }
    case Kind.RELEASED:
      return { type: 'released', first: reader.varint(), last: reader.varint(), bytes: reader.varint() }
    case Kind.STATUS:
      return { type: 'status', value: status(reader) }
    case Kind.PING:
      return { type: 'ping', token: reader.varint() }
    case Kind.PONG:
      return { type: 'pong', token: reader.varint() }
    case Kind.GOAWAY:
      return {
        type: 'goaway',
        code: limitedText(reader, 'code', MAX_CODE_BYTES),
        reason: limitedText(reader, 'reason', MAX_REASON_BYTES),
      }
    default:
      throw new NetQueueError('UNKNOWN_TYPE', `The peer sent a record of kind ${kind}, which has no meaning here`, {
        value: kind,
      })
  }
}

function result(reader: ByteReader): Message {
  const seq = reader.varint()
  const kind = reader.u8()
  if (kind === ResultKind.VALUE) return { type: 'result', seq, value: reader.bytes() }
  if (kind === ResultKind.UNDEFINED) return { type: 'result', seq, value: undefined }
  if (kind !== ResultKind.FAILED) throw badMessage('a RESULT of a kind that has no meaning', kind)
  return {
    type: 'failed',
    seq,
    code: limitedText(reader, 'code', MAX_CODE_BYTES),
    reason: limitedText(reader, 'reason', MAX_REASON_BYTES),
  }
}

function failure(reader: ByteReader): { seq: number; code: string; reason: string } {
  return {
    seq: reader.varint(),
    code: limitedText(reader, 'code', MAX_CODE_BYTES),
    reason: limitedText(reader, 'reason', MAX_REASON_BYTES),
  }
}

function cancel(reader: ByteReader): Message {
  const target = reader.u8()
  if (target === CancelTarget.ITEM) return { type: 'cancel', seq: reader.varint() }
  throw new NetQueueError('UNKNOWN_TYPE', `The peer cancelled something of kind ${target}, which has no meaning here`, {
    value: target,
  })
}

function limitedText(reader: ByteReader, what: string, maxBytes: number): string {
  const text = reader.text(`a ${what}`)
  if (text.length > maxBytes)
    throw badMessage(`a ${what} of ${text.length} characters; at most ${maxBytes} bytes are allowed`)
  return text
}

function status(reader: ByteReader): unknown {
  const data = reader.bytes()
  if (data.byteLength > MAX_STATUS_BYTES)
    throw badMessage(`a status of ${data.byteLength} bytes; at most ${MAX_STATUS_BYTES} are allowed`, data.byteLength)
  return decodeJson(data, 'a status')
}
