import { NetQueueError } from '../errors/errors.ts'
import type { ErrorCode } from '../errors/errors.ts'
import type { Limits } from '../options/limits.ts'
import type { PeerEnd } from '../protocol/message.ts'
import type { ErrorNotice } from '../protocol/wire.ts'

/** The codes with which a peer refuses an introduction for a reason that its user must know; all others are a lost connection. */
const REFUSALS: ReadonlySet<ErrorCode | undefined> = new Set<ErrorCode>([
  'AUTH_FAILED',
  'AUTH_REQUIRED',
  'CODEC_MISMATCH',
  'ID_IN_USE',
  'MESSAGES_MISMATCH',
  'VERSION_MISMATCH',
])

/** The peer ended the conversation, with an error, or before it had begun. */
export function peerError(end: PeerEnd): NetQueueError {
  if (end.type === 'disconnect') return new NetQueueError('CONNECTION_LOST', 'The peer declined the connection')
  const { code, limit, max, value } = end
  const bound = limit === undefined ? '' : ` (${limit}${max === undefined ? '' : ` ${max}`})`
  const why = code === undefined ? 'an error that this side does not know' : `${code}${bound}`
  const known = code !== undefined && REFUSALS.has(code) ? code : 'CONNECTION_LOST'
  return new NetQueueError(known, `The peer closed the connection with ${why}`, {
    ...(limit !== undefined && { limit }),
    ...(value !== undefined && { value }),
  })
}

/** The stream ended, and the peer had not said goodbye. */
export function endedAtOnce(): NetQueueError {
  return new NetQueueError('CONNECTION_LOST', 'The peer ended the connection without a goodbye')
}

/** The stream broke, or ended within a frame. */
export function lost(cause: unknown): NetQueueError {
  if (cause instanceof NetQueueError && cause.code === 'CONNECTION_LOST') return cause
  return new NetQueueError('CONNECTION_LOST', `The connection was lost${reasonOf(cause)}`, { cause })
}

/** Nobody knows what it did with the last of what it received. */
export function unanswered(): NetQueueError {
  return new NetQueueError('CONNECTION_LOST', 'The peer did not answer the goodbye')
}

export function handshakeTimeout({ handshakeTimeoutMs }: Pick<Limits, 'handshakeTimeoutMs'>): NetQueueError {
  const message = `The peer did not introduce itself within ${handshakeTimeoutMs} ms (handshakeTimeoutMs)`
  return new NetQueueError('HANDSHAKE_TIMEOUT', message, { limit: 'handshakeTimeoutMs', value: handshakeTimeoutMs })
}

/** It has not answered a ping either. */
export function silentPeer({ heartbeatMs }: Pick<Limits, 'heartbeatMs'>): NetQueueError {
  const message = `The peer has been silent for two heartbeats (heartbeatMs ${heartbeatMs}): it is taken for lost`
  return new NetQueueError('CONNECTION_LOST', message, { limit: 'heartbeatMs', value: heartbeatMs })
}

export function unfinishedFrame({ frameTimeoutMs }: Pick<Limits, 'frameTimeoutMs'>): NetQueueError {
  const message = `The peer began a frame and did not finish it within ${frameTimeoutMs} ms (frameTimeoutMs)`
  return new NetQueueError('FRAME_TIMEOUT', message, { limit: 'frameTimeoutMs', value: frameTimeoutMs })
}

export function slowPeer({ sendTimeoutMs }: Pick<Limits, 'sendTimeoutMs'>): NetQueueError {
  const message = `The peer took nothing of what was sent to it for ${sendTimeoutMs} ms (sendTimeoutMs)`
  return new NetQueueError('SLOW_PEER', message, { limit: 'sendTimeoutMs', value: sendTimeoutMs })
}

/** Whether the peer is to be told: it sent what it must not send. A stream that broke or ended has nobody at its other end. */
export function isPeersFault(cause: unknown): cause is NetQueueError {
  return cause instanceof NetQueueError && cause.code !== 'FRAME_TRUNCATED' && cause.code !== 'CONNECTION_LOST'
}

/** What the peer is told of an error. */
export function noticeOf({ code, limit, value }: NetQueueError): ErrorNotice {
  return { code, ...(limit !== undefined && { limit }), ...(typeof value === 'number' && { value }) }
}

/** The system's code for what happened, never a peer's text. */
function reasonOf(cause: unknown): string {
  if (cause instanceof NetQueueError) return `: ${cause.message}`
  const code = (cause as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? `: ${code}` : ''
}
