import { failureOf } from '../delivery/failure.ts'
import type { Failure } from '../delivery/failure.ts'
import { NetQueueError } from '../errors/errors.ts'
import { headerBytes } from '../message/headers.ts'
import type { Headers } from '../message/headers.ts'
import { checkSize } from './failures.ts'
import type { Side } from './side.ts'

/** Whether what a handler gave is a stream. May throw. */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof (value as Partial<AsyncIterable<unknown>> | null | undefined)?.[Symbol.asyncIterator] === 'function'
}

/** What a handler gave, as it travels. Throws `ENCODE_FAILED`, and `ITEM_TOO_LARGE` for what is longer, with its headers, than both sides take. */
export function encodeReply(
  { side, name }: { side: Side; name: string },
  value: unknown,
  headers: Headers | undefined,
): Uint8Array {
  const payload = side.vocabulary.encode(name, 'reply', value)
  checkSize(payload.length + headerBytes(headers), side.maxItemBytes)
  return payload
}

/** What the peer is told of what a handler threw. */
export function describe(error: unknown, { exposeErrors }: Side): Failure {
  return failureOf(error, { fallback: 'HANDLER_FAILED', exposeErrors })
}

export function handlerFailed(name: string, cause: unknown): NetQueueError {
  return new NetQueueError('HANDLER_FAILED', `The handler of ${JSON.stringify(name)} failed`, { cause })
}
