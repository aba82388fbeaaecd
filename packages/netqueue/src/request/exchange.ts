import type { Env } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { headerFault } from '../message/headers.ts'
import type { CheckedHeaders, HeaderFault } from '../message/headers.ts'
import type { Path, Route } from '../message/route.ts'
import type { Peer } from '../protocol/wire.ts'
import { unsupported } from '../protocol/supports.ts'
import type { Supports } from '../protocol/supports.ts'
import type { Again } from './again.ts'
import { badMessage, leaves, lost } from './failures.ts'
import { Deadlines } from '../queue/deadlines.ts'
import type { Handlers } from './handlers.ts'
import { IncomingMessages } from './incoming-messages.ts'
import { Lanes } from './lanes.ts'
import type { RequestLimits } from './limits.ts'
import type { ExchangeMessage, ExchangeWriter } from './mail.ts'
import { Posts } from './posts.ts'
import type { SendOptions } from './posts.ts'
import type { Call } from './call.ts'
import type { Passed } from './passed.ts'
import type { Finder, PassedMessage } from './finder.ts'
import type { Reply } from './reply.ts'
import { Requester } from './requester.ts'
import type { RequestOptions } from './request-options.ts'
import { Responder } from './responder.ts'
import type { Side } from './side.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { Vocabulary } from './vocabulary.ts'

export interface ExchangeInit<From = unknown> {
  env: Env
  limits: RequestLimits & {
    /** Calls that may wait at once. */
    maxWaiting: number
    /** Longest payload, with its headers, that this side takes. */
    maxItemBytes: number
  }
  vocabulary: Vocabulary
  handlers: Handlers
  /** A relay's: finds somebody else for what nobody handles here, and for what goes along a path. @default nobody does */
  finder?: Finder | undefined
  subscriptions: Subscriptions<From>
  /** Who the peer is, for handlers and subscribers. */
  from: () => From
  /** Whether the texts of errors of handlers on this side travel; their codes always do. */
  exposeErrors: boolean
  /** The rules of the protocol for headers. @default those of netqueue/1 */
  headerFault?: HeaderFault | undefined
  /** There is something to write. */
  wake: () => void
  /** There is a frame's worth to write. */
  flush: () => void
  warn: (error: NetQueueError) => void
  /** {@link Exchange.requests} changed. */
  asked: () => void
  /** Something is over: {@link Exchange.isIdle} may have changed. */
  changed: () => void
}

/** What an exchange has to know of its peer. */
export type ExchangePeer = Pick<Peer, 'protocol' | 'supports' | 'maxItemBytes' | 'requests' | 'isRelay'>

/** As its owner sees it. */
type Own<T> = { -readonly [K in keyof T]: T[K] }

/**
 * Requests in both directions with their streams, and one-way messages, on one connection. A synchronous machine: it is told what
 * the peer says, and writes when it is asked to.
 */
export class Exchange<From = unknown> {
  readonly #init: ExchangeInit<From>
  readonly #lanes: Lanes
  readonly #side: Own<Side>
  // Made when they are used: a server with many connections may use one of them, and of few.
  #requests: Requester | undefined
  #answers: Responder | undefined
  #messages: Posts | undefined
  #heard: IncomingMessages<From> | undefined
  #peer: ExchangePeer | undefined
  #error: NetQueueError | undefined

  constructor(init: ExchangeInit<From>) {
    const { wake, flush } = init
    this.#init = init
    this.#lanes = new Lanes({ wake, flush })
    this.#side = this.#makeSide()
  }

  /** Whether no request of either side is open, and nothing waits to be written. */
  get isIdle(): boolean {
    return this.asking === 0 && this.serving === 0 && (this.#messages?.size ?? 0) === 0 && this.#lanes.isEmpty
  }

  /** Requests of this side whose answers somebody waits for. */
  get asking(): number {
    return this.#requests?.size ?? 0
  }

  /** Those, and those that the peer still has although nobody waits for their answers any more. */
  get requests(): number {
    return this.#requests?.open ?? 0
  }

  /** Whether the peer begins no new requests of this side. */
  get isLeft(): boolean {
    return this.#side.gone !== undefined
  }

  /** Requests of the peer whose handlers are at work, or whose answers are not written. */
  get serving(): number {
    return this.#answers?.size ?? 0
  }

  /** Whether the peer has said that it sends no more requests. */
  get hasPeerEnded(): boolean {
    return this.#answers?.hasPeerEnded ?? false
  }

  /** Both sides know each other. */
  opened(peer: ExchangePeer): void {
    const { limits } = this.#init
    const { count, bytes } = this.#side.maxOpen
    this.#peer = peer
    this.#side.maxItemBytes = Math.min(limits.maxItemBytes, peer.maxItemBytes)
    if (peer.requests === undefined) return
    this.#side.maxOpen = { count: Math.min(count, peer.requests.count), bytes: Math.min(bytes, peer.requests.bytes) }
  }

  /** Throws a coded error for what the peer must not send; the connection then ends with it. */
  take(message: ExchangeMessage): void {
    if ('route' in message && message.route !== undefined) this.#checkRoute(message.route)
    switch (message.type) {
      case 'request':
        return this.#responder().request(message)
      case 'response':
        return this.#requester().response(message)
      case 'refusal':
        return this.#refused(message)
      case 'message':
        return this.#incoming().take(message)
      case 'cancelRequest':
        return this.#responder().cancel(message.tag)
      case 'endRequests':
        return this.#responder().endRequests()
      default:
        return this.#stream(message)
    }
  }

  /** Writes until all is written or the frame is full; tells whether all is. */
  fill(writer: ExchangeWriter): boolean {
    if (this.#requests !== undefined) this.#side.frameTime = this.#init.env.now()
    const hasCancelled = this.#requests?.fillControl(writer) !== false
    return this.#lanes.fill(writer) && hasCancelled
  }

  /** The last call. No error: both sides had said goodbye. */
  closed(error: NetQueueError | undefined): void {
    const reason = error ?? new NetQueueError('CLOSED', 'The connection was closed')
    this.#error = reason
    this.#side.gone = lost(reason, 'no')
    this.#requests?.close(reason)
    this.#answers?.close(reason)
    this.#messages?.close(reason)
    this.#lanes.close()
    this.#side.deadlines.close()
  }

  /**
   * Asks the peer, and resolves with what its handler says. `timeout` → `TIMEOUT` (by default `requestTimeoutMs`), `signal` → its
   * reason, or `ABORTED` when the request had been sent: then the handler's signal fires. `delivered` tells whether it may have been
   * begun. A handler that throws, or nobody who handles it: `RemoteError`. Also rejects with `QUEUE_FULL`, `ITEM_TOO_LARGE`,
   * `ENCODE_FAILED`, `DECODE_FAILED`, `UNSUPPORTED`, `CLOSED`, `CONNECTION_LOST`. `again` is asked first, where the peer certainly has
   * not begun it and will not.
   */
  call(name: string, payload: unknown, options?: RequestOptions, again?: Again): Promise<Reply> {
    return this.#requester().call(name, payload, options, again)
  }

  /** {@link call}, for the value of the reply alone. One that is streamed has none: `REPLY_STREAMED`, and the request is cancelled. */
  request(name: string, payload: unknown, options?: RequestOptions, again?: Again): Promise<unknown> {
    return this.#requester().request(name, payload, options, again)
  }

  /**
   * Asks the peer, and gives what its handler streams, as fast as it is read; the request is sent when the first chunk is asked for.
   * A reply that is one value is a stream of one. No `timeout` unless one is given, and then for all of it. Leaving the loop cancels
   * the request. Errors as with {@link call}: those that are known at once throw here, the others come from the loop.
   */
  stream(
    name: string,
    payload: unknown,
    options?: RequestOptions,
    again?: Again,
  ): AsyncIterableIterator<unknown, undefined> {
    return this.#requester().stream(name, payload, options, again)
  }

  /** A request of somebody else's goes on. */
  pass(passed: Passed): void {
    this.#requester().pass(passed)
  }

  /** Has what was passed on stopped. Tells whether the peer has it, and answers; what it has not is over. */
  stopPassed(call: Call): boolean {
    return this.#requester().stopPassed(call)
  }

  /** Nobody is left who could hear the answer. */
  leave(call: Call): void {
    this.#requester().left(call)
  }

  /**
   * Sends a message that has no answer. Resolves when it waits for nothing but its turn to be written; whoever is ahead of the
   * connection waits: `timeout` → `QUEUE_FULL`, `signal` → its reason. `deadline`: when that time is over, where it runs already.
   */
  send(name: string, payload: unknown, options?: SendOptions, deadline?: number): Promise<void> {
    return this.#posts().send(name, payload, options, deadline)
  }

  /** {@link send}, of bytes that are encoded already. */
  sendEncoded(name: string, payload: Uint8Array, options?: SendOptions, deadline?: number): Promise<void> {
    return this.#posts().sendEncoded(name, payload, options, deadline)
  }

  /** Whether a message was not sent because the connection was lost, and for no other reason. */
  hasLost(failure: unknown): boolean {
    const isUnsent = failure instanceof NetQueueError && failure.delivered === 'no'
    return isUnsent && this.#error !== undefined && failure.cause === this.#error
  }

  /** {@link sendEncoded} where that takes no waiting; tells whether it did. */
  trySendEncoded(name: string, payload: Uint8Array, headers?: CheckedHeaders, except?: readonly Path[]): boolean {
    return this.#posts().trySendEncoded(name, payload, headers, except)
  }

  /** Passes on what somebody else said, where that takes no waiting; tells whether it did. Throws for what cannot go that way. */
  tryPass(said: PassedMessage, way: Route = {}): boolean {
    return this.#posts().tryPass(said, way)
  }

  /** No more requests of this side: those that were made finish. Resolves when they have, and the peer was told. */
  endRequests(): Promise<void> {
    return this.#error === undefined ? this.#requester().endRequests() : Promise.resolve()
  }

  /** The peer leaves: it begins none of the requests that it has not, and no new ones. */
  peerLeaves(): void {
    this.#side.gone ??= leaves()
    this.#requests?.turnAway(this.#side.gone)
  }

  /** The peer answers nothing any more; its own requests are still answered. */
  peerEnds(): void {
    const reason = new NetQueueError('CONNECTION_LOST', 'The peer has said its last word')
    this.#side.gone ??= lost(reason, 'no')
    this.#requests?.close(reason)
  }

  /** Begins no more requests of the peer: new ones are refused with `CLOSED`, those that are here finish. */
  drain(): void {
    this.#responder().drain()
  }

  /** Fires the signals of the handlers at work; what they answer is still sent. */
  revoke(reason: NetQueueError): void {
    this.#answers?.revoke(reason)
  }

  #requester(): Requester {
    this.#requests ??= new Requester(this.#side, this.#init.wake)
    return this.#requests
  }

  #responder(): Responder {
    const { handlers, finder, from } = this.#init
    this.#answers ??= new Responder({ side: this.#side, handlers, finder, from })
    return this.#answers
  }

  #posts(): Posts {
    this.#messages ??= new Posts(this.#side)
    return this.#messages
  }

  #incoming(): IncomingMessages<From> {
    this.#heard ??= new IncomingMessages(this.#init)
    return this.#heard
  }

  #makeSide(): Own<Side> {
    const { env, limits, vocabulary, exposeErrors, warn, asked, changed } = this.#init
    return {
      env,
      deadlines: new Deadlines(env, { keepsTimer: true }),
      limits,
      maxOpen: { count: limits.maxRequests, bytes: limits.maxRequestBytes },
      maxItemBytes: limits.maxItemBytes,
      vocabulary,
      exposeErrors,
      warn,
      asked,
      changed,
      lanes: this.#lanes,
      frameTime: 0,
      gone: undefined,
      headerFault: this.#init.headerFault ?? headerFault,
      checkOpen: (feature) => this.#checkOpen(feature),
      checkRoutes: () => this.#checkRoutes(),
      checkSupports: (feature) => this.#checkSupports(feature),
    }
  }

  /** Names and paths come from relays, or to them, and paths only from above. */
  #checkRoute({ named, to, except }: Route): void {
    const { finder } = this.#init
    if (named !== undefined && finder === undefined && this.#peer?.isRelay !== true)
      throw badMessage('a name of a message where it has to say its id')
    if ((to !== undefined || except !== undefined) && finder?.isFromAbove !== true)
      throw badMessage('a path where there is none')
  }

  #checkOpen(feature: keyof Supports): void {
    if (this.#error !== undefined) throw lost(this.#error, 'no')
    this.#checkSupports(feature)
  }

  /** Whoever has relays says of each peer whether it is one. */
  #checkRoutes(): void {
    if (this.#peer?.isRelay !== undefined) return
    const message = `The protocol ${this.#peer?.protocol} has no word for what passes a relay: define the message there as well`
    throw new NetQueueError('UNSUPPORTED', message, { delivered: 'no' })
  }

  #checkSupports(feature: keyof Supports): void {
    if (this.#peer?.supports[feature] !== true) throw unsupported(this.#peer?.protocol ?? '', feature)
  }

  /** Whoever refuses a request because it leaves refuses those behind it as well. */
  #refused(refusal: Extract<ExchangeMessage, { type: 'refusal' }>): void {
    const isLeaving = refusal.isUnbegun === true && refusal.code === 'CLOSED'
    if (isLeaving) this.#side.gone ??= leaves()
    this.#requester().refusal(refusal)
    if (isLeaving) this.peerLeaves()
  }

  /** The streams of our requests are at the requester, those of the peer's at the responder. */
  #stream(message: Extract<ExchangeMessage, { type: 'chunk' | 'chunkCredit' | 'chunkEnd' }>): void {
    const { tag, direction } = message
    const sender = direction === 'body' ? this.#responder() : this.#requester()
    if (message.type === 'chunk') return sender.chunk(tag, message.payload)
    if (message.type === 'chunkEnd') return sender.chunkEnd(tag, message)
    const receiver = direction === 'body' ? this.#requester() : this.#responder()
    receiver.chunkCredit(tag, message.chunks, message.bytes)
  }
}
