import { NetQueueError } from '../../errors/errors.ts'
import type { ErrorCode } from '../../errors/errors.ts'
import type { ErrorNotice, Message } from '../protocol.ts'
import { decodeJson, encodeText } from './bytes.ts'
import { frameData, frameOf, FrameType } from './frame-types.ts'

export function encodeError({ code, limit, max, value }: ErrorNotice): Uint8Array {
  return frameOf(FrameType.ERROR, encodeText(JSON.stringify({ code, limit, max, value })))
}

/** Keeps codes, names and numbers; whatever else a peer writes there is dropped. */
export function decodeError(frame: Uint8Array): Extract<Message, { type: 'error' }> {
  const fields = decodeJson(frameData(frame), 'an ERROR') as Partial<Record<string, unknown>> | null
  const code = fields?.['code']
  const notice: Extract<Message, { type: 'error' }> = { type: 'error', code: isName(code) ? code : 'BAD_MESSAGE' }
  if (isName(fields?.['limit'])) notice.limit = fields['limit']
  if (typeof fields?.['max'] === 'number') notice.max = fields['max']
  if (typeof fields?.['value'] === 'number') notice.value = fields['value']
  return notice
}

const isName = (value: unknown): value is string => typeof value === 'string' && /^[A-Za-z_]{1,64}$/.test(value)

/** Codes with which a peer may refuse an introduction, and which then become ours. */
const REFUSALS: ReadonlySet<string> = new Set<ErrorCode>([
  'CODEC_MISMATCH',
  'ID_IN_USE',
  'TOO_MANY_CONNECTIONS',
  'VERSION_MISMATCH',
  'UNSUPPORTED',
])

/** The error of a side whose introduction the peer refused. */
export function refusal({ code, limit, max, value }: ErrorNotice): NetQueueError {
  const bound = limit === undefined ? '' : ` (${limit}${max === undefined ? '' : ` ${max}`})`
  const known = REFUSALS.has(code) ? (code as ErrorCode) : 'CONNECT_FAILED'
  return new NetQueueError(known, `The peer refused the connection with ${code}${bound}`, { value })
}
