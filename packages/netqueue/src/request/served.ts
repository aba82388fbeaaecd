import { failureOf } from '../delivery/failure.ts'
import type { Failure } from '../delivery/failure.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Timed } from '../queue/deadlines.ts'
import { unlink } from '../queue/linked-list.ts'
import type { Linked } from '../queue/linked-list.ts'
import type { Unbegun } from './channel.ts'
import { Context } from './context.ts'
import { checkSize, timeIsUp } from './failures.ts'
import { isAsyncIterable, isThenable } from './handler-result.ts'
import type { Registration } from './handlers.ts'
import { Interest } from './interest.ts'
import { laneOf } from './lanes.ts'
import type { ExchangeWriter, Mail, RequestMessage } from './mail.ts'
import { Outflow } from './outflow.ts'
import type { Side } from './side.ts'
import { Slot, Slots } from './slot.ts'

export interface ServedInit {
  side: Side
  message: RequestMessage
  name: string
  from: unknown
  /** `undefined` for what nobody handles. */
  registration: Registration | undefined
  /** It came when nothing new is begun any more. */
  isLate: boolean
  owner: ServedOwner
}

/** Who has requests of a peer, and hears of them. */
export interface ServedOwner {
  /** The code with which a request is refused when its turn comes; `undefined` where its handler is to be called. */
  objectionTo(served: Served): string | undefined
  /** It was not begun, and will not be: those behind it may go on. */
  withdrawn(served: Served): void
  /** It leaves nothing behind. */
  over(served: Served): void
}

const NOTHING = new Uint8Array(0)
const NOBODY = new Slots(Number.POSITIVE_INFINITY)

/** A request of the peer, from its arrival until its answer, streams included, was written and its handler is done with it. */
export class Served implements Unbegun, Mail, Timed {
  before: Linked = this
  after: Linked = this
  readonly tag: number
  readonly slot: Slot
  readonly #init: ServedInit
  readonly #interest: Interest
  readonly #context: Context
  /** `answering`: the answer waits to be written. `over`: nothing is to be said any more. */
  #state: 'waiting' | 'running' | 'answering' | 'streaming' | 'over' = 'waiting'
  #stream: Outflow | undefined
  /** Room that the requester gave before there was a stream. */
  #granted = { chunks: 0, bytes: 0 }
  #answer: Uint8Array | Failure = NOTHING

  constructor(init: ServedInit) {
    const { side, message, name, from, registration, owner } = init
    this.#init = init
    this.tag = message.tag
    this.slot = new Slot(registration?.slots ?? NOBODY, owner)
    this.#interest = new Interest({
      env: side.env,
      deadlines: side.deadlines,
      deadlineMs: message.deadlineMs,
      whose: this,
    })
    this.#context = new Context({ side, message, name, from, interest: this.#interest, slot: this.slot })
  }

  get name(): string {
    return this.#init.name
  }

  get channel(): number {
    return this.#init.message.channel
  }

  get isLate(): boolean {
    return this.#init.isLate
  }

  get registration(): Registration | undefined {
    return this.#init.registration
  }

  /** Of the payload. */
  get bytes(): number {
    return this.#init.message.payload.length
  }

  get hasBody(): boolean {
    return this.#init.message.hasBody
  }

  /** A chunk of the body. Throws for one that was not granted. */
  push(payload: Uint8Array): void {
    this.#context.body.push(payload)
  }

  endBody(error: NetQueueError | undefined): void {
    this.#context.body.end(error)
  }

  /** Calls the handler. */
  begin(): void {
    this.#state = 'running'
    const objection = this.#init.owner.objectionTo(this)
    if (objection !== undefined) return this.#answered({ code: objection, reason: '' })
    try {
      this.#call(this.#init.side.vocabulary.decode(this.#init.name, 'payload', this.#init.message.payload))
    } catch (error) {
      this.#unfit(error)
    }
  }

  /**
   * Nobody waits for the answer any more. A handler at work keeps its place until it is done; what it says then is not
   * told, unless it had been said already.
   */
  cancel(reason: NetQueueError): void {
    if (this.#interest.reason !== undefined || this.#state === 'over') return
    this.#context.closeBody(reason)
    this.#interest.lose(reason)
    if (this.#state === 'waiting') this.#withdraw()
    else if (this.#state === 'streaming') void this.#stop()
  }

  /** There is nobody to answer: the handler's signal fires. */
  close(reason: NetQueueError): void {
    const isRunning = this.#state === 'running'
    this.#context.closeBody(reason)
    unlink(this)
    this.#end()
    this.#interest.lose(reason)
    // A handler at work keeps its place: whoever connects anew would get more of them than there are.
    if (this.#stream !== undefined) void this.#stream.cease().then(() => this.slot.leave())
    else if (!isRunning) this.slot.leave()
  }

  /** The requester gives up. */
  timeIsUp(): void {
    this.cancel(timeIsUp(this.#init.message.deadlineMs ?? 0))
  }

  /** Fires the signal; the answer is still wanted. */
  revoke(reason: NetQueueError): void {
    this.#interest.hurry(reason)
  }

  /** The requester has room for chunks of the reply. */
  granted(chunks: number, bytes: number): void {
    this.#granted = { chunks: Math.max(chunks, this.#granted.chunks), bytes: Math.max(bytes, this.#granted.bytes) }
    this.#stream?.granted(chunks, bytes)
  }

  /** */
  write(writer: ExchangeWriter): boolean {
    const { tag, channel } = this.#init.message
    const headers = this.#context.replyHeaders
    const answer = this.#answer
    if (!(answer instanceof Uint8Array))
      return writer.refusal({ tag, channel, headers, code: answer.code, reason: answer.reason }) && this.#end()
    const hasStream = this.#stream !== undefined
    if (!writer.response({ tag, channel, headers, hasStream, payload: answer })) return false
    return hasStream ? this.#begun() : this.#end()
  }

  #call(payload: unknown): void {
    try {
      const answer = this.#init.registration?.call(payload, this.#context)
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
      if (isAsyncIterable(value)) return this.#streams(value)
    } catch (error) {
      return this.#fail(error)
    }
    if (!this.#isHeard) return this.#answered(this.#cancelled)
    try {
      this.#answered(this.#encode(value))
    } catch (error) {
      this.#unfit(error)
    }
  }

  #fail(error: unknown): void {
    this.#warn(error)
    this.#answered(this.#isWanted ? this.#describe(error) : this.#cancelled)
  }

  /** The codec or schema refused the payload, or the answer. */
  #unfit(error: unknown): void {
    this.#init.side.warn(error as NetQueueError)
    this.#answered(this.#describe(error))
  }

  /** The handler is done. The answer goes to its lane first: whoever takes the place may answer at once. */
  #answered(answer: Uint8Array | Failure): void {
    if (this.#state === 'running') this.#post(answer)
    this.#context.closeBody()
    this.slot.leave()
  }

  #streams(source: AsyncIterable<unknown>): void {
    const stream = this.#streamOf(source)
    if (!this.#isHeard) {
      void stream.cease()
      return this.#answered(this.#cancelled)
    }
    this.#stream = stream
    stream.granted(this.#granted.chunks, this.#granted.bytes)
    this.#context.announced()
    // Until the requester has room for the first chunk.
    this.slot.pause()
    this.#post(NOTHING)
  }

  /** The reply has been announced. */
  #begun(): true {
    this.#state = 'streaming'
    if (!this.#isWanted) void this.#stop()
    this.#stream?.start(this.tag)
    return true
  }

  /** The reply is cut short; its end is told when its source is done with. */
  async #stop(): Promise<void> {
    await this.#stream?.cease()
    if (this.#state === 'streaming') this.#stream?.finish(this.#cancelled)
  }

  #post(answer: Uint8Array | Failure): void {
    this.#answer = answer
    this.#state = 'answering'
    this.#init.side.lanes.post(
      laneOf(this.#init.message.channel),
      this,
      answer instanceof Uint8Array ? answer.length : 0,
    )
  }

  #withdraw(): void {
    unlink(this)
    this.slot.leave()
    this.#post(this.#cancelled)
    this.#init.owner.withdrawn(this)
  }

  #end(): true {
    this.#state = 'over'
    this.#interest.end()
    this.#init.owner.over(this)
    return true
  }

  /** Whether what the handler says now is told. */
  get #isHeard(): boolean {
    return this.#state === 'running' && this.#isWanted
  }

  get #isWanted(): boolean {
    return this.#interest.reason === undefined
  }

  get #cancelled(): Failure {
    return { code: this.#interest.reason?.code ?? 'CANCELLED', reason: '' }
  }

  #describe(error: unknown): Failure {
    return failureOf(error, { fallback: 'HANDLER_FAILED', exposeErrors: this.#init.side.exposeErrors })
  }

  /** A handler that stops because nobody waits for it has not failed. */
  #warn(cause: unknown): void {
    if (!this.#isWanted) return
    const message = `The handler of ${JSON.stringify(this.#init.name)} failed`
    this.#init.side.warn(new NetQueueError('HANDLER_FAILED', message, { cause }))
  }

  #encode(value: unknown): Uint8Array {
    const { vocabulary, maxItemBytes } = this.#init.side
    const payload = vocabulary.encode(this.#init.name, 'reply', value)
    checkSize(payload.length + this.#context.replyHeaderBytes, maxItemBytes)
    return payload
  }

  #streamOf(source: AsyncIterable<unknown>): Outflow {
    return new Outflow({
      lanes: this.#init.side.lanes,
      channel: this.#init.message.channel,
      direction: 'reply',
      source,
      encode: (value) => this.#encode(value),
      describe: (error) => this.#describe(error),
      begin: (resume) => this.slot.enter(resume),
      pause: () => this.slot.pause(),
      failed: (error) => this.#warn(error),
      ended: () => {
        this.#context.closeBody()
        this.slot.leave()
        this.#end()
      },
    })
  }
}
