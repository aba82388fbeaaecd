import type { ByteReader } from './bytes.ts'
import { DIRECTIONS, FIRST_CHANNEL_LANE, isInItemLane, ITEM_LANE, Kind, MESSAGE_LANE } from './record-kinds.ts'

/** Where a record stands, as far as its beginning tells. */
export interface Place {
  /** `undefined`: that of a request's channel, which only the request names. */
  lane: number | undefined
  /** The request that it is about: the tag, negative for requests of our own. */
  request: number | undefined
}

/** Reads the beginning of a record's body. */
export function placeOf(kind: number, body: ByteReader): Place {
  if (isInItemLane(kind)) return { lane: ITEM_LANE, request: undefined }
  if (kind === Kind.MESSAGE) return { lane: MESSAGE_LANE, request: undefined }
  if (kind === Kind.END_REQUESTS) return { lane: FIRST_CHANNEL_LANE, request: undefined }
  const tag = body.varint()
  if (kind === Kind.REQUEST) return { lane: FIRST_CHANNEL_LANE + body.varint(), request: tag }
  return { lane: undefined, request: isOfOurs(kind, body) ? -tag : tag }
}

/** Whoever answers a request speaks of one of ours, and so does whoever takes the body of one. */
function isOfOurs(kind: number, body: ByteReader): boolean {
  if (kind === Kind.RESPONSE) return true
  const isReply = DIRECTIONS[body.u8()] === 'reply'
  return isReply !== (kind === Kind.CHUNK_CREDIT)
}
