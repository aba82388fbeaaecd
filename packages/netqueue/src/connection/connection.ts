import { pipe } from 'it-pipe'
import type { Env, Timer } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Framing } from '../framing/framing.ts'
import type { Limits } from '../options/limits.ts'
import type { Handshake, Introduction, Message, PeerEnd, Protocol, Role, Wire, Writer } from '../protocol/protocol.ts'
import type { ByteDuplex, Bytes } from '../transport/transport.ts'
import { endedByPeer, handshakeTimeout, lost } from './failures.ts'
import { Outgoing } from './outgoing.ts'

/** What a connection is for: it is told what the peer says, asked what to say, and told of the end. All of it is synchronous. */
export interface Session {
  /** Both sides know each other; called once, before anything else. */
  opened(wire: Wire): void
  /** Throws a coded error for a message that the peer must not send; the connection then ends with it. */
  take(message: Message): void
  /** Writes what is due into the frame that leaves next. Called again as long as something was written. */
  fill(writer: Writer): void
  /** The last call: nothing more is sent or received. No error: both sides had said goodbye. */
  closed(error: NetQueueError | undefined): void
}

export interface ConnectionInit {
  role: Role
  protocol: Protocol
  /** What this side says of itself; asked when it is to be said, for most who knock at a port that is attacked hear nothing. */
  introduction: () => Introduction
  limits: Limits
  env: Env
  /** Gives what the connection is for, once both sides know each other. */
  session: () => Session
  /** Called instead when they did not get that far. */
  declined: (error: NetQueueError | undefined) => void
  identify: (wanted: string) => string
  /** Whether to end the duplex with the connection. @default true */
  closeDuplex?: boolean | undefined
}

/** How long the other end may take to read our last frame and to say goodbye; then the stream is cut. */
const LINGER_MS = 2_000

/**
 * One peer, on one duplex of bytes. In one sentence: the duplex is piped through the length-prefixed codec, which turns
 * chunks into frames, and the protocol decodes each frame into messages, which the session takes.
 */
export class Connection {
  /** Settles when duplex and timers are released; never rejects. */
  readonly done: Promise<void>
  readonly #init: ConnectionInit
  readonly #duplex: ByteDuplex
  readonly #handshake: Handshake
  readonly #outgoing: Outgoing
  /** Frames that go before whatever the session has: introductions and errors. */
  readonly #urgent: Uint8Array[]
  readonly #isCut: Promise<void>
  #cut!: () => void
  #chunks: AsyncIterator<Bytes> | undefined
  #wire: Wire | undefined
  #session: Session | undefined
  /** Our goodbye, which is the last that we send: an error is one too. */
  #ending: 'no' | 'due' | 'said' = 'no'
  /** The peer has said goodbye: nothing after it is read. */
  #goodbye = false
  /** The session has been told of the end, and why. */
  #finished = false
  #reason: NetQueueError | undefined
  #deadline: Timer

  /** Throws for an introduction that cannot be sent; the duplex is untouched then. */
  constructor(duplex: ByteDuplex, init: ConnectionInit) {
    const { env, limits, protocol, closeDuplex } = init
    this.#init = init
    this.#duplex = duplex
    this.#handshake = protocol.handshake(init)
    this.#urgent = this.#handshake.start()
    this.#outgoing = new Outgoing({
      env,
      next: () => this.#nextFrame(),
      flushed: () => this.#flushed(),
      keepOpen: closeDuplex === false,
    })
    this.#isCut = new Promise((resolve) => (this.#cut = resolve))
    this.#deadline = env.setTimer(() => this.fail(handshakeTimeout(limits)), limits.handshakeTimeoutMs)
    // Later, so that whoever made this connection has it before its session hears of it.
    this.done = Promise.resolve().then(() => this.#run())
  }

  /** Something is to be sent: what this turn still adds leaves in the same frame. */
  wake(): void {
    this.#outgoing.wake()
  }

  /** Something is to be sent that nobody waits for: it shares a frame with all that what has arrived brings about. */
  wakeLater(): void {
    this.#outgoing.wakeLater()
  }

  /** A frame's worth is to be sent: it leaves now, while this turn goes on. */
  flush(): void {
    this.#outgoing.flush()
  }

  /** Sends what the session has, says goodbye, and ends when the peer has done so too. */
  end(): void {
    if (this.#ending !== 'no') return
    this.#ending = 'due'
    this.#linger()
    this.wake()
  }

  /** Ends at once, because of an error that the peer is told. */
  fail(error: NetQueueError): void {
    if (this.#finished) return
    const wasSaid = this.#ending === 'said'
    const notice = noticeOf(error)
    const frame = this.#wire === undefined ? this.#handshake.error(notice) : this.#wire.error(notice)
    if (frame !== undefined && !wasSaid) this.#urgent.push(frame)
    this.#ending = 'said'
    this.#linger()
    this.wake()
    this.#finish(error)
  }

  /** Ends at once and without a word. */
  cut(error?: NetQueueError): void {
    this.#urgent.length = 0
    this.#ending = 'said'
    this.#finish(error)
    this.#cut()
  }

  async #run(): Promise<void> {
    const framing = this.#init.protocol.framing(
      () => this.#frameLimit(),
      (rest) => this.#unread(rest),
    )
    await Promise.race([Promise.all([this.#send(framing), this.#receive(framing)]), this.#isCut])
    this.#release()
    // Whoever waits for the end must find no handle behind it.
    if (this.#init.closeDuplex !== false) await this.#duplex.closed
  }

  /** Resolves when our last frame was taken, and the stream ended behind it unless it is to stay open. */
  async #send(framing: Framing): Promise<void> {
    try {
      const sending = pipe(this.#outgoing, framing.encode, (chunks) => this.#duplex.sink(chunks))
      await (this.#init.closeDuplex === false ? Promise.race([sending, this.#outgoing.ended]) : sending)
      if (!this.#outgoing.hasEnded)
        throw new TypeError('Expected the sink of the duplex to take all frames, it stopped')
    } catch (cause) {
      this.cut(this.#goodbye ? undefined : lost(cause))
    }
  }

  /** Resolves when the peer has nothing more to say. */
  async #receive(framing: Framing): Promise<void> {
    try {
      await pipe(this.#incoming(), framing.decode, (frames) => this.#takeAll(frames))
    } catch (cause) {
      if (!isPeersFault(cause)) return this.cut(lost(cause))
      this.fail(cause)
    }
    if (this.#init.closeDuplex !== false && !this.#goodbye) await this.#readToEnd()
  }

  async #takeAll(frames: AsyncIterable<Bytes>): Promise<void> {
    for await (const frame of frames) {
      const wasOpen = this.#wire !== undefined
      this.#take(frame)
      if (this.#goodbye || this.#finished) break
      if (!wasOpen && this.#wire !== undefined) await this.#introduced()
    }
    if (this.#ending === 'no' && !this.#goodbye)
      throw new NetQueueError('CONNECTION_LOST', 'The peer ended the connection without a goodbye')
    const isDeclined = this.#ending === 'no' && this.#wire === undefined
    this.end()
    if (isDeclined) this.#finish(endedByPeer({ type: 'disconnect' }))
  }

  #take(frame: Bytes): void {
    if (this.#wire !== undefined) return this.#wire.decode(frame, (message) => this.#message(message))
    if (this.#ending !== 'no') return // we have given up the introduction
    const { send, wire, replay = false, end, refusal } = this.#handshake.take(frame.subarray())
    if (end !== undefined) return this.#endedByPeer(end)
    this.#urgent.push(...send)
    this.wake()
    if (refusal !== undefined) throw refusal
    if (wire !== undefined) this.#open(wire)
    if (replay) this.#take(frame)
  }

  #open(wire: Wire): void {
    this.#deadline.cancel()
    this.#wire = wire
    this.#session = this.#init.session()
    this.#session.opened(wire)
  }

  /** Whoever waited for this says now what it handles and listens to: what came along with the introduction is for that already. */
  #introduced(): Promise<void> {
    return new Promise((resolve) => this.#init.env.afterTurn(resolve))
  }

  #message(message: Message): void {
    if (this.#goodbye || this.#finished) return
    if (message.type === 'disconnect' || message.type === 'error') this.#endedByPeer(message)
    else this.#session?.take(message)
  }

  /** An error of the peer's is not answered; its goodbye is, so that it knows that nothing more comes. */
  #endedByPeer(end: PeerEnd): void {
    this.#goodbye = true
    if (end.type === 'error') this.cut(endedByPeer(end))
  }

  #nextFrame(): Bytes | undefined | 'end' {
    const urgent = this.#urgent.shift()
    if (urgent !== undefined) return urgent
    if (this.#ending === 'said') return 'end'
    const frame = this.#goodbye ? undefined : this.#wire?.encode((writer) => this.#session?.fill(writer))
    if (frame !== undefined || this.#ending === 'no') return frame
    this.#ending = 'said'
    return (this.#wire ?? this.#handshake).disconnect() ?? 'end'
  }

  #flushed(): void {
    if (!this.#finished) this.#wire?.flushed?.((message) => this.#message(message))
  }

  /** The chunks as a stage that does not close the stream when a later one fails: the rest is then read and dropped. */
  #incoming(): AsyncIterable<Bytes> {
    const chunks = this.#duplex.source[Symbol.asyncIterator]()
    this.#chunks = chunks
    return { [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }) }
  }

  /** What stands behind the goodbye is not ours, where the duplex goes on without us. */
  #unread(rest: Uint8Array): void {
    if (this.#goodbye && this.#init.closeDuplex === false) this.#duplex.source.unread?.(rest)
  }

  /** Closing a socket with unread bytes resets it, and the peer would not get our last words. */
  async #readToEnd(): Promise<void> {
    try {
      while ((await this.#chunks?.next())?.done === false);
    } catch {
      // The end is what was waited for.
    }
  }

  #linger(): void {
    this.#deadline.cancel()
    this.#deadline = this.#init.env.setTimer(() => this.cut(), LINGER_MS)
  }

  #finish(error: NetQueueError | undefined): void {
    if (this.#finished) return
    this.#finished = true
    this.#reason = error
    if (this.#session === undefined) this.#init.declined(error)
    else this.#session.closed(error)
  }

  #release(): void {
    this.#deadline.cancel()
    this.#finish(undefined)
    if (this.#init.closeDuplex === false) return
    this.#outgoing.close()
    this.#duplex.abort?.(this.#reason ?? new NetQueueError('CLOSED', 'The connection was closed'))
    void Promise.resolve(this.#chunks?.return?.()).catch(() => {})
  }

  #frameLimit(): { name: string; bytes: number } {
    const { maxFrameBytes, maxHelloBytes } = this.#init.limits
    return this.#wire === undefined
      ? { name: 'maxHelloBytes', bytes: maxHelloBytes }
      : { name: 'maxFrameBytes', bytes: maxFrameBytes }
  }
}

/** Whether the peer is to be told: it sent what it must not send. A stream that broke or ended has nobody at its other end. */
function isPeersFault(cause: unknown): cause is NetQueueError {
  return cause instanceof NetQueueError && cause.code !== 'FRAME_TRUNCATED' && cause.code !== 'CONNECTION_LOST'
}

function noticeOf({ code, limit, value }: NetQueueError): { code: string; limit?: string; value?: number } {
  return { code, ...(limit !== undefined && { limit }), ...(typeof value === 'number' && { value }) }
}
