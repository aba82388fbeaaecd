import type { Env } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Codec } from '../message/codec.ts'
import type { Limits } from '../options/limits.ts'
import type { Message, Writer } from '../protocol/message.ts'
import type { Peer, Wire } from '../protocol/wire.ts'
import type { Sender } from './delivery.ts'
import type { Entries, Entry } from './entry.ts'
import type { Inbox } from './inbox.ts'
import { Intake } from './intake.ts'
import type { IntakeOwner } from './intake.ts'
import { Outbox } from './outbox.ts'
import type { OutboxOwner } from './outbox.ts'
import type { Retry } from './retry.ts'
import type { SettleDeadlines } from './settle-deadlines.ts'
import type { Settlement } from './settlement.ts'

/** Whoever has a link: told what the peer does with our items, and asked nothing. */
export interface LinkOwner {
  /** Credit or load of the link changed. */
  changed(link: Link): void
  settled(link: Link, entry: Entry, settlement: Settlement): void
  status(link: Link, value: unknown): void
  /** The peer drains: it takes nothing new. */
  goaway(link: Link, code: string, reason: string): void
  /** The time to the peer and back was measured. */
  measured?(link: Link): void
  /** The end, with the entries that the peer had or was about to have, the oldest first. */
  closed(link: Link, error: NetQueueError | undefined, entries: Entries): void
  warn(error: NetQueueError, link: Link): void
}

/** What the links of one client or server share. */
export interface SharedByLinks {
  env: Env
  limits: Limits
  inbox: Inbox
  /** For what the peer sends; its results are `codec` on the other side. */
  codec: Codec<unknown>
  resultCodec: Codec<unknown>
  exposeErrors: boolean
  /** How often what was kept is tried again. */
  retry: Retry
  /** When an item is taken back that was not settled. */
  deadlines: SettleDeadlines
  /** Whether items may come for somebody below this side. @default they may not */
  takesPaths?: boolean
  /** Whether what was received stays when the peer is lost: a server keeps it, a client's work is handed to another. */
  keepsReceived: boolean
  /** The ordinal of the last put, and of the oldest one that waits for credit, where puts are in line for these links alone. */
  lastOrdinal: () => number
  oldestWaiting: () => number
}

export interface LinkInit {
  readonly shared: SharedByLinks
  readonly owner: LinkOwner
  /** There is something to write. */
  wake(): void
  /** There is something to write that nobody waits for. */
  wakeLater(): void
  /** A frame's worth is to be written. */
  flush(): void
}

/** Messages that the peer counts as records, and learns the arrival of by CREDIT. */
const RECORDS: ReadonlySet<Message['type']> = new Set([
  'settle',
  'result',
  'failed',
  'reject',
  'extend',
  'status',
  'goaway',
] as const)
const OVERDUE: Settlement = { type: 'overdue' }
/** How much a new measurement counts in an average. */
const SMOOTHING = 0.2

/** The two item flows of one connection: an outbox towards the peer, an intake from it. */
export class Link implements OutboxOwner, IntakeOwner {
  readonly outbox: Outbox
  readonly intake: Intake
  readonly #init: LinkInit
  /** Whom deliveries say they are from: the peer's id, or what the owner keeps for the peer. */
  from: Sender = { id: '' }
  #wire: Wire | undefined
  #status: { value: unknown } | undefined
  #goaway: { code: string; reason: string } | undefined
  #isPeerDraining = false
  #isGoawaySaid = false
  /** How many records the peer has when it has heard of it; and how many it has. */
  #goawayRecord = Number.POSITIVE_INFINITY
  #arrivedRecords = 0
  /** The newest ping that waits for our answer; it answers those before it too. */
  #pong: number | undefined
  /** Settles that came too late in this turn: reported together, for one frame may hold half a million. */
  #staleCount = 0
  #ping: { token: number; sentAt: number | undefined } | undefined
  #sample: { entry: Entry; startedAt: number } | undefined
  #rtt: number | undefined
  #fastestRtt: number | undefined
  #serviceTime: number | undefined

  constructor(init: LinkInit) {
    const { limits, deadlines, inbox } = init.shared
    const { maxUnsettled, maxUnsettledBytes } = limits
    this.#init = init
    this.outbox = new Outbox({ maxUnsettled, maxUnsettledBytes, deadlines, owner: this })
    this.intake = new Intake(init.shared, this)
    inbox.add(this.intake)
  }

  /** Who the other end is. */
  get peer(): Peer | undefined {
    return this.#wire?.peer
  }

  /** The peer's name; empty before it has introduced itself. */
  get id(): string {
    return this.peer?.id ?? ''
  }

  /** Milliseconds for a message to the peer and back, averaged; `undefined` before the first measurement. */
  get rtt(): number | undefined {
    return this.#rtt
  }

  /** The least of all that were measured: of the way itself, without what else kept either side busy. */
  get fastestRtt(): number | undefined {
    return this.#fastestRtt
  }

  /** Milliseconds from an item's assignment to its settle, averaged. */
  get serviceTime(): number | undefined {
    return this.#serviceTime
  }

  /** Whether the peer knows that this side drains, and all is here that it sent before, where its protocol has a word for that. */
  get isGoawayHeard(): boolean {
    return this.#wire?.peer.supports.settle !== true || this.#arrivedRecords >= this.#goawayRecord
  }

  /** Whether this side has nothing left to tell the peer. */
  get isIdle(): boolean {
    return this.outbox.inFlight === 0 && this.intake.isSettled
  }

  assign(entry: Entry): void {
    entry.holder = this
    this.outbox.assign(entry)
    this.#sample ??= { entry, startedAt: this.#init.shared.env.now() }
  }

  /** There may be something to write. */
  wake(): void {
    this.#init.wake()
  }

  /** @internal There is something to write that nobody waits for. */
  wakeLater(): void {
    this.#init.wakeLater()
  }

  /** @internal There is a frame's worth to write. */
  flush(): void {
    this.#init.flush()
  }

  /** @internal The peer settled an entry. */
  settled(entry: Entry, settlement: Settlement): void {
    if (this.#sample?.entry === entry) {
      this.#serviceTime = smooth(this.#serviceTime, this.#init.shared.env.now() - this.#sample.startedAt)
      this.#sample = undefined
    }
    this.#ended(entry, settlement)
  }

  /** @internal Settles came for deliveries that are over. */
  stale(count: number): void {
    this.#staleCount += count
    if (this.#staleCount > count) return
    this.#init.shared.env.afterTurn(() => {
      const error = staleSettle(this.#staleCount, this.id)
      this.#staleCount = 0
      this.#init.owner.warn(error, this)
    })
  }

  /** @internal */
  warn(error: NetQueueError): void {
    this.#init.owner.warn(error, this)
  }

  /** Gives an entry up that was assigned here; the peer is told if it has it. */
  cancel(entry: Entry): void {
    if (this.#sample?.entry === entry) this.#sample = undefined
    this.outbox.cancel(entry)
    this.#init.owner.changed(this)
  }

  /** Takes back what was not settled in time: for the owner it ended, and the peer is told. The newest goes first, as to the head of a backlog. */
  takeBack(entries: readonly Entry[]): void {
    const { owner } = this.#init
    this.outbox.takeBack(entries)
    owner.warn(overdue(entries.length, this.id), this)
    for (const entry of entries.toReversed()) {
      if (this.#sample?.entry === entry) this.#sample = undefined
      this.#ended(entry, OVERDUE)
    }
    owner.changed(this)
  }

  setStatus(value: unknown): void {
    this.#status = { value }
    this.#init.wake()
  }

  /** Tells the peer that this side drains. */
  goaway(code: string, reason = ''): void {
    if (this.#isGoawaySaid) return
    this.#goaway = { code, reason }
    this.#init.wake()
  }

  /** Measures the time to the peer and back. */
  ping(): void {
    if (this.#ping !== undefined) return
    this.#ping = { token: Math.floor(this.#init.shared.env.random() * 2 ** 32), sentAt: undefined }
    this.#init.wake()
  }

  /** The connection was lost: an answer that comes on the next one would tell how long that took. */
  forgetPing(): void {
    this.#ping = undefined
  }

  opened(wire: Wire): void {
    const { supports, id } = wire.peer
    this.#wire = wire
    this.from = { id }
    this.outbox.open(wire)
    this.intake.open({
      isCredited: supports.credit,
      isPatient: wire.isPatient === true,
      isTyped: wire.typed,
      maxItemBytes: wire.peer.maxItemBytes,
      denied: wire.peer.denied,
    })
  }

  take(message: Message): void {
    this.#handle(message)
    if (this.#isPeerDraining && RECORDS.has(message.type)) this.acknowledge()
  }

  /** A peer that drains waits to hear that what it said has arrived; items tell of themselves. */
  acknowledge(): void {
    if (this.#isPeerDraining) this.intake.acknowledge()
  }

  #handle(message: Message): void {
    switch (message.type) {
      case 'items':
        return this.intake.items(message)
      case 'credit':
        return this.#credit(message)
      case 'settle':
        return this.#settle(message)
      case 'result':
        return this.#answered(message.seq, { type: 'result', value: message.value })
      case 'failed':
      case 'reject':
        return this.#answered(message.seq, message)
      case 'cancel':
        return this.intake.cancel(message.seq)
      case 'reclaim':
        this.outbox.reclaim()
        return this.#init.owner.changed(this)
      case 'released':
        return this.intake.released(message)
      case 'status':
        return this.#init.owner.status(this, message.value)
      case 'ping':
        this.#pong = message.token
        return this.#init.wake()
      case 'pong':
        return this.#measured(message.token)
      case 'goaway':
        return this.#peerDrains(message)
      case 'extend':
        return this.outbox.extend(message.seq)
      // Errors and goodbyes end with the connection.
      case 'error':
      case 'disconnect':
        return
      default:
        throw new NetQueueError('UNKNOWN_TYPE', `The peer sent a ${message.type}, which has no meaning here`)
    }
  }

  /** Writes what is due; tells whether that is all. */
  fill(writer: Writer): boolean {
    this.intake.fillControl(writer)
    const hasCancelled = this.outbox.fillControl(writer)
    if (this.#pong !== undefined) writer.pong(this.#pong)
    this.#pong = undefined
    this.#fillPing(writer)
    if (this.#status !== undefined && writer.status(this.#status.value)) this.#status = undefined
    // Behind what was assigned, and before what is handed back: nobody hands that to us again.
    const hasSent = this.outbox.fill(writer)
    if (hasSent && !this.#fillGoaway(writer)) return false
    const oldest = Math.min(this.outbox.oldestOrdinal, this.#init.shared.oldestWaiting())
    return this.intake.fill(writer, oldest) && hasSent && hasCancelled && this.#status === undefined
  }

  closed(error: NetQueueError | undefined): void {
    const reason = error ?? new NetQueueError('CLOSED', 'The connection was closed')
    // A peer that takes no settles has forgotten what it sent.
    const isOurs = this.#init.shared.keepsReceived || this.#wire?.peer.supports.settle === false
    this.intake.close(reason, { keep: isOurs })
    this.#init.shared.inbox.remove(this.intake)
    this.#init.owner.closed(this, error, this.outbox.takeAll())
  }

  #credit({ limit, byteLimit, received, records }: Extract<Message, { type: 'credit' }>): void {
    this.#arrivedRecords = Math.max(this.#arrivedRecords, records)
    this.outbox.granted(limit, byteLimit, received)
    this.#init.owner.changed(this)
  }

  #settle({ outcome, first, length }: Extract<Message, { type: 'settle' }>): void {
    this.outbox.settle(outcome, first, length)
    this.#init.owner.changed(this)
  }

  /** Until it is its turn, an entry is still the peer's: whoever hears of one that was settled before it may give it up. */
  #ended(entry: Entry, settlement: Settlement): void {
    entry.state = 'waiting'
    this.#init.owner.settled(this, entry, settlement)
  }

  #answered(seq: number, settlement: Settlement): void {
    const entry = this.outbox.take(seq, { hasValue: settlement.type === 'result' })
    if (entry === undefined) return
    this.settled(entry, settlement)
    this.#init.owner.changed(this)
  }

  #measured(token: number): void {
    if (this.#ping?.token !== token || this.#ping.sentAt === undefined) return
    const rtt = this.#init.shared.env.now() - this.#ping.sentAt
    this.#rtt = smooth(this.#rtt, rtt)
    this.#fastestRtt = Math.min(rtt, this.#fastestRtt ?? rtt)
    this.#ping = undefined
    this.#init.owner.measured?.(this)
  }

  #fillPing(writer: Writer): void {
    if (this.#ping === undefined || this.#ping.sentAt !== undefined) return
    this.#ping.sentAt = this.#init.shared.env.now()
    writer.ping(this.#ping.token)
  }

  #fillGoaway(writer: Writer): boolean {
    if (this.#goaway === undefined || this.#isGoawaySaid) return true
    this.#isGoawaySaid = writer.goaway(this.#goaway.code, this.#goaway.reason)
    if (this.#isGoawaySaid) this.#goawayRecord = writer.sentRecords
    return this.#isGoawaySaid
  }

  #peerDrains({ code, reason }: { code: string; reason: string }): void {
    if (this.#isPeerDraining) return
    this.#isPeerDraining = true
    this.#init.owner.goaway(this, code, reason)
  }
}

function smooth(average: number | undefined, sample: number): number {
  return average === undefined ? sample : average + SMOOTHING * (sample - average)
}

function overdue(count: number, id: string): NetQueueError {
  const message = `${id} did not settle ${count} items in their time (settleTimeoutMs): they were taken back`
  return new NetQueueError('SETTLE_TIMEOUT', message, { limit: 'settleTimeoutMs', value: count })
}

function staleSettle(count: number, id: string): NetQueueError {
  return new NetQueueError('STALE_SETTLE', `${id} settled ${count} deliveries that are over`, { value: count })
}
