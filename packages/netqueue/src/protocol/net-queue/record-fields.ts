import { NetQueueError } from '../../errors/errors.ts'
import { decodeText, encodeText } from './bytes.ts'
import { isStatus, MAX_STATUS_BYTES } from '../../message/status.ts'
import { badMessage } from '../failures.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'
import { MAX_CODE_BYTES, MAX_REASON_BYTES } from './record-kinds.ts'

/** What a code and a reason take at most, their lengths aside. */
export const MAX_FAILURE_BYTES: number = MAX_CODE_BYTES + MAX_REASON_BYTES

/** A sequence number, an attempt or a tag: they count from 1. */
export function readNumber(reader: ByteReader): number {
  const value = reader.varint()
  if (value > 0) return value
  throw badMessage('a number of 0 where numbers start at 1')
}

/** Why something failed or ended: a name for programs, and words for people. */
export function readFailure(reader: ByteReader): { code: string; reason: string } {
  return { code: text(reader, 'code', MAX_CODE_BYTES), reason: text(reader, 'reason', MAX_REASON_BYTES) }
}

/** Writes code and reason, cut to what a peer takes. */
export function writeFailure(out: ByteWriter, code: string, reason: string): void {
  out.bytes(cutText(code, MAX_CODE_BYTES))
  out.bytes(cutText(reason, MAX_REASON_BYTES))
}

/** Text cut to a number of bytes, without half a character at its end. */
function cutText(text: string, maxBytes: number): Uint8Array {
  const whole = encodeText(text)
  if (whole.length <= maxBytes) return whole
  let end = maxBytes
  while (((whole[end] as number) & 0xc0) === 0x80) end -= 1
  return whole.subarray(0, end)
}

function text(reader: ByteReader, what: string, maxBytes: number): string {
  const data = reader.bytes()
  if (data.length <= maxBytes) return decodeText(data, `a ${what}`)
  throw badMessage(`a ${what} of ${data.length} bytes; at most ${maxBytes} are allowed`, data.length)
}

export function unknownKind(kind: number): NetQueueError {
  return new NetQueueError('UNKNOWN_TYPE', `The peer sent a record of kind ${kind}, which has no meaning here`, {
    value: kind,
  })
}

/** What a peer says of itself, as long as it may be. Throws `BAD_MESSAGE`. */
export function checkedStatus(status: unknown): unknown {
  if (isStatus(status)) return status
  throw badMessage(`a status that is longer than ${MAX_STATUS_BYTES} bytes as JSON`)
}
