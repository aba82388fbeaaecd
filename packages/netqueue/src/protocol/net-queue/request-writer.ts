import { headerBytes } from '../../message/headers.ts'
import type { Direction, Said, SaidInChannel } from '../message.ts'
import type { Batch, Form } from './batch.ts'
import type { ByteWriter } from './bytes.ts'
import { writeHeaders } from './header-block.ts'
import { writeRoute } from './route-block.ts'
import { MAX_FAILURE_BYTES, writeFailure } from './record-fields.ts'
import {
  DIRECTIONS,
  FIRST_CHANNEL_LANE,
  Kind,
  MESSAGE_LANE,
  MessageFlag,
  RECORD_OVERHEAD_BYTES,
  RequestFlag,
  ResponseFlag,
} from './record-kinds.ts'

const laneOfChannel = (channel: number): number => FIRST_CHANNEL_LANE + channel
const laneOf = ({ channel }: { channel: number }): number => laneOfChannel(channel)
const tagOf = ({ tag }: { tag: number }): number => tag

export const REQUEST: Form<Said<'request'>> = {
  kind: Kind.REQUEST,
  laneOf,
  idOf: tagOf,
  writeHead(out, { tag, channel, name, deadlineMs, headers, hasBody, route }) {
    out.varint(tag)
    out.varint(channel)
    out.u8(
      (headers === undefined ? 0 : RequestFlag.HEADERS) |
        (hasBody ? RequestFlag.STREAM : 0) |
        (deadlineMs === undefined ? 0 : RequestFlag.DEADLINE) |
        (route?.to === undefined ? 0 : RequestFlag.PATH),
    )
    out.varint(name)
    if (deadlineMs !== undefined) out.varint(deadlineMs)
    if (route !== undefined) writeRoute(out, route)
    if (headers !== undefined) writeHeaders(out, headers)
  },
}

export const RESPONSE: Form<SaidInChannel<'response'>> = {
  kind: Kind.RESPONSE,
  laneOf,
  idOf: tagOf,
  writeHead(out, { tag, headers, hasStream }) {
    out.varint(tag)
    out.u8((headers === undefined ? 0 : ResponseFlag.HEADERS) | (hasStream ? ResponseFlag.STREAM : 0))
    if (headers !== undefined) writeHeaders(out, headers)
  },
}

export const MESSAGE: Form<Said<'message'>> = {
  kind: Kind.MESSAGE,
  laneOf: () => MESSAGE_LANE,
  idOf: ({ name }) => name,
  writeHead(out, { name, headers, route }) {
    out.varint(name)
    out.u8(
      (headers === undefined ? 0 : MessageFlag.HEADERS) |
        (route?.to === undefined ? 0 : MessageFlag.PATH) |
        (route?.except === undefined ? 0 : MessageFlag.EXCEPT),
    )
    if (route !== undefined) writeRoute(out, route)
    if (headers !== undefined) writeHeaders(out, headers)
  },
}

export const CHUNK: Form<SaidInChannel<'chunk'>> = {
  kind: Kind.CHUNK,
  laneOf,
  idOf: tagOf,
  writeHead: writeStream,
}

/** Each of these writes one record into a batch, or leaves it all where there is no room now. */

export function refusal(batch: Batch, refused: SaidInChannel<'refusal'>): boolean {
  const { tag, channel, headers, code, reason, isUnbegun = false } = refused
  const bytes = headerBytes(headers) + MAX_FAILURE_BYTES + RECORD_OVERHEAD_BYTES
  if (!batch.fits(laneOfChannel(channel), bytes)) return false
  batch.begin(Kind.RESPONSE)
  batch.out.varint(tag)
  const begun = isUnbegun ? ResponseFlag.UNBEGUN : 0
  batch.out.u8((headers === undefined ? 0 : ResponseFlag.HEADERS) | ResponseFlag.FAILED | begun)
  if (headers !== undefined) writeHeaders(batch.out, headers)
  writeFailure(batch.out, code, reason)
  return true
}

export function chunkCredit(batch: Batch, credit: SaidInChannel<'chunkCredit'>): boolean {
  const { tag, channel, direction, chunks, bytes } = credit
  if (!batch.fits(laneOfChannel(channel), RECORD_OVERHEAD_BYTES)) return false
  batch.begin(Kind.CHUNK_CREDIT)
  writeStream(batch.out, { tag, direction })
  batch.out.varint(chunks)
  batch.out.varint(bytes)
  return true
}

export function chunkEnd(batch: Batch, { tag, channel, direction, code, reason }: SaidInChannel<'chunkEnd'>): boolean {
  if (!batch.fits(laneOfChannel(channel), MAX_FAILURE_BYTES + RECORD_OVERHEAD_BYTES)) return false
  batch.begin(Kind.CHUNK_END)
  writeStream(batch.out, { tag, direction })
  writeFailure(batch.out, code, reason)
  return true
}

export function endRequests(batch: Batch): boolean {
  // One that is half sent, in whatever channel, would arrive behind this.
  if (batch.isSending(Kind.REQUEST) || !batch.fits(FIRST_CHANNEL_LANE, RECORD_OVERHEAD_BYTES)) return false
  batch.begin(Kind.END_REQUESTS)
  return true
}

/** Which stream a record belongs to. */
function writeStream(out: ByteWriter, { tag, direction }: { tag: number; direction: Direction }): void {
  out.varint(tag)
  out.u8(DIRECTIONS.indexOf(direction))
}
