import PQueue from 'p-queue'
import { checkFunction, checkInteger } from '../errors/check.ts'
import { NetQueueError } from '../errors/errors.ts'
import { onAbort } from '../queue/on-abort.ts'
import { isThenable } from '../queue/thenable.ts'
import type { Delivery, Sender } from './delivery.ts'
import type { Standing } from './demand.ts'
import type { Inbox } from './inbox.ts'

/** Works on one item. What it returns answers `submit` and `map`; when it throws, they reject, and an item that was put is released. */
export type Handler<T, Result = unknown, From extends Sender = Sender> = (
  item: T,
  delivery: Delivery<T, Result, From>,
) => Result | void | PromiseLike<Result | void>

export interface ProcessOptions {
  /** Items that are worked on at once. @default 1 */
  concurrency?: number
  /** Takes no more items, waits for those at work, and rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** As many results as make a frame's worth: the frame is written between two items. */
const RESULTS_A_FRAME = 64
const RESOLVED: Promise<void> = Promise.resolve()

/**
 * Handlers at work. p-queue schedules slots rather than items: each slot takes items as long as there are some, then waits to be
 * called, so that scheduling is paid for once.
 */
export class Process<T, Result, From extends Sender> implements Standing {
  /** Settles when no more items will come and all handlers are done. */
  readonly done: Promise<void>
  readonly #inbox: Inbox
  readonly #handler: Handler<T, Result, From>
  readonly #concurrency: number
  readonly #signal: AbortSignal | undefined
  readonly #slots: PQueue
  /** Slots that wait to be called. */
  readonly #free: (() => void)[] = []
  #callOff: (() => void) | undefined
  #running = 0
  #worked = 0
  #resolve!: () => void
  #reject!: (error: unknown) => void

  constructor(inbox: Inbox, handler: Handler<T, Result, From>, { concurrency = 1, signal }: ProcessOptions) {
    checkFunction('handler', handler)
    checkInteger('concurrency', concurrency, 1)
    this.#inbox = inbox
    this.#handler = handler
    this.#concurrency = concurrency
    this.#signal = signal
    this.#slots = new PQueue({ concurrency })
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    if (signal !== undefined) this.#callOff = onAbort(signal, () => this.#stop())
    inbox.stand(this)
    this.#finish()
  }

  get demand(): number {
    return this.#isStopped() ? 0 : this.#concurrency - this.#running
  }

  offer(): void {
    for (let count = Math.min(this.demand, this.#inbox.size); count > 0; count -= 1) this.#begin()
    this.#finish()
  }

  #isStopped(): boolean {
    return this.#signal?.aborted === true
  }

  /** Calls a slot that is free; the first items make the slots. */
  #begin(): void {
    this.#running += 1
    const call = this.#free.pop()
    if (call === undefined) void this.#slots.add(() => this.#slot())
    else call()
  }

  async #slot(): Promise<void> {
    for (;;) {
      for (let delivery = this.#take(); delivery !== undefined; delivery = this.#take()) {
        const work = this.#work(delivery)
        if (work !== undefined) {
          // Whoever leaves gives handlers their time.
          this.#inbox.working(1)
          await work
          this.#inbox.working(-1)
        }
        const pause = this.#pause()
        if (pause !== undefined) await pause
      }
      const called = new Promise<void>((resolve) => this.#free.push(resolve))
      this.#running -= 1
      this.#inbox.demandGrew()
      this.offer()
      await called
    }
  }

  /** Now and then, so that results leave and others get their turn while a synchronous handler works. */
  #pause(): Promise<void> | undefined {
    this.#worked += 1
    return this.#inbox.pause() ?? (this.#worked % RESULTS_A_FRAME === 0 ? RESOLVED : undefined)
  }

  #take(): Delivery<T, Result, From> | undefined {
    return this.#isStopped() ? undefined : (this.#inbox.take() as Delivery<T, Result, From> | undefined)
  }

  /** Returns a promise only for a handler that did, so that synchronous ones cost no wait. */
  #work(delivery: Delivery<T, Result, From>): Promise<void> | undefined {
    let value: ReturnType<Handler<T, Result, From>>
    let isPromise: boolean
    try {
      value = this.#handler(delivery.item, delivery)
      isPromise = isThenable(value)
    } catch (error) {
      return fail(delivery, error)
    }
    if (!isPromise) return settle(delivery, value)
    return Promise.resolve(value).then(
      (result) => settle(delivery, result),
      (error: unknown) => fail(delivery, error),
    )
  }

  /** Takes no more items: what waits goes back now, not when the last handler is done. */
  #stop(): void {
    this.#inbox.unstand(this)
    this.#finish()
  }

  #finish(): void {
    const { ended, size } = this.#inbox
    if (this.#running > 0 || !(this.#isStopped() || (ended !== undefined && size === 0))) return
    this.#callOff?.()
    this.#inbox.unstand(this)
    if (this.#isStopped()) this.#reject(this.#signal?.reason)
    else if (ended instanceof NetQueueError && ended.code === 'CLOSED') this.#resolve()
    else this.#reject(ended)
  }
}

/** A handler may have settled by itself; then its return value is no second answer. */
function settle(delivery: Delivery<unknown>, value: unknown): undefined {
  if (delivery.isOpen) delivery.done(value)
  // Whoever returns nothing when its item was cancelled has not done the work in vain, but stopped.
  else if (delivery.isHeld && value === undefined) delivery.release()
  else if (delivery.isHeld || delivery.signal.aborted) delivery.done(value)
}

function fail(delivery: Delivery<unknown>, error: unknown): undefined {
  if (delivery.isHeld || delivery.signal.aborted) delivery.failed(error)
}
