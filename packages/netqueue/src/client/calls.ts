import type { ClientRequestOptions, ClientSendOptions } from './client-options.ts'
import type { ClientServer } from './client-server.ts'
import type { Conversation } from '../endpoint/conversation.ts'
import type { Sender } from '../delivery/delivery.ts'
import type { Env } from '../env/env.ts'
import { Inquiry } from '../endpoint/errand.ts'
import type { Errand, Request, Seeker } from '../endpoint/errand.ts'
import { NetQueueError, RemoteError } from '../errors/errors.ts'
import { Forwarding } from '../endpoint/forwarding.ts'
import { LateStream } from '../endpoint/late-stream.ts'
import type { Stream } from '../endpoint/late-stream.ts'
import { promised } from '../endpoint/promised.ts'
import { checkWait } from '../queue/pending.ts'
import type { Exchange } from '../request/exchange.ts'
import { requestsEnded, timedOut, tooManyWaiting, unsent } from '../request/failures.ts'
import type { SendOptions } from '../request/posts.ts'
import type { Reply } from '../request/reply.ts'
import type { RequestOptions } from '../request/request-options.ts'
import type { PassedMessage } from '../request/finder.ts'
import type { Transit } from '../request/transit.ts'
import { Standby } from './standby.ts'
import type { Talk } from '../endpoint/talk.ts'

export interface CallsInit {
  env: Env
  talk: Talk
  /** What is said to each server that there is, be it away or about to be left. */
  begun: () => readonly Conversation[]
  /** The one on which requests and messages can be sent now; of several, the one with the fewest requests. */
  choose: () => Conversation | undefined
  /** What is said to one server, where something new can be said now. Throws a `TypeError` for a server of somebody else. */
  conversationOf: (server: ClientServer) => Conversation | undefined
  /** Throws when nothing can be asked and sent any more. */
  checkOpen: () => void
  /** Somebody waits for a connection. @default all are looked for already */
  wanted?: () => void
}

/** A message on its way to a server that has room for it. */
interface Letter {
  ordinal: number
  options: SendOptions
  /** When its time is over, on the clock of `env`; `undefined`: never. */
  deadline: number | undefined
  send: (exchange: Exchange<Sender>, deadline: number | undefined) => Promise<void>
}

/** The end of requests: resolves when all are over and the servers have been told. */
interface End {
  promise: Promise<void>
  resolve: () => void
}

const NO_OPTIONS: ClientRequestOptions = {}

/**
 * The requests and messages of a client: they go to whichever server has the fewest of its requests; where none is connected, they wait. What
 * a server certainly has not begun when it leaves or is lost goes to another one, or waits for it.
 */
export class Calls implements Seeker<Conversation> {
  readonly #init: CallsInit
  readonly #standby: Standby<Conversation>
  /** Calls that were made so far. */
  #count = 0
  /** Set when no more requests are made. */
  #end: End | undefined

  constructor(init: CallsInit) {
    const { env, talk } = init
    this.#init = init
    this.#standby = new Standby({ env, maxWaiting: talk.limits.maxWaiting, tooMany: tooManyWaiting })
  }

  /** Calls that wait for a connection. */
  get waiting(): number {
    return this.#standby.size
  }

  request(name: string, payload: unknown, options?: ClientRequestOptions): Promise<unknown> {
    return this.#ask('request', name, payload, options)
  }

  call(name: string, payload: unknown, options?: ClientRequestOptions): Promise<Reply> {
    return this.#ask('call', name, payload, options) as Promise<Reply>
  }

  stream(name: string, payload: unknown, options: ClientRequestOptions = NO_OPTIONS): Stream {
    this.#checkRequest(name, options)
    this.#init.talk.checkStream(name, options)
    const { to, timeout = Number.POSITIVE_INFINITY } = options
    if (to !== undefined) return this.#at(to).stream(name, payload, options)
    return new LateStream(this, this.#made(name, payload, options, timeout), this.#next())
  }

  send(name: string, payload: unknown, options: ClientSendOptions = NO_OPTIONS): Promise<void> {
    return this.#send(name, options, (exchange, deadline) => exchange.send(name, payload, options, deadline))
  }

  sendEncoded(name: string, payload: Uint8Array, options: ClientSendOptions = NO_OPTIONS): Promise<void> {
    return this.#send(name, options, (exchange, deadline) => exchange.sendEncoded(name, payload, options, deadline))
  }

  /** A request from below goes to a server. */
  pass(transit: Transit): void {
    try {
      this.#init.checkOpen()
      new Forwarding(this, transit, (this.#count += 1)).forward()
    } catch (error) {
      transit.unfound(error)
    }
  }

  /** A message from below goes to a server, if one is there and has room; tells whether it did. */
  carry(said: PassedMessage): boolean {
    const conversation = this.#init.choose()
    try {
      return conversation !== undefined && conversation.exchange.tryPass(said)
    } catch {
      return false
    }
  }

  /** No more requests, on the connections that there are and on those that follow. */
  async endRequests(): Promise<void> {
    this.#init.checkOpen()
    for (const conversation of this.#init.begun()) conversation.checkSupported()
    this.#end ??= endOfRequests()
    this.check()
    await this.#end.promise
  }

  /** Requests and messages can be sent on a connection: those that waited for one go first. */
  opened(): void {
    this.#standby.serve(this.#init.choose)
    this.check()
  }

  /** Something may have come to an end. Servers hear that no more requests come when none of those that there are can still need them. */
  check(): void {
    const end = this.#end
    if (end === undefined || this.#isAsking()) return
    const told = this.#init.begun().map((conversation) => conversation.endRequests())
    void Promise.all(told).then(end.resolve)
  }

  /** Nothing is sent any more. */
  close(reason: NetQueueError): void {
    this.#standby.close(reason)
    this.check()
  }

  /** @internal */
  exchangeOf({ exchange }: Conversation): Exchange<Sender> {
    return exchange
  }

  /** @internal */
  seek<R>(errand: Errand<Conversation, R>): Promise<R> {
    const conversation = this.#next()
    if (conversation !== undefined) return errand.ask(conversation)
    const { name, timeout } = errand.request
    this.#init.wanted?.()
    return errand.wait(this.#init.env, (wait) => {
      // A stream looks for somebody when it is first read, which may be behind the end.
      this.#init.checkOpen()
      return this.#standby.wait(errand, wait, () => timedOut(name, timeout, 'no'))
    })
  }

  /** @internal A server that leaves or is lost is not the last word. What it says of a request is. */
  goesOn(_errand: Errand<Conversation>, cause: NetQueueError): boolean {
    const isWord = cause instanceof RemoteError && cause.remoteCode !== 'CLOSED'
    return !isWord && this.#isOpen()
  }

  #ask(how: 'request' | 'call', name: string, payload: unknown, options = NO_OPTIONS): Promise<unknown> {
    // Not `async`, as each request would pay for that.
    return promised(() => {
      this.#checkRequest(name, options)
      const { to, timeout = this.#init.talk.limits.requestTimeoutMs } = options
      if (to !== undefined) return this.#at(to)[how](name, payload, options)
      return this.seek(new Inquiry(this, how, this.#made(name, payload, options, timeout)))
    })
  }

  /** What is asked of one server is asked of no other. */
  #at(server: ClientServer): Exchange<Sender> {
    const conversation = this.#init.conversationOf(server)
    if (conversation === undefined) throw unconnected(server)
    return conversation.exchange
  }

  #made(name: string, payload: unknown, options: RequestOptions, timeout: number): Request {
    return { name, payload, options, timeout, ordinal: (this.#count += 1) }
  }

  /** Where the next call goes; those that wait are not overtaken. */
  #next(): Conversation | undefined {
    const { choose } = this.#init
    if (this.#standby.size > 0) this.#standby.serve(choose)
    return this.#standby.size > 0 ? undefined : choose()
  }

  #send(name: string, options: ClientSendOptions, send: Letter['send']): Promise<void> {
    return promised(() => {
      const { env, talk, checkOpen } = this.#init
      checkOpen()
      talk.checkMessage(name, options)
      const deadline = options.timeout === undefined ? undefined : env.now() + options.timeout
      if (options.to !== undefined) return send(this.#at(options.to), deadline)
      return this.#post({ ordinal: (this.#count += 1), options, deadline, send })
    })
  }

  #post(letter: Letter): Promise<void> {
    const conversation = this.#next()
    return conversation === undefined ? this.#postLater(letter) : this.#postTo(conversation, letter)
  }

  /** What had no room when its connection was lost goes to another one, or waits for it. */
  async #postTo({ exchange }: Conversation, letter: Letter): Promise<void> {
    try {
      await letter.send(exchange, letter.deadline)
    } catch (error) {
      if (!exchange.hasLost(error) || !this.#isOpen()) throw error
      await this.#post(letter)
    }
  }

  #postLater(letter: Letter): Promise<void> {
    const { ordinal, deadline, options } = letter
    checkWait(options)
    this.#init.wanted?.()
    const timeout = deadline === undefined ? undefined : Math.max(0, deadline - this.#init.env.now())
    const ask = (conversation: Conversation): Promise<void> => this.#postTo(conversation, letter)
    return this.#standby.wait({ ordinal, ask }, { timeout, signal: options.signal }, () => unsent(options.timeout))
  }

  #isOpen(): boolean {
    try {
      this.#init.checkOpen()
      return true
    } catch {
      return false
    }
  }

  /** Whether a request waits for a connection, or for its answer. */
  #isAsking(): boolean {
    return this.#standby.size > 0 || this.#init.begun().some(({ asking }) => asking > 0)
  }

  #checkRequest(name: string, options: RequestOptions): void {
    this.#init.checkOpen()
    this.#init.talk.checkRequest(name, options)
    if (this.#end !== undefined) throw requestsEnded()
  }
}

function unconnected({ address }: ClientServer): NetQueueError {
  return new NetQueueError('CONNECTION_LOST', `The server at ${address} is not connected`, { delivered: 'no' })
}

function endOfRequests(): End {
  let resolve = (): void => {}
  const promise = new Promise<void>((settle) => (resolve = settle))
  return { promise, resolve }
}
