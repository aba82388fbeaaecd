import type { Env } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { encodeWithin } from '../message/codec.ts'
import type { Codec } from '../message/codec.ts'
import { notAuthorized } from '../message/denials.ts'
import type { Limits } from '../options/limits.ts'
import { checkWait } from '../queue/pending.ts'
import type { WaitOptions } from '../queue/pending.ts'
import type { DeadLetters } from './dead-letters.ts'
import { Entry } from './entry.ts'
import type { Entries } from './entry.ts'
import { Line } from './line.ts'
import type { Link } from './link.ts'
import { Redelivery } from './redelivery.ts'
import type { RedeliveryOptions } from './redelivery.ts'
import type { Retry } from './retry.ts'
import { SettleDeadlines } from './settle-deadlines.ts'
import type { SettleOptions } from './settle-deadlines.ts'
import { SETTLED } from './settlement.ts'
import type { Settlement } from './settlement.ts'

export interface PutsInit<T> {
  env: Env
  limits: Limits
  codec: Codec<T>
  options: RedeliveryOptions & SettleOptions
  /** Throws when nothing can be put any more. */
  checkOpen: () => void
  /** Whether a server that is not there is looked for. */
  isAwaited: () => boolean
  warn: (error: NetQueueError) => void
}

/** What a client puts, from the call to the settle: it waits here while nobody has credit for it, and comes back here when a server is lost. */
export class Puts<T> {
  /** When an item is taken back that was not settled. */
  readonly deadlines: SettleDeadlines
  readonly #init: PutsInit<T>
  readonly #links: Link[] = []
  /** Whether there ever was more than one: then not all that waits is for any of them. */
  #wereSeveral = false
  /** Those of them that take nothing new: their servers drain, or cannot be reached. */
  readonly #leaving: Set<Link> = new Set()
  readonly #away: Set<Link> = new Set()
  readonly #line: Line
  readonly #redelivery: Redelivery<T>
  /** Told when servers may take more, or fewer, than before. */
  #watcher: (() => void) | undefined
  #isClosed = false
  /** The longest item that somebody takes, as far as is known. */
  #maxItemBytes: number

  constructor(init: PutsInit<T>) {
    const { env, limits, options, checkOpen, warn } = init
    this.#init = init
    this.deadlines = new SettleDeadlines(env, options)
    this.#maxItemBytes = limits.maxItemBytes
    this.#line = new Line({
      env,
      maxWaiting: limits.maxWaiting,
      taker: (entry) => this.#taker(entry),
      withdrawn: () => this.#wakeAll(),
    })
    this.#redelivery = new Redelivery<T>({
      env,
      warn,
      options,
      requeue: (entry) => this.#requeue(entry),
      advance: () => this.#line.advance(),
      revive: (entry) => {
        checkOpen()
        if (this.#objection(entry) !== undefined) return false
        this.#line.revive(entry)
        return true
      },
      gone: () => {},
      buried: () => {},
    })
  }

  get deadLetters(): DeadLetters<T> {
    return this.#redelivery.deadLetters
  }

  get retry(): Retry {
    return this.#redelivery.retry
  }

  /** Items that wait for credit. */
  get waiting(): number {
    return this.#line.size
  }

  /** What a settle that is due now must not overtake; see {@link Entry.ordinal}. */
  get lastOrdinal(): number {
    return this.#line.lastOrdinal
  }

  get oldestOrdinal(): number {
    return this.#line.oldestOrdinal
  }

  /** Resolves when somebody has credit for the item. */
  put(item: T, options?: WaitOptions): Promise<void> {
    // Not `async`, which would cost every item a promise and two turns of the microtask queue.
    try {
      if (options !== undefined) checkWait(options)
      return this.#line.put(this.#entry(item), options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Hands the item over if that takes no waiting; tells whether it did. */
  tryPut(item: T): boolean {
    return this.#line.tryPut(this.#entry(item))
  }

  /** Sends an item of somebody else's when there is credit for it; throws for one that nobody takes. */
  pass(entry: Entry): void {
    if (this.#isClosed) return void entry.ended(SETTLED.returned)
    const objection = this.#objection(entry)
    if (objection !== undefined) throw objection
    this.#line.pass(entry)
  }

  /** It is wanted no more: it is not sent again, and a server that has it is told. */
  abandon(entry: Entry): void {
    entry.isCancelled = true
    if (entry.state === 'sent' || entry.state === 'queued') entry.holder?.cancel(entry)
    else if (!this.#redelivery.drop(entry)) this.#line.withdraw(entry)
  }

  /** Items that servers take now, beyond those that wait. */
  get room(): number {
    let room = -this.#line.size
    for (const link of this.#links) if (this.#hasRoom(link)) room += link.outbox.credit
    return room
  }

  /** Whether something can be put. */
  get isOpen(): boolean {
    try {
      this.#init.checkOpen()
      return true
    } catch {
      return false
    }
  }

  /** Whether any server takes something, be it later: it has given credit that is not used, or has something in hand. */
  get isTaken(): boolean {
    return this.isOpen && this.#links.some(({ outbox }) => outbox.credit > 0 || outbox.inFlight > 0)
  }

  /** Has somebody told when {@link room} may have changed other than by what it puts. */
  watch(watcher: () => void): void {
    this.#watcher = watcher
  }

  /** A server can be put to. What waits and is nothing for any that there is, is given up. */
  join(link: Link): void {
    this.#links.push(link)
    this.#wereSeveral ||= this.#links.length > 1
    this.#measure()
    this.refuse()
    this.#watcher?.()
  }

  /** Credit changed. */
  advance(): void {
    this.#assign()
    this.#watcher?.()
  }

  settled(entry: Entry, server: string, settlement: Settlement): void {
    this.#redelivery.settled(entry, server, settlement)
  }

  /** A server takes nothing new, but what is made of an item of its that is in hand. */
  leaving(link: Link): void {
    this.#leaving.add(link)
  }

  /** A server cannot be reached, and keeps what it has: what is put meanwhile is for others, or waits. */
  pause(link: Link): void {
    this.#away.add(link)
  }

  /** It is back. */
  resume(link: Link): void {
    this.#away.delete(link)
    this.advance()
  }

  /** A server can be put to no more. */
  leave(link: Link): void {
    const index = this.#links.indexOf(link)
    this.#leaving.delete(link)
    this.#away.delete(link)
    if (index >= 0) this.#links.splice(index, 1)
    this.#measure()
    this.#watcher?.()
  }

  /** What it had goes to the head, the oldest first, and is put again: it may have got there, and nobody can tell. */
  lost(server: string, { sent, queued }: Entries): void {
    for (const entry of queued.toReversed()) this.#redelivery.lost(entry, server, { wasSent: false })
    for (const entry of sent.toReversed()) this.#redelivery.lost(entry, server, { wasSent: true })
    this.#assign()
  }

  /** Nothing is put any more. Returns the items whose puts had resolved and that nobody has; calls that wait reject. */
  close(reason: NetQueueError): Entry[] {
    this.#isClosed = true
    this.deadlines.close()
    return [...this.#redelivery.close(), ...this.#line.close(reason)]
  }

  #entry(item: T): Entry {
    this.#init.checkOpen()
    const entry = new Entry(item, encodeWithin(this.#init.codec, item, this.#maxItemBytes))
    const objection = this.#objection(entry)
    if (objection !== undefined) throw objection
    return entry
  }

  /** One that comes back may be for a server that is gone: where that is looked for, it waits. */
  #requeue(entry: Entry): void {
    const objection = this.#init.isAwaited() ? undefined : this.#objection(entry)
    if (objection === undefined) this.#line.requeue(entry)
    else this.#redelivery.bury(entry, objection)
  }

  /** Gives up what waits and is nothing for any server that there is, unless one is looked for that may take it. */
  refuse(): void {
    if (this.#init.isAwaited()) return
    for (const { entry, error } of this.#line.refuse((entry) => this.#objection(entry)))
      this.#redelivery.bury(entry, error as NetQueueError)
  }

  /** Where nobody is connected, the next one may take it. */
  #objection(entry: Entry): NetQueueError | undefined {
    const first = this.#links[0]
    if (first === undefined || first.outbox.carries(entry)) return undefined
    if (this.#links.some(({ outbox }) => outbox.carries(entry))) return undefined
    if (this.#links.every(({ peer }) => peer?.denies?.denies('put') === true))
      return notAuthorized('This client', 'put')
    const { length } = entry.payload
    return length > this.#maxItemBytes ? tooLarge(this.#maxItemBytes, length) : unsupported(first.peer?.protocol)
  }

  /** Of those that have credit, the one with the fewest items in flight. */
  #taker(entry: Entry): Link | undefined {
    // What the only one that ever was does not carry was refused before.
    if (this.#links.length === 1 && !this.#wereSeveral)
      return this.#hasRoom(this.#links[0] as Link) ? this.#links[0] : undefined
    let best: Link | undefined
    for (const link of this.#links) {
      const isBetter = best === undefined || link.outbox.inFlight < best.outbox.inFlight
      if (isBetter && this.#hasRoom(link) && link.outbox.carries(entry)) best = link
    }
    return best
  }

  #hasRoom(link: Link): boolean {
    if (this.#away.size > 0 && this.#away.has(link)) return false
    return link.outbox.credit > 0 && (this.#leaving.size === 0 || !this.#leaving.has(link) || !link.intake.isSettled)
  }

  #measure(): void {
    const { maxItemBytes } = this.#init.limits
    const taken = this.#links.map(({ peer }) => peer?.maxItemBytes ?? maxItemBytes)
    this.#maxItemBytes = taken.length === 0 ? maxItemBytes : Math.min(maxItemBytes, Math.max(...taken))
  }

  /** Sends what there is credit for. Of several servers, the others may be owed settles that waited behind that. */
  #assign(): void {
    const { oldestOrdinal } = this.#line
    this.#line.advance()
    if (this.#links.length > 1 && this.#line.oldestOrdinal !== oldestOrdinal) this.#wakeAll()
  }

  #wakeAll(): void {
    for (const link of this.#links) link.wake()
  }
}

function tooLarge(maxItemBytes: number, value: number): NetQueueError {
  const message = `Expected an item of at most ${maxItemBytes} bytes (maxItemBytes of the server), got ${value}`
  return new NetQueueError('ITEM_TOO_LARGE', message, { limit: 'maxItemBytes', value, delivered: 'no' })
}

function unsupported(protocol: string | undefined): NetQueueError {
  const message = `The protocol ${protocol} cannot carry this item: it takes text of at most 99,000 bytes without a newline`
  return new NetQueueError('UNSUPPORTED', message, { delivered: 'no' })
}
