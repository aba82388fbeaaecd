import type { Headers } from '../message/headers.ts'

export const NO_HEADERS: Headers = Object.freeze(Object.create(null) as Headers)

/** What answers a request. */
export interface Reply<T = unknown> {
  /** `undefined` where the reply is streamed. */
  readonly value: T | undefined
  /** What came beside it; empty where nothing did. */
  readonly headers: Headers
  /** The chunks of a reply that is streamed: the handler sends as this is read. Leaving it cancels the request. */
  readonly stream: AsyncIterableIterator<T, undefined> | undefined
}
