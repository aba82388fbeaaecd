import { pipe } from 'it-pipe'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { Env, Timer } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Limits } from '../options/limits.ts'
import type { Handshake, Introduction, Message, Protocol, Role, Wire, Writer } from '../protocol/protocol.ts'
import type { ByteDuplex, Bytes } from '../transport/transport.ts'
import { Outgoing } from './outgoing.ts'

/** What a connection is for: it is told what the peer says, asked what to say, and told of the end. All of it is synchronous. */
export interface Session {
  /** Both sides know each other; called once, before anything else. Not called when the introduction failed. */
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
  introduction: Introduction
  limits: Limits
  env: Env
  session: Session
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
  readonly #chunks: AsyncIterator<Bytes>
  readonly #outgoing: Outgoing
  readonly #handshake: Handshake
  readonly #urgent: Uint8Array[]
  #wire: Wire | undefined
  /** Why no further frame is asked of the session: our goodbye is due, or was said. */
  #ending: 'no' | 'goodbye' | 'said' = 'no'
  /** The peer has said goodbye: nothing after it is read. */
  #goodbye = false
  #finished = false
  #deadline: Timer | undefined
  #cut!: () => void

  constructor(duplex: ByteDuplex, init: ConnectionInit) {
    this.#init = init
    this.#chunks = duplex.source[Symbol.asyncIterator]()
    this.#outgoing = new Outgoing({
      env: init.env,
      next: () => this.#nextFrame(),
      flushed: () => this.#flushed(),
      keepOpen: init.closeDuplex === false,
    })
    this.#handshake = init.protocol.handshake(init)
    this.#urgent = this.#handshake.start()
    this.#deadline = init.env.setTimer(() => this.fail(this.#tooSlow()), init.limits.handshakeTimeoutMs)
    this.done = this.#run(duplex)
  }

  /** Something is to be sent: what this turn still adds leaves in the same frame. */
  wake(): void {
    this.#outgoing.wake()
  }

  /** Sends what the session has, says goodbye, and ends when the peer has done so too. */
  end(): void {
    if (this.#ending !== 'no') return
    this.#ending = 'goodbye'
    this.#linger()
    this.wake()
  }

  /** Ends at once, because of an error that the peer is told. */
  fail(error: NetQueueError): void {
    if (this.#finished) return
    this.#urgent.length = 0
    const { code, limit, value } = error
    const notice = { code, ...(limit !== undefined && { limit }), ...(typeof value === 'number' && { value }) }
    const frame = this.#wire === undefined ? this.#handshake.error(notice) : this.#wire.error(notice)
    if (frame !== undefined) this.#urgent.push(frame)
    this.#ending = 'said'
    this.#linger()
    this.wake()
    this.#finish(error)
  }

  /** Ends at once and without a word. */
  cut(error?: NetQueueError): void {
    this.#finish(error)
    this.#cut()
  }

  async #run(duplex: ByteDuplex): Promise<void> {
    const { protocol } = this.#init
    const framing = protocol.framing(() => this.#frameLimit())
    const isCut = new Promise<void>((resolve) => (this.#cut = resolve))
    const sending = pipe(this.#outgoing, framing.encode, duplex.sink).catch((cause: unknown) => this.#lost(cause))
    const receiving = pipe(this.#incoming(), framing.decode, (frames) => this.#receive(frames)).catch(
      (cause: unknown) => this.#broken(cause),
    )
    const sent = this.#init.closeDuplex === false ? Promise.race([sending, this.#outgoing.ended]) : sending
    await Promise.race([Promise.all([sent, receiving]), isCut])
    this.#release(duplex)
  }

  async #receive(frames: AsyncIterable<Uint8ArrayList>): Promise<void> {
    for await (const frame of frames) {
      const bytes = frame.subarray()
      this.#take(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
      if (this.#goodbye || this.#finished) break
    }
    if (this.#ending === 'no' && !this.#goodbye)
      throw new NetQueueError('CONNECTION_LOST', 'The peer ended the connection without a goodbye')
    this.end()
    if (this.#init.closeDuplex !== false) await this.#readToEnd()
  }

  /** Reads on and drops it: closing a socket with unread bytes resets it, and the peer would not get our last words. */
  async #readToEnd(): Promise<void> {
    for (let more = true; more;) more = !(await this.#chunks.next().catch(() => ({ done: true }))).done
  }

  #take(frame: Uint8Array): void {
    if (this.#wire !== undefined) return this.#wire.decode(frame, (message) => this.#message(message))
    const { send, wire, replay = false } = this.#handshake.take(frame)
    this.#urgent.push(...send)
    this.wake()
    if (wire !== undefined) this.#open(wire)
    if (replay) this.#take(frame)
  }

  #open(wire: Wire): void {
    this.#deadline?.cancel()
    this.#wire = wire
    this.#init.session.opened(wire)
  }

  #message(message: Message): void {
    if (this.#goodbye || this.#finished) return
    if (message.type === 'disconnect') this.#goodbye = true
    else if (message.type === 'error')
      throw new NetQueueError('CONNECTION_LOST', `The peer closed the connection with ${message.code}`, {
        value: message.value,
      })
    else this.#init.session.take(message)
  }

  #nextFrame(): Uint8Array | undefined | 'end' {
    const urgent = this.#urgent.shift()
    if (urgent !== undefined) return urgent
    if (this.#ending === 'said') return 'end'
    const frame = this.#wire?.encode((writer) => this.#init.session.fill(writer))
    if (frame !== undefined || this.#ending === 'no') return frame
    this.#ending = 'said'
    return this.#wire?.disconnect() ?? 'end'
  }

  #flushed(): void {
    if (!this.#finished) this.#wire?.flushed?.((message) => this.#message(message))
  }

  /** The chunks as a stage that does not close the stream when a later one fails: the rest is then read and dropped. */
  #incoming(): AsyncIterable<Bytes> {
    return { [Symbol.asyncIterator]: () => ({ next: () => this.#chunks.next() }) }
  }

  #lost(cause: unknown): void {
    this.#finish(new NetQueueError('CONNECTION_LOST', `The connection was lost${reasonOf(cause)}`, { cause }))
    this.#cut()
  }

  /** Reading ended with an error: of the stream, or coded, because of what the peer sent. */
  async #broken(cause: unknown): Promise<void> {
    if (!(cause instanceof NetQueueError) || cause.code === 'FRAME_TRUNCATED') return this.#lost(cause)
    if (cause.code === 'CONNECTION_LOST') {
      this.#finish(cause)
      return this.#cut()
    }
    this.fail(cause)
    await this.#readToEnd()
  }

  #linger(): void {
    this.#deadline?.cancel()
    this.#deadline = this.#init.env.setTimer(() => this.#cut(), LINGER_MS)
  }

  #finish(error: NetQueueError | undefined): void {
    if (this.#finished) return
    this.#finished = true
    this.#init.session.closed(error)
  }

  #release(duplex: ByteDuplex): void {
    this.#deadline?.cancel()
    this.#finish(undefined)
    if (this.#init.closeDuplex === false) return
    this.#outgoing.close()
    duplex.abort?.(new NetQueueError('CLOSED', 'The connection was closed'))
    void Promise.resolve(this.#chunks.return?.()).catch(() => {})
  }

  #frameLimit(): { name: string; bytes: number } {
    const { maxFrameBytes, maxHelloBytes } = this.#init.limits
    return this.#wire === undefined
      ? { name: 'maxHelloBytes', bytes: maxHelloBytes }
      : { name: 'maxFrameBytes', bytes: maxFrameBytes }
  }

  #tooSlow(): NetQueueError {
    const { handshakeTimeoutMs } = this.#init.limits
    const message = `The peer did not introduce itself within ${handshakeTimeoutMs} ms (handshakeTimeoutMs)`
    return new NetQueueError('HANDSHAKE_TIMEOUT', message, { limit: 'handshakeTimeoutMs', value: handshakeTimeoutMs })
  }
}

/** The system's code for what happened, never a peer's text. */
function reasonOf(cause: unknown): string {
  if (cause instanceof NetQueueError) return `: ${cause.message}`
  const code = (cause as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? `: ${code}` : ''
}
