import type { NetQueueError } from '../errors/errors.ts'
import { headerBytes } from '../message/headers.ts'
import type { Headers } from '../message/headers.ts'
import { routeBytes } from '../message/route.ts'
import type { Named, Path } from '../message/route.ts'
import { unlink } from '../queue/linked-list.ts'
import type { Linked } from '../queue/linked-list.ts'
import type { Again } from './again.ts'
import type { Asker, Call } from './call.ts'
import { Conduit } from './conduit.ts'
import type { Finder, Onward } from './finder.ts'
import { Interest } from './interest.ts'
import type { Wanted } from './interest.ts'
import { laneOf } from './lanes.ts'
import type { ExchangeWriter, Mail, RequestMessage } from './mail.ts'
import type { OpenRequest } from './open-request.ts'
import type { ServedOwner } from './served.ts'
import type { Side } from './side.ts'
import { Slot } from './slot.ts'
import { timeIsUp } from './failures.ts'
import { refusalOf } from './refusal.ts'
import type { Refusal } from './refusal.ts'

export interface TransitInit {
  message: RequestMessage
  /** What it asks for, as anybody calls it. */
  named: Named
  finder: Finder
  /** Why it is not passed on. @default it is */
  objection: string | undefined
}

type Answer = { headers: Headers | undefined; hasStream: boolean; payload: Uint8Array } | Refusal

/** A request of one peer that another one answers: it comes by one exchange and goes on by another, undecoded, and its streams with it. */
export class Transit implements OpenRequest, Mail, Wanted, Asker {
  before: Linked = this
  after: Linked = this
  readonly message: RequestMessage
  readonly named: Named
  /** Who asks. */
  readonly from: unknown
  readonly slot: Slot
  readonly bytes: number
  readonly #owner: ServedOwner
  readonly #interest: Interest
  readonly #finder: Finder
  readonly #objection: string | undefined
  /** `seeking`: nobody has it yet. `asked`: somebody has, or is about to. `answering`: the answer waits to be written. */
  #state: 'waiting' | 'seeking' | 'asked' | 'answering' | 'streaming' | 'over' = 'waiting'
  #call: Call | undefined
  #exchange: Onward | undefined
  /** Finds somebody else where it was not begun. */
  #again: Again | undefined
  readonly #body: Conduit | undefined
  readonly #reply: Conduit
  #answer: Answer | undefined

  constructor(owner: ServedOwner, { message, named, finder, objection }: TransitInit) {
    const { tag, channel, hasBody } = message
    this.message = message
    this.named = named
    this.from = owner.from
    this.bytes = message.payload.length
    this.#owner = owner
    this.#finder = finder
    this.#objection = objection
    this.slot = new Slot(owner.nobody, owner)
    this.#interest = new Interest(this)
    this.#reply = new Conduit({
      sink: owner.side,
      channel,
      direction: 'reply',
      ended: () => this.#end(),
      failed: () => this.#leave(),
    })
    if (!hasBody) return
    this.#body = new Conduit({ source: owner.side, channel, direction: 'body' })
    this.#body.open(tag)
  }

  get side(): Side {
    return this.#owner.side
  }

  get tag(): number {
    return this.message.tag
  }

  get deadlineMs(): number | undefined {
    return this.message.deadlineMs
  }

  /** When the requester gives up, on the clock of `env`; `undefined`: never. */
  get deadline(): number | undefined {
    return this.#interest.deadline
  }

  /** For whom it is, of those below this side. */
  get to(): Path | undefined {
    return this.message.route?.to
  }

  /** Fires when it is to be answered no more while nobody has been found. */
  get signal(): AbortSignal {
    return this.#interest.signal
  }

  /** What it takes of what a peer admits of one request, as it came. */
  get length(): number {
    return this.bytes + headerBytes(this.message.headers) + routeBytes({ named: this.named, to: this.to })
  }

  begin(): void {
    this.#state = 'seeking'
    if (this.#objection !== undefined) return this.refuse(this.#objection)
    this.#finder.find(this)
  }

  /** Asks somebody, who is below by what is left of its path. `again` is asked where that one does not begin it. */
  ask(exchange: Onward, { to, again }: { to: Path | undefined; again: Again | undefined }): void {
    if (this.#state !== 'seeking') return
    const { channel, headers, payload } = this.message
    this.#state = 'asked'
    this.#exchange = exchange
    this.#again = again
    exchange.pass({
      asker: this,
      named: this.named,
      to,
      channel,
      headers,
      payload,
      deadline: this.deadline,
      attach: (call, side) => this.#attach(call, side),
      streamed: (streamHeaders) => this.#streamed(streamHeaders),
      body: this.#body,
      replies: this.#reply,
    })
  }

  /** Nobody here begins it. */
  refuse(code: string): void {
    this.#refused({ code, reason: '', headers: undefined, isUnbegun: true })
  }

  push(payload: Uint8Array): void {
    this.#body?.push(payload)
  }

  endBody(error: NetQueueError | undefined): void {
    this.#body?.end(error)
  }

  granted(chunks: number, bytes: number): void {
    this.#reply.granted(chunks, bytes)
  }

  /** What has been asked is told at once, and answers; what has not is over. */
  cancel(reason: NetQueueError): void {
    if (this.#interest.reason !== undefined || this.#state === 'over') return
    this.#interest.lose(reason)
    void this.#body?.cease()
    const isAsked = this.#call !== undefined && this.#exchange?.stopPassed(this.#call) === true
    if (isAsked || this.#state === 'answering' || this.#state === 'streaming') return
    const wasWaiting = this.#state === 'waiting'
    if (wasWaiting) unlink(this)
    this.refuse(reason.code)
    if (wasWaiting) this.#owner.withdrawn(this)
  }

  /** The answer of whoever has it comes in its own time. */
  revoke(): void {}

  close(reason: NetQueueError): void {
    this.#interest.lose(reason)
    unlink(this)
    void this.#body?.cease()
    void this.#reply.cease()
    this.#leave()
    this.#over()
  }

  /** The requester gives up. */
  timeIsUp(): void {
    this.cancel(timeIsUp(this.deadlineMs ?? 0))
  }

  answered(_call: Call, payload: Uint8Array, headers: Headers | undefined): void {
    if (this.#takes(payload.length + headerBytes(headers)))
      this.#post({ headers, hasStream: false, payload }, payload.length)
    else this.#refused(TOO_LARGE)
  }

  /** Not called: its chunks pass as they come. */
  streamed(): void {}

  failed(error: unknown): void {
    this.#refused(refusalOf(error, { gone: this.to === undefined ? 'UNKNOWN_REQUEST' : 'CLIENT_GONE' }))
  }

  /** Nobody was found who could be asked: time was up, too many wait, or this side closes. */
  unfound(error: unknown): void {
    this.#refused(refusalOf(error, { gone: 'CLOSED' }))
  }

  unserved(cause: NetQueueError, call: Call): boolean {
    const isWanted = this.#interest.reason === undefined && this.#state === 'asked'
    if (!isWanted) return false
    this.#call = undefined
    this.#state = 'seeking'
    const other = this.#again?.elsewhere(cause, call.deadline)
    if (other === undefined) {
      this.#state = 'asked'
      return false
    }
    other.catch((error: unknown) => this.unfound(error))
    return true
  }

  write(writer: ExchangeWriter): boolean {
    if (!this.side.lanes.admitsCall(this.#owner.size)) return false
    const { tag, channel } = this.message
    const answer = this.#answer as Answer
    if ('code' in answer) return writer.refusal({ tag, channel, ...answer }) && this.#end()
    const { headers, hasStream, payload } = answer
    if (!writer.response({ tag, channel, headers, hasStream, payload })) return false
    return hasStream ? this.#begun() : this.#end()
  }

  #attach(call: Call, side: Side): void {
    this.#call = call
    this.#body?.to(side)
    this.#reply.from(side)
  }

  #streamed(headers: Headers | undefined): void {
    if (this.#takes(headerBytes(headers))) return this.#post({ headers, hasStream: true, payload: NOTHING }, 0)
    this.#leave()
    this.#refused(TOO_LARGE)
  }

  /** Whether whoever asks takes an answer as long as that: a longer one would cost it the connection. */
  #takes(bytes: number): boolean {
    return bytes <= this.side.maxItemBytes
  }

  /** Nobody wants the answer any more, or the rest of it. */
  #leave(): void {
    const call = this.#call
    this.#call = undefined
    if (call !== undefined) this.#exchange?.leave(call)
  }

  #refused(refusal: Refusal): void {
    this.#post(refusal, 0)
  }

  /** One answer; what comes of the call later ends the stream of that answer, if it has one. */
  #post(answer: Answer, bytes: number): void {
    if (this.#answer !== undefined || this.#state === 'over') return
    this.#answer = answer
    this.#state = 'answering'
    this.slot.leave()
    this.side.lanes.post(laneOf(this.message.channel), this, bytes)
  }

  #begun(): true {
    this.#state = 'streaming'
    this.#reply.start(this.tag)
    return true
  }

  #end(): true {
    this.#over()
    return true
  }

  #over(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#interest.end()
    this.slot.leave()
    void this.#body?.cease()
    this.#owner.over(this)
  }
}

const NOTHING = new Uint8Array(0)
const TOO_LARGE: Refusal = { code: 'ITEM_TOO_LARGE', reason: '', headers: undefined, isUnbegun: false }
