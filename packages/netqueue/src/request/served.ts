import { failureOf } from '../delivery/failure.ts'
import type { Failure } from '../delivery/failure.ts'
import { NetQueueError } from '../errors/errors.ts'
import { headerBytes, headersFrom } from '../message/headers.ts'
import type { Headers } from '../message/headers.ts'
import { unlink } from '../queue/linked-list.ts'
import type { Linked } from '../queue/linked-list.ts'
import type { OpenRequest } from './open-request.ts'
import { Context } from './context.ts'
import { answered, checkSize, timeIsUp } from './failures.ts'
import { isThenable } from '../queue/thenable.ts'
import { isAsyncIterable } from './handler-result.ts'
import type { Registration } from './handlers.ts'
import { Inflow } from './inflow.ts'
import { Interest } from './interest.ts'
import type { Wanted } from './interest.ts'
import { laneOf } from './lanes.ts'
import type { ExchangeWriter, Mail, RequestMessage } from './mail.ts'
import { dropBody, Outflow } from './outflow.ts'
import type { Side } from './side.ts'
import { Slot } from './slot.ts'
import type { Slots } from './slot.ts'

/** What the answer to a request takes to begin with. */
export interface ServedInit {
  message: RequestMessage
  name: string
  /** `undefined` for what nobody handles. */
  registration: Registration | undefined
  /** It came when nothing new is begun any more. */
  isLate: boolean
}

/** Who has requests of a peer, and hears of them. */
export interface ServedOwner {
  readonly side: Side
  /** Who asks. */
  readonly from: unknown
  /** Requests that are open. */
  readonly size: number
  /** For requests that nobody handles. */
  readonly nobody: Slots
  /** It was not begun, and will not be: those behind it may go on. */
  withdrawn(request: OpenRequest): void
  /** It leaves nothing behind. */
  over(request: OpenRequest): void
}

const NOTHING = new Uint8Array(0)

/** A request of the peer, from its arrival until its answer, streams included, was written and its handler is done with it. */
export class Served implements OpenRequest, Mail, Wanted {
  before: Linked = this
  after: Linked = this
  readonly message: RequestMessage
  readonly name: string
  readonly from: unknown
  readonly slot: Slot
  readonly interest: Interest
  /** Of the payload. */
  readonly bytes: number
  readonly #owner: ServedOwner
  readonly #registration: Registration | undefined
  readonly #isLate: boolean
  /** `answering`: the answer waits to be written. `over`: nothing is to be said any more. */
  #state: 'waiting' | 'running' | 'answering' | 'streaming' | 'over' = 'waiting'
  #body: Inflow | undefined
  #replyHeaders: Headers | undefined
  #stream: Outflow | undefined
  /** Room that the requester gave for chunks of the reply. */
  #chunkLimit = 0
  #byteLimit = 0
  #answer: Uint8Array | Failure = NOTHING
  /** Its handler was not called, and will not be. */
  #isUnbegun = false

  constructor(owner: ServedOwner, { message, name, registration, isLate }: ServedInit) {
    this.message = message
    this.name = name
    this.from = owner.from
    this.bytes = message.payload.length
    this.#owner = owner
    this.#registration = registration
    this.#isLate = isLate
    this.slot = new Slot(registration?.slots ?? owner.nobody, owner)
    this.interest = new Interest(this)
    if (message.hasBody) this.body.open(message.tag)
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

  /** The stream that comes along; of a request without one, an empty one. */
  get body(): Inflow {
    if (this.#body !== undefined) return this.#body
    this.#body = this.#inflow()
    if (!this.message.hasBody) this.#body.end()
    return this.#body
  }

  /** Throws for what cannot travel, or is too late. */
  setHeaders(headers: Headers): void {
    if (this.#stream !== undefined) throw new TypeError('Expected headers before the handler returns what it streams')
    const checked = headersFrom(headers, this.side.headerFault)
    if (checked !== undefined) this.side.checkSupports('headers')
    checkSize(headerBytes(checked), this.side.maxItemBytes)
    this.#replyHeaders = checked
  }

  /** A chunk of the body. Throws for one that was not granted. */
  push(payload: Uint8Array): void {
    this.body.push(payload)
  }

  endBody(error: NetQueueError | undefined): void {
    this.body.end(error)
  }

  /** Calls the handler. */
  begin(): void {
    this.#state = 'running'
    const objection = this.#objection()
    this.#isUnbegun = objection !== undefined
    if (objection !== undefined) return this.#answered({ code: objection, reason: '' })
    try {
      this.#call(this.side.vocabulary.decode(this.name, 'payload', this.message.payload))
    } catch (error) {
      this.#unfit(error)
    }
  }

  /**
   * Nobody waits for the answer any more. A handler at work keeps its place until it is done; what it says then is not
   * told, unless it had been said already.
   */
  cancel(reason: NetQueueError): void {
    if (this.interest.reason !== undefined || this.#state === 'over') return
    this.#closeBody(reason)
    this.interest.lose(reason)
    if (this.#state === 'waiting') this.#withdraw()
    else if (this.#state === 'streaming') void this.#stop()
  }

  /** There is nobody to answer: the handler's signal fires. */
  close(reason: NetQueueError): void {
    const isRunning = this.#state === 'running'
    this.#closeBody(reason)
    unlink(this)
    this.#end()
    this.interest.lose(reason)
    // A handler at work keeps its place: whoever connects anew would get more of them than there are.
    if (this.#stream !== undefined) void this.#stream.cease().then(() => this.slot.leave())
    else if (!isRunning) this.slot.leave()
  }

  /** The requester gives up. */
  timeIsUp(): void {
    this.cancel(timeIsUp(this.deadlineMs ?? 0))
  }

  /** Fires the signal; the answer is still wanted. */
  revoke(reason: NetQueueError): void {
    this.interest.hurry(reason)
  }

  /** The requester has room for chunks of the reply. */
  granted(chunks: number, bytes: number): void {
    this.#chunkLimit = Math.max(chunks, this.#chunkLimit)
    this.#byteLimit = Math.max(bytes, this.#byteLimit)
    this.#stream?.granted(chunks, bytes)
  }

  write(writer: ExchangeWriter): boolean {
    if (!this.side.lanes.admitsCall(this.#owner.size)) return false
    const { tag, channel } = this.message
    const headers = this.#replyHeaders
    const answer = this.#answer
    if (!(answer instanceof Uint8Array))
      return writer.refusal({ tag, channel, headers, ...answer, isUnbegun: this.#isUnbegun }) && this.#end()
    const hasStream = this.#stream !== undefined
    if (!writer.response({ tag, channel, headers, hasStream, payload: answer })) return false
    return hasStream ? this.#begun() : this.#end()
  }

  #call(payload: unknown): void {
    try {
      const answer = this.#registration?.call(payload, new Context(this))
      if (!isThenable(answer)) return this.#settle(answer)
      Promise.resolve(answer).then(
        (value) => this.#settle(value),
        (error: unknown) => this.#fail(error),
      )
    } catch (error) {
      this.#fail(error)
    }
  }

  #settle(value: unknown): void {
    try {
      if (isAsyncIterable(value)) return this.#streams(this.#carried(value))
    } catch (error) {
      return this.#fail(error)
    }
    if (!this.#isHeard()) return this.#answered(this.#cancelled())
    try {
      this.#answered(this.#encode(value))
    } catch (error) {
      this.#unfit(error)
    }
  }

  #fail(error: unknown): void {
    this.#warn(error)
    this.#answered(this.#isWanted() ? this.#describe(error) : this.#cancelled())
  }

  /** The codec or schema refused the payload, or the answer. */
  #unfit(error: unknown): void {
    this.side.warn(error as NetQueueError)
    this.#answered(this.#describe(error))
  }

  /** The handler is done. The answer goes to its lane first: whoever takes the place may answer at once. */
  #answered(answer: Uint8Array | Failure): void {
    if (this.#state === 'running') this.#post(answer)
    this.#closeBody()
    this.slot.leave()
  }

  /** Throws where the protocol has no streams. */
  #carried(source: AsyncIterable<unknown>): AsyncIterable<unknown> {
    try {
      this.side.checkSupports('stream')
      return source
    } catch (error) {
      dropBody(source)
      throw error
    }
  }

  #streams(source: AsyncIterable<unknown>): void {
    const stream = this.#streamOf(source)
    if (!this.#isHeard()) {
      void stream.cease()
      return this.#answered(this.#cancelled())
    }
    this.#stream = stream
    stream.granted(this.#chunkLimit, this.#byteLimit)
    // Until the requester has room for the first chunk.
    this.slot.pause()
    this.#post(NOTHING)
  }

  /** The reply has been announced. */
  #begun(): true {
    this.#state = 'streaming'
    if (!this.#isWanted()) void this.#stop()
    this.#stream?.start(this.tag)
    return true
  }

  /** The reply is cut short; its end is told when its source is done with. */
  async #stop(): Promise<void> {
    await this.#stream?.cease()
    if (this.#state === 'streaming') this.#stream?.finish(this.#cancelled())
  }

  #post(answer: Uint8Array | Failure): void {
    this.#answer = answer
    this.#state = 'answering'
    this.side.lanes.post(laneOf(this.message.channel), this, answer instanceof Uint8Array ? answer.length : 0)
  }

  #withdraw(): void {
    this.#isUnbegun = true
    unlink(this)
    this.slot.leave()
    this.#post(this.#cancelled())
    this.#owner.withdrawn(this)
  }

  #end(): true {
    this.#state = 'over'
    this.interest.end()
    this.#owner.over(this)
    return true
  }

  /** The code with which it is refused; `undefined` where its handler is to be called. One that was taken away meanwhile answers nothing. */
  #objection(): string | undefined {
    if (this.#isLate) return 'CLOSED'
    if (this.side.vocabulary.admits?.(this.name) === false) return 'NOT_AUTHORIZED'
    if (this.#registration === undefined || this.#registration.isGone) return 'UNKNOWN_REQUEST'
    const named = this.message.route?.named
    return named !== undefined && this.side.vocabulary.fits?.(named) === false ? 'MESSAGES_MISMATCH' : undefined
  }

  /** The body can be read no more: for that reason, or because the request has been answered. */
  #closeBody(reason?: Error): void {
    this.#body?.abort(reason ?? answered())
  }

  /** Whether what the handler says now is told. */
  #isHeard(): boolean {
    return this.#state === 'running' && this.#isWanted()
  }

  #isWanted(): boolean {
    return this.interest.reason === undefined
  }

  #cancelled(): Failure {
    return { code: this.interest.reason?.code ?? 'CANCELLED', reason: '' }
  }

  #describe(error: unknown): Failure {
    return failureOf(error, { fallback: 'HANDLER_FAILED', exposeErrors: this.side.exposeErrors })
  }

  /** A handler that stops because nobody waits for it has not failed. */
  #warn(cause: unknown): void {
    if (!this.#isWanted()) return
    const message = `The handler of ${JSON.stringify(this.name)} failed`
    this.side.warn(new NetQueueError('HANDLER_FAILED', message, { cause }))
  }

  #encode(value: unknown): Uint8Array {
    const { vocabulary, maxItemBytes } = this.side
    const payload = vocabulary.encode(this.name, 'reply', value)
    checkSize(payload.length + headerBytes(this.#replyHeaders), maxItemBytes)
    return payload
  }

  #inflow(): Inflow {
    const { side, slot } = this
    return new Inflow({
      lanes: side.lanes,
      limits: side.limits,
      channel: this.message.channel,
      direction: 'body',
      decode: (bytes) => side.vocabulary.decode(this.name, 'body', bytes),
      waits: () => slot.pause(),
      goesOn: (resume) => slot.enter(resume),
      aborted: () => slot.retake(),
    })
  }

  #streamOf(source: AsyncIterable<unknown>): Outflow {
    return new Outflow({
      lanes: this.side.lanes,
      channel: this.message.channel,
      direction: 'reply',
      source,
      encode: (value) => this.#encode(value),
      describe: (error) => this.#describe(error),
      begin: (resume) => this.slot.enter(resume),
      pause: () => this.slot.pause(),
      failed: (error) => this.#warn(error),
      ended: () => {
        this.#closeBody()
        this.slot.leave()
        this.#end()
      },
    })
  }
}
