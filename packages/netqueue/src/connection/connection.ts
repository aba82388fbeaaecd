import { pipe } from 'it-pipe'
import { NetQueueError } from '../errors/errors.ts'
import type { Framing } from '../framing/framing.ts'
import type { Progress } from '../framing/progress.ts'
import type { PeerEnd } from '../protocol/protocol.ts'
import type { ByteDuplex, Bytes } from '../transport/transport.ts'
import { endedByPeer, lost } from './failures.ts'
import { Introductions } from './introductions.ts'
import type { ConnectionInit } from './introductions.ts'
import { Liveness } from './liveness.ts'
import type { Watched } from './liveness.ts'
import { Outgoing } from './outgoing.ts'
import type { Carrier, Session } from './session.ts'

/**
 * One peer, on one duplex of bytes. In one sentence: the duplex is piped through the length-prefixed codec, which turns
 * chunks into frames, and the protocol decodes each frame into messages, which the session takes.
 */
export class Connection implements Carrier, Watched {
  /** Settles when duplex and timers are released; never rejects. */
  readonly done: Promise<void>
  /** @internal Frames that came. */
  readonly received: Progress = { begun: 0, done: 0 }
  readonly #init: ConnectionInit
  readonly #duplex: ByteDuplex
  /** Until both sides know each other. */
  #introductions: Introductions | undefined
  readonly #outgoing: Outgoing
  /** Frames that go before whatever the session has: introductions and errors. */
  readonly #urgent: Uint8Array[]
  readonly #isCut: Promise<void>
  #cut!: () => void
  #chunks: AsyncIterator<Bytes> | undefined
  #session: Session | undefined
  /** Our goodbye, which is the last that we send: an error is one too. */
  #ending: 'no' | 'due' | 'said' = 'no'
  /** The peer has said goodbye: nothing after it is read. */
  #goodbye = false
  /** The session has been told of the end, and why. */
  #finished = false
  #reason: NetQueueError | undefined
  readonly #liveness: Liveness

  /** Throws for an introduction that cannot be sent; the duplex is untouched then. */
  constructor(duplex: ByteDuplex, init: ConnectionInit) {
    const { env, closeDuplex, pulse } = init
    this.#init = init
    this.#duplex = duplex
    this.#introductions = new Introductions(init)
    this.#urgent = this.#introductions.start()
    this.#outgoing = new Outgoing({
      env,
      next: () => this.#nextFrame(),
      flushed: () => this.#flushed(),
      keepOpen: closeDuplex === false,
    })
    this.#isCut = new Promise((resolve) => (this.#cut = resolve))
    this.#liveness = new Liveness(this, pulse)
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
    this.#liveness.goodbye()
    this.wake()
  }

  /** Ends at once, because of an error that the peer is told; the session ends with it. */
  fail(error: NetQueueError): void {
    if (this.#finished) return
    const wasSaid = this.#ending === 'said'
    const frame = (this.#session?.wire ?? this.#introductions)?.error(noticeOf(error))
    if (frame !== undefined && !wasSaid) this.#urgent.push(frame)
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

  async #run(): Promise<void> {
    const framing = this.#init.protocol.framing({
      limit: () => this.#frameLimit(),
      unread: (rest) => this.#unread(rest),
      received: this.received,
    })
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
      if (this.#goodbye) this.cut()
      else this.lose(lost(cause))
    }
  }

  /** Resolves when the peer has nothing more to say. */
  async #receive(framing: Framing): Promise<void> {
    try {
      await pipe(this.#incoming(), framing.decode, (frames) => this.#takeAll(frames))
    } catch (cause) {
      if (!isPeersFault(cause)) return this.lose(lost(cause))
      this.fail(cause)
    }
    if (this.#init.closeDuplex !== false && !this.#goodbye) await this.#readToEnd()
  }

  async #takeAll(frames: AsyncIterable<Bytes>): Promise<void> {
    for await (const frame of frames) {
      if (this.#finished) break
      const wasOpen = this.#session !== undefined
      this.#take(frame)
      if (this.#goodbye || this.#finished) break
      if (!wasOpen && this.#session !== undefined) await this.#introduced()
    }
    if (this.#ending === 'no' && !this.#goodbye)
      throw new NetQueueError('CONNECTION_LOST', 'The peer ended the connection without a goodbye')
    const isDeclined = this.#ending === 'no' && this.#session === undefined
    this.end()
    if (isDeclined) this.#finish(endedByPeer({ type: 'disconnect' }))
  }

  #take(frame: Bytes): void {
    if (this.#session !== undefined) return this.#session.take(frame)
    if (this.#introductions === undefined || this.#ending !== 'no') return // we have given up the introduction
    const step = this.#introductions.take(frame.subarray())
    if (step.end !== undefined) return this.endedByPeer(step.end)
    this.#urgent.push(...step.send)
    this.wake()
    if (step.refusal !== undefined) throw step.refusal
    this.#introductions.open(step, this)
    if (step.replay === true) this.#take(frame)
  }

  /** Whoever waited for this says now what it handles and listens to: what came along with the introduction is for that already. */
  #introduced(): Promise<void> {
    return new Promise((resolve) => this.#init.env.afterTurn(resolve))
  }

  #nextFrame(): Bytes | undefined | 'end' {
    const urgent = this.#urgent.shift()
    if (urgent !== undefined) return urgent
    if (this.#ending === 'said') return 'end'
    const frame = this.#goodbye ? undefined : this.#session?.nextFrame()
    if (frame !== undefined || this.#ending === 'no') return frame
    // What is held up goes before the goodbye, unless the peer has said its own.
    if (!this.#goodbye && this.#session?.isHeldUp === true) return undefined
    this.#ending = 'said'
    return (this.#session?.wire ?? this.#introductions)?.disconnect() ?? 'end'
  }

  #flushed(): void {
    if (!this.#finished) this.#session?.flushed()
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

  /** Nothing more is sent or received. */
  #stop(): void {
    this.#urgent.length = 0
    this.#ending = 'said'
    this.#cut()
  }

  #finish(error: NetQueueError | undefined): void {
    if (this.#finished) return
    this.#finished = true
    this.#reason = error
    if (this.#session === undefined) this.#init.declined(error)
    else this.#session.close(error)
  }

  #release(): void {
    this.#liveness.end()
    this.#finish(undefined)
    if (this.#init.closeDuplex === false) return
    this.#outgoing.close()
    this.#duplex.abort?.(this.#reason ?? new NetQueueError('CLOSED', 'The connection was closed'))
    void Promise.resolve(this.#chunks?.return?.()).catch(() => {})
  }

  #frameLimit(): { name: string; bytes: number } {
    const { maxFrameBytes, maxHelloBytes } = this.#init.limits
    return this.#session === undefined
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
