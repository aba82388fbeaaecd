import { NetQueueError, RemoteError } from '../errors/errors.ts'

import type { Headers } from '../message/headers.ts'

type Delivered = 'no' | 'maybe'

export function badMessage(what: string, value?: number): NetQueueError {
  return new NetQueueError('BAD_MESSAGE', `The peer sent ${what}`, value === undefined ? {} : { value })
}

export function creditExceeded(what: string, limit: string, value: number): NetQueueError {
  return new NetQueueError('CREDIT_EXCEEDED', `The peer sent ${what}`, { limit, value })
}

/** A peer makes us work faster than is taken. */
export function rateExceeded(what: string, limit: string, value: number): NetQueueError {
  const message = `The peer had ${what} faster than is taken: ${value} at once, then 33 in a second (${limit})`
  return new NetQueueError('RATE_EXCEEDED', message, { limit, value })
}

export function timedOut(name: string, timeout: number, delivered: Delivered): NetQueueError {
  const message = `${shown(name)} was not answered within ${timeout} ms (timeout)`
  return new NetQueueError('TIMEOUT', message, { limit: 'timeout', value: timeout, delivered })
}

/** Why a handler's signal fires when the requester's time is up. */
export function timeIsUp(deadlineMs: number): NetQueueError {
  const message = `The requester waits no longer than ${deadlineMs} ms`
  return new NetQueueError('TIMEOUT', message, { limit: 'deadlineMs', value: deadlineMs })
}

export function cancelled(): NetQueueError {
  return new NetQueueError('CANCELLED', 'The requester cancelled the request')
}

/** Why the stream of a request can be read no more. */
export function answered(): NetQueueError {
  return new NetQueueError('CLOSED', 'The request has been answered')
}

export function abortedWhenSent(name: string, cause: unknown): NetQueueError {
  return new NetQueueError('ABORTED', `${shown(name)} was aborted when it had been sent`, { cause, delivered: 'maybe' })
}

/** The error of a connection, as that of a call. */
export function lost(error: NetQueueError, delivered: Delivered): NetQueueError {
  return new NetQueueError(error.code, error.message, { cause: error, delivered })
}

/** What a peer that leaves says to requests that come too late, as the answer to those that were not sent. */
export function leaves(): RemoteError {
  return remoteError({ code: 'CLOSED', reason: '', isUnbegun: true })
}

export function tooManyWaiting(maxWaiting: number): NetQueueError {
  const message = `${maxWaiting} calls wait already; no more may (maxWaiting)`
  return new NetQueueError('QUEUE_FULL', message, { limit: 'maxWaiting', value: maxWaiting + 1, delivered: 'no' })
}

export function unsent(timeout: number | undefined): NetQueueError {
  const message = `The connection took no more messages within ${timeout} ms (timeout)`
  return new NetQueueError('QUEUE_FULL', message, { limit: 'timeout', value: timeout, delivered: 'no' })
}

export function requestsEnded(): NetQueueError {
  return new NetQueueError('CLOSED', 'This side has said that it sends no more requests', { delivered: 'no' })
}

/** Throws for what is too long to be sent, headers included. */
export function checkSize(bytes: number, maxItemBytes: number): void {
  if (bytes <= maxItemBytes) return
  const message = `Expected payload and headers of at most ${maxItemBytes} bytes (maxItemBytes), got ${bytes}`
  throw new NetQueueError('ITEM_TOO_LARGE', message, { limit: 'maxItemBytes', value: bytes, delivered: 'no' })
}

export function busy(): NetQueueError {
  return new NetQueueError('ITERATOR_BUSY', 'Expected next() to be called when the one before has settled')
}

interface Said {
  code: string
  reason: string
  headers?: Headers | undefined
  /** No handler was called. */
  isUnbegun?: boolean
}

/** What the other end said; a text that it did not expose is none. */
export function remoteError({ code, reason, headers, isUnbegun = false }: Said): RemoteError {
  return new RemoteError(code, {
    ...(reason !== '' && { reason }),
    ...(headers !== undefined && { headers }),
    ...(isUnbegun && { delivered: 'no' }),
  })
}

const shown = (name: string): string => `The request ${JSON.stringify(name)}`

export function replyStreamed(): NetQueueError {
  const message = 'The reply is a stream: ask for it with stream() or call()'
  return new NetQueueError('REPLY_STREAMED', message, { delivered: 'maybe' })
}
