import type { ErrorCode } from '../../errors/errors.ts'
import type { Message } from '../message.ts'
import type { ErrorNotice } from '../wire.ts'
import { decodeJson, encodeText } from './bytes.ts'
import { frameData, frameOf, FrameType } from './frame-types.ts'

/** The codes that travel in ERROR. */
const CODES: ReadonlySet<unknown> = new Set<ErrorCode>([
  'AUTH_FAILED',
  'AUTH_REQUIRED',
  'BAD_MESSAGE',
  'CODEC_MISMATCH',
  'CREDIT_EXCEEDED',
  'FRAME_TOO_LARGE',
  'FRAME_TOO_SHORT',
  'HANDSHAKE_TIMEOUT',
  'ID_IN_USE',
  'ITEM_TOO_LARGE',
  'LOOP',
  'MESSAGES_MISMATCH',
  'RATE_EXCEEDED',
  'TOO_MANY_CONNECTIONS',
  'UNEXPECTED_FRAME',
  'UNKNOWN_TYPE',
  'VERSION_MISMATCH',
])

export function encodeError({ code, limit, max, value }: ErrorNotice): Uint8Array {
  return frameOf(FrameType.ERROR, encodeText(JSON.stringify({ code, limit, max, value })))
}

/** Keeps what we know: codes, names of options and numbers. It never throws, for an error is not answered with another. */
export function decodeError(frame: Uint8Array): Extract<Message, { type: 'error' }> {
  const { code, limit, max, value } = fieldsOf(frame)
  return {
    type: 'error',
    ...(CODES.has(code) && { code: code as ErrorCode }),
    ...(typeof limit === 'string' && /^[A-Za-z]{1,64}$/.test(limit) && { limit }),
    ...(typeof max === 'number' && { max }),
    ...(typeof value === 'number' && { value }),
  }
}

function fieldsOf(frame: Uint8Array): Partial<Record<string, unknown>> {
  try {
    return (decodeJson(frameData(frame), 'an ERROR') as Partial<Record<string, unknown>> | null) ?? {}
  } catch {
    return {}
  }
}
