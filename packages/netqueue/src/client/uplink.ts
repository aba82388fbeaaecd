import type { ClientServer } from './client-server.ts'
import type { Session } from '../connection/session.ts'
import type { Conversation } from '../endpoint/conversation.ts'
import { converse } from './converse.ts'
import type { Entries, Entry } from '../delivery/entry.ts'
import type { Link } from '../delivery/link.ts'
import { SETTLED } from '../delivery/settlement.ts'
import { Departure } from './departure.ts'
import { Dialling } from './dialling.ts'
import type { Timer } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { clientClosed, coded } from '../life/failures.ts'
import { Life } from '../life/life.ts'
import type { BeginOptions } from '../life/life.ts'
import type { Reach } from '../life/reach.ts'
import { untimely } from '../endpoint/relaying.ts'
import type { TreeMessage } from '../endpoint/relaying.ts'
import type { ClientState, ClientStateChange } from '../life/states.ts'
import type { SharedByUplinks, UplinkOwner } from './uplink-owner.ts'

const NOTHING: Entries = { sent: [], queued: [] }
/** A server may have yet to notice that we are gone; from this attempt on, an id that is in use is worth a warning. */
const PATIENT_ATTEMPTS = 3

/** A client's way to one server: one connection after the other, and what is said on them. */
export class Uplink implements ClientServer {
  readonly #shared: SharedByUplinks
  readonly #owner: UplinkOwner
  readonly #life: Life
  readonly #dialling: Dialling
  /** The last one, be it over. */
  #session: Session | undefined
  #conversation: Conversation | undefined
  #departure: Departure | undefined
  /** Runs while a session waits for its next connection. */
  #patience: Timer | undefined
  #isConnected = false

  constructor(reach: Reach, shared: SharedByUplinks, owner: UplinkOwner) {
    const { connectTimeoutMs, reconnect, link } = shared
    this.#shared = shared
    this.#owner = owner
    this.#dialling = new Dialling({ reach, shared, converse: (session) => this.#converse(session) })
    this.#life = new Life({
      env: link.env,
      addresses: reach.addresses,
      connectTimeoutMs,
      reconnect,
      isRepeatable: reach.isRepeatable,
      open: (attempt, address) => this.#dialling.begin(attempt, address),
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
  /** Why the server left, in its own words. */
  reason = ''

  get rtt(): number | undefined {
    return this.link?.rtt
  }

  /** What is said to the server, be it away or about to be left. */
  get conversation(): Conversation | undefined {
    return this.#conversation
  }

  /** Items both ways. */
  get link(): Link | undefined {
    return this.#conversation?.link
  }

  /** Requests and messages, where new ones can go this way now. */
  get open(): Conversation | undefined {
    const isGoing = this.#departure !== undefined || this.#conversation?.isLeft === true
    return this.state === 'reconnecting' || isGoing ? undefined : this.#conversation
  }

  /** Whether it has no server, and may have one again. */
  get isAwaited(): boolean {
    return !this.isOver && this.#conversation === undefined
  }

  get isOver(): boolean {
    return this.state === 'closed' || this.state === 'failed'
  }

  /** Whether it has a server when this one is gone, which drains: the same one that restarts, or another one that stands in for it. */
  returnsAfter(code: string): boolean {
    return code === 'RESTART' ? this.#life.comesBack : this.#life.goesOn
  }

  /** Nothing is left to be handed back, to be acknowledged, or to be answered. */
  get isDone(): boolean {
    if (this.#conversation === undefined) return true
    const { link, isQuiet } = this.#conversation
    // Until the server knows that this side leaves, it goes on sending items and requests, which are handed back and refused.
    return link.isGoawayHeard && link.intake.handedOut === 0 && link.outbox.isAcknowledged && isQuiet
  }

  /** Whether something is in hand, be it here or there. */
  get isBusy(): boolean {
    if (this.#conversation === undefined) return false
    const { link, isQuiet } = this.#conversation
    return link.intake.handedOut > 0 || link.outbox.inFlight > 0 || !isQuiet
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
  done(): Promise<void> {
    return this.#dialling.done()
  }

  /** Begins to leave for good: takes nothing new, and tells the server so. Where there is no connection it is over at once. */
  drain(reason: string): void {
    if (this.#life.isEnding) return
    const wasConnected = this.state === 'connected'
    this.#life.close()
    if (!wasConnected) return this.#forget(clientClosed())
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
    this.link?.intake.handBack(clientClosed())
    this.#session?.end()
  }

  /** Ends at once and without a word. */
  cut(): void {
    if (this.state === 'reconnecting' || this.#conversation === undefined) this.drain('')
    else this.#session?.cut(clientClosed())
  }

  /** Leaves a server that drains, when what is in hand is done: for good, or to have one again. */
  async depart(code: string): Promise<void> {
    const conversation = this.#conversation
    if (conversation === undefined || this.#departure !== undefined) return
    const returns = this.returnsAfter(code)
    if (code !== 'RESTART') this.#life.dismissed()
    await this.#part(conversation, returns)
  }

  /** Leaves a server that nobody uses; {@link begin} looks for it again. */
  async rest(): Promise<void> {
    const conversation = this.#conversation
    if (this.state !== 'connected' || conversation === undefined || this.#departure !== undefined) return
    await this.#part(conversation, false)
  }

  async #part(conversation: Conversation, returns: boolean): Promise<void> {
    this.#departure = new Departure({ conversation, shared: this.#shared, returns })
    await this.#departure.prepare()
    if (this.#conversation === conversation) this.#session?.end()
  }

  #converse(session: Session): Conversation {
    // Of several servers, the one that has this client now is the only one that it talks to.
    this.#session?.giveUp()
    const conversation: Conversation = converse({
      session,
      shared: this.#shared,
      opened: () => this.#opened(conversation, session),
      suspended: (error) => this.#suspended(error),
      resumed: () => this.#resumed(),
      told: (message) => this.#told(conversation, message),
      status: (status) => {
        this.status = status
        this.#owner.statusChanged(this, status)
      },
      goaway: (code, reason) => {
        this.reason = reason
        this.#owner.goaway(this, code)
      },
      closed: (link, error, entries) => this.#closed(link, error, entries),
      worked: () => this.#worked(),
      warn: (error) => this.#owner.warn(error, this),
    })
    return conversation
  }

  #opened(conversation: Conversation, session: Session): void {
    const { link } = conversation
    this.#session = session
    this.#conversation = conversation
    this.status = link.peer?.status
    this.reason = ''
    this.#isConnected = true
    this.#life.opened({ resumed: false })
    link.ping()
    if (this.#dialling.isOutdated) link.setStatus(this.#shared.status())
    this.#dialling.opened(session)
    conversation.tree = this.#shared.relaying?.opened(conversation)
    this.#shared.puts.join(link)
    this.#owner.opened()
  }

  #told(conversation: Conversation, message: TreeMessage): void {
    if (message.type !== 'ancestry' || this.#shared.relaying === undefined) throw untimely(message)
    this.#shared.relaying.heard(conversation, message)
  }

  /** The connection is gone; the session waits for the next one, for as long as the server keeps it: not behind a goodbye, whoever said it. */
  #suspended(error: NetQueueError): void {
    const session = this.#session as Session
    if (this.#departure !== undefined || !this.#life.returnsAfter(error)) return session.giveUp()
    this.#patience = this.#shared.link.env.setTimer(() => session.giveUp(), session.resumeMs)
    if (this.link !== undefined) this.#shared.puts.pause(this.link)
    this.#life.lost(error)
  }

  #resumed(): void {
    this.#patience?.cancel()
    this.#isConnected = true
    this.#life.opened({ resumed: true })
    this.#dialling.opened(this.#session as Session)
    if (this.#conversation === undefined) return
    this.#shared.puts.resume(this.#conversation.link)
    this.#owner.opened()
  }

  /** What was said on a link is over: with its connection, or because no other one came in time. Told of when all entries have their place. */
  #closed(link: Link, error: NetQueueError | undefined, entries: Entries): void {
    this.#owner.together(() => this.#left(link, error, entries))
  }

  #left(link: Link, error: NetQueueError | undefined, { sent, queued }: Entries): void {
    const { puts } = this.#shared
    const departure = this.#departure
    const conversation = this.#conversation
    const { id } = this
    this.#patience?.cancel()
    if (conversation !== undefined) this.#shared.relaying?.ended(conversation)
    puts.leave(link)
    this.#conversation = undefined
    this.#departure = undefined
    departure?.end()
    if (sent.length + queued.length === 0 && this.#mayRest(error)) return this.#life.rest()
    // Who said that it closes for good is not looked for, however its connection has ended.
    const reason = (departure?.returns === false ? undefined : error) ?? this.#sequel(departure)
    if (conversation !== undefined) conversation.farewell = error ?? reason
    if (this.state === 'reconnecting') return puts.lost(id, { sent, queued })
    if (reason !== undefined && this.#life.returnsAfter(reason)) {
      puts.lost(id, { sent, queued })
      return this.#life.lost(reason)
    }
    const unknown = error === undefined ? this.#notReceived(link, sent) : sent
    this.#end(error?.code === 'CLOSED' ? undefined : error, { sent: unknown, queued })
  }

  /** A server that said goodbye keeps what it received, and is done with it as far as anybody here can know; one that was lost may be gone with it. */
  #notReceived(link: Link, sent: readonly Entry[]): Entry[] {
    const received = new Set(sent.filter((entry) => link.outbox.hasReceived(entry)))
    for (const entry of received) entry.ended(SETTLED.done)
    return sent.filter((entry) => !received.has(entry))
  }

  /** Whether nobody looks for the server that is gone, until somebody uses it. */
  #mayRest(error: NetQueueError | undefined): boolean {
    if (this.#owner.demand?.isUsed !== false || this.state !== 'connected') return false
    return error === undefined || this.#life.returnsAfter(error)
  }

  /** Why a server is looked for though this one has said goodbye; `undefined`: none is. */
  #sequel(departure: Departure | undefined): NetQueueError | undefined {
    if (departure?.returns !== true) {
      if (!this.#life.goesOn && this.#owner.demand === undefined) return undefined
      this.#life.dismissed()
    }
    return new NetQueueError('CONNECTION_LOST', this.#life.isDismissed ? 'The server closed' : 'The server restarts')
  }

  #entered(change: ClientStateChange): void {
    const { state } = change
    const isLoss = this.#isConnected && state !== 'connected' && state !== 'closing'
    const error = 'error' in change ? change.error : undefined
    if (isLoss) this.#isConnected = false
    this.#owner.together(() => {
      if (isLoss) this.#owner.disconnected(this, error)
      this.#owner.entered(this, change)
      // Still: perhaps for ever, as where two addresses lead to one server.
      const isTaken = 'attempt' in change && change.attempt === PATIENT_ATTEMPTS && error?.code === 'ID_IN_USE'
      if (isTaken) this.#owner.warn(error, this)
    })
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
    this.#owner.together(() => {
      this.#life.end(error)
      this.#owner.ended(this, error, entries)
    })
  }

  #worked(): void {
    this.#departure?.check()
    this.#owner.changed()
  }
}
