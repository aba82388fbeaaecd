import type { Conversation } from './conversation.ts'
import type { Sender } from './delivery/delivery.ts'
import type { Env } from './env/env.ts'
import type { NetQueueError } from './errors/errors.ts'
import { begun, LateStream } from './late-stream.ts'
import type { Stream } from './late-stream.ts'
import { Standby } from './life/standby.ts'
import { checkWait } from './queue/pending.ts'
import type { Exchange } from './request/exchange.ts'
import { requestsEnded, timedOut, tooManyWaiting, unsent } from './request/failures.ts'
import type { SendOptions } from './request/posts.ts'
import type { Reply } from './request/reply.ts'
import type { RequestOptions } from './request/requester.ts'
import type { Talk } from './talk.ts'

export interface CallsInit {
  env: Env
  talk: Talk
  /** The connections on which requests and messages can be sent now. */
  open: () => Iterable<Conversation>
  /** Throws when nothing can be asked and sent any more. */
  checkOpen: () => void
}

type Ask<R> = (exchange: Exchange<Sender>, options: RequestOptions | undefined) => Promise<R>

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
    return this.#ask(name, options, (exchange, rest) => exchange.value(name, payload, rest))
  }

  call(name: string, payload: unknown, options?: RequestOptions): Promise<Reply> {
    return this.#ask(name, options, (exchange, rest) => exchange.request(name, payload, rest))
  }

  stream(name: string, payload: unknown, options: RequestOptions = {}): Stream {
    this.#checkRequest(name)
    const conversation = this.#choose()
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
    await Promise.all([...this.#init.open()].map(({ exchange }) => exchange.endRequests()))
  }

  /** Requests and messages can be sent on a connection: those that waited for one go first. */
  opened(conversation: Conversation): void {
    const { peer } = conversation.link
    if (this.#hasEnded && this.#standby.size === 0 && peer?.supports.request === true)
      void conversation.exchange.endRequests()
    this.#standby.serve(() => this.#choose())
  }

  /** Nothing is sent any more. */
  close(reason: NetQueueError): void {
    this.#standby.close(reason)
  }

  #ask<R>(name: string, options: RequestOptions | undefined, ask: Ask<R>): Promise<R> {
    // Not `async`, as each request would pay for it.
    try {
      this.#checkRequest(name)
      const conversation = this.#choose()
      return conversation === undefined ? this.#askLater(name, options, ask) : ask(conversation.exchange, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async #askLater<R>(name: string, options: RequestOptions = {}, ask: Ask<R>): Promise<R> {
    const { requestTimeoutMs } = this.#init.talk.limits
    const { exchange, rest } = await this.#wait(options, requestTimeoutMs, (timeout) => timedOut(name, timeout, 'no'))
    return ask(exchange, { ...options, ...rest })
  }

  async #send(name: string, options: SendOptions | undefined, send: Ask<void>): Promise<void> {
    this.#init.checkOpen()
    this.#init.talk.checkMessage(name)
    const conversation = this.#choose()
    if (conversation !== undefined) return send(conversation.exchange, options)
    const { exchange, rest } = await this.#wait(options, Number.POSITIVE_INFINITY, unsent)
    return send(exchange, { ...options, ...rest })
  }

  /** Waits for a connection; what that takes is part of the call's time. */
  async #wait(
    options: RequestOptions = {},
    defaultTimeout: number,
    failure: (timeout: number) => NetQueueError,
  ): Promise<{ exchange: Exchange<Sender>; rest: { timeout: number } }> {
    checkWait(options)
    const { timeout = defaultTimeout, signal } = options
    const began = this.#init.env.now()
    const { exchange } = await this.#standby.wait({ timeout, signal }, () => failure(timeout))
    return { exchange, rest: { timeout: Math.max(1, timeout - (this.#init.env.now() - began)) } }
  }

  /** Of several servers the one with the fewest requests. */
  #choose(): Conversation | undefined {
    let best: Conversation | undefined
    for (const conversation of this.#init.open())
      if (best === undefined || conversation.requests < best.requests) best = conversation
    return best
  }

  /** Throws `UNSUPPORTED` for an original. */
  #checkSupported(): void {
    for (const { exchange } of this.#init.open()) void exchange
  }

  #checkRequest(name: string): void {
    this.#init.checkOpen()
    this.#init.talk.checkRequest(name)
    if (this.#hasEnded) throw requestsEnded()
  }
}
