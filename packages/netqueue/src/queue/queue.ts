import type { Source } from 'it-stream-types'
import type { Env } from '../env/env.ts'
import { host } from '../env/host.ts'
import { checkInteger, checkOneOf } from '../errors/check.ts'
import { NetQueueError } from '../errors/errors.ts'
import { LinkedList } from './linked-list.ts'
import { checkWait } from './pending.ts'
import type { PendingInit, WaitOptions } from './pending.ts'
import { QueueIterator } from './queue-iterator.ts'
import type { Taker } from './queue-iterator.ts'
import { Ring } from './ring.ts'
import { Waiter } from './waiter.ts'

/** What `put` does when the queue is full: wait for room, reject with `QUEUE_FULL`, or drop an item and resolve. */
export type Overflow = 'wait' | 'reject' | 'drop-oldest' | 'drop-newest'

const OVERFLOWS: readonly Overflow[] = ['wait', 'reject', 'drop-oldest', 'drop-newest']

export interface QueueOptions {
  /** Items that the queue holds; an integer from 1. @default 1024 */
  capacity?: number
  /** What `put` does when the queue is full. @default 'wait' */
  overflow?: Overflow
  /** Clock of the timeouts. @default the host's */
  env?: Env
}

/** A `put` that waits for room. */
class Putter<T> extends Waiter<void> {
  readonly item: T

  constructor(item: T, init: PendingInit) {
    super(init)
    this.item = item
  }
}

/** A `get` that waits for an item. */
class Getter<T> extends Waiter<T> implements Taker<T> {
  take(item: T): void {
    this.resolve(item)
  }

  close(): void {
    this.reject(queueClosed())
  }
}

/** One promise for every put that need not wait. */
const DONE: Promise<void> = Promise.resolve()

const queueClosed = (): NetQueueError => new NetQueueError('QUEUE_CLOSED', 'The queue is closed')

/**
 * A bounded first-in first-out queue between the tasks of one process. Every value is an item, `undefined` and `null` too.
 * Who waits is served in order, and several consumers compete: each item goes to one of them.
 *
 * It is an it-pipe duplex: `sink` puts what its source gives, and does not close the queue, so that several can feed it.
 */
export class Queue<T> implements AsyncIterable<T> {
  readonly capacity: number
  readonly #overflow: Overflow
  readonly #env: Env
  readonly #ring = new Ring<T>()
  /** Not empty only while the ring is empty. */
  readonly #takers = new LinkedList<Taker<T>>()
  /** Not empty only while the ring is full. */
  readonly #putters = new LinkedList<Putter<T>>()
  #closed = false
  #dropped = 0

  /** Throws a `RangeError` or `TypeError` that names the option. */
  constructor({ capacity = 1_024, overflow = 'wait', env = host }: QueueOptions = {}) {
    checkInteger('capacity', capacity, 1)
    checkOneOf('overflow', overflow, OVERFLOWS)
    this.capacity = capacity
    this.#overflow = overflow
    this.#env = env
  }

  /** Items inside; those of puts that wait do not count. */
  get size(): number {
    return this.#ring.size
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Items that the `drop-` policies have dropped so far. */
  get dropped(): number {
    return this.#dropped
  }

  /**
   * Resolves when the item is in the queue, or was handed to someone who waits, or was dropped by a `drop-` policy. Rejects with
   * `QUEUE_FULL` when full (at once with `reject`, after `timeout` with `wait`), `QUEUE_CLOSED`, or the signal's reason; the item is then certainly not inside.
   */
  put(item: T, options?: WaitOptions): Promise<void> {
    const refusal = options && refuse(options)
    if (refusal !== undefined) return refusal
    if (this.#closed) return Promise.reject(queueClosed())
    if (this.tryPut(item) || this.#overflow === 'drop-newest') return DONE
    return this.#overflow === 'wait' ? this.#waitForRoom(item, options) : Promise.reject(this.#full())
  }

  /** Puts without waiting; returns whether the item is in now: `false` when closed, or full unless `drop-oldest` makes room. */
  tryPut(item: T): boolean {
    if (this.#closed) return false
    const taker = this.#takers.shift()
    if (taker !== undefined) {
      taker.take(item)
      return true
    }
    if (this.#ring.size >= this.capacity && !this.#dropOne()) return false
    this.#ring.push(item)
    return true
  }

  /**
   * Takes the oldest item, waiting for one. A number is the `timeout` in milliseconds. Rejects with `QUEUE_EMPTY` after `timeout`,
   * with `QUEUE_CLOSED` when the queue is closed and empty, or with the signal's reason.
   */
  get(options: number | WaitOptions = {}): Promise<T> {
    const wait = typeof options === 'object' ? options : { timeout: options }
    const refusal = refuse(wait)
    if (refusal !== undefined) return refusal
    if (this.#ring.size > 0) return Promise.resolve(this.#shift())
    return this.#closed ? Promise.reject(queueClosed()) : this.#waitForItem(wait)
  }

  /** Takes the oldest item, wrapped as `undefined` is an item too; `undefined` when there is none. */
  tryGet(): { value: T } | undefined {
    return this.#ring.size > 0 ? { value: this.#shift() } : undefined
  }

  /** Takes everything, in order: what is inside and what waits to be put, whose puts resolve. */
  getAll(): T[] {
    const items: T[] = []
    while (this.#ring.size > 0) items.push(this.#shift())
    return items
  }

  /** No more puts: those that wait reject with `QUEUE_CLOSED`. What is inside can still be taken; then loops end. Idempotent. */
  close(): void {
    this.#closed = true
    for (let putter = this.#putters.shift(); putter !== undefined; putter = this.#putters.shift())
      putter.reject(queueClosed())
    for (let taker = this.#takers.shift(); taker !== undefined; taker = this.#takers.shift()) taker.close()
  }

  /** Takes items until the queue is closed and empty. A `next()` while another waits rejects with `ITERATOR_BUSY`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return new QueueIterator<T>({
      takers: this.#takers,
      size: () => this.#ring.size,
      closed: () => this.#closed,
      shift: () => this.#shift(),
    })
  }

  get source(): AsyncIterable<T> {
    return this
  }

  readonly sink = async (source: Source<T>): Promise<void> => {
    for await (const item of source) await this.put(item)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  #shift(): T {
    const item = this.#ring.shift() as T
    const putter = this.#putters.shift()
    if (putter === undefined) return item
    this.#ring.push(putter.item)
    putter.resolve()
    return item
  }

  /** Whether there is room now. */
  #dropOne(): boolean {
    if (this.#overflow !== 'drop-oldest' && this.#overflow !== 'drop-newest') return false
    this.#dropped += 1
    if (this.#overflow === 'drop-newest') return false
    this.#ring.shift()
    return true
  }

  #waitForRoom(item: T, options: WaitOptions = {}): Promise<void> {
    const putter = new Putter<T>(item, { env: this.#env, wait: options, timedOut: () => this.#full() })
    this.#putters.push(putter)
    return putter.promise
  }

  #waitForItem(options: WaitOptions): Promise<T> {
    const getter = new Getter<T>({ env: this.#env, wait: options, timedOut: () => empty(options.timeout) })
    this.#takers.push(getter)
    return getter.promise
  }

  #full(): NetQueueError {
    const message = `The queue is full: it holds ${this.capacity} items (capacity)`
    return new NetQueueError('QUEUE_FULL', message, { limit: 'capacity', value: this.capacity })
  }
}

function empty(timeout: number | undefined): NetQueueError {
  return new NetQueueError('QUEUE_EMPTY', `No item came within ${timeout} ms (timeout)`, {
    limit: 'timeout',
    value: timeout,
  })
}

function refuse(options: WaitOptions): Promise<never> | undefined {
  try {
    checkWait(options)
    return undefined
  } catch (error) {
    return Promise.reject(error)
  }
}
