import { NetQueueError } from '../errors/errors.ts'
import { unlink } from './linked-list.ts'
import type { Linked, LinkedList } from './linked-list.ts'

/** Someone who waits for an item, and is not in line any more when it comes. */
export interface Taker<T> extends Linked {
  take(item: T): void
  /** No item will come. */
  close(): void
}

/** What an iterator needs of its queue. */
export interface Tap<T> {
  readonly takers: LinkedList<Taker<T>>
  readonly size: () => number
  readonly closed: () => boolean
  readonly shift: () => T
}

type Result<T> = IteratorResult<T, undefined>

/** Takes items one by one. Holds nothing of the queue between two calls, so it can be dropped at any time. */
export class QueueIterator<T> implements AsyncIterableIterator<T, undefined>, Taker<T> {
  before: Linked = this
  after: Linked = this
  readonly #tap: Tap<T>
  #resolve: ((result: Result<T>) => void) | undefined
  #done = false

  constructor(tap: Tap<T>) {
    this.#tap = tap
  }

  next(): Promise<Result<T>> {
    if (this.#resolve !== undefined) {
      return Promise.reject(new NetQueueError('ITERATOR_BUSY', 'The previous next() of this iterator is still waiting'))
    }
    if (this.#done) return Promise.resolve({ done: true, value: undefined })
    if (this.#tap.size() > 0) return Promise.resolve({ done: false, value: this.#tap.shift() })
    if (this.#tap.closed()) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.#tap.takers.push(this)
    })
  }

  /** Ends this iterator, and the `next()` that waits. The queue and what is in it stay as they are. */
  return(): Promise<Result<T>> {
    this.#done = true
    unlink(this)
    this.close()
    return Promise.resolve({ done: true, value: undefined })
  }

  take(item: T): void {
    this.#settle({ done: false, value: item })
  }

  close(): void {
    this.#settle({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #settle(result: Result<T>): void {
    const resolve = this.#resolve
    this.#resolve = undefined
    resolve?.(result)
  }
}
