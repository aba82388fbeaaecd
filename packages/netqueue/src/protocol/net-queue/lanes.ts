import { MAX_VARINT_BYTES } from './bytes.ts'
import { ITEM_LANE, MAX_OPEN_RECORDS, MAX_WHOLE_BYTES, MIN_FRAGMENT_BYTES } from './record-kinds.ts'

/** kind, lane, flags, total and length of a FRAGMENT, at their longest. */
export const FRAGMENT_OVERHEAD_BYTES: number = 4 + 2 * MAX_VARINT_BYTES
const MIN_PIECE_BYTES = MIN_FRAGMENT_BYTES + FRAGMENT_OVERHEAD_BYTES

/** A record too long for one frame: what precedes its payload, the payload, and how much of both has left. */
export interface LongRecord {
  readonly kind: number
  /** The item's number or the request's tag, where CANCEL may follow. */
  readonly id: number
  readonly head: Uint8Array
  readonly payload: Uint8Array
  sent: number
  /** It was cancelled meanwhile: CANCEL follows its last piece. */
  isCancelled: boolean
}

export function bytesLeft({ head, payload, sent }: LongRecord): number {
  return head.length + payload.length - sent
}

/** A lane that waits: with a record that is half sent, or with one that was refused. */
interface Claim {
  record: LongRecord | undefined
  /** Length of what was refused, or how much of what is half sent has left since the lane had to wait. */
  bytes: number
  /** What was refused is to leave in pieces. */
  isLong: boolean
  /** Room in this frame that nobody else may use. */
  kept: number
  /** It was refused in this frame, too: otherwise it waits no more. */
  isAsked: boolean
}

/** On most connections nothing ever waits. */
const NO_CLAIMS: Map<number, Claim> = new Map()

/**
 * Divides frames among lanes. Who waits keeps its place, whatever the order in which the session asks: a frame has room for what was
 * refused and for a share of what is half sent, the longest waiting first, and everybody else uses the rest.
 */
export class Lanes {
  /** Those that wait, the longest waiting first. */
  #claims = NO_CLAIMS
  #kept = 0
  #isDivided = false
  #heldFromItems = 0

  get isWaiting(): boolean {
    return this.#claims.size > 0
  }

  /** Bytes of the frame that a lane must leave free; infinite where {@link room} has to say it. */
  heldFrom(lane: number): number {
    if (lane === ITEM_LANE) return this.#heldFromItems
    return this.#claims.size === 0 ? 0 : Number.POSITIVE_INFINITY
  }

  /** What a lane may use of the bytes that are left; asked where somebody waits. */
  room(lane: number, left: number): number {
    if (!this.#isDivided) this.#divide(left)
    return left - this.#kept + (this.#claims.get(lane)?.kept ?? 0)
  }

  /** The record of a lane that is half sent. */
  record(lane: number): LongRecord | undefined {
    return this.#claims.get(lane)?.record
  }

  /** Every record that is half sent, with its lane; the longest waiting first. */
  records(): { lane: number; record: LongRecord }[] {
    return [...this.#claims].flatMap(([lane, { record }]) => (record === undefined ? [] : [{ lane, record }]))
  }

  /** There was no room for a record: its lane waits. */
  refused(lane: number, bytes: number, isLong = false): void {
    // Items have a frame to themselves as long as nobody else wants to use it.
    if (lane === ITEM_LANE && this.#claims.size === 0) return
    const claim = this.#claims.get(lane)
    if (claim === undefined) this.#add(lane, { record: undefined, bytes, isLong, kept: 0, isAsked: true })
    else if (claim.record === undefined && !claim.isAsked) Object.assign(claim, { bytes, isLong, isAsked: true })
    this.#changed()
  }

  /** A record of a lane is in the frame. */
  served(lane: number, bytes: number): void {
    const claim = this.#claims.get(lane)
    if (claim !== undefined && claim.record === undefined && bytes >= claim.bytes) this.#remove(lane)
  }

  /** Whether a long record may begin in a lane: those that wait for that, too, come first. */
  mayStart(lane: number): boolean {
    let before = 0
    let isBehind = false
    for (const [other, { record, isLong }] of this.#claims) {
      if (other === lane) isBehind = true
      else if (record !== undefined || (isLong && !isBehind)) before += 1
    }
    return before < MAX_OPEN_RECORDS
  }

  start(lane: number, record: LongRecord): void {
    this.#remove(lane)
    this.#add(lane, { record, bytes: 0, isLong: true, kept: 0, isAsked: true })
    this.#changed()
  }

  /** A piece of a lane's record is in the frame. Others come first when it has had as much as the longest whole record. */
  sent(lane: number, record: LongRecord, bytes: number): void {
    const claim = this.#claims.get(lane)
    if (claim !== undefined) claim.bytes += bytes
    if (bytesLeft(record) === 0) this.#remove(lane)
    else if (claim !== undefined && claim.bytes >= MAX_WHOLE_BYTES) this.start(lane, record)
  }

  /** Nothing more comes into the frame. */
  endFrame(): void {
    this.#isDivided = false
    this.#kept = 0
    if (this.#claims.size === 0) return
    for (const [lane, claim] of this.#claims) {
      if (claim.record === undefined && !claim.isAsked) this.#claims.delete(lane)
      claim.isAsked = false
      claim.kept = 0
    }
    this.#changed()
  }

  #divide(left: number): void {
    const share = Math.max(MIN_PIECE_BYTES, Math.floor(left / (this.#claims.size + 1)))
    let free = left
    for (const claim of this.#claims.values()) {
      const wanted = wantedBy(claim, share)
      claim.kept = wanted <= free ? wanted : 0
      free -= claim.kept
    }
    this.#kept = left - free
    this.#isDivided = true
    this.#changed()
  }

  #add(lane: number, claim: Claim): void {
    if (this.#claims === NO_CLAIMS) this.#claims = new Map()
    this.#claims.set(lane, claim)
  }

  #remove(lane: number): void {
    this.#kept -= this.#claims.get(lane)?.kept ?? 0
    this.#claims.delete(lane)
    this.#changed()
  }

  /** Items are many: what they must leave free is known before they ask. */
  #changed(): void {
    const isKnown = this.#claims.size === 0 || (this.#isDivided && !this.#claims.has(ITEM_LANE))
    this.#heldFromItems = isKnown ? this.#kept : Number.POSITIVE_INFINITY
  }
}

function wantedBy({ record, bytes, isLong }: Claim, share: number): number {
  if (record !== undefined) return Math.min(bytesLeft(record) + FRAGMENT_OVERHEAD_BYTES, share)
  return isLong ? MIN_PIECE_BYTES : bytes
}
