import { failureOf } from '../delivery/failure.ts'
import type { Failure } from '../delivery/failure.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { Timer } from '../env/env.ts'
import type { Headers } from '../message/headers.ts'
import type { Route } from '../message/route.ts'
import type { Timed } from '../queue/deadlines.ts'
import type { Linked } from '../queue/linked-list.ts'
import { onAbort } from '../queue/on-abort.ts'
import { abortedWhenSent, checkSize, timedOut } from './failures.ts'
import { Inflow } from './inflow.ts'
import type { ExchangeWriter, Mail } from './mail.ts'
import { Outflow } from './outflow.ts'
import type { Chunks } from './outflow.ts'
import type { Side } from './side.ts'
import type { Incoming, Outgoing } from './streams.ts'

/** Whoever waits for the answer of a call. */
export interface Asker {
  /** One value. */
  answered(call: Call, payload: Uint8Array, headers: Headers): void
  /** Chunks, which come one by one. */
  streamed(replies: Inflow, headers: Headers): void
  failed(error: unknown): void
  /** The peer has not begun it, and will not; tells whether somebody else is asked. */
  unserved(cause: NetQueueError, call: Call): boolean
}

export interface CallInit {
  name: string
  /** Its id, as we call it. */
  id: number
  channel: number
  headers: Headers | undefined
  payload: Uint8Array
  /** Milliseconds; `Infinity`: none. */
  timeout: number
  /** When they are over, on the clock of `env`, where they do not begin with this call. */
  deadline: number | undefined
  signal: AbortSignal | undefined
  body: Chunks | undefined
  /** Where it passes relays. @default it does not */
  route?: Route | undefined
  /** Where it is somebody else's: what its streams are made of, and whoever hears that a reply comes as chunks. */
  passed?: { body: Outgoing | undefined; replies: Incoming; streamed: (headers: Headers) => void } | undefined
  /** What its user calls it, in traces. */
  label: string | undefined
}

/** Who makes calls, and hears of them. */
export interface CallOwner {
  readonly side: Side
  /** Those that the peer has, or is to have. */
  readonly open: number
  /** The tag of the next one that is written. */
  readonly nextTag: number
  sent(call: Call): void
  /** The source of the body failed. */
  bodyFailed(call: Call, error: unknown): void
  /** The end of the body was written. */
  bodyEnded(call: Call): void
  /** Nobody reads the reply any more. */
  left(call: Call): void
  /** Its time is up, or its signal fired. */
  gaveUp(call: Call, error: unknown): void
}

/** Nobody reads more of a body. */
const STOPPED: Failure = { code: 'STOPPED', reason: '' }
/** What two clocks may differ by in one request. */
const CLOCK_MS = 2

/** A request of ours, from the call that made it until its answer has come, streams included. */
export class Call implements Mail, Timed {
  before: Linked = this
  after: Linked = this
  readonly init: CallInit
  /**
   * `waiting`: in line, as too many are open. `queued`: waits to be written. `abandoned`: it was sent, and nobody waits for the
   * answer any more; the peer still has it.
   */
  state: 'new' | 'waiting' | 'queued' | 'sent' | 'abandoned' | 'over' = 'new'
  tag = 0
  /** Whether its time runs, or has run. */
  isBegun = false
  /** Whether the response has come, be it one that a stream follows. */
  isAnswered = false
  readonly body: Outgoing | undefined
  /** Where the chunks of the reply go; made for them, or for whoever asks for them beforehand. */
  replies: Incoming | undefined
  readonly #owner: CallOwner
  readonly #asker: Asker
  #deadline = Number.POSITIVE_INFINITY
  #timer: Timer | undefined
  #callOff: (() => void) | undefined
  /** The same as `replies`, where it is read here. */
  #read: Inflow | undefined

  constructor(owner: CallOwner, asker: Asker, init: CallInit) {
    this.#owner = owner
    this.#asker = asker
    this.init = init
    this.replies = init.passed?.replies
    if (init.passed !== undefined) this.body = init.passed.body
    else if (init.body !== undefined) this.body = this.#outflow(init.body)
  }

  get bytes(): number {
    return this.init.payload.length
  }

  /** Whether somebody waits for the answer. */
  get isLive(): boolean {
    return this.state !== 'abandoned' && this.state !== 'over'
  }

  /** Its time begins. */
  begin(): void {
    const { env, deadlines } = this.#owner.side
    const { timeout, deadline, signal } = this.init
    const now = env.now()
    this.isBegun = true
    this.#deadline = deadline ?? now + timeout
    if (timeout !== Number.POSITIVE_INFINITY) this.#timer = deadlines.set(this, Math.max(0, this.#deadline - now), now)
    if (signal !== undefined) this.#callOff = onAbort(signal, () => this.#aborted(signal.reason))
  }

  /** Neither its time nor its signal ends it any more: its promise may have settled long before its streams do. */
  end(): void {
    this.#timer?.cancel()
    this.#callOff?.()
  }

  timeIsUp(): void {
    this.#owner.gaveUp(this, this.timedOut())
  }

  timedOut(): NetQueueError {
    const { name, timeout } = this.init
    return timedOut(name, timeout, this.tag === 0 ? 'no' : 'maybe')
  }

  /** Whether the peer says what our clock is about to say: both watch the time, and it may be the first to notice. */
  isGivenUp(code: string): boolean {
    return code === 'TIMEOUT' && this.#owner.side.env.now() >= this.#deadline - CLOCK_MS
  }

  write(writer: ExchangeWriter): boolean {
    const { id, channel, headers, payload, label, route } = this.init
    const tag = this.#owner.nextTag
    const hasBody = this.body !== undefined
    const request = { tag, channel, name: id, deadlineMs: this.#deadlineMs(), headers, hasBody, payload, label, route }
    if (!this.#owner.side.lanes.admitsCall(this.#owner.open) || !writer.request(request)) return false
    this.tag = tag
    this.#owner.sent(this)
    this.body?.start(tag)
    this.replies?.open(tag)
    return true
  }

  answered(payload: Uint8Array, headers: Headers): void {
    this.#asker.answered(this, payload, headers)
  }

  /** Throws `DECODE_FAILED`. */
  decode(reply: Uint8Array): unknown {
    return this.#owner.side.vocabulary.decode(this.init.name, 'reply', reply)
  }

  /** A reply is announced that comes as chunks. */
  streamed(headers: Headers): void {
    const { passed } = this.init
    if (passed !== undefined) return this.isLive ? passed.streamed(headers) : undefined
    this.#read ??= this.#opened()
    if (this.isLive) this.#asker.streamed(this.#read, headers)
  }

  failed(error: unknown): void {
    this.replies?.abort(error)
    this.#asker.failed(error)
  }

  /** The peer has not begun it, and will not. Somebody else can be asked, as long as nobody has begun to read the body. */
  unserved(cause: NetQueueError): void {
    const { body } = this
    const isElsewhere = body?.isBegun !== true && this.#asker.unserved(cause, this)
    if (isElsewhere) body?.release()
    else void body?.cease()
    if (this.tag !== 0) body?.finish(STOPPED)
    if (!isElsewhere) this.failed(cause)
  }

  /** The peer is gone: what came of a stream can still be read. */
  lost(error: NetQueueError): void {
    this.replies?.end(error)
    this.#asker.failed(error)
    void this.body?.cease()
  }

  /** The answer is complete: nobody reads more of the body. */
  stopBody(): void {
    if (this.body === undefined) return
    void this.body.cease()
    this.body.finish(STOPPED)
  }

  /** Its reply is one value, for whoever reads it as a stream. */
  only(payload: Uint8Array): void {
    this.#read?.only(payload)
  }

  /** The chunks of the reply; `begin` is called when the first one is asked for. */
  inflow(begin?: () => void): Inflow {
    this.#read = this.#inflow(begin)
    this.replies = this.#read
    return this.#read
  }

  #opened(): Inflow {
    const replies = this.inflow()
    replies.open(this.tag)
    return replies
  }

  #inflow(begin: (() => void) | undefined): Inflow {
    const { lanes, limits, vocabulary } = this.#owner.side
    return new Inflow({
      lanes,
      limits,
      channel: this.init.channel,
      direction: 'reply',
      decode: (bytes) => vocabulary.decode(this.init.name, 'reply', bytes),
      begin,
      left: () => this.#owner.left(this),
    })
  }

  #aborted(reason: unknown): void {
    this.#owner.gaveUp(this, this.state === 'sent' ? abortedWhenSent(this.init.name, reason) : reason)
  }

  #outflow(source: Chunks): Outflow {
    const { lanes, exposeErrors } = this.#owner.side
    return new Outflow({
      lanes,
      channel: this.init.channel,
      direction: 'body',
      source,
      encode: (value) => this.#encode(value),
      describe: (error) => failureOf(error, { fallback: 'ABORTED', exposeErrors }),
      failed: (error) => this.#owner.bodyFailed(this, error),
      ended: () => this.#owner.bodyEnded(this),
    })
  }

  #encode(value: unknown): Uint8Array {
    const { vocabulary, maxItemBytes } = this.#owner.side
    const bytes = vocabulary.encode(this.init.name, 'body', value)
    checkSize(bytes.length, maxItemBytes)
    return bytes
  }

  /** When its time is over, on the clock of `env`; `undefined`: it does not run yet. */
  get deadline(): number | undefined {
    return this.isBegun ? this.#deadline : this.init.deadline
  }

  /** What is left of its time, for the peer. */
  #deadlineMs(): number | undefined {
    const left = Math.ceil(this.#deadline - this.#owner.side.frameTime)
    // Beyond the numbers that travel it makes no difference.
    return left > Number.MAX_SAFE_INTEGER ? undefined : Math.max(0, left)
  }
}
