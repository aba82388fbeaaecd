import type { Outcome } from '../protocol.ts'

/** The first byte of each record of a BATCH. */
export const Kind = {
  ITEMS: 1,
  CREDIT: 2,
  SETTLE: 3,
  RESULT: 4,
  REJECT: 5,
  CANCEL: 6,
  EXTEND: 7,
  RECLAIM: 8,
  RELEASED: 9,
  FRAGMENT: 10,
  STATUS: 11,
  PING: 12,
  PONG: 13,
  GOAWAY: 14,
} as const

/** Records that overtake, and are never in pieces. */
const CONTROL: ReadonlySet<number> = new Set([Kind.CREDIT, Kind.CANCEL, Kind.RECLAIM, Kind.PING, Kind.PONG])
/** Records of the item lane that have no sequence number of their own to be acknowledged by. */
const ORDERED: ReadonlySet<number> = new Set([
  Kind.SETTLE,
  Kind.RESULT,
  Kind.REJECT,
  Kind.EXTEND,
  Kind.STATUS,
  Kind.GOAWAY,
])

export const isControl = (kind: number): boolean => CONTROL.has(kind)
export const isOrdered = (kind: number): boolean => ORDERED.has(kind)
/** Whether the record stands in the item lane. */
export const isInItemLane = (kind: number): boolean => isOrdered(kind) || kind === Kind.ITEMS || kind === Kind.RELEASED

/** Bits of ITEMS. */
export const ItemsFlag = { WANTS_RESULT: 1 } as const
/** Bits of FRAGMENT. */
export const FragmentFlag = { FIRST: 1, LAST: 2 } as const
/** The second byte of RESULT. */
export const ResultKind = { VALUE: 0, FAILED: 1, UNDEFINED: 2 } as const
/** The second byte of CANCEL. */
export const CancelTarget = { ITEM: 0, REQUEST: 1 } as const

/** The outcomes of SETTLE, each at its number. */
export const OUTCOMES: readonly Outcome[] = ['done', 'released', 'returned', 'cancelled']

/** The lane in which items, settles, results and status keep their order. */
export const ITEM_LANE = 1
/** Every piece of a fragmented record but the last is at least this long, so that few pieces make a record. */
export const MIN_FRAGMENT_BYTES = 1_024
/** What a record of one item or result may need beside its payload. */
export const RECORD_OVERHEAD_BYTES = 64
/** The longest code and reason that travel with a failure or a goodbye, in bytes of UTF-8; a sender cuts longer ones. */
export const MAX_CODE_BYTES = 64
export const MAX_REASON_BYTES = 1_024
