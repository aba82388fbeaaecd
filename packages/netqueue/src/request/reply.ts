import type { Headers } from '../message/headers.ts'

export const NO_HEADERS: Headers = Object.freeze(Object.create(null) as Headers)

/** What answers a request: a value, or a stream. `if (answer.stream)` tells which. */
export type Reply<T = unknown> = ValueReply<T> | StreamedReply<T>

interface ValueReply<T> {
  readonly value: T
  /** What came beside it; empty where nothing did. */
  readonly headers: Headers
  readonly stream: undefined
}

interface StreamedReply<T> {
  readonly value: undefined
  /** What came ahead of it; empty where nothing did. */
  readonly headers: Headers
  /** The chunks: the handler sends as this is read. Leaving it cancels the request. */
  readonly stream: AsyncIterableIterator<T, undefined>
}
