import type { Env } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { FrameLimit, FrameTaker, FramingOptions } from '../framing/framing.ts'
import type { Progress } from '../framing/progress.ts'
import type { Limits } from '../options/limits.ts'
import type { PeerEnd } from '../protocol/message.ts'
import type { Protocol } from '../protocol/protocol.ts'
import type { ByteDuplex, Bytes } from '../transport/transport.ts'
import { endedAtOnce, isPeersFault, lost, noticeOf, peerError, unanswered } from './failures.ts'
import type { DelayedSource } from './delayed-outgoing.ts'
import { Farewell } from './farewell.ts'
import { Introductions } from './introductions.ts'
import type { ConnectionInit, IntroductionsOwner } from './introductions.ts'
import { Liveness } from './liveness.ts'
import type { Watched } from './liveness.ts'
import { outgoingOf } from './paced-outgoing.ts'
import { Pipes } from './pipes.ts'
import type { Session } from './session.ts'

const RESOLVED: Promise<void> = Promise.resolve()
const NO_FRAMES: readonly Uint8Array[] = []

/**
 * One peer, on one duplex of bytes. In one sentence: the duplex is piped through the length-prefixed codec, which turns
 * chunks into frames, and the protocol decodes each frame into messages, which the session takes.
 *
 * No async function and no race waits while it is idle, and it is itself what its parts ask and tell: a server may have ten thousand.
 *
 * How it ends: who says so, what the peer is told, and whether the session may go on with another connection.
 *
 * | | called by | the peer is told | the session |
 * | --- | --- | --- | --- |
 * | `end` | its session, a server that closes, `ended` | all that is due, then goodbye | ends |
 * | `fail` | `broke`; liveness, where introductions take too long | the error | ends |
 * | `cut` | its session, whoever gave up connecting, a server that closes; `leave`, `endedByPeer` | nothing | ends |
 * | `leave` | liveness: the time for the goodbyes is up | nothing more | ends |
 * | `lose` | `broke`, the sink; liveness: silence; a server whose client came again | nothing | may go on, unless a side has said goodbye |
 * | `endedByPeer` | session or introductions: the peer said goodbye, or an error | goodbye, by `ended`; to an error nothing | ends |
 * | `ended` | frames: the stream of the peer is at its end | goodbye; without one of its own, as `lose` | as with `end` or `lose` |
 * | `broke` | frames: the stream, or what came in it, is no good | as `fail` where that is its fault, else as `lose` | as with these |
 *
 * Behind all of them: `#stop`, nothing more is sent or received; `#finish`, the session is told, once; `#over`, duplex and timers are released.
 */
export class Connection implements IntroductionsOwner, Watched, DelayedSource, FrameTaker, FramingOptions {
  /** Settles when duplex and timers are released; never rejects. */
  readonly done: Promise<void>
  /** @internal */
  readonly env: Env
  /** @internal Frames that came. */
  readonly received: Progress = { begun: 0, done: 0 }
  /** @internal Whether there may be a frame behind the last one that nobody tells of: always, where that was not the session's. */
  hasMore = true
  readonly #limits: Limits
  readonly #pipes: Pipes
  /** Until both sides know each other. */
  #introductions: Introductions | undefined
  /** Frames that go before whatever the session has: introductions and errors. */
  #urgent: readonly Uint8Array[]
  #session: Session | undefined
  readonly #farewell: Farewell = new Farewell()
  /** The session has been told of the end, and why. */
  #isFinished = false
  #reason: NetQueueError | undefined
  #resolve!: () => void
  readonly #liveness: Liveness

  /** Throws for an introduction that cannot be sent; the duplex is untouched then. */
  constructor(duplex: ByteDuplex, init: ConnectionInit) {
    this.env = init.env
    this.#limits = init.limits
    this.#introductions = new Introductions(init, this)
    this.#urgent = this.#introductions.start()
    this.#pipes = new Pipes(duplex, { outgoing: outgoingOf(this, init), isLent: init.closeDuplex === false })
    this.#liveness = new Liveness(this, init.pulse)
    this.done = new Promise((resolve) => (this.#resolve = resolve))
    // Later, so that whoever made this connection has it before its session hears of it.
    void RESOLVED.then(() => this.#run(init.protocol))
  }

  wake(): void {
    this.#pipes.outgoing.wake()
  }

  wakeSoon(): void {
    this.#pipes.outgoing.wakeSoon()
  }

  wakeLater(): void {
    this.#pipes.outgoing.wakeLater()
  }

  flush(): void {
    this.#pipes.outgoing.flush()
  }

  /** Sends what the session has, says goodbye, and ends when the peer has done so too. */
  end(): void {
    if (this.#farewell.saying !== 'open') return
    this.#farewell.say('leaving')
    this.#liveness.goodbye()
    this.wake()
  }

  /** Ends at once, because of an error that the peer is told; the session ends with it. */
  fail(error: NetQueueError): void {
    if (this.#isFinished) return
    if (!this.#farewell.hasSaid) this.#complain(error)
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
    this.cut(this.#loss())
  }

  /** The stream is of no use any more: it is cut without a word, and a session that can goes on with another connection. */
  lose(error: NetQueueError): void {
    const mayGoOn = !this.#isFinished && this.#farewell.isOpen
    this.#stop()
    if (this.#session === undefined || !mayGoOn) return this.#finish(error)
    this.#isFinished = true
    this.#reason = error
    this.#session.lost(error)
  }

  /** @internal Asks the peer for a sign of life. */
  ping(): void {
    this.#session?.ping()
  }

  /** @internal Whether the stream is left open behind our last word: it is not ours to end. */
  get keepOpen(): boolean {
    return this.#pipes.isLent || (this.#endsWithHearer() && !this.#farewell.hasHeard)
  }

  /** @internal Frames that the sink was given, and has taken. */
  get sent(): Progress {
    return this.#pipes.outgoing
  }

  /** @internal Whether anybody waits for what comes of the introductions. */
  get isIntroducing(): boolean {
    return this.#introductions !== undefined && this.#farewell.saying === 'open' && !this.#isFinished
  }

  /** @internal Says something of them, before whatever the session has. */
  say(frames: readonly Uint8Array[]): void {
    if (frames.length > 0) this.#urgent = [...this.#urgent, ...frames]
    this.wake()
  }

  /** @internal It is for a session from now on. */
  opened(session: Session): void {
    this.#session = session
    this.#introductions = undefined
    this.#liveness.opened(session.wire.peer.supports)
  }

  /** @internal An error of the peer's is not answered; its goodbye is, so that it knows that nothing more comes. */
  endedByPeer(end: PeerEnd): void {
    this.#farewell.hear('goodbye')
    if (end.type === 'error') this.cut(peerError(end))
  }

  /** @internal Introductions and last words wait for nobody. */
  get mayWait(): boolean {
    return this.#session !== undefined && this.#urgent.length === 0 && this.#farewell.isOpen
  }

  /** @internal The next frame; `undefined` when there is none now, `'end'` when there will be none. */
  nextFrame(): Bytes | undefined | 'end' {
    this.hasMore = true
    const urgent = this.#urgent[0]
    if (urgent !== undefined) {
      this.#urgent = this.#urgent.length === 1 ? NO_FRAMES : this.#urgent.slice(1)
      return urgent
    }
    const { hasSaid, hasHeard } = this.#farewell
    if (hasSaid) return 'end'
    const frame = hasHeard && !this.#endsWithHearer() ? undefined : this.#session?.nextFrame()
    if (this.#farewell.saying !== 'leaving') {
      this.hasMore = this.#session?.hasMore !== false
      return frame
    }
    if (frame !== undefined) return frame
    // What is held up goes before the goodbye, unless the peer has said its own.
    if (!hasHeard && this.#session?.isHeldUp === true) return undefined
    this.#farewell.say('said')
    return (this.#session?.wire ?? this.#introductions)?.disconnect() ?? 'end'
  }

  /** @internal The sink has taken all frames so far. */
  flushed(): void {
    if (!this.#isFinished) this.#session?.flushed()
  }

  /** @internal Our last frame was taken. */
  saidAll(): void {
    if (this.#farewell.saying === 'said' && this.#farewell.say('taken')) this.#over()
  }

  /** @internal Takes a frame; whether the next one is wanted. */
  take(frame: Bytes): boolean | Promise<boolean> {
    if (this.#isFinished) return false
    const wasOpen = this.#session !== undefined
    const later = this.#take(frame)
    return later === undefined ? this.#isNextWanted(wasOpen) : later.then(() => this.#isNextWanted(wasOpen))
  }

  /** @internal No more frames come, or none is wanted. */
  ended(): void {
    if (this.#farewell.isOpen) this.#session?.ended()
    const { isOpen, saying } = this.#farewell
    if (isOpen) return this.broke(endedAtOnce())
    const isDeclined = saying === 'open' && this.#session === undefined
    this.end()
    if (isDeclined) this.#finish(peerError({ type: 'disconnect' }))
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

  /** @internal Whether whoever takes the frames keeps copies of what it keeps of them: a session may, introductions keep the frame itself. */
  get borrows(): boolean {
    return this.#session?.wire.borrows === true
  }

  /** @internal What stands behind the goodbye is not ours, where the duplex goes on without us. */
  unread(rest: Uint8Array): void {
    if (this.#farewell.hasHeard) this.#pipes.unread(rest)
  }

  #run(protocol: Protocol): void {
    if (this.#farewell.isOver) return
    if (this.#begin()) return this.env.afterTurn(() => this.#pipe(protocol))
    this.#pipe(protocol)
  }

  /**
   * Tells whether what was waited for is there by now: a session, where that takes no word of the peer's, or a failure. Whoever waited has a
   * turn then before anything comes.
   */
  #begin(): boolean {
    try {
      return this.#introductions?.begin() === true
    } catch (cause) {
      this.broke(cause)
      return true
    }
  }

  #pipe(protocol: Protocol): void {
    if (this.#farewell.isOver) return
    try {
      this.#pipes.begin(protocol.framing(this), this).then(this.#onSent, this.#onUnsent)
    } catch (cause) {
      this.#onUnsent(cause)
    }
  }

  readonly #onSent = (): void => {
    if (this.#pipes.outgoing.hasEnded) this.saidAll()
    else this.#onUnsent(new TypeError('Expected the sink of the duplex to take all frames, it stopped'))
  }

  readonly #onUnsent = (cause: unknown): void => {
    if (this.#farewell.isOver) return
    if (this.#farewell.hasHeard) this.cut()
    else this.lose(lost(cause))
  }

  #endsWithHearer(): boolean {
    return this.#session?.wire.endsWithHearer === true
  }

  #isNextWanted(wasOpen: boolean): boolean | Promise<boolean> {
    if (this.#farewell.hasHeard || this.#isFinished) return false
    const parting = this.#session?.wire.parting
    if (parting !== undefined) return this.#farewell.hasSaid ? this.#part() : parting.then(() => this.#part())
    const full = this.#session?.full
    if (full !== undefined && !this.#farewell.hasSaid) return full.then(() => this.#isNextWanted(wasOpen))
    if (wasOpen || this.#session === undefined) return true
    // Whoever waited for this says now what it handles and listens to: what came along with the introduction is for that already.
    return new Promise((resolve) => this.env.afterTurn(() => resolve(true)))
  }

  /** The peer has all its answers: its last word was its goodbye. */
  #part(): false {
    if (this.#farewell.hearing === 'open' && !this.#isFinished) this.endedByPeer({ type: 'disconnect' })
    return false
  }

  #take(frame: Bytes): Promise<void> | void {
    if (this.#session !== undefined) return this.#session.take(frame)
    return this.isIntroducing ? this.#introductions?.take(frame) : undefined
  }

  /** Closing a socket with unread bytes resets it, and the peer would not get our last words. */
  #readToEnd(): void {
    const dropped = this.#farewell.hasHeard ? undefined : this.#pipes.drop()
    if (dropped === undefined) this.#heardAll()
    else void dropped.then(() => this.#heardAll())
  }

  #heardAll(): void {
    if (this.#farewell.isListening && this.#farewell.hear(this.#farewell.hasHeard ? 'parted' : 'silent')) this.#over()
  }

  /** Our last words are that error. */
  #complain(error: NetQueueError): void {
    const frame = (this.#session?.wire ?? this.#introductions)?.error(noticeOf(error))
    if (frame !== undefined) this.#urgent = [...this.#urgent, frame]
    this.#farewell.say('said')
  }

  /** Nothing more is sent or received. */
  #stop(): void {
    this.#urgent = NO_FRAMES
    if (!this.#farewell.isOver && this.#farewell.say('over')) this.#over()
  }

  /** Why the end is not one that both sides know of. An original that we leave may end the stream, and has then said all that it ever says. */
  #loss(): NetQueueError | undefined {
    const isAnswerDue = this.#session?.wire.peer.supports.settle === true && !this.#farewell.hasHeard
    return isAnswerDue ? unanswered() : undefined
  }

  #finish(error: NetQueueError | undefined): void {
    if (this.#isFinished) return
    this.#isFinished = true
    this.#reason = error
    if (this.#session === undefined) this.#introductions?.declined(error)
    else this.#session.close(error)
  }

  /** When the turn of whoever brought this about is over. */
  #over(): void {
    void RESOLVED.then(() => this.#release())
  }

  #release(): void {
    this.#liveness.end()
    this.#finish(this.#loss())
    const reason = this.#reason ?? new NetQueueError('CLOSED', 'The connection was closed')
    void this.#pipes.release(reason).then(this.#resolve)
  }
}
