import type { NetQueueError } from '../errors/errors.ts'
import type { Linked } from '../queue/linked-list.ts'
import { RecentMap } from '../queue/recent-map.ts'
import { Bucket } from './bucket.ts'
import { Channel } from './channel.ts'
import { badMessage, cancelled, rateExceeded, remoteError } from './failures.ts'
import type { Handlers } from './handlers.ts'
import { laneOf } from './lanes.ts'
import { PER_SECOND } from './limits.ts'
import type { ExchangeWriter, Mail, RequestMessage } from './mail.ts'
import type { OpenRequest } from './open-request.ts'
import { Transit } from './transit.ts'
import type { Finder } from './finder.ts'
import { Served } from './served.ts'
import type { ServedOwner } from './served.ts'
import type { Side } from './side.ts'
import { Slots } from './slot.ts'

export interface ResponderInit {
  side: Side
  handlers: Handlers
  /** Finds somebody for what nobody handles here. @default it is unknown */
  finder?: Finder | undefined
  from: () => unknown
}

/** The answer to one request too many, of which nothing else is kept. */
class Refusal implements Mail {
  before: Linked = this
  after: Linked = this
  readonly #tag: number
  readonly #channel: number
  readonly #written: () => void

  constructor({ tag, channel }: RequestMessage, written: () => void) {
    this.#tag = tag
    this.#channel = channel
    this.#written = written
  }

  write(writer: ExchangeWriter): boolean {
    const to = { tag: this.#tag, channel: this.#channel }
    if (!writer.refusal({ ...to, headers: undefined, code: 'TOO_MANY_REQUESTS', reason: '', isUnbegun: true }))
      return false
    this.#written()
    return true
  }
}

/** The requests of one peer, as many as may be open at once. One that was cancelled is open until its handler is done with it. */
export class Responder implements ServedOwner {
  /** @internal */
  readonly side: Side
  /** @internal */
  readonly nobody: Slots = new Slots(Number.POSITIVE_INFINITY)
  readonly #init: ResponderInit
  readonly #channels: Map<number, Channel<OpenRequest>> = new RecentMap()
  /** Requests that are open. */
  #size = 0
  readonly #cancels: Bucket
  readonly #refusals: Bucket
  /** Refusals that wait to be written. */
  #refused = 0
  #bytes = 0
  #lastTag = 0
  #hasPeerEnded = false
  #isDraining = false

  constructor(init: ResponderInit) {
    const { env, limits } = init.side
    this.#init = init
    this.side = init.side
    this.#cancels = new Bucket({ env, burst: limits.maxCancels, perSecond: PER_SECOND })
    this.#refusals = new Bucket({ env, burst: limits.maxRefusals, perSecond: PER_SECOND })
  }

  /** Requests that are open. */
  get size(): number {
    return this.#size
  }

  /** Whether the peer has said that it sends no more requests. */
  get hasPeerEnded(): boolean {
    return this.#hasPeerEnded
  }

  request(message: RequestMessage): void {
    const { limits, maxItemBytes } = this.side
    const name = this.#check(message)
    // One may overshoot the limit, and need not come last: channels overtake each other.
    const hasRoom = this.#bytes + message.payload.length < limits.maxRequestBytes + maxItemBytes
    if (this.#size >= limits.maxRequests || !hasRoom) return this.#refuse(message)
    this.#serve(message, name)
  }

  /** Throws for a peer that cancels faster than we take: it has us begin what nobody wants. */
  cancel(tag: number): void {
    const { maxCancels } = this.side.limits
    const served = this.#find(tag, 'a CANCEL')
    if (!this.#cancels.take()) throw rateExceeded('requests cancelled', 'maxCancels', maxCancels)
    served?.cancel(cancelled())
  }

  chunk(tag: number, payload: Uint8Array): void {
    this.#find(tag, 'a chunk', { hasBody: true })?.push(payload)
  }

  chunkEnd(tag: number, end: { code: string; reason: string }): void {
    const served = this.#find(tag, 'the end of a stream', { hasBody: true })
    served?.endBody(end.code === '' ? undefined : remoteError(end))
  }

  chunkCredit(tag: number, chunks: number, bytes: number): void {
    this.#find(tag, 'credit for a stream')?.granted(chunks, bytes)
  }

  /** The peer sends no more requests. */
  endRequests(): void {
    if (this.#hasPeerEnded) throw badMessage('a second end of requests')
    this.#hasPeerEnded = true
    this.side.changed()
  }

  /** Begins nothing new: requests that come from now on are refused with `CLOSED`. */
  drain(): void {
    this.#isDraining = true
  }

  /** Fires the signals of all handlers; their answers are still sent. */
  revoke(reason: NetQueueError): void {
    for (const { open } of this.#channels.values()) for (const served of open) served.revoke(reason)
  }

  /** The peer is gone. */
  close(reason: NetQueueError): void {
    for (const { open } of this.#channels.values()) for (const served of open.takeAll()) served.close(reason)
    this.#size = 0
  }

  /** @internal */
  get from(): unknown {
    return this.#init.from()
  }

  /** @internal */
  withdrawn({ message }: OpenRequest): void {
    this.#channel(message.channel).advance()
  }

  /** What the request asks for, by name. */
  #check({ tag, channel, name, route }: RequestMessage): string {
    if (this.#hasPeerEnded) throw badMessage('a request behind the end of its requests', tag)
    const known = this.#channel(channel)
    if (tag <= known.lastTag || (tag <= this.#lastTag && this.#open(tag) !== undefined))
      throw badMessage(`a request with tag ${tag}, which is taken`, tag)
    known.lastTag = tag
    this.#lastTag = Math.max(this.#lastTag, tag)
    const text = route?.named?.name ?? this.side.vocabulary.nameOf(name)
    if (text === undefined) throw badMessage(`a request with id ${name}, which it has not announced`, name)
    return text
  }

  #serve(message: RequestMessage, name: string): void {
    const channel = this.#channel(message.channel)
    const served = this.#opened(message, name)
    channel.open.push(served.tag, served)
    this.#size += 1
    this.#bytes += served.bytes
    // What is not begun has no place in the order, and can be made elsewhere the sooner.
    if (this.#isDraining) served.begin()
    else channel.add(served)
  }

  /** It is answered here, where somebody handles it, or passed on. */
  #opened(message: RequestMessage, name: string): OpenRequest {
    const { finder, handlers } = this.#init
    const registration = handlers.get(name)
    const isHere = registration !== undefined && message.route?.to === undefined
    if (isHere || finder === undefined)
      return new Served(this, { message, name, registration, isLate: this.#isDraining })
    const { vocabulary } = this.side
    const named = message.route?.named ?? vocabulary.namedBy?.(message.name) ?? { name, codec: '' }
    const objection = this.#isDraining ? 'CLOSED' : finder.objection(this.from, 'request', name)
    return new Transit(this, { message, named, finder, objection })
  }

  /** Answers without keeping anything. Throws for a peer that goes on and on. */
  #refuse(message: RequestMessage): void {
    const { lanes, limits } = this.side
    // Not only a rate: a peer that reads nothing would have them pile up slowly.
    if (this.#refused >= limits.maxRefusals || !this.#refusals.take())
      throw rateExceeded('requests refused', 'maxRefusals', limits.maxRefusals)
    this.#refused += 1
    lanes.post(laneOf(message.channel), new Refusal(message, () => (this.#refused -= 1)))
  }

  /** An open request; `undefined` for one that is over. Throws for one that never was. */
  #find(tag: number, what: string, { hasBody = false } = {}): OpenRequest | undefined {
    if (tag < 1 || tag > this.#lastTag) throw badMessage(`${what} for request ${tag}, which it has not sent`, tag)
    const served = this.#open(tag)
    if (hasBody && served?.message.hasBody === false)
      throw badMessage(`${what} for request ${tag}, which has no stream`, tag)
    return served
  }

  #open(tag: number): OpenRequest | undefined {
    for (const { open } of this.#channels.values()) {
      const served = open.get(tag)
      if (served !== undefined) return served
    }
    return undefined
  }

  #channel(number: number): Channel<OpenRequest> {
    const known = this.#channels.get(number)
    if (known !== undefined) return known
    const channel = new Channel<OpenRequest>()
    this.#channels.set(number, channel)
    return channel
  }

  /** @internal */
  over(served: OpenRequest): void {
    if (this.#channel(served.message.channel).open.take(served.tag) === undefined) return
    this.#size -= 1
    this.#bytes -= served.bytes
    this.side.changed()
  }
}
