import type { Loss } from '../queue/lossy-stream.ts'

export interface EventStreamOptions {
  /** Events that wait at most while the loop's body runs. @default 1_024 */
  capacity?: number | undefined
  /** What is dropped when that many wait: what came last, or what came first. @default 'oldest' (the latest news is worth more) */
  drop?: Loss | undefined
  /** Ends the loop with the signal's reason; what waits is dropped. */
  signal?: AbortSignal | undefined
}

/** Events of one type, for one reader. What waits is bounded: a reader that is behind loses some, and can see how many. */
export interface EventStream<E> extends AsyncIterableIterator<E, undefined> {
  /** Events that were dropped so far because `capacity` waited already. */
  readonly dropped: number
}
