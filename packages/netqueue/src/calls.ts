import type { Conversation } from './conversation.ts'
import type { Sender } from './delivery/delivery.ts'
import type { Env } from './env/env.ts'
import { NetQueueError } from './errors/errors.ts'
import { begun, LateStream } from './late-stream.ts'
import type { Stream } from './late-stream.ts'
import { Standby } from './life/standby.ts'
import { checkWait } from './queue/pending.ts'
import type { Exchange } from './request/exchange.ts'
import { requestsEnded, timedOut, tooManyWaiting, unsent } from './request/failures.ts'
import { dropBody } from './request/outflow.ts'
import type { SendOptions } from './request/posts.ts'
import type { Reply } from './request/reply.ts'
import type { RequestOptions } from './request/requester.ts'
import type { Talk } from './talk.ts'

export interface CallsInit {
  env: Env
  talk: Talk
  /** What is said to each server that there is, be it away or about to be left. */
  begun: () => readonly Conversation[]
  /** The one on which requests and messages can be sent now; of several, the one with the fewest requests. */
  choose: () => Conversation | undefined
  /** Throws when nothing can be asked and sent any more. */
  checkOpen: () => void
}

/** For the value alone, or for all that the answer has. */
type How = 'request' | 'call'
type Send = (exchange: Exchange<Sender>, options: SendOptions | undefined) => Promise<void>

/** The requests and messages of a client: they go to whichever server has the fewest of its requests; where none is connected, they wait. */
export class Calls {
  readonly #init: CallsInit
  readonly #standby: Standby<Conversation>
  #hasEnded = false

  constructor(init: CallsInit) {
    const { env, talk } = init
    this.#init = init
    this.#standby = new Standby({ env, maxWaiting: talk.limits.maxWaiting, tooMany: tooManyWaiting })
  }

  /** Calls that wait for a connection. */
  get waiting(): number {
    return this.#standby.size
  }

  request(name: string, payload: unknown, options?: RequestOptions): Promise<unknown> {
    return this.#ask('request', name, payload, options)
  }

  call(name: string, payload: unknown, options?: RequestOptions): Promise<Reply> {
    return this.#ask('call', name, payload, options) as Promise<Reply>
  }

  stream(name: string, payload: unknown, options: RequestOptions = {}): Stream {
    this.#checkRequest(name)
    const conversation = this.#init.choose()
    if (conversation !== undefined) return conversation.exchange.stream(name, payload, options)
    checkWait(options)
    const { signal } = options
    return new LateStream(signal, async (search) => {
      const { exchange, rest } = await this.#wait({ ...options, signal: search }, Number.POSITIVE_INFINITY, (timeout) =>
        timedOut(name, timeout, 'no'),
      )
      return begun(exchange.stream(name, payload, { ...options, ...rest, signal }))
    })
  }

  send(name: string, payload: unknown, options?: SendOptions): Promise<void> {
    return this.#send(name, options, (exchange, rest) => exchange.send(name, payload, rest))
  }

  sendEncoded(name: string, payload: Uint8Array, options?: SendOptions): Promise<void> {
    return this.#send(name, options, (exchange, rest) => exchange.sendEncoded(name, payload, rest))
  }

  /** No more requests, on this connection and on those that follow it. */
  async endRequests(): Promise<void> {
    this.#init.checkOpen()
    this.#checkSupported()
    this.#hasEnded = true
    // Behind those that wait.
    if (this.#standby.size > 0) await this.#standby.wait({}, requestsEnded).catch(() => {})
    await Promise.all(this.#init.begun().map(({ exchange }) => exchange.endRequests()))
  }

  /** Requests and messages can be sent on a connection: those that waited for one go first. */
  opened(conversation: Conversation): void {
    const { peer } = conversation.link
    if (this.#hasEnded && this.#standby.size === 0 && peer?.supports.request === true)
      void conversation.exchange.endRequests()
    this.#standby.serve(this.#init.choose)
  }

  /** Nothing is sent any more. */
  close(reason: NetQueueError): void {
    this.#standby.close(reason)
  }

  #ask(how: How, name: string, payload: unknown, options: RequestOptions | undefined): Promise<unknown> {
    // Neither `async` nor with one object for all of it, as each request would pay for that.
    try {
      this.#checkRequest(name)
      const conversation = this.#init.choose()
      if (conversation === undefined) return this.#askLater(how, name, payload, options)
      return this.#askOn(conversation.exchange, how, name, payload, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async #askLater(how: How, name: string, payload: unknown, options: RequestOptions = {}): Promise<unknown> {
    const { requestTimeoutMs } = this.#init.talk.limits
    const { exchange, rest } = await this.#wait(options, requestTimeoutMs, (timeout) => timedOut(name, timeout, 'no'))
    return this.#askOn(exchange, how, name, payload, { ...options, ...rest })
  }

  /** What had not left when its connection was lost waits for the next one, for what is left of its time. */
  #askOn(
    exchange: Exchange<Sender>,
    how: How,
    name: string,
    payload: unknown,
    options: RequestOptions | undefined,
  ): Promise<unknown> {
    return exchange[how](name, payload, options, (cause, timeout) =>
      this.#isUnsent(cause)
        ? (this.#askLater(how, name, payload, { ...options, timeout }) as Promise<never>)
        : undefined,
    )
  }

  async #send(name: string, options: SendOptions | undefined, send: Send): Promise<void> {
    this.#init.checkOpen()
    this.#init.talk.checkMessage(name)
    const conversation = this.#init.choose()
    if (conversation === undefined) await this.#sendLater(options, send)
    else await this.#sendOn(conversation.exchange, options, send)
  }

  /** What had no room when its connection was lost waits for the next one. */
  async #sendOn(exchange: Exchange<Sender>, options: SendOptions | undefined, send: Send): Promise<void> {
    const { env } = this.#init
    const began = env.now()
    try {
      await send(exchange, options)
    } catch (error) {
      if (!this.#isUnsent(error)) throw error
      const { timeout = Number.POSITIVE_INFINITY } = options ?? {}
      await this.#sendLater({ ...options, timeout: Math.max(1, timeout - (env.now() - began)) }, send)
    }
  }

  async #sendLater(options: SendOptions = {}, send: Send): Promise<void> {
    const { exchange, rest } = await this.#wait(options, Number.POSITIVE_INFINITY, unsent)
    await this.#sendOn(exchange, { ...options, ...rest }, send)
  }

  /** Whether a call failed because its connection was lost before anything of it had left, and there may be another one. */
  #isUnsent(cause: unknown): boolean {
    if (!(cause instanceof NetQueueError) || cause.code !== 'CONNECTION_LOST' || cause.delivered !== 'no') return false
    try {
      this.#init.checkOpen()
      return true
    } catch {
      return false
    }
  }

  /** Waits for a connection; what that takes is part of the call's time. */
  async #wait(
    options: RequestOptions = {},
    defaultTimeout: number,
    failure: (timeout: number) => NetQueueError,
  ): Promise<{ exchange: Exchange<Sender>; rest: { timeout: number } }> {
    checkWait(options)
    const { timeout = defaultTimeout, signal } = options
    // One that lost its connection may come here when the next one is open already, and has served those who waited.
    const open = this.#standby.size === 0 ? this.#init.choose() : undefined
    if (open !== undefined) return { exchange: open.exchange, rest: { timeout } }
    const began = this.#init.env.now()
    try {
      const { exchange } = await this.#standby.wait({ timeout, signal }, () => failure(timeout))
      return { exchange, rest: { timeout: Math.max(1, timeout - (this.#init.env.now() - began)) } }
    } catch (error) {
      dropBody(options.body)
      throw error
    }
  }

  /** Throws `UNSUPPORTED` for an original. */
  #checkSupported(): void {
    for (const { exchange } of this.#init.begun()) void exchange
  }

  #checkRequest(name: string): void {
    this.#init.checkOpen()
    this.#init.talk.checkRequest(name)
    if (this.#hasEnded) throw requestsEnded()
  }
}
