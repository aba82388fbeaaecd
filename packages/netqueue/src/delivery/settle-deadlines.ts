import { afterReading } from '../env/after-reading.ts'
import type { Env, Timer } from '../env/env.ts'
import { checkMs } from '../errors/check.ts'
import { isLinked, LinkedList, unlink } from '../queue/linked-list.ts'
import type { Linked } from '../queue/linked-list.ts'
import type { Entry, Holder } from './entry.ts'

export interface SettleOptions {
  /**
   * Milliseconds from the moment that an item is sent in which whoever has it settles it, or asks for as long again with
   * `delivery.extend()`. Then it is taken back, as from a peer that is lost (`SETTLE_TIMEOUT`, a warning), and the signal of its handler
   * fires. What waits in front of it there is part of its time. 0 waits for ever. @default 0; for a call, what its side has
   */
  settleTimeoutMs?: number | undefined
}

/** Until when an item is to be settled. Only items that have such a time have one. */
export class SettleDeadline implements Linked {
  before: Linked = this
  after: Linked = this
  readonly entry: Entry
  readonly ms: number
  /** The moment, while somebody has the item. */
  at = 0

  constructor(entry: Entry, ms: number) {
    this.entry = entry
    this.ms = ms
  }
}

/** The deadlines of all items that have the same time for it, the next one first, and the timer for that one. */
interface Row {
  ms: number
  members: LinkedList<SettleDeadline>
  timer: Timer | undefined
}

/**
 * Takes items back from those who do not settle them in time. What has the same time comes in the order in which it was sent, or
 * renewed: an item costs a place in a list, and a timer serves them all.
 */
export class SettleDeadlines {
  readonly #env: Env
  /** For items that have no time of their own. */
  readonly #ms: number
  readonly #rows: Map<number, Row> = new Map()
  #isClosed = false

  constructor(env: Env, { settleTimeoutMs = 0 }: SettleOptions = {}) {
    checkMs('settleTimeoutMs', settleTimeoutMs)
    this.#env = env
    this.#ms = settleTimeoutMs === Number.POSITIVE_INFINITY ? 0 : settleTimeoutMs
  }

  /** An item was sent. */
  begin(entry: Entry): void {
    if (this.#ms === 0 && entry.deadline === undefined) return
    entry.deadline ??= new SettleDeadline(entry, this.#ms)
    if (entry.deadline.ms !== 0) this.#enter(entry.deadline)
  }

  /** The time of an item that was sent begins anew. */
  renew({ deadline }: Entry): void {
    if (deadline === undefined || !isLinked(deadline)) return
    unlink(deadline)
    this.#enter(deadline)
  }

  /** Nothing is taken back any more. */
  close(): void {
    this.#isClosed = true
    for (const { timer } of this.#rows.values()) timer?.cancel()
    this.#rows.clear()
  }

  #enter(deadline: SettleDeadline): void {
    if (this.#isClosed) return
    const row = this.#rows.get(deadline.ms) ?? this.#open(deadline.ms)
    deadline.at = this.#env.now() + deadline.ms
    row.members.push(deadline)
    if (row.timer === undefined) this.#arm(row, deadline.ms)
  }

  #open(ms: number): Row {
    const row = { ms, members: new LinkedList<SettleDeadline>(), timer: undefined }
    this.#rows.set(ms, row)
    return row
  }

  /** The timer is left alone when the item that it was for is settled: it finds the next one. */
  #arm(row: Row, ms: number): void {
    row.timer = this.#env.setTimer(() => afterReading(this.#env, () => this.#pass(row)), ms)
  }

  #pass(row: Row): void {
    if (this.#isClosed) return
    const now = this.#env.now()
    const overdue: Map<Holder, Entry[]> = new Map()
    for (let next = row.members.first; next !== undefined && next.at <= now; next = row.members.first) {
      unlink(next)
      take(overdue, next.entry)
    }
    row.timer = undefined
    if (row.members.first === undefined) this.#rows.delete(row.ms)
    else this.#arm(row, row.members.first.at - now)
    for (const [holder, entries] of overdue) holder.takeBack(entries)
  }
}

/** Gives an item a time of its own, where a call has one. */
export function limitSettling(entry: Entry, { settleTimeoutMs }: SettleOptions): void {
  if (settleTimeoutMs === undefined) return
  checkMs('settleTimeoutMs', settleTimeoutMs)
  entry.deadline = new SettleDeadline(entry, settleTimeoutMs === Number.POSITIVE_INFINITY ? 0 : settleTimeoutMs)
}

/** An item is nobody's any more: its time does not run. */
export function endDeadline({ deadline }: Entry): void {
  if (deadline !== undefined) unlink(deadline)
}

function take(overdue: Map<Holder, Entry[]>, entry: Entry): void {
  const { holder } = entry
  if (holder === undefined) return
  const entries = overdue.get(holder)
  if (entries === undefined) overdue.set(holder, [entry])
  else entries.push(entry)
}
