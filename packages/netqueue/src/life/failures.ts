import { NetQueueError } from '../errors/errors.ts'

/** It was ended here. */
export function clientClosed(): NetQueueError {
  return new NetQueueError('CLOSED', 'The client is closed', { delivered: 'no' })
}

export function exhausted(addresses: readonly string[], attempts: number, cause: unknown): NetQueueError {
  const message = `No connection to ${addresses.join(', ')} after ${attempts} attempts (reconnect.attempts)`
  return new NetQueueError('CONNECT_FAILED', message, { limit: 'reconnect.attempts', value: attempts, cause })
}

/** Whatever an attempt ended with, as an error of ours. */
export function coded(reason: unknown): NetQueueError {
  if (reason instanceof NetQueueError) return reason
  return new NetQueueError('CONNECT_FAILED', 'The connection could not be begun', { cause: reason })
}
