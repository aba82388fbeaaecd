import { Assembly } from './assembly.ts'
import type { Piece } from './assembly.ts'
import { ByteReader } from './bytes.ts'
import { badMessage, itemTooLarge } from '../failures.ts'
import { placeOf } from './place.ts'
import type { Place } from './place.ts'
import { unknownKind } from './record-fields.ts'
import {
  FIRST_CHANNEL_LANE,
  FragmentFlag,
  isControl,
  isInItemLane,
  isOfRequests,
  Kind,
  MAX_CHANNEL,
  MAX_OPEN_RECORDS,
  RECORD_OVERHEAD_BYTES,
} from './record-kinds.ts'

const NOTHING: Uint8Array = new Uint8Array(0)

/** A record that has begun and is not whole. */
interface Open {
  lane: number
  request: number | undefined
  assembly: Assembly
}

/** The long records that are open, at most one in each lane and four in all. */
export class Assemblies {
  readonly #maxItemBytes: number
  readonly #open: Open[] = []

  constructor(maxItemBytes: number) {
    this.#maxItemBytes = maxItemBytes
  }

  /** Throws for a record that has no meaning, or no place here. */
  check(kind: number, body: ByteReader): void {
    if (!isInItemLane(kind) && !isOfRequests(kind)) throw unknownKind(kind)
    if (this.#open.length > 0) this.#checkInside(placeOf(kind, body.ahead()))
  }

  /** Takes the next piece; returns the record that it makes whole. */
  take(reader: ByteReader): Uint8Array | undefined {
    const piece = pieceFrom(reader)
    if (piece.isFirst) this.#begin(piece)
    const at = this.#open.findIndex(({ lane }) => lane === piece.lane)
    const record = this.#open[at]?.assembly.take(piece)
    if (at === -1) throw badMessage('a FRAGMENT of a record that has not begun')
    if (record !== undefined) this.#open.splice(at, 1)
    return record
  }

  #begin({ lane, parts }: Piece): void {
    const place = beginning(parts)
    if (!isInLane(place, lane)) throw badMessage('a record in a lane where it does not belong', lane)
    this.#checkInside({ ...place, lane })
    if (this.#open.length === MAX_OPEN_RECORDS)
      throw badMessage(`more than ${MAX_OPEN_RECORDS} records in pieces at a time`)
    const assembly = new Assembly(this.#maxItemBytes + RECORD_OVERHEAD_BYTES, (total) =>
      itemTooLarge(total, this.#maxItemBytes),
    )
    this.#open.push({ lane, request: place.request, assembly })
  }

  #checkInside({ lane, request }: Place): void {
    for (const open of this.#open) {
      if (open.lane === lane || (request !== undefined && open.request === request))
        throw badMessage('a record inside another one of its lane', lane)
    }
  }
}

function pieceFrom(reader: ByteReader): Piece {
  const lane = reader.varint()
  if (lane === 0) throw badMessage('a FRAGMENT in the lane of control records')
  const flags = reader.u8()
  if (flags > (FragmentFlag.FIRST | FragmentFlag.LAST))
    throw badMessage('a FRAGMENT with flags that have no meaning', flags)
  const isFirst = (flags & FragmentFlag.FIRST) !== 0
  const total = isFirst ? reader.varint() : 0
  const parts = reader.parts()
  const length = parts.reduce((bytes, part) => bytes + part.length, 0)
  return { lane, isFirst, isLast: (flags & FragmentFlag.LAST) !== 0, total, parts, length }
}

/** What a record is shows in its first bytes: one that has no place here is not waited for. */
function beginning([first = NOTHING, next]: readonly Uint8Array[]): Place {
  const reader = new ByteReader(first, 0, next)
  if (reader.left === 0) throw badMessage('a FRAGMENT without a byte')
  const kind = reader.u8()
  if (kind === Kind.FRAGMENT) throw badMessage('a fragment of a fragment')
  if (isControl(kind)) throw badMessage(`a record of kind ${kind} in pieces`, kind)
  if (!isInItemLane(kind) && !isOfRequests(kind)) throw unknownKind(kind)
  return placeOf(kind, reader)
}

function isInLane(place: Place, lane: number): boolean {
  if (lane > FIRST_CHANNEL_LANE + MAX_CHANNEL) return false
  return place.lane === undefined ? lane >= FIRST_CHANNEL_LANE : lane === place.lane
}
