import type { Env, Timer } from '../env/env.ts'
import { NetQueueError, RemoteError } from '../errors/errors.ts'
import { DeadLetters } from './dead-letters.ts'
import type { Attempt, Entry } from './entry.ts'
import { SETTLED } from './settlement.ts'
import type { Settlement } from './settlement.ts'
import { Retry } from './retry.ts'
import type { RetryOptions } from './retry.ts'

export type RedeliveryOptions = RetryOptions

export interface RedeliveryInit {
  env: Env
  options: RedeliveryOptions
  /** Puts an entry to the head of the backlog. Nothing is handed out yet: what comes back together, the newest first, is to go in order. */
  requeue: (entry: Entry) => void
  /** Hands out what there is credit for; also called by whoever settles, and whoever loses a peer. */
  advance: () => void
  /** Puts a dead letter to the end of the backlog; throws when there is none any more. */
  revive: (entry: Entry) => boolean
  /** An entry needs no more deliveries. */
  gone: (entry: Entry) => void
  warn: (error: NetQueueError) => void
  /** A letter was given up. */
  buried: (entry: Entry) => void
}

/** What becomes of an item when a delivery ended: it is done, it goes back to the backlog, or it is given up. */
export class Redelivery<T> {
  readonly deadLetters: DeadLetters<T>
  readonly retry: Retry
  readonly #init: RedeliveryInit
  readonly #delayed: Map<Entry, Timer> = new Map()
  #isClosed = false

  constructor(init: RedeliveryInit) {
    this.#init = init
    this.retry = new Retry(init.options)
    this.deadLetters = new DeadLetters((entry) => init.revive(entry))
  }

  /** Entries that wait for their next attempt. */
  get delayed(): number {
    return this.#delayed.size
  }

  settled(entry: Entry, peer: string, settlement: Settlement): void {
    if (entry.isCancelled) return this.#end(entry, SETTLED.cancelled)
    switch (settlement.type) {
      case 'result':
        return this.#answer(entry, settlement)
      case 'failed':
        if (entry.result !== undefined) return this.#refuse(entry, remoteError(settlement), settlement)
        return this.#retry(entry, { peer, outcome: 'released', ...saidOf(settlement) })
      case 'reject':
        return this.#reject(entry, peer, settlement)
      case 'overdue':
        return this.#again(entry, { peer, outcome: 'overdue' })
      case 'settle':
    }
    if (settlement.outcome === 'returned') return this.#init.requeue(entry)
    if (settlement.outcome === 'released') return this.#retry(entry, { peer, outcome: 'released' })
    return this.#done(entry, settlement)
  }

  /** The peer was lost with the item: it is tried again at once, unless it never got that far. */
  lost(entry: Entry, peer: string, { wasSent }: { wasSent: boolean }): void {
    if (entry.isCancelled) return this.#end(entry, SETTLED.cancelled)
    if (!wasSent) return this.#init.requeue(entry)
    this.#again(entry, { peer, outcome: 'lost' })
  }

  /** Gives an item up. A `submit` is told; a `put` was told long ago, so the item is kept as a dead letter. */
  bury(entry: Entry, error: NetQueueError, how: Settlement = { type: 'reject', code: error.code, reason: '' }): void {
    entry.state = 'gone'
    if (entry.result !== undefined) return this.#refuse(entry, error, how)
    if (entry.ended(how)) return this.#init.gone(entry)
    for (const { item } of this.deadLetters.add(entry)) {
      const message = 'The oldest dead letter was dropped to make room for a new one'
      this.#init.warn(new NetQueueError('DEAD_LETTER', message, { value: item }))
    }
    this.#init.buried(entry)
    this.#init.gone(entry)
  }

  /** Takes out an entry that waits for its next attempt; `false` when it does not. */
  drop(entry: Entry): boolean {
    const timer = this.#delayed.get(entry)
    if (timer === undefined) return false
    timer.cancel()
    this.#delayed.delete(entry)
    entry.state = 'gone'
    return true
  }

  /** Gives back what waits for its next attempt, where its sender wants that. */
  recall(): void {
    for (const entry of this.#delayed.keys()) if (entry.isRecalled && this.drop(entry)) this.#init.requeue(entry)
  }

  /** Stops all delays and returns the entries that were waiting; what comes back from now on waits for nothing. */
  close(): Entry[] {
    this.#isClosed = true
    const entries = [...this.#delayed.keys()]
    for (const timer of this.#delayed.values()) timer.cancel()
    this.#delayed.clear()
    return entries
  }

  #done(entry: Entry, how: Settlement): void {
    if (entry.result === undefined) return this.#end(entry, how)
    const error = new NetQueueError('NO_RESULT', 'The item was settled without a result', { delivered: 'maybe' })
    this.#refuse(entry, error, how)
  }

  #answer(entry: Entry, how: Extract<Settlement, { type: 'result' }>): void {
    entry.result?.resolve(how.value)
    this.#end(entry, how)
  }

  #refuse(entry: Entry, error: Error, how: Settlement): void {
    entry.result?.reject(error)
    this.#end(entry, how)
  }

  #reject(entry: Entry, peer: string, settlement: Failed): void {
    record(entry, { peer, outcome: 'rejected', ...saidOf(settlement) })
    this.bury(entry, remoteError(settlement), settlement)
  }

  #again(entry: Entry, attempt: Attempt): void {
    if (this.#count(entry, attempt)) this.#init.requeue(entry)
  }

  #retry(entry: Entry, attempt: Attempt): void {
    if (!this.#count(entry, attempt)) return
    if (this.#isClosed || entry.isRecalled) return this.#init.requeue(entry)
    const timer = this.#init.env.setTimer(() => {
      this.#delayed.delete(entry)
      this.#init.requeue(entry)
      this.#init.advance()
    }, this.retry.delayBefore(entry.attempt))
    this.#delayed.set(entry, timer)
  }

  /** Counts a failed delivery; `false` when it was the last one. */
  #count(entry: Entry, attempt: Attempt): boolean {
    const { maxAttempts } = this.retry
    record(entry, attempt)
    if (entry.attempt <= maxAttempts) return true
    const message = `The item was delivered ${maxAttempts} times (maxAttempts) and never settled`
    const details = { limit: 'maxAttempts', value: maxAttempts, delivered: 'maybe' } as const
    const reason = `${entry.attempt - 1} attempts, the last: ${told(attempt)}`
    this.bury(entry, new NetQueueError('DEAD_LETTER', message, details), {
      type: 'reject',
      code: 'DEAD_LETTER',
      reason,
    })
    return false
  }

  #end(entry: Entry, how: Settlement): void {
    entry.state = 'gone'
    entry.ended(how)
    this.#init.gone(entry)
  }
}

type Failed = Extract<Settlement, { code: string }>

/** For people, at the nodes above. */
const told = ({ peer, outcome, code, reason }: Attempt): string =>
  [peer, outcome, code, reason].filter((word) => word !== undefined).join(' ')

const saidOf = ({ code, reason }: Failed): Pick<Attempt, 'code' | 'reason'> => ({
  code,
  ...(reason !== '' && { reason }),
})

function record(entry: Entry, attempt: Attempt): void {
  entry.history ??= []
  entry.history.push(attempt)
  entry.attempt += 1
}

function remoteError({ code, reason }: Failed): RemoteError {
  return new RemoteError(code, reason === '' ? {} : { reason })
}
