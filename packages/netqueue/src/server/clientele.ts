import type { Connection } from '../connection/connection.ts'
import { Pulse } from '../connection/pulse.ts'
import type { Session } from '../connection/session.ts'
import type { Conversation } from '../endpoint/conversation.ts'
import type { Entries, Entry } from '../delivery/entry.ts'
import type { Link, LinkOwner, SharedByLinks } from '../delivery/link.ts'
import type { Answerers } from '../dispatch/answerers.ts'
import { serverClosed } from '../dispatch/backlog.ts'
import type { Backlog } from '../dispatch/backlog.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Emitter } from '../events/emitter.ts'
import type { Gatekeeper } from './gatekeeper.ts'
import { untimely } from '../endpoint/relaying.ts'
import type { Relaying, TreeMessage } from '../endpoint/relaying.ts'
import { notAuthorized } from '../message/denials.ts'
import { pathBytes } from '../message/route.ts'
import type { Path } from '../message/route.ts'
import type { Logger } from '../options/logger.ts'
import type { Permissions } from './permissions.ts'
import type { Introduction } from '../protocol/handshake.ts'
import type { Protocol } from '../protocol/protocol.ts'
import { Reception } from './reception.ts'
import type { AcceptOptions } from './reception.ts'
import { ConnectedClient } from './server-client.ts'
import type { Arrival, ServerClient } from './server-client.ts'
import type { Recipient, ServerEvents } from './server-options.ts'
import type { Talk } from '../endpoint/talk.ts'
import { Visit } from './visit.ts'
import type { VisitOwner } from './visit.ts'
import type { ByteDuplex } from '../transport/index.ts'

export interface ClienteleInit<Item> {
  protocol: Protocol
  /** What the server says of itself to the next one who connects. */
  introduction: () => Introduction
  /** Its status, as it is now. */
  status: () => unknown
  gatekeeper: Gatekeeper
  permissions: Permissions
  /** What all links share. */
  link: SharedByLinks
  flushDelayMs: number
  talk: Talk
  backlog: Backlog<Item, ServerClient>
  answerers: Answerers<ConnectedClient>
  events: Emitter<ServerEvents<Item>>
  /** A relay's. @default it is none */
  relaying?: Relaying | undefined
  ready: ((client: ServerClient) => boolean) | undefined
  logger: Logger
  /** Someone is gone, or has nothing in hand here any more. */
  changed: () => void
  warn: (error: NetQueueError, client?: ServerClient) => void
}

/** The clients of one server, from the introduction to the goodbye: tells the backlog who comes, is away, and goes. */
export class Clientele<Item> {
  readonly #init: ClienteleInit<Item>
  readonly #clients: Map<Link, ConnectedClient> = new Map()
  readonly #ids: Map<string, ConnectedClient> = new Map()
  /** Those of the clients, and those whose items are still worked on here. */
  readonly #visits: Set<Visit> = new Set()
  /** For all visits: each costs a server as little as can be. */
  readonly #owner: VisitOwner
  readonly #pulse: Pulse
  readonly #reception: Reception
  #goaway: string | undefined

  constructor(init: ClienteleInit<Item>) {
    this.#init = init
    this.#owner = this.#ownVisits()
    const { protocol, introduction, gatekeeper, permissions, link, flushDelayMs, relaying, changed, warn } = init
    const pulse = new Pulse({ ...link, warn, flushDelayMs, passesOn: relaying !== undefined })
    this.#pulse = pulse
    this.#reception = new Reception({
      protocol,
      introduction,
      env: link.env,
      limits: link.limits,
      pulse,
      gatekeeper,
      permissions,
      find: (id) => this.#ids.get(id),
      count: () => this.#clients.size,
      converse: (session, arrival) => this.#converse(session, arrival),
      changed,
      warn,
    })
  }

  /** Whether nobody is connected, introduced or not, and nothing is in hand here. */
  get isDone(): boolean {
    return this.#reception.isEmpty && !this.isWorking
  }

  /** Whether something that a client put, or asked, is in hand here. */
  get isWorking(): boolean {
    if (this.#init.talk.isWorking) return true
    for (const { link } of this.#visits) if (link.intake.handedOut > 0) return true
    return false
  }

  /** The clients that have introduced themselves, those that are away included. */
  get connected(): Iterable<ConnectedClient> {
    return this.#clients.values()
  }

  /** Resolves when all connections of this moment are gone. */
  async done(): Promise<void> {
    await this.#reception.done()
  }

  /** Resolves when the other end has introduced itself; rejects with the reason for which it was refused. */
  accept(duplex: ByteDuplex, options: AcceptOptions): Promise<ServerClient> {
    return this.#reception.accept(duplex, options)
  }

  /** Who is at the end of a path. Throws `CLIENT_GONE` where nobody is known there. */
  at([id = '', ...way]: Path): Recipient {
    const client = this.#ids.get(id)
    const found = way.length === 0 ? client : client?.below.find(way)
    if (found !== undefined) return found
    const value = [id, ...way].join('/')
    throw new NetQueueError('CLIENT_GONE', `No client, and no node below one, is known by the path ${value}`, { value })
  }

  /** Whether a client is one of these. */
  has(client: ConnectedClient): boolean {
    return this.#clients.get(client.link) === client
  }

  /** Why a client cannot have an item, if so: its protocol cannot carry it, or it takes none of that size. */
  objection(client: ServerClient, entry: Entry, { wantsResult }: { wantsResult: boolean }): NetQueueError | undefined {
    const peer = client instanceof ConnectedClient ? client.link.peer : undefined
    const bytes = entry.payload.length + (entry.way === undefined ? 0 : pathBytes(entry.way))
    // What a path leads to may take longer ones than others below.
    const most = entry.way === undefined ? client.maxItemBytes : peer?.maxItemBytes
    if (peer !== undefined && bytes > (most ?? 0)) {
      const message = `Client ${client.id} takes items of at most ${most} bytes (its maxItemBytes), got ${bytes}`
      return new NetQueueError('ITEM_TOO_LARGE', message, {
        limit: 'maxItemBytes',
        value: bytes,
        delivered: 'no',
      })
    }
    const isOurs = client instanceof ConnectedClient && this.has(client)
    if (isOurs && !client.takesItems) return notAuthorized(`Client ${client.id}`, 'subscribe')
    if (isOurs && client.carries(entry) && (!wantsResult || peer?.supports.result === true)) return undefined
    const message = `The protocol ${client.protocol} of client ${client.id} cannot carry this item`
    return new NetQueueError('UNSUPPORTED', message, { delivered: 'no' })
  }

  /** Those that may be given items. */
  get takers(): readonly ServerClient[] {
    return [...this.#clients.values()].filter(({ takesItems }) => takesItems)
  }

  setStatus(status: unknown): void {
    for (const { link } of this.#clients.values()) link.setStatus(status)
  }

  /**
   * Tells all that the server drains, and refuses those who come. Originals have no word for it and are sent away; who is away cannot come
   * back, and is not waited for.
   */
  drain(code: string): void {
    this.#goaway = code
    const introduced = new Set<Connection>()
    for (const client of this.#clients.values()) {
      introduced.add(client.arrival.connection)
      if (client.isAway) client.session.giveUp()
      else this.#sendAway(client, code)
    }
    this.#reception.close(introduced)
  }

  readonly #dismissed = (client: ConnectedClient): void => {
    if (client.isDraining || !this.has(client)) return
    client.isDraining = true
    if (client.isAway) return client.session.giveUp()
    this.#sendAway(client, 'CLOSED')
    this.#changed(client)
  }

  #sendAway(client: ConnectedClient, code: string): void {
    client.conversation.drain()
    client.link.goaway(code)
    this.#endIfAnswered(client)
  }

  /**
   * One that does not settle does not say when it is done: it is left as soon as no request is open; by a server that closes, which has a
   * time for that, when it has also taken what waits for it.
   */
  #endIfAnswered({ settles, conversation, session }: ConnectedClient): void {
    if (settles || conversation.asking + conversation.serving > 0) return
    if (this.#goaway === undefined || conversation.isQuiet) session.end()
  }

  /** A request began, or something is over. */
  #advanced({ link }: Visit): void {
    const client = link.from as ConnectedClient
    if (client.isDraining || this.#goaway !== undefined) this.#endIfAnswered(client)
    if (this.#goaway !== undefined) this.#init.changed()
  }

  /** Time is up: the signals of what is in hand fire, and all connections end. */
  close(): void {
    for (const { link, conversation } of this.#visits) {
      link.intake.revoke(serverClosed())
      conversation.revoke(serverClosed())
    }
    this.#reception.end()
  }

  #ownVisits(): VisitOwner {
    const { link, talk, answerers, events, warn } = this.#init
    return {
      links: link,
      linkOwner: this.#ownLinks(),
      conversations: talk.shared,
      opened: (visit) => visit.arrival.resolve(this.#join(visit)),
      suspended: ({ link: lost, session }, error) => this.#suspended(lost, session, error),
      resumed: (visit) => this.#with(visit.link, (client) => this.#resumed(client)),
      worked: (visit) => this.#worked(visit),
      asked: (visit) => answerers.changed(visit.link.from as ConnectedClient),
      changed: (visit) => this.#advanced(visit),
      told: (visit, message) => events.together(() => this.#told(visit.link, message)),
      warn: (visit, error) => warn(error, this.#clients.get(visit.link)),
    }
  }

  /** Whoever has introduced itself is talked to. */
  #converse(session: Session, arrival: Arrival): Conversation {
    const visit = new Visit(session, arrival, this.#owner)
    this.#visits.add(visit)
    return visit.conversation
  }

  /** Something of a client's was settled here behind the end of its session, or it is gone. */
  #worked(visit: Visit): void {
    if (visit.link.intake.handedOut === 0) this.#visits.delete(visit)
    this.#init.changed()
  }

  #ownLinks(): LinkOwner {
    const { backlog, warn, events } = this.#init
    return {
      changed: (link) => this.#with(link, (client) => backlog.dispatcher.changed(client)),
      settled: (link, entry, settlement) => backlog.settled(entry, link.id, settlement),
      status: (link, status) =>
        this.#with(link, (client) => {
          client.status = status
          events.emit('status', { client, status })
          backlog.dispatcher.changed(client)
        }),
      goaway: (link, _code, reason) =>
        this.#with(link, (client) => {
          // It answers ours with its own.
          const isNews = !client.isDraining && this.#goaway === undefined
          client.isDraining = true
          client.reason = reason
          if (isNews) events.emit('goaway', { client, reason })
          this.#changed(client)
        }),
      measured: (link) => this.#with(link, (client) => this.#init.relaying?.measured?.(client.conversation)),
      closed: (link, error, entries) => {
        const client = this.#clients.get(link)
        if (client !== undefined) events.together(() => this.#leave(client, error, entries))
      },
      warn: (error, link) => warn(error, this.#clients.get(link)),
    }
  }

  /** A relay told what is below it. */
  #told(link: Link, message: TreeMessage): void {
    const client = this.#clients.get(link)
    if (message.type === 'ancestry' || client?.isRelay !== true) throw untimely(message)
    if (message.type === 'longest') client.below.longest = message.longest
    else if (message.type === 'names') client.below.changeNames(message.changes)
    else {
      client.below.changeNodes(message.changes)
      this.#init.backlog.dispatcher.pruned(client)
    }
    this.#init.relaying?.heard(client.conversation, message)
    this.#init.events.emit('nodes', { client })
    if (message.type === 'longest') this.#init.backlog.dispatcher.altered(client)
    this.#changed(client)
  }

  #with(link: Link, act: (client: ConnectedClient) => void): void {
    const client = this.#clients.get(link)
    if (client !== undefined) act(client)
  }

  #join({ link, conversation, session, arrival }: Visit): ServerClient {
    const { ready, logger, backlog, answerers, events, status } = this.#init
    const client = new ConnectedClient({ conversation, session, arrival, ready, dismissed: this.#dismissed })
    this.#clients.set(link, client)
    this.#ids.set(client.id, client)
    link.from = client
    conversation.tree = this.#init.relaying?.opened(conversation)
    logger.debug({ client: client.id, address: client.address, protocol: client.protocol }, 'connected')
    if (client.settles) link.ping()
    // It may have changed while the two introduced themselves; an original hears of changes alone.
    if (client.settles && arrival.heard !== status()) link.setStatus(status())
    if (this.#goaway !== undefined) this.#sendAway(client, this.#goaway)
    backlog.dispatcher.join(client)
    answerers.join(client)
    events.emit('connect', { client })
    return client
  }

  /**
   * The connection of a client was lost: what it has stays its own for a while. Nobody comes back to a server that drains, and who was leaving
   * itself does not come back either.
   */
  #suspended(link: Link, session: Session, error: NetQueueError): void {
    const { logger, events } = this.#init
    const client = this.#clients.get(link)
    if (client === undefined || client.isDraining || this.#goaway !== undefined) return session.giveUp()
    client.presence = 'away'
    client.absence = this.#pulse.deadlines.set(client, session.resumeMs)
    this.#changed(client)
    logger.debug({ client: client.id, code: error.code }, 'away')
    events.emit('suspend', { client, error })
  }

  #resumed(client: ConnectedClient): void {
    const { backlog, logger, events } = this.#init
    client.absence?.cancel()
    client.presence = 'here'
    client.link.ping()
    logger.debug({ client: client.id, address: client.address }, 'back')
    events.emit('resume', { client })
    backlog.dispatcher.altered(client)
    this.#changed(client)
    client.arrival.resolve(client)
  }

  /** It may be offered something now, or no more. */
  #changed(client: ConnectedClient): void {
    this.#init.backlog.dispatcher.changed(client)
    this.#init.answerers.changed(client)
  }

  #leave(client: ConnectedClient, error: NetQueueError | undefined, entries: Entries): void {
    const { logger, backlog, answerers, events } = this.#init
    const unsettled = entries.sent.length + entries.queued.length
    client.gone()
    this.#init.relaying?.ended(client.conversation)
    this.#clients.delete(client.link)
    this.#ids.delete(client.id)
    backlog.dispatcher.leave(client)
    answerers.leave(client)
    backlog.lost(client.id, entries)
    logger.debug({ client: client.id, unsettled, code: error?.code }, 'disconnected')
    const { reason } = client
    events.emit('disconnect', {
      client,
      unsettled,
      ...(reason !== '' && { reason }),
      ...(error !== undefined && { error }),
    })
  }
}
