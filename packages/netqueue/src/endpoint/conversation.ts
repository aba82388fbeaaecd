import type { SessionUser } from '../connection/session.ts'
import type { Sender } from '../delivery/delivery.ts'
import type { Link } from '../delivery/link.ts'
import { untimely } from './relaying.ts'
import type { TreeMail, TreeMessage } from './relaying.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { Message, Writer } from '../protocol/message.ts'
import type { Peer, Wire } from '../protocol/wire.ts'
import { unsupported } from '../protocol/supports.ts'
import { Exchange } from '../request/exchange.ts'
import type { ExchangeInit } from '../request/exchange.ts'

/** What the conversations of one client or server share. */
export type SharedByConversations = Pick<
  ExchangeInit<Sender>,
  'env' | 'limits' | 'handlers' | 'finder' | 'subscriptions' | 'exposeErrors' | 'headerFault'
>

/** Whose conversation it is. */
export interface ConversationInit {
  readonly link: Link
  /** What all conversations of that client or server share. */
  readonly talk: SharedByConversations
  /** Both sides know each other. */
  opened(): void
  /** The connection was lost; what is said waits for another one. */
  suspended(error: NetQueueError): void
  /** It goes on where it was. */
  resumed?(): void
  /** It is over, and the owner of the link has been told. */
  ended?(): void
  /** There is something to write. */
  wake(): void
  /** There is something to write that may follow from what is being read. */
  wakeSoon(): void
  /** There is a frame's worth to write. */
  flush(): void
  warn(error: NetQueueError): void
  /** How many requests are open has changed. */
  asked(): void
  /** A request began, or something is over. */
  changed(): void
  /** The peer told of the tree. Throws what ends the connection. */
  told?(message: TreeMessage): void
}

/** All that is said in one session: items on its link; requests and messages on its exchange, which is made when somebody has one. */
export class Conversation implements SessionUser {
  readonly link: Link
  readonly #init: ConversationInit
  #peer: Peer | undefined
  #exchange: Exchange<Sender> | undefined
  /** Why calls fail that a goodbye cuts off. @default the connection was closed */
  farewell: NetQueueError | undefined
  /** What the peer is told of the tree; nothing unless this side, and a client of it, are relays. */
  tree: TreeMail | undefined
  #isDraining = false
  /** The peer takes nothing new. */
  #isPeerDraining = false
  #end: { error: NetQueueError | undefined } | undefined

  constructor(init: ConversationInit) {
    this.#init = init
    this.link = init.link
  }

  /** Throws `UNSUPPORTED` where the peer's protocol has neither requests nor messages. */
  get exchange(): Exchange<Sender> {
    this.#exchange ??= this.#begin()
    return this.#exchange
  }

  /** Throws `UNSUPPORTED` where the peer's protocol has no requests. */
  checkSupported(): void {
    if (this.#peer?.supports.request !== true) throw unsupported(this.#peer?.protocol ?? '', 'request')
  }

  /** Requests of this side that the peer has, or that wait for it; also those whose answers nobody waits for any more. */
  get requests(): number {
    return this.#exchange?.requests ?? 0
  }

  /** Those of them whose answers somebody waits for. */
  get asking(): number {
    return this.#exchange?.asking ?? 0
  }

  /** Requests of the peer that wait for their answers. */
  get serving(): number {
    return this.#exchange?.serving ?? 0
  }

  /** Whether the peer begins no new requests of this side. */
  get isLeft(): boolean {
    return this.#isPeerDraining || this.#exchange?.isLeft === true
  }

  /** How many requests of this side the peer may have now. */
  get maxRequests(): number {
    if (this.isLeft) return 0
    return Math.min(this.#init.talk.limits.maxRequests, this.#peer?.requests?.count ?? 0)
  }

  /** Whether no request is open, and no message waits to be written. */
  get isQuiet(): boolean {
    return this.#exchange?.isIdle ?? true
  }

  /** Who the peer is, once it has introduced itself. */
  get peer(): Peer | undefined {
    return this.#peer
  }

  /** There is something to tell of the tree. */
  wake(): void {
    this.#init.wake()
  }

  get full(): Promise<void> | undefined {
    return this.link.intake.full
  }

  opened(wire: Wire): void {
    this.#peer = wire.peer
    this.link.opened(wire)
    this.#init.opened()
  }

  take(message: Message): void {
    switch (message.type) {
      case 'request':
      case 'response':
      case 'refusal':
      case 'message':
      case 'chunk':
      case 'chunkCredit':
      case 'chunkEnd':
      case 'endRequests':
      case 'cancelRequest':
        this.exchange.take(message)
        return this.link.acknowledge()
      case 'ancestry':
      case 'nodes':
      case 'names':
      case 'longest':
        if (this.#init.told === undefined) throw untimely(message)
        this.#init.told(message)
        return this.link.acknowledge()
      case 'endReplies':
        return this.#exchange?.peerEnds()
      case 'goaway':
        this.#isPeerDraining = true
        // First: what it has not is then made elsewhere.
        this.link.take(message)
        return this.#exchange?.peerLeaves()
      default:
        return this.link.take(message)
    }
  }

  fill(writer: Writer): boolean {
    const hasSettled = this.link.fill(writer)
    const hasTold = this.tree?.fill(writer) !== false
    const hasSaid = this.#exchange?.fill(writer) !== false
    return hasSettled && hasTold && hasSaid
  }

  suspended(error: NetQueueError): void {
    this.link.forgetPing()
    this.#init.suspended(error)
  }

  resumed(): void {
    this.#init.resumed?.()
  }

  ping(): void {
    this.link.ping()
  }

  closed(error: NetQueueError | undefined): void {
    this.#end = { error }
    this.link.closed(error)
    this.#exchange?.closed(error ?? this.farewell)
    this.#init.ended?.()
  }

  /** Begins no more requests of the peer: new ones are refused with `CLOSED`, those that are here finish. */
  drain(): void {
    this.#isDraining = true
    this.#exchange?.drain()
  }

  /** Tells the peer, where it has requests, that no more of them come. Resolves when all that were made are over. */
  async endRequests(): Promise<void> {
    if (this.#peer?.supports.request === true) await this.exchange.endRequests()
  }

  /** Fires the signals of handlers at work. */
  revoke(reason: NetQueueError): void {
    this.#exchange?.revoke(reason)
  }

  #begin(): Exchange<Sender> {
    const { registry } = this.#peer ?? {}
    if (this.#peer === undefined || registry === undefined) throw unsupported(this.#peer?.protocol ?? '', 'request')
    const init = this.#init
    const exchange = new Exchange<Sender>({
      ...init.talk,
      vocabulary: registry,
      from: () => this.link.from,
      wake: () => init.wakeSoon(),
      flush: () => init.flush(),
      warn: (error) => init.warn(error),
      asked: () => init.asked(),
      changed: () => init.changed(),
    })
    exchange.opened(this.#peer)
    if (this.#isDraining) exchange.drain()
    if (this.#isPeerDraining) exchange.peerLeaves()
    if (this.#end !== undefined) exchange.closed(this.#end.error ?? this.farewell)
    return exchange
  }
}
