import type { Env, Timer } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { isLinked, LinkedList, unlink } from '../queue/linked-list.ts'
import { Pending } from '../queue/pending.ts'
import type { WaitOptions } from '../queue/pending.ts'
import { Waiter } from '../queue/waiter.ts'
import type { Delivery } from './delivery.ts'
import type { Intake } from './intake.ts'

/** One call that waits for an item. */
export type Reader = Waiter<Delivery<unknown>>

/** Someone who takes items when told that there are some, and says how many at once: a `process` with free slots. */
export interface Standing {
  readonly demand: number
  offer(): void
}

export interface InboxInit {
  env: Env
  /** Items that may wait here beyond those that a reader is waiting for, for each peer. */
  prefetch: number
  /** Whether waiting readers make room of their own. A server has one inbox for many clients, and gives each a fixed room instead. */
  countReaders: boolean
  warn: (error: NetQueueError) => void
}

/** How long what waits may go unread before it is reported. */
const UNREAD_MS = 5_000

/** What was received and is not handed out yet, from one peer or from many, and those who wait for it. */
export class Inbox {
  readonly #init: InboxInit
  readonly #waiting: LinkedList<Delivery<unknown>> = new LinkedList()
  readonly #readers: LinkedList<Reader> = new LinkedList()
  readonly #standing: Set<Standing> = new Set()
  readonly #intakes: Set<Intake> = new Set()
  /** Items that are ours to try again, until they are. */
  readonly #retries: Map<Delivery<unknown>, Timer> = new Map()
  #size = 0
  #readerCount = 0
  #loops = 0
  /** Somebody takes items one by one: `get` and its like make no loop, but the next call is expected. */
  #isPulled = false
  /** Somebody asks without waiting, and needs an item to be on its way between the calls. */
  #isPolled = false
  #wasRead = false
  #unread: Timer | undefined
  #end: { error: Error } | undefined

  constructor(init: InboxInit) {
    this.#init = init
  }

  /** Items that wait. */
  get size(): number {
    return this.#size
  }

  /** Items that each peer may have waiting here now. */
  get slots(): number {
    if (!this.#isConsumed || this.#end !== undefined) return 0
    const { prefetch, countReaders } = this.#init
    if (!countReaders) return prefetch
    let readers = this.#readerCount
    if (this.#standing.size > 0) for (const { demand } of this.#standing) readers += demand
    // Whoever asked without waiting is one of those who wait now, if any do.
    return Math.max(readers, this.#isPolled ? 1 : 0) + prefetch - 1
  }

  /** Why no more items will come, once that is so. */
  get ended(): Error | undefined {
    return this.#end?.error
  }

  add(intake: Intake): void {
    this.#intakes.add(intake)
  }

  remove(intake: Intake): void {
    this.#intakes.delete(intake)
  }

  /** Takes in what a peer sent: a reader that waits gets it at once. What nobody wants any more goes back unstarted. */
  offer(delivery: Delivery<unknown>): void {
    this.#waiting.push(delivery)
    this.#size += 1
    if ((!this.#isConsumed || this.#end !== undefined) && !delivery.source.isKept) return this.#giveBack(delivery)
    this.#serve()
    this.#watch()
  }

  /** Takes back one that was not seen by whoever took it. */
  restore(delivery: Delivery<unknown>): void {
    this.#waiting.unshift(delivery)
    this.#size += 1
    this.#serve()
    this.#watch()
  }

  /** Offers an item again after a while; when no more items come, at once. */
  retry(delivery: Delivery<unknown>, delayMs: number): void {
    if (this.#end !== undefined) return this.offer(delivery)
    const timer = this.#init.env.setTimer(() => {
      this.#retries.delete(delivery)
      this.offer(delivery)
    }, delayMs)
    this.#retries.set(delivery, timer)
  }

  /** Takes the oldest item; `undefined` when none waits. */
  take(): Delivery<unknown> | undefined {
    const delivery = this.#next()
    delivery?.source.grant()
    return delivery
  }

  /** Waits for an item. `timeout` → `QUEUE_EMPTY`, `signal` → its reason, the end of the connection → why it ended. */
  wait(options: WaitOptions): Reader {
    const reader: Reader = new Waiter({
      ...options,
      env: this.#init.env,
      timedOut: () =>
        new NetQueueError('QUEUE_EMPTY', `No item came within ${options.timeout} ms (timeout)`, {
          limit: 'timeout',
          value: options.timeout,
        }),
      withdrawn: () => this.#leave(reader),
    })
    const refusal = this.#refusal()
    if (refusal !== undefined) {
      reader.reject(refusal)
      return reader
    }
    this.#readers.push(reader)
    this.#readerCount += 1
    this.#grantAll()
    return reader
  }

  /** A reader leaves without an item. */
  leave(reader: Reader, reason: Error): void {
    this.#leave(reader)
    reader.reject(reason)
  }

  /** Waits until an item is here. `false` when time is up; rejects as {@link wait} does otherwise. */
  async poll(options: WaitOptions): Promise<boolean> {
    if (this.#size > 0) return true
    if (this.#end !== undefined) throw this.#end.error
    const isLate = Symbol('late')
    const arrived = new Pending<void>({ ...options, env: this.#init.env, timedOut: () => isLate })
    const standing: Standing = {
      demand: 1,
      offer: () => (this.#size > 0 ? arrived.resolve() : arrived.reject(this.#end?.error)),
    }
    this.stand(standing)
    try {
      await arrived.promise
      this.pulled({ polls: true })
      return true
    } catch (reason) {
      this.#stopPulling()
      if (reason === isLate) return false
      throw reason
    } finally {
      this.unstand(standing)
    }
  }

  beginLoop(): void {
    this.#loops += 1
    this.#grantAll()
  }

  endLoop(): void {
    this.#loops -= 1
    if (this.#loops === 0) this.#stopPulling()
    this.#shrink()
  }

  stand(standing: Standing): void {
    this.#standing.add(standing)
    this.#grantAll()
    this.#serve()
  }

  unstand(standing: Standing): void {
    if (this.#standing.delete(standing)) this.#shrink()
  }

  /** A standing reader wants more than before. */
  demandGrew(): void {
    this.#grantAll()
  }

  /** Somebody takes items without a loop, or asks without waiting: room is kept for the next call. */
  pulled({ polls }: { polls: boolean }): void {
    if (this.#isPulled && (this.#isPolled || !polls)) return
    this.#isPulled = true
    this.#isPolled ||= polls
    this.#grantAll()
  }

  /** Takes one item out of the middle; `false` when it was handed out. */
  withdraw(delivery: Delivery<unknown>): boolean {
    const timer = this.#retries.get(delivery)
    if (timer === undefined && !isLinked(delivery)) return false
    timer?.cancel()
    if (this.#retries.delete(delivery)) delivery.source.left()
    else this.#left(delivery)
    return true
  }

  /** Gives back what waits, to all who can take it back. */
  handBack(): void {
    for (const delivery of this.#waiting) if (!delivery.source.isKept) this.#giveBack(delivery)
  }

  /** No more items will come. What waits can still be taken; whoever waits for more is told why there is none. */
  close(error: Error): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#unwatch()
    for (const [delivery, timer] of this.#retries) {
      timer.cancel()
      this.offer(delivery)
    }
    this.#retries.clear()
    for (const reader of this.#readers) {
      this.#take(reader)
      reader.reject(error)
    }
    for (const standing of this.#standing) standing.offer()
    for (const intake of this.#intakes) intake.shrink()
  }

  get #isConsumed(): boolean {
    return this.#loops > 0 || this.#standing.size > 0 || this.#readerCount > 0 || this.#isPulled
  }

  #next(): Delivery<unknown> | undefined {
    for (let delivery = this.#waiting.first; delivery !== undefined; delivery = this.#waiting.first) {
      this.#left(delivery)
      this.#wasRead = true
      if (isReadable(delivery)) return delivery
    }
    return undefined
  }

  #left(delivery: Delivery<unknown>): void {
    unlink(delivery)
    this.#size -= 1
    delivery.source.left()
    if (this.#size === 0) this.#unwatch()
  }

  #giveBack(delivery: Delivery<unknown>): void {
    this.#left(delivery)
    delivery.giveBack()
  }

  #serve(): void {
    for (let reader = this.#readers.first; reader !== undefined; reader = this.#readers.first) {
      const delivery = this.#next()
      if (delivery === undefined) return
      this.#take(reader)
      reader.resolve(delivery)
    }
    for (const standing of this.#standing) if (this.#size > 0 && standing.demand > 0) standing.offer()
  }

  #leave(reader: Reader): void {
    if (!isLinked(reader)) return
    this.#take(reader)
    this.#stopPulling()
    this.#shrink()
  }

  #take(reader: Reader): void {
    unlink(reader)
    this.#readerCount -= 1
  }

  #refusal(): Error | undefined {
    if (this.#end !== undefined) return this.#end.error
    if (this.#intakes.size === 0) return undefined
    for (const { isExhausted } of this.#intakes) if (!isExhausted) return undefined
    return new NetQueueError(
      'UNSETTLED_LIMIT',
      'All items that may be unsettled at once are handed out (maxUnsettled); settle some first',
      { limit: 'maxUnsettled' },
    )
  }

  #stopPulling(): void {
    this.#isPulled = false
    this.#isPolled = false
  }

  /** Somebody stopped reading: nobody left means that what waits goes back, and unused credit is asked back. */
  #shrink(): void {
    if (!this.#isConsumed) this.handBack()
    for (const intake of this.#intakes) intake.shrink()
  }

  #grantAll(): void {
    for (const intake of this.#intakes) intake.grant()
  }

  #watch(): void {
    if (this.#size === 0 || this.#unread !== undefined || this.#end !== undefined) return
    this.#wasRead = false
    this.#unread = this.#init.env.setTimer(() => this.#reportUnread(), UNREAD_MS, { background: true })
  }

  #unwatch(): void {
    this.#unread?.cancel()
    this.#unread = undefined
  }

  #reportUnread(): void {
    this.#unread = undefined
    const isRead = this.#wasRead || this.#loops > 0 || this.#readerCount > 0 || this.#standing.size > 0
    if (isRead) return this.#watch()
    const message = `${this.#size} items have waited for a reader for ${UNREAD_MS} ms; nobody else gets them meanwhile`
    this.#init.warn(new NetQueueError('INBOX_UNREAD', message, { value: this.#size }))
  }
}

/** Decodes the item on its way out. One that cannot be decoded is refused: it becomes a dead letter at its sender. */
function isReadable(delivery: Delivery<unknown>): boolean {
  try {
    void delivery.item
    return true
  } catch (error) {
    delivery.reject(error)
    return false
  }
}
