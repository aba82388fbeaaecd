import { checkInteger, checkSignal } from '../errors/check.ts'
import { NetQueueError } from '../errors/errors.ts'
import { onAbort } from '../queue/on-abort.ts'
import { Ring } from '../queue/ring.ts'

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

export interface EventBufferInit extends EventStreamOptions {
  /** An event was dropped, the first since the reader had seen all. */
  overflowed: (capacity: number) => void
  /** No event is wanted any more. */
  over: () => void
}

type Result<E> = IteratorResult<E, undefined>

interface Waiting<E> {
  resolve: (result: Result<E>) => void
  reject: (reason: unknown) => void
}

const done = (): Result<never> => ({ done: true, value: undefined })

/** The stream, and the end of it where events come in. */
export class EventBuffer<E> implements EventStream<E> {
  readonly #init: EventBufferInit
  readonly #capacity: number
  readonly #ring: Ring<E> = new Ring()
  #callOff: (() => void) | undefined
  /** `ended`: no more come, what waits can be read. `aborted`: the reader has yet to hear why. */
  #state: 'open' | 'ended' | 'aborted' | 'over' = 'open'
  #waiting: Waiting<E> | undefined
  #dropped = 0
  #isBehind = false

  constructor(init: EventBufferInit) {
    const { capacity = 1_024, signal } = init
    checkInteger('capacity', capacity, 1)
    if (signal !== undefined) checkSignal('signal', signal)
    this.#init = init
    this.#capacity = capacity
  }

  get dropped(): number {
    return this.#dropped
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result<E>> {
    if (this.#waiting !== undefined) return Promise.reject(busy())
    if (this.#state === 'aborted') return this.#fail()
    if (this.#ring.size > 0) return Promise.resolve({ done: false, value: this.#shift() })
    if (this.#state !== 'open') return Promise.resolve(done())
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }))
  }

  /** Ends this stream, and the `next()` that waits; what waits is dropped. */
  return(): Promise<Result<E>> {
    this.#ring.clear()
    this.#close('over')
    this.#settle()?.resolve(done())
    return Promise.resolve(done())
  }

  /** From now on events come, until the signal fires. */
  begin(): void {
    const { signal } = this.#init
    if (signal?.aborted === true) this.#abort()
    else if (signal !== undefined) this.#callOff = onAbort(signal, () => this.#abort())
  }

  readonly push = (event: E): void => {
    if (this.#state !== 'open') return
    const waiting = this.#settle()
    if (waiting !== undefined) return waiting.resolve({ done: false, value: event })
    const isFull = this.#ring.size >= this.#capacity
    if (isFull) this.#ring.shift()
    this.#ring.push(event)
    if (isFull) this.#drop()
  }

  /** No more events come; what waits can still be read. */
  end(): void {
    if (this.#state !== 'open') return
    this.#close('ended')
    this.#settle()?.resolve(done())
  }

  #shift(): E {
    const event = this.#ring.shift() as E
    if (this.#ring.size === 0) this.#isBehind = false
    return event
  }

  #drop(): void {
    this.#dropped += 1
    if (this.#isBehind) return
    // First, for whoever hears of it may push the next one here.
    this.#isBehind = true
    this.#init.overflowed(this.#capacity)
  }

  #abort(): void {
    this.#ring.clear()
    this.#close('aborted')
    const waiting = this.#settle()
    if (waiting !== undefined) this.#fail().catch(waiting.reject)
  }

  /** The reader hears of it once; then the stream is over for it. */
  #fail(): Promise<never> {
    this.#state = 'over'
    return Promise.reject(this.#init.signal?.reason)
  }

  #close(state: 'ended' | 'aborted' | 'over'): void {
    this.#state = state
    this.#callOff?.()
    this.#init.over()
  }

  #settle(): Waiting<E> | undefined {
    const waiting = this.#waiting
    this.#waiting = undefined
    return waiting
  }
}

const busy = (): NetQueueError =>
  new NetQueueError('ITERATOR_BUSY', 'Expected next() to be called when the one before has settled')
