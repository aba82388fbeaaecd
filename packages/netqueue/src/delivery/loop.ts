import { NetQueueError } from '../errors/errors.ts'
import type { Delivery } from './delivery.ts'
import type { Reader } from './demand.ts'
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
const RESOLVED: Promise<void> = Promise.resolve()

/** One `for await`. Written by hand: an async generator costs more per item than everything else together. */
export class Loop<T, V> implements AsyncIterableIterator<V> {
  readonly #init: LoopInit<T, V>
  readonly #handOut = (): IteratorResult<V, undefined> => this.#hand()
  /** Behind a pause, in which the loop may have been left, or its signal may have fired. */
  readonly #goOn = (): Promise<IteratorResult<V, undefined>> | IteratorResult<V, undefined> => {
    const { signal } = this.#init
    if (this.#state === 'over') return this.#hand()
    return signal?.aborted ? this.#abort(signal) : this.#take()
  }
  #state: 'new' | 'running' | 'over' = 'new'
  /** A `next()` was called and its caller has not seen the item. */
  #isBusy = false
  /** The item that `next()` is about to hand out. */
  #taken: Delivery<T> | undefined
  #current: Delivery<T> | undefined
  #reader: Reader | undefined

  constructor(init: LoopInit<T, V>) {
    this.#init = init
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<V, undefined>> {
    if (this.#isBusy) return Promise.reject(busy())
    if (this.#state === 'over') return Promise.resolve(DONE)
    if (this.#state === 'new') this.#begin()
    const { inbox, signal } = this.#init
    // A loop that was aborted while its body ran did not finish the current item.
    if (signal?.aborted) return this.#abort(signal)
    this.#settle()
    this.#isBusy = true
    const pause = inbox.size === 0 ? undefined : inbox.pause()
    return pause === undefined ? this.#take() : pause.then(this.#goOn)
  }

  return(): Promise<IteratorResult<V, undefined>> {
    this.#leave()
    return Promise.resolve(DONE)
  }

  /** What was cancelled during a pause is not taken behind it. */
  #take(): Promise<IteratorResult<V, undefined>> {
    this.#taken = this.#init.inbox.take() as Delivery<T> | undefined
    // By whoever decoded, or was warned of what could not be decoded.
    if (this.#state === 'over') return this.#handBack()
    // One microtask later, although the item is here: a call that overlaps this one is seen, and settles nothing.
    return this.#taken === undefined ? this.#wait() : RESOLVED.then(this.#handOut)
  }

  /** The loop was left while it took. */
  #handBack(): Promise<IteratorResult<V, undefined>> {
    const delivery = this.#taken
    this.#taken = undefined
    if (delivery?.isHeld) delivery.giveBack()
    return Promise.resolve(this.#hand())
  }

  #begin(): void {
    this.#state = 'running'
    this.#init.inbox.beginLoop()
  }

  async #wait(): Promise<IteratorResult<V, undefined>> {
    const { inbox, signal } = this.#init
    try {
      this.#reader = inbox.wait({ signal })
      const delivery = (await this.#reader.promise) as Delivery<T>
      if (this.#state === 'over') delivery.giveBack()
      else this.#taken = delivery
    } catch (error) {
      this.#isBusy = false
      const wasLeft = this.#state === 'over'
      this.#leave()
      if (!wasLeft && !(error === inbox.ended && isGoodbye(error))) throw error
    }
    this.#reader = undefined
    return this.#hand()
  }

  /** Hands out what was taken, unless the loop was left meanwhile. */
  #hand(): IteratorResult<V, undefined> {
    const delivery = this.#taken
    this.#isBusy = false
    this.#taken = undefined
    if (delivery === undefined) return DONE
    if (this.#init.settles) this.#current = delivery
    return resultOf(this.#init.view(delivery))
  }

  #settle(): void {
    const current = this.#current
    this.#current = undefined
    current?.done()
  }

  #abort(signal: AbortSignal): Promise<never> {
    this.#isBusy = false
    this.#leave()
    return Promise.reject(signal.reason)
  }

  /** The current item goes back, for the body may not have finished it and nothing tells; one that was not seen yet, unstarted. */
  #leave(): void {
    const { inbox } = this.#init
    const [taken, current] = [this.#taken, this.#current]
    const wasRunning = this.#state === 'running'
    this.#taken = undefined
    this.#current = undefined
    this.#state = 'over'
    if (current?.isHeld) current.release()
    if (taken?.isHeld) taken.giveBack()
    if (this.#reader !== undefined) inbox.leave(this.#reader, new NetQueueError('CLOSED', 'The loop was left'))
    if (wasRunning) inbox.endLoop()
  }
}

/**
 * The result of an array's own iterator: a promise knows that such a one has no `then`, and would look for it in a literal, an eighth of the time
 * of an `await`.
 */
function resultOf<V>(value: V): IteratorResult<V, undefined> {
  return [value].values().next()
}

const isGoodbye = (error: unknown): boolean => error instanceof NetQueueError && error.code === 'CLOSED'

function busy(): NetQueueError {
  return new NetQueueError(
    'ITERATOR_BUSY',
    'Expected next() to be called when the one before has settled: asking for the next item settles the current one',
  )
}
