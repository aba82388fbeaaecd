import type { Bytes } from './transport.ts'

type Result = IteratorResult<Bytes, undefined>
const DONE: Result = { done: true, value: undefined }

/** Whoever asks for pieces one by one. What it is told must not make it throw. */
export interface Puller {
  onPiece(piece: Bytes): void
  /** There are no more. */
  onEnd(): void
  onError(cause: unknown): void
  /**
   * Whether what it keeps of a piece behind {@link onPiece} is a copy. Then a piece for which it waits may be lent: its bytes stay what they are within
   * that call only. @default it may keep all of it
   */
  readonly borrows?: boolean
}

/** Where the next piece can be had without a promise. */
export interface Pullable {
  /** Hands over one piece or the end: within this call, or when it is there. One call at a time, as of `next()`. */
  pull(puller: Puller): void
}

/**
 * A stage of a connection's pipe: an async iterable that can also be pulled. A promise for each piece and stage takes a turn of the microtask
 * queue each, and those that an idle connection waits for are a sixth of what it costs.
 */
export abstract class Pulled implements AsyncIterableIterator<Bytes, undefined>, Pullable {
  abstract pull(puller: Puller): void

  next(): Promise<Result> {
    return new Promise((resolve, reject) =>
      this.pull({
        onPiece: (value) => resolve({ done: false, value }),
        onEnd: () => resolve(DONE),
        onError: reject,
      }),
    )
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

/** Pulls from what may be anybody's iterator, with a promise where it has no other way. */
export function pullFrom(source: Iterator<Bytes> | AsyncIterator<Bytes>, puller: Puller): void {
  if (source instanceof Pulled) return source.pull(puller)
  Promise.resolve(source.next()).then(
    ({ done, value }) => (done === true ? puller.onEnd() : puller.onPiece(value)),
    (cause: unknown) => puller.onError(cause),
  )
}
