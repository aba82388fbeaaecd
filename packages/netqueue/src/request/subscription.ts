import type { Headers } from '../message/headers.ts'
import type { Loss, LossyStream } from '../queue/lossy-stream.ts'
import type { Arrival } from './arrival.ts'

/** A one-way message that came. */
export interface ReceivedMessage<From = unknown, Payload = unknown> {
  readonly name: string
  /** Others who subscribe to the name may have the same one. */
  readonly payload: Payload
  /** What came beside it; empty where nothing did. */
  readonly headers: Headers
  readonly from: From
}

export interface SubscribeOptions {
  /** Messages that may wait for this loop. @default maxUnreadMessages */
  capacity?: number | undefined
  /** What is dropped when that many wait, or too many bytes: what came last, or what came first. @default 'oldest' (the latest news is worth more) */
  drop?: Loss | undefined
  /** Ends the loop with the signal's reason; what waits is dropped. */
  signal?: AbortSignal | undefined
}

/** A message for one loop, which may have to wait. */
export interface Kept<From> {
  readonly arrival: Arrival<From>
  payload: Uint8Array
}

/** Messages of one name, for one loop. */
export type Subscription<From = unknown> = LossyStream<ReceivedMessage<From>, Kept<From>>
