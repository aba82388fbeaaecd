import type { Direction, Outcome } from '../message.ts'

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
  ANCESTRY: 15,
  NODES: 16,
  NAMES: 17,
  LONGEST: 18,
  REQUEST: 20,
  RESPONSE: 21,
  MESSAGE: 22,
  CHUNK: 23,
  CHUNK_CREDIT: 24,
  CHUNK_END: 25,
  END_REQUESTS: 26,
} as const

/** Records that overtake, and are never in pieces. */
const CONTROL = marks(Kind.CREDIT, Kind.CANCEL, Kind.RECLAIM, Kind.PING, Kind.PONG)
const TREE = [Kind.ANCESTRY, Kind.NODES, Kind.NAMES, Kind.LONGEST]
/** Records of the item lane that have no sequence number of their own to be acknowledged by. */
const ORDERED_ITEMS = [Kind.SETTLE, Kind.RESULT, Kind.REJECT, Kind.EXTEND, Kind.STATUS, Kind.GOAWAY, ...TREE]
const IN_ITEM_LANE = marks(Kind.ITEMS, Kind.RELEASED, ...ORDERED_ITEMS)
const ORDERED_REQUESTS = [
  Kind.REQUEST,
  Kind.RESPONSE,
  Kind.MESSAGE,
  Kind.CHUNK,
  Kind.CHUNK_CREDIT,
  Kind.CHUNK_END,
  Kind.END_REQUESTS,
]
const OF_TREES = marks(...TREE)
const OF_REQUESTS = marks(...ORDERED_REQUESTS)
const ORDERED = marks(...ORDERED_ITEMS, ...ORDERED_REQUESTS)

export const isControl = (kind: number): boolean => CONTROL[kind] === 1
/** Whether CREDIT counts the record. */
export const isOrdered = (kind: number): boolean => ORDERED[kind] === 1
/** Whether the record stands in the item lane. */
export const isInItemLane = (kind: number): boolean => IN_ITEM_LANE[kind] === 1
/** Whether the record is of a request, a stream or a message. */
export const isOfRequests = (kind: number): boolean => OF_REQUESTS[kind] === 1

/** A 1 at the place of each kind: each record asks. */
function marks(...kinds: number[]): Uint8Array {
  const table = new Uint8Array(256)
  for (const kind of kinds) table[kind] = 1
  return table
}

/** Whether the record tells of a tree. */
export const isOfTrees = (kind: number): boolean => OF_TREES[kind] === 1

/** Bits of ITEMS; the second one is for later. */
export const ItemsFlag = { WANTS_RESULT: 1, PATH: 4 } as const
/** Bits of FRAGMENT. */
export const FragmentFlag = { FIRST: 1, LAST: 2 } as const
/** The second byte of RESULT. */
export const ResultKind = { VALUE: 0, FAILED: 1, UNDEFINED: 2 } as const
/** Bits of REQUEST, MESSAGE and RESPONSE. */
export const RequestFlag = { HEADERS: 1, STREAM: 2, DEADLINE: 4, PATH: 8 } as const
export const MessageFlag = { HEADERS: 1, PATH: 2, EXCEPT: 4 } as const
export const ResponseFlag = { HEADERS: 1, STREAM: 2, FAILED: 4, UNBEGUN: 8 } as const
/** The second byte of CANCEL. */
export const CancelTarget = { ITEM: 0, REQUEST: 1 } as const

/** The outcomes of SETTLE, each at its number. */
export const OUTCOMES: readonly Outcome[] = ['done', 'released', 'returned', 'cancelled']

/** The two streams of a request, each at its number. */
export const DIRECTIONS: readonly Direction[] = ['body', 'reply']

/** The lane in which items, settles, results and status keep their order. */
export const ITEM_LANE = 1
export const MESSAGE_LANE = 2
/** The lane of channel 0; those of the other channels follow. */
export const FIRST_CHANNEL_LANE = 3
export const MAX_CHANNEL = 255
/** Records that may be in pieces at a time: the memory of a receiver for them has a bound. */
export const MAX_OPEN_RECORDS = 4
/** Every piece of a fragmented record but the last is at least this long, so that few pieces make a record. */
export const MIN_FRAGMENT_BYTES = 1_024
/**
 * The longest payload, headers included, that is put into a frame whole; there is room for what surrounds it, and for control
 * records.
 */
export const MAX_WHOLE_BYTES = 60_800
/** What a record of one item or result may need beside its payload. */
export const RECORD_OVERHEAD_BYTES = 64
/** The longest code and reason that travel with a failure or a goodbye, in bytes of UTF-8; a sender cuts longer ones. */
export const MAX_CODE_BYTES = 64
export const MAX_REASON_BYTES = 1_024
