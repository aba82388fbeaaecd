import type { Env, Timer } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { Pending } from '../queue/pending.ts'
import type { WaitOptions } from '../queue/pending.ts'
import { Ring } from '../queue/ring.ts'
import type { Delivery } from './delivery.ts'
import type { Intake } from './intake.ts'

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

/** How long a full inbox may go unread before it is reported. */
const UNREAD_MS = 5_000

/** What was received and is not handed out yet, from one peer or from many, and those who wait for it. */
export class Inbox {
  readonly #init: InboxInit
  readonly #waiting: Ring<{ delivery: Delivery<unknown>; intake: Intake } | undefined> = new Ring()
  readonly #readers: Set<Pending<Delivery<unknown>>> = new Set()
  readonly #standing: Set<Standing> = new Set()
  readonly #intakes: Set<Intake> = new Set()
  #size = 0
  #loops = 0
  /** Somebody takes items one by one: `get` and its like make no loop, but the next call is expected. */
  #isPulled = false
  /** Somebody asks without waiting, and needs an item to be on its way between the calls. */
  #isPolled = false
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
    if (!this.#isConsumed) return 0
    const { prefetch, countReaders } = this.#init
    if (!countReaders) return prefetch
    let readers = this.#readers.size + (this.#isPolled ? 1 : 0)
    for (const { demand } of this.#standing) readers += demand
    return readers + prefetch - 1
  }

  add(intake: Intake): void {
    this.#intakes.add(intake)
  }

  remove(intake: Intake): void {
    this.#intakes.delete(intake)
  }

  /** Takes in what a peer sent: a reader that waits gets it at once. What nobody wants any more goes back unstarted. */
  offer(delivery: Delivery<unknown>, intake: Intake): void {
    this.#waiting.push({ delivery, intake })
    this.#size += 1
    if ((!this.#isConsumed || this.#end !== undefined) && !intake.isKept) return this.handBack()
    this.#serve()
    if (this.#size > 0) this.#watch()
  }

  /** Takes the oldest item; `undefined` when none waits. */
  take(): Delivery<unknown> | undefined {
    while (this.#waiting.size > 0) {
      const slot = this.#waiting.shift()
      if (slot === undefined) continue
      this.#left(slot.intake)
      const delivery = slot.delivery
      if (isReadable(delivery)) {
        slot.intake.grant()
        return delivery
      }
    }
    return undefined
  }

  /** Waits for an item. `timeout` → `QUEUE_EMPTY`, `signal` → its reason, the end of the connection → why it ended. */
  wait(options: WaitOptions): Pending<Delivery<unknown>> {
    const pending: Pending<Delivery<unknown>> = new Pending({
      ...options,
      env: this.#init.env,
      timedOut: () =>
        new NetQueueError('QUEUE_EMPTY', `No item came within ${options.timeout} ms (timeout)`, {
          limit: 'timeout',
          value: options.timeout,
        }),
      withdrawn: () => this.leave(pending),
    })
    if (pending.settled) return pending
    const refusal = this.#refusal()
    if (refusal !== undefined) {
      pending.reject(refusal)
      return pending
    }
    this.#readers.add(pending)
    this.#grantAll()
    return pending
  }

  /** A reader leaves without an item. */
  leave(pending: Pending<Delivery<unknown>>): void {
    if (!this.#readers.delete(pending)) return
    this.#stopPulling()
    this.#shrink()
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
    this.#standing.delete(standing)
    this.#shrink()
  }

  /** A standing reader wants more or less than before. */
  demandChanged(): void {
    this.#grantAll()
  }

  /** Somebody took an item without a loop, or asks without waiting: room is kept for the next call. */
  pulled({ polls }: { polls: boolean }): void {
    this.#isPulled = true
    this.#isPolled ||= polls
    this.#grantAll()
  }

  /** Takes one item out of the middle; `false` when it was handed out. */
  withdraw(delivery: Delivery<unknown>): boolean {
    for (let index = 0; index < this.#waiting.size; index += 1) {
      const slot = this.#waiting.at(index)
      if (slot?.delivery !== delivery) continue
      this.#waiting.replace(index, undefined)
      this.#left(slot.intake)
      return true
    }
    return false
  }

  /** No more items will come. What waits can still be taken; whoever waits for more is told why there is none. */
  close(error: Error): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#unread?.cancel()
    for (const pending of this.#readers) pending.reject(error)
    this.#readers.clear()
    for (const standing of [...this.#standing]) standing.offer()
  }

  /** Why no more items will come, once that is so. */
  get ended(): Error | undefined {
    return this.#end?.error
  }

  get #isConsumed(): boolean {
    return this.#loops > 0 || this.#standing.size > 0 || this.#readers.size > 0 || this.#isPulled
  }

  #left(intake: Intake): void {
    this.#size -= 1
    intake.taken()
    if (this.#size === 0) {
      this.#unread?.cancel()
      this.#unread = undefined
    }
  }

  #serve(): void {
    for (const pending of this.#readers) {
      const delivery = this.take()
      if (delivery === undefined) return
      this.#readers.delete(pending)
      pending.resolve(delivery)
    }
    for (const standing of this.#standing) if (this.#size > 0 && standing.demand > 0) standing.offer()
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

  /** Gives back what waits, to all who can take it back. */
  handBack(): void {
    for (const slot of [...this.#waiting]) {
      if (slot === undefined || slot.intake.isKept) continue
      this.withdraw(slot.delivery)
      slot.intake.settle(slot.delivery, 'returned')
    }
  }

  #grantAll(): void {
    for (const intake of this.#intakes) intake.grant()
  }

  #watch(): void {
    this.#unread ??= this.#init.env.setTimer(() => this.#reportUnread(), UNREAD_MS, { background: true })
  }

  #reportUnread(): void {
    this.#unread = undefined
    if (this.#loops > 0 || this.#readers.size > 0 || this.#standing.size > 0) return this.#watch()
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
