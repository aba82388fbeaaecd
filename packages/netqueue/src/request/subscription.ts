import type { Headers } from '../message/headers.ts'
import type { Loss, LossyStream } from '../queue/lossy-stream.ts'
import type { Arrival } from './arrival.ts'

/** A one-way message that came. */
export interface ReceivedMessage<From = unknown, Payload = unknown> {
  readonly name: string
  /** Those who subscribe to one name share it. */
  readonly payload: Payload
  /** What came beside it; empty where nothing did. */
  readonly headers: Headers
  readonly from: From
}

export interface SubscribeOptions {
  /** Messages that may wait for this loop. @default maxUnreadMessages */
  capacity?: number | undefined
  /** What is dropped when that many wait, or too many bytes: what came last, or what came first. @default 'newest' */
  drop?: Loss | undefined
  /** Ends the loop with the signal's reason; what waits is dropped. */
  signal?: AbortSignal | undefined
}

/** Messages of one name, for one loop. */
export type Subscription<From = unknown> = LossyStream<ReceivedMessage<From>, Arrival<From>>
