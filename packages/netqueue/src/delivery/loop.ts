import { NetQueueError } from '../errors/errors.ts'
import type { Pending } from '../queue/pending.ts'
import type { Delivery } from './delivery.ts'
import type { Inbox } from './inbox.ts'

export interface LoopOptions {
  /** Ends the loop with the signal's reason; the current item goes back. */
  signal?: AbortSignal | undefined
}

export interface LoopInit<T, V> extends LoopOptions {
  inbox: Inbox
  /** What the loop's body gets for a delivery. */
  view: (delivery: Delivery<T>) => V
  /** Whether the loop settles: the item before, when the next one is asked for; the current one goes back when it is left. */
  settles: boolean
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

/** One `for await`. Written by hand: an async generator costs more per item than everything else together. */
export class Loop<T, V> implements AsyncIterableIterator<V> {
  readonly #init: LoopInit<T, V>
  #state: 'new' | 'running' | 'over' = 'new'
  #current: Delivery<T> | undefined
  #waiting: Pending<Delivery<unknown>> | undefined

  constructor(init: LoopInit<T, V>) {
    this.#init = init
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<V, undefined>> {
    if (this.#waiting !== undefined) return Promise.reject(busy())
    if (this.#state === 'over') return Promise.resolve(DONE)
    if (this.#state === 'new') this.#begin()
    const { inbox, signal } = this.#init
    // A loop that was aborted while its body ran did not finish the current item.
    if (signal?.aborted) return this.#abort(signal)
    this.#settle()
    const delivery = inbox.take()
    return delivery === undefined ? this.#wait() : Promise.resolve(this.#hand(delivery))
  }

  return(): Promise<IteratorResult<V, undefined>> {
    this.#leave()
    return Promise.resolve(DONE)
  }

  #begin(): void {
    this.#state = 'running'
    this.#init.inbox.beginLoop()
  }

  async #wait(): Promise<IteratorResult<V, undefined>> {
    const { inbox, signal } = this.#init
    this.#waiting = inbox.wait({ signal })
    try {
      return this.#hand(await this.#waiting.promise)
    } catch (error) {
      const isOver =
        this.#state === 'over' ||
        (error === inbox.ended && inbox.ended instanceof NetQueueError && inbox.ended.code === 'CLOSED')
      this.#leave()
      if (isOver) return DONE
      throw error
    } finally {
      this.#waiting = undefined
    }
  }

  #hand(delivery: Delivery<unknown>): IteratorYieldResult<V> {
    const current = delivery as Delivery<T>
    if (this.#init.settles) this.#current = current
    return { done: false, value: this.#init.view(current) }
  }

  #settle(): void {
    const current = this.#current
    this.#current = undefined
    if (current?.isOpen) current.done()
  }

  #abort(signal: AbortSignal): Promise<never> {
    this.#leave()
    return Promise.reject(signal.reason)
  }

  /** The current item goes back: the body may not have finished it, and nothing tells. */
  #leave(): void {
    const { inbox } = this.#init
    const current = this.#current
    const wasRunning = this.#state === 'running'
    this.#current = undefined
    this.#state = 'over'
    if (current?.isOpen) current.release()
    if (this.#waiting !== undefined) {
      inbox.leave(this.#waiting)
      this.#waiting.reject(new NetQueueError('CLOSED', 'The loop was left'))
    }
    if (wasRunning) inbox.endLoop()
  }
}

function busy(): NetQueueError {
  return new NetQueueError(
    'ITERATOR_BUSY',
    'Expected next() to be called when the one before has settled: asking for the next item settles the current one',
  )
}
