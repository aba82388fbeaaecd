import { NetQueueError } from '../errors/errors.ts'
import type { ErrorCode } from '../errors/errors.ts'
import { isDistrusted } from '../transport/distrust.ts'

/** The two sides do not fit, or one does not let the other in, and will not at the next attempt. Source: docs/protocol.md §15. */
const PERMANENT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'AUTH_FAILED',
  'AUTH_REQUIRED',
  'CODEC_MISMATCH',
  'ENCODE_FAILED',
  'LOOP',
  'MESSAGES_MISMATCH',
  'PROTOCOL_MISMATCH',
  'VERSION_MISMATCH',
])

/** Whether another attempt would end in the same way. Arguments that no call takes are wrong for ever, too. */
export function isPermanent(error: unknown): boolean {
  if (error instanceof NetQueueError) return PERMANENT.has(error.code) || isDistrusted(error)
  return error instanceof TypeError || error instanceof RangeError
}
