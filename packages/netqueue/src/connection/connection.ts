import { pipe } from 'it-pipe'
import type { Env } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { FrameLimit, Frames, FrameTaker, FramingOptions } from '../framing/framing.ts'
import type { Progress } from '../framing/progress.ts'
import type { Limits } from '../options/limits.ts'
import type { HandshakeStep, PeerEnd, Protocol } from '../protocol/protocol.ts'
import type { ByteDuplex, Bytes } from '../transport/transport.ts'
import { endedByPeer, isPeersFault, lost, noticeOf, unanswered } from './failures.ts'
import { Incoming } from './incoming.ts'
import { Introductions } from './introductions.ts'
import type { ConnectionInit } from './introductions.ts'
import { Liveness } from './liveness.ts'
import type { Watched } from './liveness.ts'
import { Outgoing } from './outgoing.ts'
import type { FrameSource } from './outgoing.ts'
import type { Carrier, Session } from './session.ts'

const RESOLVED: Promise<void> = Promise.resolve()
const NO_FRAMES: readonly Uint8Array[] = []

/**
 * One peer, on one duplex of bytes. In one sentence: the duplex is piped through the length-prefixed codec, which turns
 * chunks into frames, and the protocol decodes each frame into messages, which the session takes.
 *
 * No async function and no race waits while it is idle, and it is itself what its parts ask and tell: a server may have ten thousand.
 */
export class Connection implements Carrier, Watched, FrameSource, FrameTaker, FramingOptions {
  /** Settles when duplex and timers are released; never rejects. */
  readonly done: Promise<void>
  /** @internal */
  readonly env: Env
  /** @internal Whether the duplex goes on without us. */
  readonly keepOpen: boolean
  /** @internal Frames that came. */
  readonly received: Progress = { begun: 0, done: 0 }
  readonly #limits: Limits
  readonly #duplex: ByteDuplex
  /** Until both sides know each other. */
  #introductions: Introductions | undefined
  readonly #outgoing: Outgoing
  /** Frames that go before whatever the session has: introductions and errors. */
  #urgent: readonly Uint8Array[]
  #incoming: Incoming | undefined
  #session: Session | undefined
  /** Our goodbye, which is the last that we send: an error is one too. */
  #ending: 'no' | 'due' | 'said' = 'no'
  /** The peer has said goodbye: nothing after it is read. */
  #goodbye = false
  /** The session has been told of the end, and why. */
  #finished = false
  #reason: NetQueueError | undefined
  /** Our last frame was taken; nothing more is to be read; nothing more is to be waited for. */
  #hasSaidAll = false
  #hasHeardAll = false
  #isOver = false
  #resolve!: () => void
  readonly #liveness: Liveness

  /** Throws for an introduction that cannot be sent; the duplex is untouched then. */
  constructor(duplex: ByteDuplex, init: ConnectionInit) {
    this.env = init.env
    this.keepOpen = init.closeDuplex === false
    this.#limits = init.limits
    this.#duplex = duplex
    this.#introductions = new Introductions(init)
    this.#urgent = this.#introductions.start()
    this.#outgoing = new Outgoing(this)
    this.#liveness = new Liveness(this, init.pulse)
    this.done = new Promise((resolve) => (this.#resolve = resolve))
    // Later, so that whoever made this connection has it before its session hears of it.
    void RESOLVED.then(() => this.#run(init.protocol))
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
    this.#liveness.goodbye()
    this.wake()
  }

  /** Ends at once, because of an error that the peer is told; the session ends with it. */
  fail(error: NetQueueError): void {
    if (this.#finished) return
    const wasSaid = this.#ending === 'said'
    const frame = (this.#session?.wire ?? this.#introductions)?.error(noticeOf(error))
    if (frame !== undefined && !wasSaid) this.#urgent = [...this.#urgent, frame]
    this.#ending = 'said'
    this.#liveness.goodbye()
    this.wake()
    this.#finish(error)
  }

  /** Ends at once and without a word; the session ends with it. */
  cut(error?: NetQueueError): void {
    this.#stop()
    this.#finish(error)
  }

  /** @internal The peer had its time for our last words, and for its own. */
  leave(): void {
    this.#stop()
    this.#finish(this.#loss)
  }

  /** The stream is of no use any more: it is cut without a word, and a session that can goes on with another connection. */
  lose(error: NetQueueError): void {
    const mayGoOn = !this.#finished && this.#ending === 'no' && !this.#goodbye
    this.#stop()
    if (this.#session === undefined || !mayGoOn) return this.#finish(error)
    this.#finished = true
    this.#reason = error
    this.#session.lost(error)
  }

  /** @internal Asks the peer for a sign of life. */
  ping(): void {
    this.#session?.ping()
  }

  /** @internal Frames that the sink was given, and has taken. */
  get sent(): Progress {
    return this.#outgoing
  }

  /** @internal It is for a session from now on. */
  opened(session: Session): void {
    this.#session = session
    this.#introductions = undefined
    this.#liveness.opened(session.wire.peer.supports)
  }

  /** @internal An error of the peer's is not answered; its goodbye is, so that it knows that nothing more comes. */
  endedByPeer(end: PeerEnd): void {
    this.#goodbye = true
    if (end.type === 'error') this.cut(endedByPeer(end))
  }

  /** @internal The next frame; `undefined` when there is none now, `'end'` when there will be none. */
  nextFrame(): Bytes | undefined | 'end' {
    const urgent = this.#urgent[0]
    if (urgent !== undefined) {
      this.#urgent = this.#urgent.length === 1 ? NO_FRAMES : this.#urgent.slice(1)
      return urgent
    }
    if (this.#ending === 'said') return 'end'
    const frame = this.#goodbye ? undefined : this.#session?.nextFrame()
    if (frame !== undefined || this.#ending === 'no') return frame
    // What is held up goes before the goodbye, unless the peer has said its own.
    if (!this.#goodbye && this.#session?.isHeldUp === true) return undefined
    this.#ending = 'said'
    return (this.#session?.wire ?? this.#introductions)?.disconnect() ?? 'end'
  }

  /** @internal The sink has taken all frames so far. */
  flushed(): void {
    if (!this.#finished) this.#session?.flushed()
  }

  /** @internal Our last frame was taken. */
  saidAll(): void {
    this.#hasSaidAll = true
    if (this.#hasHeardAll) this.#over()
  }

  /** @internal Takes a frame; whether the next one is wanted. */
  take(frame: Bytes): boolean | Promise<boolean> {
    if (this.#finished) return false
    const wasOpen = this.#session !== undefined
    const later = this.#take(frame)
    return later === undefined ? this.#isNextWanted(wasOpen) : later.then(() => this.#isNextWanted(wasOpen))
  }

  /** @internal No more frames come, or none is wanted. */
  ended(): void {
    if (this.#ending === 'no' && !this.#goodbye)
      return this.broke(new NetQueueError('CONNECTION_LOST', 'The peer ended the connection without a goodbye'))
    const isDeclined = this.#ending === 'no' && this.#session === undefined
    this.end()
    if (isDeclined) this.#finish(endedByPeer({ type: 'disconnect' }))
    this.#readToEnd()
  }

  /** @internal The stream broke, or the peer sent what it must not send. */
  broke(cause: unknown): void {
    if (!isPeersFault(cause)) return this.lose(lost(cause))
    this.fail(cause)
    this.#readToEnd()
  }

  /** @internal Longest frame taken at this moment. */
  limit(): FrameLimit {
    const name = this.#session === undefined ? 'maxHelloBytes' : 'maxFrameBytes'
    return { name, bytes: this.#limits[name] }
  }

  /** @internal What stands behind the goodbye is not ours, where the duplex goes on without us. */
  unread(rest: Uint8Array): void {
    if (this.#goodbye && this.keepOpen) this.#duplex.source.unread?.(rest)
  }

  #run(protocol: Protocol): void {
    if (this.#isOver) return
    const framing = protocol.framing(this)
    try {
      const incoming = new Incoming(this.#duplex.source)
      this.#incoming = incoming
      const encode = (frames: AsyncIterable<Bytes>): AsyncIterable<Bytes> => framing.encode(frames)
      const decode = (chunks: AsyncIterable<Bytes>): Frames => framing.decode(chunks)
      const sent = pipe(this.#outgoing, encode, (chunks) => this.#duplex.sink(chunks))
      sent.then(this.#onSent, this.#onUnsent)
      pipe(incoming, decode, (frames) => frames.each(this))
    } catch (cause) {
      this.#onUnsent(cause)
    }
  }

  readonly #onSent = (): void => {
    if (this.#outgoing.hasEnded) this.saidAll()
    else this.#onUnsent(new TypeError('Expected the sink of the duplex to take all frames, it stopped'))
  }

  readonly #onUnsent = (cause: unknown): void => {
    if (this.#isOver) return
    if (this.#goodbye) this.cut()
    else this.lose(lost(cause))
  }

  #isNextWanted(wasOpen: boolean): boolean | Promise<true> {
    if (this.#goodbye || this.#finished) return false
    return wasOpen || this.#session === undefined || this.#introduced()
  }

  /** A promise: what comes of the frame is not known before. */
  #take(frame: Bytes): Promise<void> | void {
    if (this.#session !== undefined) return this.#session.take(frame)
    if (this.#introductions === undefined || this.#ending !== 'no') return undefined // we have given up the introduction
    return this.#proceed(this.#introductions.take(frame.subarray()), frame)
  }

  #proceed(step: HandshakeStep, frame: Bytes): Promise<void> | void {
    if (this.#introductions === undefined || this.#ending !== 'no' || this.#finished) return undefined
    if (step.end !== undefined) return this.endedByPeer(step.end)
    if (step.send.length > 0) this.#urgent = [...this.#urgent, ...step.send]
    this.wake()
    if (step.later !== undefined) return step.later.then((known) => this.#proceed(known, frame))
    if (step.refusal !== undefined) throw step.refusal
    this.#introductions.open(step, this)
    return step.replay === true ? this.#take(frame) : undefined
  }

  /** Whoever waited for this says now what it handles and listens to: what came along with the introduction is for that already. */
  #introduced(): Promise<true> {
    return new Promise((resolve) => this.env.afterTurn(() => resolve(true)))
  }

  /** Closing a socket with unread bytes resets it, and the peer would not get our last words. */
  #readToEnd(): void {
    if (this.keepOpen || this.#goodbye || this.#incoming === undefined) this.#heardAll()
    else void this.#incoming.drop().then(() => this.#heardAll())
  }

  #heardAll(): void {
    this.#hasHeardAll = true
    if (this.#hasSaidAll) this.#over()
  }

  /** Nothing more is sent or received. */
  #stop(): void {
    this.#urgent = NO_FRAMES
    this.#ending = 'said'
    this.#over()
  }

  /** Why the end is not one that both sides know of. An original that we leave may end the stream, and has then said all that it ever says. */
  get #loss(): NetQueueError | undefined {
    const isAnswerDue = this.#session?.wire.peer.supports.settle === true && !this.#goodbye
    return isAnswerDue ? unanswered() : undefined
  }

  #finish(error: NetQueueError | undefined): void {
    if (this.#finished) return
    this.#finished = true
    this.#reason = error
    if (this.#session === undefined) this.#introductions?.declined(error)
    else this.#session.close(error)
  }

  /** When the turn of whoever brought this about is over. */
  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    void RESOLVED.then(() => this.#release())
  }

  #release(): void {
    this.#liveness.end()
    this.#finish(this.#loss)
    if (this.keepOpen) return this.#resolve()
    this.#outgoing.close()
    this.#abort()
    this.#incoming?.leave()
    // Whoever waits for the end must find no handle behind it; of a duplex that broke, this may be a rejection.
    Promise.resolve(this.#duplex.closed).then(this.#resolve, this.#resolve)
  }

  #abort(): void {
    try {
      this.#duplex.abort?.(this.#reason ?? new NetQueueError('CLOSED', 'The connection was closed'))
    } catch {
      // It is the user's, and of no use any more.
    }
  }
}
