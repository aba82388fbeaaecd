import { NetQueueError } from '../../errors/errors.ts'
import { badMessage } from './bytes.ts'
import type { ByteReader } from './bytes.ts'
import { FragmentFlag, isControl, isInItemLane, ITEM_LANE, Kind, MIN_FRAGMENT_BYTES } from './record-kinds.ts'

/** One FRAGMENT, its header taken apart. */
interface Piece {
  lane: number
  isFirst: boolean
  isLast: boolean
  total: number
  bytes: Uint8Array
}

/** Joins the pieces of one long record at a time. Takes memory as they arrive, not when their total is announced. */
export class Assembly {
  readonly #maxBytes: number
  readonly #tooLarge: (bytes: number) => NetQueueError
  #record: Uint8Array = EMPTY
  #filled = 0
  #total = 0

  constructor(maxBytes: number, tooLarge: (bytes: number) => NetQueueError) {
    this.#maxBytes = maxBytes
    this.#tooLarge = tooLarge
  }

  /** Whether a record has begun and is not whole. */
  get isOpen(): boolean {
    return this.#total > 0
  }

  /** Takes the next piece; returns the record that it makes whole. */
  take(reader: ByteReader): Uint8Array | undefined {
    const piece = pieceFrom(reader)
    this.#check(piece)
    if (piece.isFirst) this.#begin(piece)
    if (!piece.isLast && piece.bytes.byteLength < MIN_FRAGMENT_BYTES)
      throw badMessage(`a FRAGMENT of less than ${MIN_FRAGMENT_BYTES} bytes`, piece.bytes.byteLength)
    const filled = this.#filled + piece.bytes.byteLength
    if (filled > this.#total || piece.isLast !== (filled === this.#total))
      throw badMessage('fragments that do not add up to their record')
    this.#append(piece.bytes, filled)
    return piece.isLast ? this.#finish() : undefined
  }

  #check({ lane, isFirst, bytes }: Piece): void {
    if (lane === 0) throw badMessage('a FRAGMENT in the lane of control records')
    if (isFirst && this.#total > 0 && lane === ITEM_LANE) throw badMessage('a record inside another one of its lane')
    if (!isFirst && (lane !== ITEM_LANE || this.#total === 0))
      throw badMessage('a FRAGMENT of a record that has not begun')
    if (isFirst) checkKind(bytes[0], lane)
  }

  #begin({ total }: Piece): void {
    if (total > this.#maxBytes) throw this.#tooLarge(total)
    if (total === 0) throw badMessage('fragments of a record without a byte')
    this.#total = total
  }

  #append(bytes: Uint8Array, filled: number): void {
    if (filled > this.#record.byteLength) {
      const grown = new Uint8Array(Math.min(this.#total, Math.max(filled * 2, this.#record.byteLength * 2)))
      grown.set(this.#record.subarray(0, this.#filled))
      this.#record = grown
    }
    this.#record.set(bytes, this.#filled)
    this.#filled = filled
  }

  #finish(): Uint8Array {
    const record = this.#record
    this.#record = EMPTY
    this.#filled = 0
    this.#total = 0
    return record
  }
}

const EMPTY = new Uint8Array(0)

function pieceFrom(reader: ByteReader): Piece {
  const lane = reader.varint()
  const flags = reader.u8()
  if (flags > (FragmentFlag.FIRST | FragmentFlag.LAST))
    throw badMessage('a FRAGMENT with flags that have no meaning', flags)
  const isFirst = (flags & FragmentFlag.FIRST) !== 0
  const total = isFirst ? reader.varint() : 0
  return { lane, isFirst, isLast: (flags & FragmentFlag.LAST) !== 0, total, bytes: reader.bytes() }
}

/** What a record is shows in its first byte: one that has no place here is not waited for. */
function checkKind(kind: number | undefined, lane: number): void {
  if (kind === undefined) throw badMessage('a FRAGMENT without a byte')
  if (kind === Kind.FRAGMENT) throw badMessage('a fragment of a fragment')
  if (isControl(kind) || (isInItemLane(kind) && lane !== ITEM_LANE))
    throw badMessage(`a record of kind ${kind} in lane ${lane}, where it does not belong`, kind)
  if (!isInItemLane(kind)) throw unknownKind(kind)
}

export function unknownKind(kind: number): NetQueueError {
  return new NetQueueError('UNKNOWN_TYPE', `The peer sent a record of kind ${kind}, which has no meaning here`, {
    value: kind,
  })
}
