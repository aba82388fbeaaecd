import { NetQueueError } from '../errors/errors.ts'

/** The system's code for what went wrong, such as `ECONNREFUSED`; never a text that a peer could have written. */
function systemCode(cause: unknown): string {
  const code = (cause as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : 'unknown error'
}

/** What whoever fails so seems to speak. */
const SPOKEN: Readonly<Record<string, string>> = {
  ERR_SSL_HTTP_REQUEST: ': the peer seems to speak HTTP',
  ERR_SSL_WRONG_VERSION_NUMBER: ': the peer seems not to speak TLS',
  ERR_TLS_NO_ALPN: ': the peer does not offer netqueue/1 (ALPN)',
}

function explained(cause: unknown): string {
  const code = systemCode(cause)
  return `${code}${SPOKEN[code] ?? ''}`
}

export function connectFailed(address: string, cause: unknown): NetQueueError {
  return new NetQueueError('CONNECT_FAILED', `Cannot connect to ${address}: ${explained(cause)}`, { cause })
}

/** The other end speaks TLS, but none of our protocols by it. */
export function noProtocol(address: string): NetQueueError {
  return new NetQueueError('PROTOCOL_MISMATCH', `${address} does not speak netqueue/1 (ALPN)`)
}

export function listenFailed(address: string, cause: unknown): NetQueueError {
  return new NetQueueError('LISTEN_FAILED', `Cannot listen at ${address}: ${systemCode(cause)}`, { cause })
}

/** `cause` is missing where the other side was gone without an error of its own. */
export function connectionLost(remoteAddress: string | undefined, cause?: unknown): NetQueueError {
  const why = cause === undefined ? 'it was closed before its end' : systemCode(cause)
  const details = cause === undefined ? {} : { cause }
  return new NetQueueError(
    'CONNECTION_LOST',
    `The connection to ${remoteAddress ?? 'the other side'} broke: ${why}`,
    details,
  )
}

/** At a server, where the other side is not told more than an alert. */
export function tlsFailed(remoteAddress: string | undefined, cause: unknown): NetQueueError {
  const message = `The TLS handshake with ${remoteAddress ?? 'the other side'} failed: ${explained(cause)}`
  return new NetQueueError('CONNECTION_LOST', message, { cause })
}
