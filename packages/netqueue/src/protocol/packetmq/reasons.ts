import type { ErrorCode } from '../../errors/errors.ts'
import type { PeerEnd } from '../message.ts'
import type { ErrorNotice } from '../wire.ts'

/** What the original says where nobody gave a reason. */
export const UNKNOWN_REASON = 'reason.unknown'
/** Ours: the server restarts, and its clients come back. An original takes it for one more reason to leave. */
export const RESTART_REASON = 'reason.restart'

const VERSION_MISMATCH = 'reason.versionmismatch'
const SAME_POLICY = 'reason.sameadaptivepolicy'
const OTHER_PACKETS = 'reason.nonequalpackets'

/** What the original says of a handshake that failed. */
const ENDS: ReadonlyMap<string, PeerEnd> = new Map<string, PeerEnd>([
  [VERSION_MISMATCH, { type: 'error', code: 'VERSION_MISMATCH' }],
  [SAME_POLICY, { type: 'error', code: 'MESSAGES_MISMATCH', limit: 'messageIds' }],
  [OTHER_PACKETS, { type: 'error', code: 'MESSAGES_MISMATCH', limit: 'messages' }],
])

/** Codes for which the original has no reason: they go as reasons of our own. */
const CODES: readonly ErrorCode[] = [
  'AUTH_FAILED',
  'AUTH_REQUIRED',
  'BAD_MESSAGE',
  'FRAME_TOO_LARGE',
  'FRAME_TOO_SHORT',
  'HANDSHAKE_TIMEOUT',
  'ID_IN_USE',
  'INBOX_OVERFLOW',
  'ITEM_TOO_LARGE',
  'NOT_AUTHORIZED',
  'RATE_EXCEEDED',
  'TOO_MANY_CONNECTIONS',
  'UNEXPECTED_FRAME',
  'UNKNOWN_TYPE',
]
const CODE_OF: ReadonlyMap<string, ErrorCode> = new Map(CODES.map((code) => [ownReason(code), code]))

/** Why we leave, as a dotted reason. */
export function reasonOf({ code, limit }: Pick<ErrorNotice, 'code' | 'limit'>): string {
  if (code === 'VERSION_MISMATCH') return VERSION_MISMATCH
  if (code === 'MESSAGES_MISMATCH') return limit === 'messageIds' ? SAME_POLICY : OTHER_PACKETS
  return ownReason(code)
}

/** What a peer means that leaves for a reason: an error of ours, or a goodbye. */
export function endOf(reason: string): PeerEnd {
  const code = CODE_OF.get(reason)
  return ENDS.get(reason) ?? (code === undefined ? { type: 'disconnect' } : { type: 'error', code })
}

/** `reason.frametoolarge` and its like. */
function ownReason(code: string): string {
  return `reason.${code.toLowerCase().replaceAll('_', '')}`
}
