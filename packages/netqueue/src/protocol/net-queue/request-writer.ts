import { headerBytes } from '../../message/headers.ts'
import type { Direction, Said, SaidInChannel } from '../protocol.ts'
import type { Batch } from './batch.ts'
import type { ByteWriter } from './bytes.ts'
import { writeHeaders } from './header-block.ts'
import { MAX_FAILURE_BYTES, writeFailure } from './record-fields.ts'
import {
  DIRECTIONS,
  FIRST_CHANNEL_LANE,
  Kind,
  MESSAGE_LANE,
  RECORD_OVERHEAD_BYTES,
  RequestFlag,
  ResponseFlag,
} from './record-kinds.ts'

/** Each writes one record into a batch, or leaves it all where there is no room now. */

export function request(batch: Batch, said: Said<'request'>): boolean {
  const { tag, channel, name, deadlineMs, headers, hasBody, payload } = said
  const head = (out: ByteWriter): void => {
    out.varint(tag)
    out.varint(channel)
    out.u8(
      (headers === undefined ? 0 : RequestFlag.HEADERS) |
        (hasBody ? RequestFlag.STREAM : 0) |
        (deadlineMs === undefined ? 0 : RequestFlag.DEADLINE),
    )
    out.varint(name)
    if (deadlineMs !== undefined) out.varint(deadlineMs)
    if (headers !== undefined) writeHeaders(out, headers)
  }
  const lane = laneOf(channel)
  return batch.write({ lane, kind: Kind.REQUEST, id: tag, head, headerBytes: headerBytes(headers), payload })
}

export function response(
  batch: Batch,
  { tag, channel, headers, hasStream, payload }: SaidInChannel<'response'>,
): boolean {
  const head = (out: ByteWriter): void => {
    out.varint(tag)
    out.u8((headers === undefined ? 0 : ResponseFlag.HEADERS) | (hasStream ? ResponseFlag.STREAM : 0))
    if (headers !== undefined) writeHeaders(out, headers)
  }
  const lane = laneOf(channel)
  return batch.write({ lane, kind: Kind.RESPONSE, id: tag, head, headerBytes: headerBytes(headers), payload })
}

export function refusal(batch: Batch, { tag, channel, headers, code, reason }: SaidInChannel<'refusal'>): boolean {
  const bytes = headerBytes(headers) + MAX_FAILURE_BYTES + RECORD_OVERHEAD_BYTES
  if (!batch.fits(laneOf(channel), bytes)) return false
  batch.begin(Kind.RESPONSE)
  batch.out.varint(tag)
  batch.out.u8((headers === undefined ? 0 : ResponseFlag.HEADERS) | ResponseFlag.FAILED)
  if (headers !== undefined) writeHeaders(batch.out, headers)
  writeFailure(batch.out, code, reason)
  return true
}

export function message(batch: Batch, { name, headers, payload }: Said<'message'>): boolean {
  const head = (out: ByteWriter): void => {
    out.varint(name)
    out.u8(headers === undefined ? 0 : RequestFlag.HEADERS)
    if (headers !== undefined) writeHeaders(out, headers)
  }
  return batch.write({
    lane: MESSAGE_LANE,
    kind: Kind.MESSAGE,
    id: name,
    head,
    headerBytes: headerBytes(headers),
    payload,
  })
}

export function chunk(batch: Batch, { tag, channel, direction, payload }: SaidInChannel<'chunk'>): boolean {
  const head = (out: ByteWriter): void => of(out, tag, direction)
  return batch.write({ lane: laneOf(channel), kind: Kind.CHUNK, id: tag, head, headerBytes: 0, payload })
}

export function chunkCredit(batch: Batch, credit: SaidInChannel<'chunkCredit'>): boolean {
  const { tag, channel, direction, chunks, bytes } = credit
  if (!batch.fits(laneOf(channel), RECORD_OVERHEAD_BYTES)) return false
  batch.begin(Kind.CHUNK_CREDIT)
  of(batch.out, tag, direction)
  batch.out.varint(chunks)
  batch.out.varint(bytes)
  return true
}

export function chunkEnd(batch: Batch, { tag, channel, direction, code, reason }: SaidInChannel<'chunkEnd'>): boolean {
  if (!batch.fits(laneOf(channel), MAX_FAILURE_BYTES + RECORD_OVERHEAD_BYTES)) return false
  batch.begin(Kind.CHUNK_END)
  of(batch.out, tag, direction)
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
function of(out: ByteWriter, tag: number, direction: Direction): void {
  out.varint(tag)
  out.u8(DIRECTIONS.indexOf(direction))
}

const laneOf = (channel: number): number => FIRST_CHANNEL_LANE + channel
