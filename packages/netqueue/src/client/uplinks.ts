import type { Calls } from './calls.ts'
import type { Closed, ClientEvents, CloseOptions } from './client-options.ts'
import type { ClientServer } from './client-server.ts'
import type { Conversation } from '../endpoint/conversation.ts'
import type { Entries } from '../delivery/entry.ts'
import type { Puts } from '../delivery/puts.ts'
import { SETTLED } from '../delivery/settlement.ts'
import { Drain } from '../endpoint/drain.ts'
import { checkMs } from '../errors/check.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { Emitter } from '../events/emitter.ts'
import { firstOf } from './first-server.ts'
import type { ConnectOptions } from './first-server.ts'
import { OnDemand } from './on-demand.ts'
import { clientClosed } from '../life/failures.ts'
import type { Reach } from '../life/reach.ts'
import { stateOf } from '../life/states.ts'
import type { ClientState, ClientStateChange } from '../life/states.ts'
import type { Logger } from '../options/logger.ts'
import { ITEMS, notAuthorized } from '../message/denials.ts'
import { lost } from '../request/failures.ts'
import type { Ticks } from '../ticks/ticks.ts'
import { Uplink } from './uplink.ts'
import type { SharedByUplinks, UplinkOwner } from './uplink-owner.ts'

export interface UplinksInit<Out> {
  reaches: readonly Reach[]
  shared: SharedByUplinks
  puts: Puts<Out>
  calls: Calls
  ticks: Ticks
  events: Emitter<ClientEvents>
  logger: Logger
  /** The client's id, for its log. */
  id: () => string
  /** Milliseconds after which servers are left that nobody uses; `undefined`: they are not looked for on demand. */
  onDemandMs: number | undefined
}

/** The servers of one client, from the first attempt to the end: who is there, who is told of what, and how it is closed. */
export class Uplinks<Out> implements UplinkOwner {
  readonly all: readonly Uplink[]
  /** @internal */
  readonly demand: OnDemand | undefined
  /** Resolves when the last one is over; never rejects. */
  readonly closed: Promise<Closed<Out>>
  readonly #init: UplinksInit<Out>
  readonly #drain: Drain
  #closing: Promise<void> | undefined
  #isClosing = false
  /** A server drains: what is in hand can still be answered by puts. */
  #isDismissed = false
  #isOutlived = false
  /** Why all is over, once it is. */
  #reason: NetQueueError | undefined
  #resolveEnded!: (closed: Closed<Out>) => void

  constructor(init: UplinksInit<Out>) {
    this.#init = init
    this.#drain = new Drain(init.shared.link.env, () => this.#isDone())
    const ended = new Promise<Closed<Out>>((resolve) => (this.#resolveEnded = resolve))
    this.closed = ended.then((closed) => this.#done().then(() => closed))
    this.demand = this.#onDemand(init.onDemandMs)
    this.all = init.reaches.map((reach) => new Uplink(reach, init.shared, this))
  }

  get state(): ClientState {
    return stateOf(this.all.map(({ state }) => state))
  }

  /** A handler was at work when its signal and the moment after it had passed. */
  get isOutlived(): boolean {
    return this.#isOutlived
  }

  /** What is said to each server, be it away or about to be left. */
  get begun(): readonly Conversation[] {
    return this.all.flatMap(({ conversation }) => conversation ?? [])
  }

  /** The one on which requests and messages can go now, with the fewest requests of several; a plain loop, as each request passes here. */
  get leastBusy(): Conversation | undefined {
    let best: Conversation | undefined
    for (let index = 0; index < this.all.length; index += 1) {
      const open = this.all[index]?.open
      if (open !== undefined && (best === undefined || open.requests < best.requests)) best = open
    }
    return best
  }

  /** The same on the first of several. */
  get first(): Conversation | undefined {
    return this.all.find(({ open }) => open !== undefined)?.open
  }

  /** What is said to one of them, be it about to be left; throws a `TypeError` for a server of somebody else. */
  openAt(server: ClientServer): Conversation | undefined {
    const uplink = this.all.find((each) => each === server)
    if (uplink === undefined) throw new TypeError('Expected `to` to be a server of this client')
    return uplink.conversation
  }

  /** Milliseconds to the nearest server and back, without what else kept either side busy; a plain loop, as it is asked with each few items. */
  get fastestRtt(): number | undefined {
    let best: number | undefined
    for (let index = 0; index < this.all.length; index += 1) {
      const rtt = this.all[index]?.link?.fastestRtt
      if (rtt !== undefined && (best === undefined || rtt < best)) best = rtt
    }
    return best
  }

  /** What the first server that is connected said of itself; where none is, the first one. */
  get status(): unknown {
    return (this.all.find(({ state }) => state === 'connected') ?? this.all[0])?.status
  }

  /** Tells all servers that are connected. */
  setStatus(status: unknown): void {
    for (const { link } of this.all) link?.setStatus(status)
  }

  /** Throws when nothing new can be begun. */
  checkOpen(): void {
    if (this.#reason !== undefined) throw lost(this.#reason, 'no')
    if (this.#isClosing) throw clientClosed()
  }

  /** The same for puts: while a server drains, and an item of its is in hand, what is put is what was made of it. */
  checkPut(): void {
    const isAnswering = this.#reason === undefined && this.#isDismissed && this.#hasItems()
    if (!isAnswering) this.checkOpen()
  }

  /** Throws where no server asks, or sends, this client something by that name. */
  checkReachable(name: string): void {
    const objection = this.#objection(name)
    if (objection !== undefined) throw objection
  }

  /** Measures the round trips again. */
  ping(): void {
    for (const { link } of this.all) link?.ping()
  }

  /** Somebody waits for a server, or for something of one. */
  use(): void {
    this.demand?.use()
  }

  /** Resolves when the first server is connected, or at once where they are looked for on demand; rejects when none can be, with why the last one cannot. */
  async connect({ signal, isPatient }: ConnectOptions): Promise<void> {
    if (this.demand !== undefined) return
    try {
      const reconnects = this.#init.shared.reconnect !== undefined
      await firstOf(this.all, { signal, isPatient, reconnects, isOver: () => this.#reason !== undefined })
    } catch (reason) {
      this.#cut()
      throw reason
    }
  }

  /** See `Client.close`. */
  async close({ timeout = 5_000, reason = '', notify = true }: CloseOptions): Promise<void> {
    checkMs('timeout', timeout)
    this.#isDismissed = false
    if (!notify) this.#cut()
    if (this.#closing !== undefined) this.#drain.limit(timeout)
    this.#closing ??= this.#close(timeout, reason)
    await this.#closing
  }

  /** Something may have come to an end. */
  changed(): void {
    this.#init.calls.check()
    this.#drain.check()
    this.demand?.check()
  }

  together(act: () => void): void {
    this.#init.events.together(act)
  }

  entered(uplink: Uplink, change: ClientStateChange): void {
    const { events, logger, id } = this.#init
    events.emit('state', change)
    if (change.state === 'connected') {
      logger.debug({ client: id(), server: uplink.id, address: uplink.address }, 'connected')
      events.emit('connect', { server: uplink, resumed: change.resumed })
    }
    if (change.state === 'reconnecting') {
      const { attempt, delayMs, error } = change
      events.emit('reconnecting', { server: uplink, attempt, delayMs, ...(error !== undefined && { error }) })
    }
  }

  opened(): void {
    this.#init.calls.opened()
    if (this.#init.shared.protocol.supports.items) this.#init.shared.link.inbox.deny(this.#objection(ITEMS))
    this.demand?.check()
  }

  disconnected(server: Uplink, error: NetQueueError | undefined): void {
    const { events, logger, id } = this.#init
    logger.debug({ client: id(), server: server.id, code: error?.code ?? 'CLOSED' }, 'disconnected')
    const { reason } = server
    events.emit('disconnect', { server, ...(reason !== '' && { reason }), ...(error !== undefined && { error }) })
  }

  statusChanged(server: Uplink, status: unknown): void {
    this.#init.events.emit('status', { server, status })
  }

  goaway(server: Uplink, code: string): void {
    this.#init.events.emit('goaway', { server, code })
    const isLast = this.all.every((each) => each === server || each.isOver)
    if (!isLast || server.returnsAfter(code) || this.demand !== undefined) void server.depart(code)
    else this.#dismissed()
  }

  ended(uplink: Uplink, error: NetQueueError | undefined, entries: Entries): void {
    const isLast = this.all.every(({ isOver }) => isOver)
    if (isLast) return this.#finish(error ?? clientClosed(), entries)
    this.#init.puts.lost(uplink.id, entries)
    this.#init.puts.refuse()
    if (error !== undefined) this.warn(error, uplink)
    this.#init.shared.link.inbox.deny(this.#objection(ITEMS))
    this.changed()
  }

  warn(error: NetQueueError, server?: Uplink): void {
    const { events, logger, id } = this.#init
    logger.warn({ client: id(), server: server?.id, code: error.code }, error.message)
    events.emit('warning', { error, ...(server !== undefined && { server }) })
  }

  #onDemand(idleMs: number | undefined): OnDemand | undefined {
    if (idleMs === undefined) return undefined
    const { env } = this.#init.shared.link
    return new OnDemand({ env, idleMs, isUsed: () => this.#isUsed(), uplinks: () => this.all })
  }

  /** Whether somebody waits for a server, or for something of one. */
  #isUsed(): boolean {
    const { puts, calls, shared } = this.#init
    const isWaiting = puts.waiting > 0 || calls.waiting > 0 || shared.link.inbox.isRead
    return isWaiting || this.#isWorking() || this.all.some(({ isBusy }) => isBusy)
  }

  /** Nothing is left to be handed back, to be sent, to be acknowledged, or to be answered. */
  #isDone(): boolean {
    const { puts, calls } = this.#init
    const isWaiting = puts.waiting > 0 || calls.waiting > 0
    return !isWaiting && !this.#isWorking() && this.all.every(({ isDone }) => isDone)
  }

  /** Why nothing of that name comes from any server, as far as they have said so; one that is looked for may. */
  #objection(name: string): NetQueueError | undefined {
    const servers = this.all.filter(({ isOver }) => !isOver)
    const isDenied = servers.every(({ link }) => link?.peer?.denies?.denies('subscribe', name) === true)
    return isDenied && servers.length > 0 ? notAuthorized('This client', 'subscribe', name) : undefined
  }

  /** Whether a handler is at work, be it on something that came by a connection which is gone. */
  #isWorking(): boolean {
    const { talk, link } = this.#init.shared
    return talk.isWorking || link.inbox.isWorking
  }

  #hasItems(): boolean {
    return this.all.some(({ link }) => link?.intake.isSettled === false)
  }

  /** The server decides how long it waits; it ends the connection when its time is up. */
  #dismissed(): void {
    this.#isDismissed = this.#closing === undefined
    this.#closing ??= this.#close(Number.POSITIVE_INFINITY, '')
  }

  /** Resolves when all duplexes and timers are released. */
  async #done(): Promise<void> {
    await Promise.all(this.all.map((uplink) => uplink.done()))
  }

  async #close(timeout: number, reason: string): Promise<void> {
    if (this.#reason === undefined) this.#begin(reason)
    await this.#drain.run(timeout, () => this.#revoke(clientClosed()))
    this.#isOutlived = this.#isWorking() || this.all.some(({ hasItems }) => hasItems)
    for (const uplink of this.all) uplink.leave()
    await this.#done()
  }

  /** Takes nothing new, and tells the servers so. */
  #begin(reason: string): void {
    const { shared, ticks } = this.#init
    const { inbox } = shared.link
    this.#isClosing = true
    ticks.end()
    inbox.close(clientClosed())
    inbox.handBack()
    for (const uplink of this.all) uplink.drain(reason)
    // Those that wait for a connection, where there is none that they could have: none is looked for any more.
    this.#init.calls.close(clientClosed())
  }

  /** Time is up: the signals of all handlers at work fire. */
  #revoke(reason: NetQueueError): void {
    for (const uplink of this.all) uplink.revoke(reason)
  }

  #cut(): void {
    for (const uplink of this.all) uplink.cut()
  }

  #finish(reason: NetQueueError, { sent, queued }: Entries): void {
    const { puts, calls, ticks, events, shared } = this.#init
    this.#reason = reason
    const left = [...sent, ...queued, ...puts.close(reason)]
    const undone = left.filter((entry) => !entry.ended(SETTLED.returned))
    shared.link.inbox.close(reason)
    calls.close(reason)
    this.demand?.end()
    // Nobody is left to wait for but handlers.
    this.#drain.check()
    ticks.end()
    events.close()
    shared.talk.close()
    const end = reason.code === 'CLOSED' ? {} : { error: reason }
    const said = this.all.findLast((uplink) => uplink.reason !== '')?.reason
    const words = said === undefined ? {} : { reason: said }
    this.#resolveEnded({ ...end, ...words, undone: undone.map(({ item }) => item as Out) })
  }
}
