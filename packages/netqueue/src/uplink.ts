import { Connection } from './connection/connection.ts'
import type { Pulse } from './connection/pulse.ts'
import type { Session } from './connection/session.ts'
import { Conversation } from './conversation.ts'
import type { Entry } from './delivery/entry.ts'
import { Link } from './delivery/link.ts'
import type { LinkOwner, SharedByLinks } from './delivery/link.ts'
import type { Puts } from './delivery/puts.ts'
import { Drain } from './drain.ts'
import type { Timer } from './env/env.ts'
import { NetQueueError } from './errors/errors.ts'
import type { Attempt } from './life/attempt.ts'
import type { Reconnect } from './life/back-off.ts'
import { coded, Life } from './life/life.ts'
import type { BeginOptions } from './life/life.ts'
import type { Reach } from './life/reach.ts'
import type { ClientState, ClientStateChange } from './life/states.ts'
import type { Introduction, Protocol } from './protocol/protocol.ts'
import type { Talk } from './talk.ts'
import type { ByteDuplex } from './transport/index.ts'

/** A server as its client sees it. */
export interface ClientServer {
  /** Where it is, as `connect` was given it; of several that stand in for each other, the one that is connected or looked for. */
  readonly address: string
  /** Its name; empty before it has introduced itself. */
  readonly id: string
  readonly state: ClientState
  /** The name of the protocol spoken with it; empty before it has introduced itself. */
  readonly protocol: string
  /** What it said last with its `setStatus`. */
  readonly status: unknown
  /** Milliseconds for a message to it and back, averaged; `undefined` before the first measurement. */
  readonly rtt: number | undefined
}

/** What a server had of a client's items when it was lost, the oldest first. */
export interface Entries {
  sent: Entry[]
  queued: Entry[]
}

/** What the uplinks of one client share. */
export interface SharedByUplinks {
  link: SharedByLinks
  talk: Talk
  puts: Pick<Puts<unknown>, 'join' | 'leaving' | 'leave' | 'advance' | 'settled' | 'lost'>
  protocol: Protocol
  /** What the client says of itself to the next server. */
  introduction: () => Introduction
  /** A server has confirmed or given the client's id. */
  identified: (id: string) => void
  connectTimeoutMs: number
  /** `undefined`: what is lost stays lost. */
  reconnect: Reconnect | undefined
  pulse: Pulse
  closeDuplex: boolean | undefined
}

/** Whoever has uplinks: told what becomes of them. */
export interface UplinkOwner {
  entered(uplink: Uplink, change: ClientStateChange): void
  /** Requests and messages can go this way. */
  opened(uplink: Uplink, conversation: Conversation): void
  /** The connection is gone; no error where both sides said goodbye. */
  disconnected(uplink: Uplink, error: NetQueueError | undefined): void
  /** The server drains. */
  goaway(uplink: Uplink, code: string): void
  statusChanged(uplink: Uplink, status: unknown): void
  /** It is over for good; these are what the server has not said that it received. */
  ended(uplink: Uplink, error: NetQueueError | undefined, entries: Entries): void
  /** Something was settled, answered or received. */
  changed(): void
  warn(error: NetQueueError, uplink: Uplink): void
}

const NOTHING: Entries = { sent: [], queued: [] }

/** A client's way to one server: one connection after the other, and what is said on them. */
export class Uplink implements ClientServer {
  readonly #shared: SharedByUplinks
  readonly #owner: UplinkOwner
  readonly #reach: Reach
  readonly #life: Life
  /** Those whose duplex and timers are not released. */
  readonly #connections: Set<Connection> = new Set()
  /** The last one, be it over: it proves whose the client's id is. */
  #session: Session | undefined
  #attempt: Attempt | undefined
  #conversation: Conversation | undefined
  #departure: Departure | undefined
  /** Runs while a session waits for its next connection. */
  #patience: Timer | undefined
  #isConnected = false

  constructor(reach: Reach, shared: SharedByUplinks, owner: UplinkOwner) {
    const { connectTimeoutMs, reconnect, link } = shared
    this.#shared = shared
    this.#owner = owner
    this.#reach = reach
    this.#life = new Life({
      env: link.env,
      addresses: reach.addresses,
      connectTimeoutMs,
      reconnect,
      isRepeatable: reach.isRepeatable,
      open: (attempt, address) => this.#open(attempt, address),
      entered: (change) => this.#entered(change),
      gaveUp: (error) => this.#fail(error),
    })
  }

  get address(): string {
    return this.#life.address
  }

  get id(): string {
    return this.#session?.wire.peer.id ?? ''
  }

  get state(): ClientState {
    return this.#life.state
  }

  /** The state, with what belongs to it. */
  get now(): ClientStateChange {
    return this.#life.now
  }

  get protocol(): string {
    return this.#session?.wire.peer.protocol ?? ''
  }

  status: unknown = undefined

  get rtt(): number | undefined {
    return this.link?.rtt
  }

  /** Items both ways. */
  get link(): Link | undefined {
    return this.#conversation?.link
  }

  /** Requests and messages, where new ones can go this way now. */
  get open(): Conversation | undefined {
    return this.state === 'reconnecting' || this.#departure !== undefined ? undefined : this.#conversation
  }

  get isOver(): boolean {
    return this.state === 'closed' || this.state === 'failed'
  }

  /** Whether it would come back to a server that restarts. */
  get comesBack(): boolean {
    return this.#life.comesBack
  }

  /** Nothing is left to be handed back, to be acknowledged, or to be answered. */
  get isDone(): boolean {
    if (this.#conversation === undefined) return true
    const { link, isQuiet } = this.#conversation
    return link.intake.handedOut === 0 && link.outbox.isAcknowledged && isQuiet
  }

  /** Whether items of this server are worked on. */
  get hasItems(): boolean {
    return (this.link?.intake.handedOut ?? 0) > 0
  }

  /** Looks for the first connection; rejects with why there is none, and is over then. */
  async begin(options: BeginOptions): Promise<void> {
    try {
      await this.#life.begin(options)
    } catch (error) {
      this.#fail(coded(error))
      throw error
    }
  }

  /** Resolves when the duplexes and timers of this moment are released. */
  async done(): Promise<void> {
    await Promise.all([...this.#connections].map(({ done }) => done))
  }

  /** Begins to leave for good: takes nothing new, and tells the server so. Where there is no connection it is over at once. */
  drain(reason: string): void {
    if (this.#life.isEnding) return
    const wasConnected = this.state === 'connected'
    this.#life.close()
    if (!wasConnected) return this.#forget(closed())
    this.link?.goaway('CLOSED', reason)
    this.#conversation?.drain()
  }

  /** Fires the signals of handlers at work. */
  revoke(reason: NetQueueError): void {
    this.link?.intake.revoke(reason)
    this.#conversation?.revoke(reason)
  }

  /** Hands back what is left and says goodbye. */
  leave(): void {
    this.link?.intake.handBack(closed())
    this.#session?.end()
  }

  /** Ends at once and without a word. */
  cut(): void {
    if (this.state === 'reconnecting' || this.#conversation === undefined) this.drain('')
    else this.#session?.cut(closed())
  }

  /** Leaves a server that drains, when what is in hand is done: for good, or to be back when it is. */
  async depart({ returns }: { returns: boolean }): Promise<void> {
    const conversation = this.#conversation
    if (conversation === undefined || this.#departure !== undefined) return
    const { link } = conversation
    const { env, inbox } = this.#shared.link
    const drain = new Drain(env, () => {
      return link.intake.handedOut === 0 && link.outbox.inFlight === 0 && conversation.isQuiet
    })
    this.#departure = { drain, returns }
    this.#shared.puts.leaving(link)
    inbox.handBack(link.intake)
    link.goaway(returns ? 'RESTART' : 'CLOSED')
    conversation.drain()
    // The server decides how long it waits, and says goodbye when its time is up.
    await drain.run(Number.POSITIVE_INFINITY, () => {})
    if (this.#conversation === conversation) this.#session?.end()
  }

  async #open(attempt: Attempt, address: string): Promise<void> {
    const duplex = await this.#reach.dial(address, attempt.signal)
    try {
      this.#connect(duplex, attempt)
    } catch (error) {
      // One that was handed in is its owner's, and untouched.
      if (this.#reach.isRepeatable) duplex.abort?.(error as Error)
      throw error
    }
  }

  #connect(duplex: ByteDuplex, attempt: Attempt): void {
    const { protocol, introduction, identified, closeDuplex, link, pulse } = this.#shared
    const connection: Connection = new Connection(duplex, {
      role: 'client',
      protocol,
      introduction,
      limits: link.limits,
      env: link.env,
      pulse,
      previous: this.#session,
      user: (session) => this.#converse(session),
      declined: (error) => attempt.closed(error),
      identified,
      closeDuplex,
    })
    this.#attempt = attempt
    this.#connections.add(connection)
    void connection.done.then(() => this.#connections.delete(connection))
    if (attempt.signal.aborted) connection.cut()
    else attempt.signal.addEventListener('abort', () => connection.cut(), { once: true })
  }

  #converse(session: Session): Conversation {
    const { talk, link: shared } = this.#shared
    const wake = (): void => session.wake()
    const flush = (): void => session.flush()
    const link = new Link({
      shared,
      owner: this.#ownLinks(),
      wake: () => {
        wake()
        this.#worked()
      },
      wakeLater: () => {
        session.wakeLater()
        this.#worked()
      },
      flush,
    })
    const conversation: Conversation = new Conversation({
      link,
      talk: talk.shared,
      opened: () => this.#opened(conversation, session),
      suspended: (error) => this.#suspended(error),
      resumed: () => this.#resumed(),
      wake,
      flush,
      warn: (error) => this.#owner.warn(error, this),
      asked: () => {},
      changed: () => this.#worked(),
    })
    return conversation
  }

  #ownLinks(): LinkOwner {
    const { puts } = this.#shared
    return {
      changed: () => {
        puts.advance()
        this.#worked()
      },
      settled: (link, entry, settlement) => puts.settled(entry, link.id, settlement),
      status: (_link, status) => {
        this.status = status
        this.#owner.statusChanged(this, status)
      },
      goaway: (_link, code) => this.#owner.goaway(this, code),
      closed: (link, error, entries) => this.#closed(link, error, entries),
      warn: (error) => this.#owner.warn(error, this),
    }
  }

  #opened(conversation: Conversation, session: Session): void {
    const { link } = conversation
    this.#session = session
    this.#conversation = conversation
    this.status = link.peer?.status
    this.#isConnected = true
    this.#life.opened({ resumed: false })
    link.ping()
    this.#attempt?.opened()
    this.#shared.puts.join(link)
    this.#owner.opened(this, conversation)
  }

  /** The connection is gone; the session waits for the next one, for as long as the server keeps it. */
  #suspended(error: NetQueueError): void {
    const session = this.#session as Session
    if (!this.#life.returnsAfter(error)) return session.giveUp()
    this.#patience = this.#shared.link.env.setTimer(() => session.giveUp(), session.resumeMs)
    this.#life.lost(error)
  }

  #resumed(): void {
    this.#patience?.cancel()
    this.#isConnected = true
    this.#life.opened({ resumed: true })
    this.#attempt?.opened()
    if (this.#conversation !== undefined) this.#owner.opened(this, this.#conversation)
  }

  /** What was said on a link is over: with its connection, or because no other one came in time. */
  #closed(link: Link, error: NetQueueError | undefined, { sent, queued }: Entries): void {
    const { puts } = this.#shared
    const departure = this.#departure
    const { id } = this
    this.#patience?.cancel()
    puts.leave(link)
    this.#conversation = undefined
    this.#departure = undefined
    departure?.drain.end()
    const reason = error ?? (departure?.returns === true ? restarting() : undefined)
    if (this.state === 'reconnecting') return puts.lost(id, { sent, queued })
    if (reason !== undefined && this.#life.returnsAfter(reason)) {
      this.#life.lost(reason)
      return puts.lost(id, { sent, queued })
    }
    // A server that said goodbye keeps what it received; one that was lost may be gone with it.
    const unknown = error === undefined ? sent.filter((entry) => !link.outbox.hasReceived(entry)) : sent
    this.#end(error?.code === 'CLOSED' ? undefined : error, { sent: unknown, queued })
  }

  #entered(change: ClientStateChange): void {
    const { state } = change
    if (this.#isConnected && state !== 'connected' && state !== 'closing') {
      this.#isConnected = false
      this.#owner.disconnected(this, 'error' in change ? change.error : undefined)
    }
    this.#owner.entered(this, change)
  }

  /** Nothing is looked for any more. */
  #fail(error: NetQueueError): void {
    if (this.#session?.isSuspended === true) this.#session.cut(error)
    this.#end(error, NOTHING)
  }

  /** There is no connection, and there will be none. */
  #forget(reason: NetQueueError): void {
    if (this.#session?.isSuspended === true) this.#session.cut(reason)
    else this.#end(undefined, NOTHING)
  }

  #end(error: NetQueueError | undefined, entries: Entries): void {
    if (this.isOver) return
    this.#life.end(error)
    this.#owner.ended(this, error, entries)
  }

  #worked(): void {
    this.#departure?.drain.check()
    this.#owner.changed()
  }
}

/** A server that drains is left when its work is done. */
interface Departure {
  drain: Drain
  returns: boolean
}

const closed = (): NetQueueError => new NetQueueError('CLOSED', 'The client is closed', { delivered: 'no' })
const restarting = (): NetQueueError => new NetQueueError('CONNECTION_LOST', 'The server restarts')
