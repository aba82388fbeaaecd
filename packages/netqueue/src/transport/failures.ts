import { NetQueueError } from '../errors/errors.ts'

/** The system's code for what went wrong, such as `ECONNREFUSED`; never a text that a peer could have written. */
function systemCode(cause: unknown): string {
  const code = (cause as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : 'unknown error'
}

export function connectFailed(address: string, cause: unknown): NetQueueError {
  return new NetQueueError('CONNECT_FAILED', `Cannot connect to ${address}: ${systemCode(cause)}`, { cause })
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
