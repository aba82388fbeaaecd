export interface EventStreamOptions {
  /** Events that wait at most while the loop's body runs; then the oldest one is dropped for each that comes. @default 1_024 */
  capacity?: number | undefined
  /** Ends the loop with the signal's reason; what waits is dropped. */
  signal?: AbortSignal | undefined
}

/** Events of one type, for one reader. What waits is bounded: a reader that is behind loses the oldest, and can see how many. */
export interface EventStream<E> extends AsyncIterableIterator<E, undefined> {
  /** Events that were dropped so far because `capacity` waited already. */
  readonly dropped: number
}
