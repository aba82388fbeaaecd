import type { Env } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { Pending } from '../queue/pending.ts'

/** One turn of a loop over ticks. A period is one n-th of a second at n ticks per second, or one step of a hand. */
export interface Tick {
  /** The number of the period that this tick ends, from 1 on; those that were missed count. */
  readonly count: number
  /** Periods that ended since the tick before and got no tick of their own, for the loop's body still ran; 0 where it keeps up. */
  readonly missed: number
  /** Milliseconds since the loop began. */
  readonly atMs: number
  /** Milliseconds since the tick before; for the first one, since the loop began. */
  readonly elapsedMs: number
}

export interface TickOptions {
  /** Ends the loop with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** What one loop follows: a rate, or a hand. */
export interface Beats {
  /** Periods that have ended since the loop began. */
  readonly passed: number
  /** Calls back once, when more than `count` have ended, or a moment too early. Is called where no more have. */
  wait(count: number, callback: () => void): void
  /** The loop is over, and waits for nothing. */
  end(): void
}

export interface TickLoopInit extends TickOptions {
  env: Env
  /** Called when the loop begins. */
  begin: () => Beats
  /** The loops that wait for a tick, to be ended from outside. */
  waiting: Set<{ end(): void }>
  /** Whether no loop gets ticks any more. */
  isOver: () => boolean
}

type Result = IteratorResult<Tick, undefined>

const DONE: Result = { done: true, value: undefined }

/** One `for await` over ticks. It has a timer only while it waits for one. */
export class TickLoop implements AsyncIterableIterator<Tick, undefined> {
  readonly #init: TickLoopInit
  #beats: Beats | undefined
  #waiting: Pending<Result> | undefined
  #isOver = false
  #count = 0
  #startedAt = 0
  #lastAt = 0

  constructor(init: TickLoopInit) {
    this.#init = init
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    const { signal, isOver } = this.#init
    if (this.#waiting !== undefined) return Promise.reject(busy())
    if (isOver()) this.#leave()
    if (this.#isOver) return Promise.resolve(DONE)
    if (signal?.aborted !== true) return this.#next(this.#beats ?? this.#begin())
    this.#leave()
    return Promise.reject(signal.reason)
  }

  return(): Promise<Result> {
    this.end()
    return Promise.resolve(DONE)
  }

  /** Ends the loop, and the `next()` that waits. */
  end(): void {
    const waiting = this.#waiting
    this.#leave()
    waiting?.resolve(DONE)
  }

  #begin(): Beats {
    const { env, begin } = this.#init
    this.#startedAt = env.now()
    this.#lastAt = this.#startedAt
    this.#beats = begin()
    return this.#beats
  }

  #next(beats: Beats): Promise<Result> {
    const { env, signal, waiting } = this.#init
    const pending = new Pending<Result>({
      env,
      wait: { signal },
      timedOut: () => undefined,
      withdrawn: () => this.#leave(),
    })
    this.#waiting = pending
    waiting.add(this)
    // Not at once: a body that never waits and takes longer than a period would keep the process from everything else.
    if (beats.passed > this.#count) env.afterPoll(() => this.#tick(beats))
    else this.#wait(beats)
    return pending.promise
  }

  #wait(beats: Beats): void {
    beats.wait(this.#count, () => this.#tick(beats))
  }

  #tick(beats: Beats): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    const { passed } = beats
    if (passed <= this.#count) return this.#wait(beats)
    this.#rest()
    waiting.resolve({ done: false, value: this.#toll(passed) })
  }

  #toll(count: number): Tick {
    const now = this.#init.env.now()
    const missed = count - this.#count - 1
    const tick = { count, missed, atMs: now - this.#startedAt, elapsedMs: now - this.#lastAt }
    this.#count = count
    this.#lastAt = now
    return tick
  }

  #rest(): void {
    this.#waiting = undefined
    this.#init.waiting.delete(this)
  }

  #leave(): void {
    this.#isOver = true
    this.#rest()
    this.#beats?.end()
  }
}

const busy = (): NetQueueError =>
  new NetQueueError('ITERATOR_BUSY', 'Expected next() to be called when the one before has settled')
