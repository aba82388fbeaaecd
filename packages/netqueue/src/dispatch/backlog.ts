import type { Entries, Entry, EntryTarget } from '../delivery/entry.ts'
import { Redelivery } from '../delivery/redelivery.ts'
import type { RedeliveryOptions } from '../delivery/redelivery.ts'
import { SETTLED } from '../delivery/settlement.ts'
import type { Settlement } from '../delivery/settlement.ts'
import { Turns } from '../delivery/turns.ts'
import { checkWaiting, nobodyFree } from '../delivery/waiting.ts'
import type { Env } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { Pending } from '../queue/pending.ts'
import type { WaitOptions } from '../queue/pending.ts'
import { Dispatcher } from './dispatcher.ts'
import type { ChooseDispatch, DispatchPolicy } from './policies.ts'

export interface BacklogInit<T, C> {
  env: Env
  policy: ChooseDispatch<T, C> | DispatchPolicy<T, C>
  redelivery: RedeliveryOptions
  /** Calls that may wait for a client at once. */
  maxWaiting: number
  /** An item became a dead letter. */
  buried: (item: T) => void
  warn: (error: NetQueueError) => void
}

export interface SubmitInit<R> {
  wait: WaitOptions
  /** A client has the item. */
  assigned?: (() => void) | undefined
  /** Makes the result from its bytes; `undefined` stands for the result `undefined`. */
  decode: (payload: Uint8Array | undefined) => R
}

/** All items of a server from the call that put them until each is settled, and the calls that wait for them. */
export class Backlog<T, C extends EntryTarget> {
  /** Who gets what. */
  readonly dispatcher: Dispatcher<T, C>
  readonly #init: BacklogInit<T, C>
  readonly #redelivery: Redelivery<T>
  readonly #turns: Turns
  readonly #idle: Set<() => void> = new Set()
  readonly #undone: T[] = []
  #open = 0
  #isClosed = false

  constructor(init: BacklogInit<T, C>) {
    this.#init = init
    this.#turns = new Turns(init.env)
    this.#redelivery = new Redelivery<T>({
      env: init.env,
      warn: init.warn,
      options: init.redelivery,
      requeue: (entry) => this.#requeue(entry),
      advance: () => this.dispatcher.advance(),
      revive: (entry) => this.#revive(entry),
      gone: () => this.#gone(),
      buried: ({ item }) => init.buried(item as T),
    })
    this.dispatcher = new Dispatcher<T, C>({
      env: init.env,
      policy: init.policy,
      assigned: (entry) => {
        entry.assigned?.resolve()
        entry.result?.assigned?.()
      },
      unreachable: (entry) => this.#unreachable(entry),
      warn: init.warn,
    })
  }

  /** Items that no client has. */
  get size(): number {
    return this.dispatcher.size + this.#redelivery.delayed
  }

  get redelivery(): Redelivery<T> {
    return this.#redelivery
  }

  /** Items that were accepted and then given up by {@link close}. */
  get undone(): readonly T[] {
    return this.#undone
  }

  /** Resolves when a client has the item. Throws `QUEUE_FULL` where too many wait already. */
  put(entry: Entry, wait?: WaitOptions): Promise<void> {
    this.#checkRoom()
    this.#enter(entry)
    if (entry.state !== 'waiting') return this.#turns.next()
    const assigned = new Pending<void>({
      env: this.#init.env,
      wait,
      timedOut: () => nobodyFree(nameOf(entry), wait?.timeout),
      withdrawn: () => this.withdraw(entry),
    })
    entry.assigned = assigned
    return assigned.promise
  }

  /** Assigns the item now, or not at all. */
  tryPut(entry: Entry): boolean {
    if (this.dispatcher.wouldWait) return false
    this.#enter(entry)
    if (entry.state !== 'waiting') return true
    this.withdraw(entry)
    return false
  }

  /** Resolves with the result. Throws `QUEUE_FULL` where too many wait already. */
  submit<R>(entry: Entry, { wait, assigned, decode }: SubmitInit<R>): Promise<R> {
    this.#checkRoom()
    // It may have fired while the item was encoded, by what the item itself does then.
    if (wait.signal?.aborted === true) return Promise.reject(wait.signal.reason as Error)
    const answer = new Pending<R>({
      env: this.#init.env,
      wait,
      timedOut: () => (wasDelivered(entry) ? noResultWithin(wait.timeout) : nobodyFree(nameOf(entry), wait.timeout)),
      aborted: (reason) => (wasDelivered(entry) ? abortedAfterDelivery(reason) : reason),
      withdrawn: () => this.abandon(entry),
    })
    entry.result = {
      assigned,
      resolve: (payload) => settleWith(answer, () => decode(payload)),
      reject: (error) => answer.reject(error),
    }
    this.#enter(entry)
    return answer.promise
  }

  /** Takes in an item of somebody else's, which nobody here waits for. */
  pass(entry: Entry): void {
    this.#enter(entry)
  }

  settled(entry: Entry, client: string, settlement: Settlement): void {
    this.#redelivery.settled(entry, client, settlement)
  }

  /** A client is gone with entries, the oldest first: they go back to the head, in that order. */
  lost(client: string, { sent, queued }: Entries): void {
    for (const entry of queued.toReversed()) this.#redelivery.lost(entry, client, { wasSent: false })
    for (const entry of sent.toReversed()) this.#redelivery.lost(entry, client, { wasSent: true })
    this.dispatcher.advance()
  }

  /** Resolves when every item is settled, withdrawn or a dead letter. */
  async idle(): Promise<void> {
    if (this.#open > 0) await new Promise<void>((resolve) => this.#idle.add(resolve))
  }

  /** Hands out nothing more. What no client has is given up now, what comes back from one, then. */
  close(): void {
    this.#isClosed = true
    for (const entry of [...this.dispatcher.close(), ...this.#redelivery.close()]) this.#giveUp(entry)
  }

  #checkRoom(): void {
    checkWaiting(this.dispatcher.size, this.#init.maxWaiting)
  }

  #enter(entry: Entry): void {
    this.#open += 1
    this.dispatcher.put(entry)
  }

  #requeue(entry: Entry): void {
    if (this.#isClosed || entry.isRecalled) this.#giveUp(entry)
    else this.dispatcher.requeue(entry)
  }

  /** `false` for an entry that is for somebody who is gone: it would be a dead letter again at once. */
  #revive(entry: Entry): boolean {
    if (this.#isClosed) throw serverClosed()
    if (!this.dispatcher.reaches(entry)) return false
    this.#checkRoom()
    this.#enter(entry)
    return true
  }

  /** Gives back what waits for its next attempt, where its sender wants that. */
  recall(): void {
    this.#redelivery.recall()
  }

  /** Takes out an item that waits; tells whether it did. */
  withdraw(entry: Entry): boolean {
    const isOut = this.dispatcher.withdraw(entry)
    if (isOut) this.#gone()
    return isOut
  }

  /** Nobody wants it any more: it is not delivered again, and a client that has it is told. */
  abandon(entry: Entry): void {
    entry.isCancelled = true
    const { state } = entry
    if (state === 'sent' || state === 'queued') entry.holder?.cancel(entry)
    const isOut = state === 'queued' || this.#redelivery.drop(entry) || this.dispatcher.withdraw(entry)
    if (isOut) this.#gone()
  }

  /** Whom an entry was addressed to is gone. */
  #unreachable(entry: Entry): void {
    const { target, way = [] } = entry
    const error = clientGone([target?.id, ...way].join('/'), deliveredOf(entry))
    const isAssigned = entry.assigned === undefined || entry.assigned.settled
    if (isAssigned) return this.#redelivery.bury(entry, error)
    entry.assigned?.reject(error)
    this.#gone()
  }

  /** An item that will not be delivered: whoever waits for it is told, one that nobody waits for is undone. */
  #giveUp(entry: Entry): void {
    const isAwaited = entry.result !== undefined || entry.assigned?.settled === false
    const error = serverClosed(deliveredOf(entry))
    entry.state = 'gone'
    entry.assigned?.reject(error)
    entry.result?.reject(error)
    if (!entry.ended(SETTLED.returned) && !isAwaited && !entry.isCancelled) this.#undone.push(entry.item as T)
    this.#gone()
  }

  #gone(): void {
    this.#open -= 1
    if (this.#open > 0) return
    for (const resolve of this.#idle) resolve()
    this.#idle.clear()
  }
}

export function serverClosed(delivered: 'no' | 'maybe' = 'no'): NetQueueError {
  return new NetQueueError('CLOSED', 'The server is closed', { delivered })
}

export function clientGone(id: string, delivered: 'no' | 'maybe'): NetQueueError {
  const message = `Client ${id}, to which the item was addressed, is gone`
  return new NetQueueError('CLIENT_GONE', message, { value: id, delivered })
}

const nameOf = ({ target }: Entry): string => (target === undefined ? 'No client had' : `Client ${target.id} had no`)
const wasDelivered = ({ state, attempt }: Entry): boolean => state === 'sent' || state === 'queued' || attempt > 1
const deliveredOf = (entry: Entry): 'no' | 'maybe' => (wasDelivered(entry) ? 'maybe' : 'no')

function settleWith<R>(answer: Pending<R>, decode: () => R): void {
  try {
    answer.resolve(decode())
  } catch (error) {
    answer.reject(error)
  }
}

function noResultWithin(timeout: number | undefined): NetQueueError {
  const message = `A client had the item, but gave no result within ${timeout} ms (timeout)`
  return new NetQueueError('TIMEOUT', message, { limit: 'timeout', value: timeout, delivered: 'maybe' })
}

function abortedAfterDelivery(cause: unknown): NetQueueError {
  return new NetQueueError('ABORTED', 'The call was aborted when a client had the item', { cause, delivered: 'maybe' })
}
