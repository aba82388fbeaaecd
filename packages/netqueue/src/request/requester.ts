import type { NetQueueError } from '../errors/errors.ts'
import { Unsettled } from '../delivery/unsettled.ts'
import { headerBytes, headersFrom } from '../message/headers.ts'
import { routeBytes, routeOf } from '../message/route.ts'
import { Admission } from './admission.ts'
import type { Again } from './again.ts'
import { Call } from './call.ts'
import type { CallOwner } from './call.ts'
import { Cancels } from './cancels.ts'
import { EndOfRequests } from './end-of-requests.ts'
import { badMessage, checkSize, lost, remoteError, requestsEnded } from './failures.ts'
import type { ExchangeMessage, ExchangeWriter } from './mail.ts'
import { dropBody } from './outflow.ts'
import { NO_HEADERS } from './reply.ts'
import type { Reply } from './reply.ts'
import { PromiseAsker, StreamAsker, VALUE, WHOLE } from './reply-askers.ts'
import type { OwnAsker } from './reply-askers.ts'
import { passedCall } from './passed.ts'
import type { Passed } from './passed.ts'
import { checkRequest } from './request-options.ts'
import type { RequestOptions } from './request-options.ts'
import type { Side } from './side.ts'

/** Our requests to one peer. */
export class Requester implements CallOwner {
  readonly side: Side
  readonly #admission: Admission
  /** Those that the peer has, the abandoned ones too, by tag. */
  readonly #open: Unsettled<Call> = new Unsettled()
  readonly #cancels: Cancels
  #live = 0
  #lastTag = 0
  #end: EndOfRequests | undefined

  constructor(side: Side, wake: () => void) {
    this.side = side
    this.#admission = new Admission(side)
    this.#cancels = new Cancels({ env: side.env, wake, isOpen: (tag) => this.#open.get(tag) !== undefined })
  }

  /** Requests whose answer somebody waits for. */
  get size(): number {
    return this.#live
  }

  /** Those and the ones that the peer still has, although nobody waits for them any more. */
  get open(): number {
    return this.#admission.size
  }

  get nextTag(): number {
    return this.#lastTag + 1
  }

  call(name: string, payload: unknown, options: RequestOptions = {}, again?: Again): Promise<Reply> {
    return new Promise((resolve, reject) =>
      this.#ask(name, payload, options, new PromiseAsker(WHOLE, resolve, reject, again)),
    )
  }

  /** The value of the reply alone; one that is streamed is none. */
  request(name: string, payload: unknown, options: RequestOptions = {}, again?: Again): Promise<unknown> {
    return new Promise((resolve, reject) =>
      this.#ask(name, payload, options, new PromiseAsker(VALUE, resolve, reject, again)),
    )
  }

  /** Begins when the first chunk is asked for. A reply that is one value is a stream of one. */
  stream(
    name: string,
    payload: unknown,
    options: RequestOptions = {},
    again?: Again,
  ): AsyncIterableIterator<unknown, undefined> {
    this.#checkStreams(options)
    const call = this.#call(name, payload, options, new StreamAsker(again), Number.POSITIVE_INFINITY)
    return call.inflow(() => this.#begin(call))
  }

  /** A request of somebody else's goes on. What is wrong with it, its asker hears. */
  pass(passed: Passed): void {
    const { asker } = passed
    try {
      this.#checkOpen()
      const call = passedCall(this, passed)
      passed.attach(call, this.side)
      this.#begin(call)
    } catch (error) {
      asker.failed(error)
    }
  }

  /** Nobody wants what was passed on. Tells whether the peer has it, and answers; what it has not is over. */
  stopPassed(call: Call): boolean {
    if (call.state === 'sent') {
      this.#cancels.add(call.tag)
      return true
    }
    this.#withdraw(call)
    return false
  }

  response({ tag, headers = NO_HEADERS, hasStream, payload }: Extract<ExchangeMessage, { type: 'response' }>): void {
    const call = this.#unanswered(tag, 'a response')
    if (call === undefined) return
    if (hasStream) return call.streamed(headers)
    const { isLive } = call
    this.#finish(call)
    if (isLive) call.answered(payload, headers)
  }

  refusal(refusal: Extract<ExchangeMessage, { type: 'refusal' }>): void {
    const call = this.#unanswered(refusal.tag, 'a refusal')
    if (call === undefined) return
    const { isLive } = call
    this.#open.take(call.tag)
    this.#leave(call)
    if (!isLive) return this.side.changed()
    // In between: one that goes elsewhere is a request of this side's all the while.
    this.#refused(call, refusal)
    this.#unlive(call)
  }

  chunk(tag: number, payload: Uint8Array): void {
    this.#streaming(tag, 'a chunk')?.replies?.push(payload)
  }

  chunkEnd(tag: number, end: { code: string; reason: string }): void {
    const call = this.#streaming(tag, 'the end of a stream')
    if (call === undefined) return
    this.#finish(call)
    if (call.isGivenUp(end.code)) call.replies?.end(call.timedOut())
    else call.replies?.end(end.code === '' ? undefined : remoteError(end))
  }

  chunkCredit(tag: number, chunks: number, bytes: number): void {
    const call = this.#find(tag, 'credit for a stream')
    if (call !== undefined && call.body === undefined)
      throw badMessage(`credit for a stream of request ${tag}, which has none`, tag)
    call?.body?.granted(chunks, bytes)
  }

  /** Tells whether all is written that may be by now. */
  fillControl(writer: ExchangeWriter): boolean {
    return this.#cancels.fill(writer)
  }

  /** No more requests: tells the peer behind the last one. Resolves when all are over. */
  endRequests(): Promise<void> {
    this.#end ??= new EndOfRequests(this.side.lanes)
    this.#endIfDue()
    return this.#end.done
  }

  /** The peer begins none of those that it has not. */
  turnAway(cause: NetQueueError): void {
    if (this.#admission.unsent === 0) return
    for (const call of this.#admission.takeAll()) {
      call.unserved(cause)
      this.#unlive(call)
    }
  }

  close(error: NetQueueError): void {
    this.turnAway(lost(error, 'no'))
    const isOpen = this.#open.takeAll().filter(({ isLive }) => isLive)
    if (isOpen.length > 0) this.#loseAll(isOpen, lost(error, 'maybe'))
    this.#cancels.close()
    this.#end?.resolve()
  }

  /** @internal */
  sent(call: Call): void {
    this.#lastTag = call.tag
    this.#open.push(call.tag, call)
    this.#admission.sent(call)
    this.#endIfDue()
  }

  /** @internal Whoever made the request is told at once; the handler is, by the end of the stream, and then that nobody waits. */
  bodyFailed(call: Call, error: unknown): void {
    if (call.state !== 'sent') return
    call.state = 'abandoned'
    this.#unlive(call)
    call.failed(error)
  }

  /** @internal */
  bodyEnded(call: Call): void {
    if (call.state === 'abandoned') this.#cancels.add(call.tag)
  }

  /** @internal */
  left(call: Call): void {
    this.#withdraw(call)
  }

  /** @internal */
  gaveUp(call: Call, error: unknown): void {
    this.#withdraw(call)
    call.failed(error)
  }

  #ask(name: string, payload: unknown, options: RequestOptions, asker: OwnAsker): void {
    this.#begin(this.#call(name, payload, options, asker, this.side.limits.requestTimeoutMs))
  }

  #call(name: string, value: unknown, options: RequestOptions, asker: OwnAsker, defaultTimeout: number): Call {
    try {
      const { vocabulary, maxItemBytes } = this.side
      const { channel = 0, timeout = defaultTimeout, signal, body, label, path } = options
      this.#checkOpen()
      checkRequest(options)
      const headers = headersFrom(options.headers, this.side.headerFault)
      if (headers !== undefined) this.side.checkSupports('headers')
      if (body !== undefined) this.side.checkSupports('stream')
      const id = vocabulary.idOf(name)
      const route = routeOf(id === 0 ? vocabulary.named?.(name) : undefined, path)
      const payload = vocabulary.encode(name, 'payload', value)
      checkSize(payload.length + headerBytes(headers) + routeBytes(route), maxItemBytes)
      return new Call(this, asker, {
        name,
        id,
        channel,
        headers,
        payload,
        timeout,
        deadline: asker.again?.deadline,
        signal,
        body,
        label,
        route,
      })
    } catch (error) {
      dropBody(options.body)
      throw error
    }
  }

  #checkStreams({ body }: RequestOptions): void {
    try {
      this.side.checkOpen('stream')
    } catch (error) {
      dropBody(body)
      throw error
    }
  }

  #begin(call: Call): void {
    const { gone } = this.side
    if (gone !== undefined) {
      call.state = 'over'
      return call.unserved(gone)
    }
    try {
      this.#checkOpen()
      call.init.signal?.throwIfAborted()
      this.#admission.enter(call)
    } catch (error) {
      void call.body?.cease()
      throw error
    }
    this.#live += 1
    call.begin()
    this.side.asked()
  }

  /**
   * Nobody waits for the answer any more. What the peer has not is taken out without a word; what it has counts as open until it says
   * that it is over, as its handler may still be at work.
   */
  #withdraw(call: Call): void {
    if (!call.isLive) return
    if (call.state === 'sent') {
      call.state = 'abandoned'
      this.#cancels.add(call.tag)
    } else if (call.state !== 'new') this.#leave(call)
    this.#unlive(call)
    void call.body?.cease()
  }

  /** The peer has answered. */
  #finish(call: Call): void {
    const { isLive } = call
    this.#open.take(call.tag)
    this.#leave(call)
    if (!isLive) return this.side.changed()
    this.#unlive(call)
    call.stopBody()
  }

  #refused(call: Call, refusal: Extract<ExchangeMessage, { type: 'refusal' }>): void {
    const isGivenUp = call.isGivenUp(refusal.code)
    if (refusal.isUnbegun === true && !isGivenUp) return call.unserved(remoteError(refusal))
    call.stopBody()
    call.failed(isGivenUp ? call.timedOut() : remoteError(refusal))
  }

  #loseAll(calls: readonly Call[], error: NetQueueError): void {
    for (const call of calls) {
      call.state = 'over'
      this.#unlive(call)
      call.lost(error)
    }
  }

  #leave(call: Call): void {
    this.#admission.leave(call)
    this.side.asked()
  }

  #unlive(call: Call): void {
    call.end()
    if (!call.isBegun) {
      call.state = 'over'
      return
    }
    this.#live -= 1
    this.#endIfDue()
    this.side.changed()
  }

  #endIfDue(): void {
    this.#end?.check({ isUnsent: this.#admission.unsent > 0, isLive: this.#live > 0 })
  }

  #find(tag: number, what: string): Call | undefined {
    if (tag < 1 || tag > this.#lastTag) throw badMessage(`${what} for request ${tag}, which was not sent`, tag)
    return this.#open.get(tag)
  }

  #unanswered(tag: number, what: string): Call | undefined {
    const call = this.#find(tag, what)
    if (call?.isAnswered === true) throw badMessage(`${what} for request ${tag}, which it has answered`, tag)
    if (call !== undefined) call.isAnswered = true
    return call
  }

  #streaming(tag: number, what: string): Call | undefined {
    const call = this.#find(tag, what)
    if (call?.isAnswered === false) throw badMessage(`${what} for request ${tag}, which it has not answered`, tag)
    return call
  }

  #checkOpen(): void {
    this.side.checkOpen('request')
    if (this.#end !== undefined) throw requestsEnded()
  }
}
