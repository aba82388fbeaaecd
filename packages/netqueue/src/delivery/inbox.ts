import type { Env } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { Pending } from '../queue/pending.ts'
import type { WaitOptions } from '../queue/pending.ts'
import { Waiter } from '../queue/waiter.ts'
import type { Arrival, Fresh } from './arrival.ts'
import type { Delivery, DeliverySource } from './delivery.ts'
import { Demand } from './demand.ts'
import type { Reader, Standing } from './demand.ts'
import type { Intake } from './intake.ts'
import { Pace } from './pace.ts'
import { Retries } from './retries.ts'
import { Shifts } from './turns.ts'
import { UnreadWatch } from './unread-watch.ts'
import { WaitingItems } from './waiting-items.ts'
import type { WaitingItemsOwner } from './waiting-items.ts'

export interface InboxInit {
  env: Env
  /** Items that each peer may have here, beyond those that a reader waits for, with the one that is worked on; `auto` finds out how many. */
  prefetch: number | 'auto'
  /** For `auto`: milliseconds to the peer and back, and the most items that it may have here. */
  rtt?: () => number | undefined
  measureRtt?: () => void
  maxPrefetch?: number
  /** For `auto`: how soon work that is not finished counts as slow; see {@link Pace}. */
  patience?: number | undefined
  /** Bytes that may wait here before nobody gets credit any more. */
  maxBytes: number
  /** Whether waiting readers make room of their own. A server has one inbox for many clients, and gives each a fixed room instead. */
  countReaders: boolean
  warn: (error: NetQueueError) => void
  /** No handler is at work any more. @default nobody waits for that */
  worked?: () => void
  /** Somebody reads, and there is no peer. @default nobody looks for one */
  wanted?: () => void
}

/** What was received and is not handed out yet, from one peer or from many, and those who wait for it. */
export class Inbox implements WaitingItemsOwner {
  readonly #init: InboxInit
  readonly #waiting: WaitingItems = new WaitingItems(this)
  readonly #demand: Demand = new Demand()
  readonly #shifts: Shifts
  readonly #watch: UnreadWatch
  readonly #pace: Pace | undefined
  readonly #intakes: Set<Intake> = new Set()
  readonly #retries: Retries
  #working = 0
  #isAttended = false
  #end: { error: Error } | undefined
  #denial: Error | undefined

  constructor(init: InboxInit) {
    const { env, warn, prefetch, rtt = () => undefined, measureRtt = () => {}, maxPrefetch = 1, patience } = init
    this.#init = init
    this.#retries = new Retries(env, (delivery) => this.offer(this.#waiting.again(delivery)))
    this.#shifts = new Shifts(env)
    if (prefetch === 'auto') {
      this.#pace = new Pace({
        env,
        rtt,
        max: maxPrefetch,
        isBusy: () => this.#isBusy(),
        waiting: () => this.size,
        hasMany: () => this.senders > 1,
        measureRtt,
        patience,
        overdue: () => this.handBack(),
        fell: () => this.#askBack(),
      })
    }
    this.#watch = new UnreadWatch({
      env,
      warn,
      size: () => this.size,
      isAttended: () => this.#isAttended || this.#demand.isPresent,
    })
  }

  /** Items that wait. */
  get size(): number {
    return this.#waiting.size
  }

  /** @internal */
  get maxBytes(): number {
    return this.#init.maxBytes
  }

  /** Items that each peer may have waiting here now. */
  get slots(): number {
    if (!this.#demand.isAny || this.#end !== undefined || this.isFull) return 0
    const prefetch = this.#pace?.window ?? (this.#init.prefetch as number)
    return this.#init.countReaders ? this.#demand.items + prefetch - 1 : prefetch
  }

  /** Whether anybody reads. */
  get isRead(): boolean {
    return this.#demand.isPresent
  }

  /** Whether so much waits that no peer gets room. */
  get isFull(): boolean {
    return this.#waiting.isFull
  }

  /** Why no more items will come, once that is so, or as long as it is. */
  get ended(): Error | undefined {
    return this.#end?.error ?? this.#denial
  }

  add(intake: Intake): void {
    this.#intakes.add(intake)
  }

  remove(intake: Intake): void {
    this.#intakes.delete(intake)
  }

  /** Takes in what a peer sent: a reader that waits gets it at once. What nobody wants any more goes back unstarted. */
  offer(arrival: Arrival): void {
    this.#waiting.push(arrival)
    if ((!this.#demand.isAny || this.#end !== undefined) && !arrival.source.isKept)
      return this.#waiting.giveBack(arrival)
    this.#arrived()
  }

  /** Takes back what was not seen by whoever took it, the oldest first. All of it is here before a reader that waits gets any. */
  restore(deliveries: readonly Delivery<unknown>[]): void {
    for (const delivery of deliveries.toReversed()) this.#waiting.unshift(this.#waiting.again(delivery))
    this.#arrived()
  }

  /** Offers an item again after a while; when no more items come, at once. */
  retry(delivery: Delivery<unknown>, delayMs: number): void {
    if (this.#end === undefined) this.#retries.add(delivery, delayMs)
    else this.offer(this.#waiting.again(delivery))
  }

  /** Takes the oldest item; `undefined` when none waits. */
  take(): Delivery<unknown> | undefined {
    const delivery = this.#next()
    if (delivery === undefined) this.#pace?.starved()
    else delivery.source.taken()
    return delivery
  }

  /** Items beyond what there is room for; none with `auto`, which looks after them itself. */
  get surplus(): number {
    return this.#pace === undefined ? this.size - this.slots : 0
  }

  /** Peers that may send items. */
  get senders(): number {
    return this.#intakes.size
  }

  /** Gives back so many or a few more: those that came last, as they came together. */
  shed(surplus: number): void {
    let left = surplus
    for (const arrival of [...this.#waiting].toReversed()) {
      if (left <= 0) return
      if (arrival.source.isKept) continue
      left -= arrival.size
      this.#waiting.giveBack(arrival)
    }
  }

  /** Takes the oldest item as it came, for whoever hands it on; `undefined` when none waits. */
  takeUnread(): Delivery<unknown> | undefined {
    const delivery = this.#out()
    if (delivery === undefined) this.#pace?.starved()
    else delivery.source.taken()
    return delivery
  }

  /** A promise when whoever takes items is to let the event loop turn before the next one is worked on. */
  pause(): Promise<void> | undefined {
    return this.#shifts.pause()
  }

  /** Waits for an item. `timeout` → `QUEUE_EMPTY`, `signal` → its reason, the end of the connection → why it ended. */
  wait(options: WaitOptions): Reader {
    if (options.signal?.aborted) return this.#calledOff(options.signal.reason)
    const reader: Reader = new Waiter({
      env: this.#init.env,
      wait: options,
      timedOut: () => nothingCame(options.timeout),
      withdrawn: () => this.#leave(reader),
    })
    const refusal = this.#refusal()
    if (refusal !== undefined) {
      reader.reject(refusal)
      return reader
    }
    this.#demand.join(reader)
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
    if (this.size > 0) return true
    if (this.ended !== undefined) throw this.ended
    const isLate = Symbol('late')
    const arrived = new Pending<void>({ env: this.#init.env, wait: options, timedOut: () => isLate })
    const standing: Standing = {
      demand: 1,
      offer: () => (this.size > 0 ? arrived.resolve() : arrived.reject(this.ended)),
    }
    this.stand(standing)
    try {
      await arrived.promise
      this.pulled({ polls: true })
      return true
    } catch (reason) {
      this.#demand.expectNobody()
      if (reason === isLate) return false
      throw reason
    } finally {
      this.unstand(standing)
    }
  }

  /** Whether a handler is at work, be it on an item that is lost to us. */
  get isWorking(): boolean {
    return this.#working > 0
  }

  /** A handler begins, or ends. */
  working(change: 1 | -1): void {
    this.#working += change
    if (this.#working === 0) this.#init.worked?.()
  }

  /** Somebody is done with an item. */
  finished(): void {
    this.#pace?.finished()
  }

  beginLoop(): void {
    this.#demand.loops += 1
    this.#grantAll()
  }

  endLoop(): void {
    this.#demand.loops -= 1
    if (this.#demand.loops === 0) this.#demand.expectNobody()
    this.#shrink()
  }

  /** Somebody reads what comes here, be it later: no reader was forgotten. */
  attend(): void {
    this.#isAttended = true
  }

  stand(standing: Standing): void {
    this.#demand.standing.add(standing)
    this.#grantAll()
    this.#serve()
  }

  unstand(standing: Standing): void {
    if (this.#demand.standing.delete(standing)) this.#shrink()
  }

  /** A standing reader wants more than before. */
  demandGrew(): void {
    this.#grantAll()
  }

  /** It wants less: what was granted for it is asked back. */
  demandFell(): void {
    this.#askBack()
  }

  /** Somebody takes items without a loop, or asks without waiting: room is kept for the next call. */
  pulled({ polls }: { polls: boolean }): void {
    if (this.#demand.expect({ polls })) this.#grantAll()
  }

  /** Takes out one item that is here again; `false` when it was handed out. */
  withdraw(delivery: Delivery<unknown>): boolean {
    if (this.#waiting.withdraw(delivery)) return true
    if (!this.#retries.withdraw(delivery)) return false
    delivery.source.left()
    return true
  }

  /** Takes one item out of those that came with it. */
  cancel(arrival: Fresh, seq: number): void {
    this.#waiting.cancel(arrival, seq)
  }

  /** Takes out all that came together. */
  drop(arrival: Arrival): void {
    this.#waiting.drop(arrival)
  }

  /** Gives back what waits, to all who can take it back, or to one. */
  handBack(source?: DeliverySource): void {
    for (const arrival of this.#waiting)
      if (!arrival.source.isKept && (source === undefined || arrival.source === source)) this.#waiting.giveBack(arrival)
  }

  /** No more items will come. What waits can still be taken; whoever waits for more is told why there is none. */
  close(error: Error): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#watch.end()
    this.#pace?.end()
    this.#retries.hurry()
    this.#disappoint(error)
    for (const intake of this.#intakes) intake.shrink()
  }

  /** Nobody gives this side items, for that reason, until it is taken back with none: whoever waits for some, or is about to, is told. */
  deny(error: Error | undefined): void {
    this.#denial = error
    if (error !== undefined) this.#disappoint(error)
  }

  /** Whoever waits for items is told that none come. */
  #disappoint(error: Error): void {
    const demand = this.#demand
    for (let { reader } = demand; reader !== undefined; reader = demand.reader) {
      demand.leave(reader)
      reader.reject(error)
    }
    for (const standing of demand.standing) standing.offer()
  }

  #next(): Delivery<unknown> | undefined {
    for (let delivery = this.#out(); delivery !== undefined; delivery = this.#out())
      if (this.#isReadable(delivery)) return delivery
    return undefined
  }

  #out(): Delivery<unknown> | undefined {
    const delivery = this.#waiting.shift()
    if (delivery === undefined) return undefined
    this.#watch.read()
    this.#pace?.took()
    return delivery
  }

  /** Decodes the item on its way out. One that cannot be decoded is refused: it becomes a dead letter at its sender. */
  #isReadable(delivery: Delivery<unknown>): boolean {
    try {
      void delivery.item
      return true
    } catch (error) {
      this.#init.warn(error as NetQueueError)
      delivery.reject(error)
      return false
    }
  }

  #isBusy(): boolean {
    for (const { handedOut } of this.#intakes) if (handedOut > 0) return true
    return false
  }

  #askBack(): void {
    for (const intake of this.#intakes) intake.shrink()
  }

  /** @internal */
  freed(): void {
    this.#grantAll()
  }

  /** @internal */
  emptied(): void {
    this.#watch.end()
  }

  /** Something came: whoever waits gets it; what is left waits, and is watched. */
  #arrived(): void {
    this.#serve()
    if (this.size === 0 || this.#end !== undefined) return
    this.#watch.begin()
    this.#pace?.watch()
    for (const standing of this.#demand.standing) standing.wait?.()
  }

  #serve(): void {
    const demand = this.#demand
    // Whoever decodes, or is warned of what cannot be decoded, may call readers off: each item is the one's who is first behind that.
    while (demand.reader !== undefined) {
      const delivery = this.#out()
      if (delivery === undefined) return
      if (this.#isReadable(delivery)) this.#hand(delivery)
    }
    for (const standing of demand.standing) if (this.size > 0 && standing.demand > 0) standing.offer()
  }

  /** Gives an item to the reader that has waited longest; back, unstarted, when none does any more. */
  #hand(delivery: Delivery<unknown>): void {
    const { reader } = this.#demand
    if (reader === undefined) {
      if (delivery.isHeld) delivery.giveBack()
      return
    }
    this.#demand.leave(reader)
    reader.resolve(delivery)
    delivery.source.taken()
  }

  #leave(reader: Reader): void {
    if (!this.#demand.leave(reader)) return
    this.#demand.expectNobody()
    this.#shrink()
  }

  /** A reader whose signal fired on its way here: by whoever decoded, or was warned of what could not be decoded. */
  #calledOff(reason: unknown): Reader {
    const reader: Reader = new Waiter({ env: this.#init.env, timedOut: () => reason })
    reader.reject(reason)
    this.#demand.expectNobody()
    this.#shrink()
    return reader
  }

  #refusal(): Error | undefined {
    if (this.ended !== undefined) return this.ended
    if (this.#intakes.size === 0) return undefined
    for (const { isExhausted } of this.#intakes) if (!isExhausted) return undefined
    return new NetQueueError(
      'UNSETTLED_LIMIT',
      'All items that may be unsettled at once are handed out (maxUnsettled); settle some first',
      { limit: 'maxUnsettled' },
    )
  }

  /** Somebody stopped reading: nobody left means that what waits goes back, and unused credit is asked back. */
  #shrink(): void {
    if (!this.#demand.isAny) this.handBack()
    this.#askBack()
  }

  #grantAll(): void {
    if (this.#intakes.size === 0) this.#init.wanted?.()
    for (const intake of this.#intakes) intake.grant()
  }
}

function nothingCame(timeout: number | undefined): NetQueueError {
  return new NetQueueError('QUEUE_EMPTY', `No item came within ${timeout} ms (timeout)`, {
    limit: 'timeout',
    value: timeout,
  })
}
