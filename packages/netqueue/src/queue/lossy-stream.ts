import { checkInteger, checkOneOf, checkSignal } from '../errors/check.ts'
import { NetQueueError } from '../errors/errors.ts'
import { onAbort } from './on-abort.ts'
import { Ring } from './ring.ts'

/** What a reader that is behind loses: what came last, or what came first. */
export type Loss = 'newest' | 'oldest'

export interface LossyStreamInit<E, Kept> {
  /** Makes a value of what was kept for it when it is read; `undefined`: it was none. */
  read: (kept: Kept) => E | undefined
  /** Called with what has to wait, which may be for long. */
  keep?: (kept: Kept) => void
  /** Values that wait at most. */
  capacity: number
  /** Bytes that wait at most; one value may overshoot it. @default Infinity */
  maxBytes?: number
  drop: Loss
  signal?: AbortSignal | undefined
  /** A value was dropped, the first since the reader had seen all. */
  behind: () => void
  /** No value is wanted any more. */
  over: () => void
}

type Result<E> = IteratorResult<E, undefined>

interface Waiting<E> {
  resolve: (result: Result<E>) => void
  reject: (reason: unknown) => void
}

const LOSSES: readonly Loss[] = ['newest', 'oldest']
const done = (): Result<never> => ({ done: true, value: undefined })

/**
 * Values from elsewhere, for one loop. What waits is bounded: a loop that is behind loses some, and can see how many. They wait as what
 * they were when they came.
 */
export class LossyStream<E, Kept = E> implements AsyncIterableIterator<E, undefined> {
  readonly #init: LossyStreamInit<E, Kept>
  readonly #maxBytes: number
  readonly #ring: Ring<{ kept: Kept; bytes: number }> = new Ring()
  #callOff: (() => void) | undefined
  /** `ended`: no more come, what waits can be read. `aborted`: the reader has yet to hear why. */
  #state: 'open' | 'ended' | 'aborted' | 'over' = 'open'
  #waiting: Waiting<E> | undefined
  #bytes = 0
  #dropped = 0
  #isBehind = false

  constructor(init: LossyStreamInit<E, Kept>) {
    const { capacity, drop, signal, maxBytes = Number.POSITIVE_INFINITY } = init
    checkInteger('capacity', capacity, 1)
    checkOneOf('drop', drop, LOSSES)
    if (signal !== undefined) checkSignal('signal', signal)
    this.#init = init
    this.#maxBytes = maxBytes
  }

  /** Values that were dropped so far because too many waited already. */
  get dropped(): number {
    return this.#dropped
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result<E>> {
    if (this.#waiting !== undefined) return Promise.reject(busy())
    if (this.#state === 'aborted') return this.#fail()
    while (this.#ring.size > 0) {
      const value = this.#init.read(this.#shift())
      if (value !== undefined) return Promise.resolve({ done: false, value })
    }
    if (this.#state !== 'open') return Promise.resolve(done())
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }))
  }

  /** Ends this stream, and the `next()` that waits; what waits is dropped. */
  return(): Promise<Result<E>> {
    this.#close('over')
    this.#settle()?.resolve(done())
    return Promise.resolve(done())
  }

  /** From now on values come, until the signal fires. */
  begin(): void {
    const { signal } = this.#init
    if (signal?.aborted === true) this.#abort()
    else if (signal !== undefined) this.#callOff = onAbort(signal, () => this.#abort())
  }

  push(kept: Kept, bytes = 0): void {
    if (this.#state !== 'open') return
    if (this.#waiting !== undefined) return this.#give(this.#init.read(kept))
    const wasFull = this.#isFull()
    while (this.#isFull() && this.#init.drop === 'oldest') this.#lose()
    if (this.#isFull()) this.#dropped += 1
    else this.#add(kept, bytes)
    if (wasFull) this.#report()
  }

  /** No more values come; what waits can still be read. */
  end(): void {
    if (this.#state !== 'open') return
    this.#stop('ended')
    this.#settle()?.resolve(done())
  }

  #isFull(): boolean {
    return this.#ring.size >= this.#init.capacity || this.#bytes >= this.#maxBytes
  }

  /** To the reader that waits. */
  #give(value: E | undefined): void {
    if (value !== undefined) this.#settle()?.resolve({ done: false, value })
  }

  #add(kept: Kept, bytes: number): void {
    this.#init.keep?.(kept)
    this.#ring.push({ kept, bytes })
    this.#bytes += bytes
  }

  #lose(): void {
    this.#bytes -= this.#ring.shift()?.bytes ?? 0
    this.#dropped += 1
  }

  #shift(): Kept {
    const { kept, bytes } = this.#ring.shift() as { kept: Kept; bytes: number }
    this.#bytes -= bytes
    if (this.#ring.size === 0) this.#isBehind = false
    return kept
  }

  #report(): void {
    if (this.#isBehind) return
    // First, for whoever hears of it may push the next one here.
    this.#isBehind = true
    this.#init.behind()
  }

  #abort(): void {
    this.#close('aborted')
    const waiting = this.#settle()
    if (waiting !== undefined) this.#fail().catch(waiting.reject)
  }

  /** The reader hears of it once; then the stream is over for it. */
  #fail(): Promise<never> {
    this.#state = 'over'
    return Promise.reject(this.#init.signal?.reason)
  }

  #close(state: 'aborted' | 'over'): void {
    this.#ring.clear()
    this.#bytes = 0
    if (this.#state === 'open') this.#stop(state)
    this.#state = state
  }

  #stop(state: 'ended' | 'aborted' | 'over'): void {
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
