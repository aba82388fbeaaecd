import type { Timer } from '../env/env.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { Progress } from '../framing/progress.ts'
import type { Supports } from '../protocol/supports.ts'
import type { Timed } from '../queue/deadlines.ts'
import { handshakeTimeout, silentPeer, slowPeer, unfinishedFrame } from './failures.ts'
import type { Pulse } from './pulse.ts'

/** How long the other end may take to read our last frame and to say goodbye; then the stream is cut. */
const LINGER_MS = 2_000

/** A connection as it is watched, and what is done about it. */
export interface Watched {
  /** Frames of the peer's: begun with the first byte, done with the last. */
  readonly received: Readonly<Progress>
  /** Frames of ours: begun when the sink gets them, done when it asks for the next. */
  readonly sent: Readonly<Progress>
  /** Asks the peer for a frame. */
  ping(): void
  /** Ends, and tells the peer why. */
  fail(error: NetQueueError): void
  /** Nobody is there any more. */
  lose(error: NetQueueError): void
  /** Ends: the peer had the time for the goodbyes. */
  leave(): void
}

/**
 * Every deadline of one connection, one at a time: of the introductions, then looks at what has come and gone since the look before, in the
 * end that of the goodbyes. Each is as good as absolute: single bytes renew none, and only whole frames are signs of life.
 *
 * A connection that looks lost is looked at again when what has arrived was read, for it may be us who stood still: then all that its peer
 * said meanwhile waits in the socket, and timers fire before it is read.
 */
export class Liveness implements Timed {
  readonly #watched: Watched
  readonly #pulse: Pulse
  #phase: 'introduction' | 'open' | 'goodbye' | 'over' = 'introduction'
  #timer: Timer | undefined
  /** The peer's protocol has heartbeats: silence means something. */
  #isHeard = false
  #isDoubted = false
  /** The numbers at the last look, and for how many looks they have stood still. */
  #heard = 0
  #silence = 0
  #begun = 0
  #unfinished = 0
  #given = 0
  #stuck = 0

  constructor(watched: Watched, pulse: Pulse) {
    this.#watched = watched
    this.#pulse = pulse
    this.#timer = pulse.deadlines.set(this, pulse.limits.handshakeTimeoutMs)
  }

  /** Both sides know each other. */
  opened({ heartbeat }: Pick<Supports, 'heartbeat'>): void {
    if (this.#phase !== 'introduction') return
    this.#enter('open')
    this.#isHeard = heartbeat
    this.#pulse.join()
    this.#timer = this.#pulse.look(this)
  }

  /** Our last words are on their way. */
  goodbye(): void {
    if (this.#phase === 'over') return
    this.#enter('goodbye')
    this.#timer = this.#pulse.deadlines.set(this, LINGER_MS)
  }

  /** Nothing is left to wait for. */
  end(): void {
    this.#enter('over')
  }

  timeIsUp(): void {
    this.#timer = undefined
    if (this.#phase === 'goodbye') return this.#watched.leave()
    if (this.#phase === 'open') this.#look()
    this.#doubt()
  }

  #enter(phase: 'open' | 'goodbye' | 'over'): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#phase === 'open') this.#pulse.leave()
    this.#phase = phase
  }

  #look(): void {
    const { received, sent } = this.#watched
    this.#timer = this.#pulse.look(this)
    this.#silence = received.done === this.#heard ? this.#silence + 1 : 0
    this.#unfinished = isUnderWay(received) && received.begun === this.#begun ? this.#unfinished + 1 : 0
    this.#stuck = isUnderWay(sent) && sent.begun === this.#given ? this.#stuck + 1 : 0
    this.#heard = received.done
    this.#begun = received.begun
    this.#given = sent.begun
    if (this.#isHeard && this.#silence === this.#pulse.looksToPing) this.#watched.ping()
  }

  /** Looks again after reading, if the connection has to end. */
  #doubt(): void {
    if (this.#isDoubted || this.#verdict() === undefined) return
    this.#isDoubted = true
    this.#pulse.afterReading(() => {
      this.#isDoubted = false
      const error = this.#verdict()
      if (error === undefined) return
      if (this.#phase === 'introduction') this.#watched.fail(error)
      else this.#watched.lose(error)
    })
  }

  /** Why the connection has to end, as far as can be seen now. */
  #verdict(): NetQueueError | undefined {
    if (this.#phase === 'introduction') return handshakeTimeout(this.#pulse.limits)
    if (this.#phase !== 'open') return undefined
    const { looksToLoss, looksOfFrame, looksOfSend, limits } = this.#pulse
    const { received, sent } = this.#watched
    if (this.#unfinished >= looksOfFrame && isUnderWay(received) && received.begun === this.#begun)
      return unfinishedFrame(limits)
    if (!this.#isHeard) return undefined
    if (this.#silence >= looksToLoss && received.done === this.#heard) return silentPeer(limits)
    if (this.#stuck >= looksOfSend && isUnderWay(sent) && sent.begun === this.#given) return slowPeer(limits)
    return undefined
  }
}

function isUnderWay({ begun, done }: Readonly<Progress>): boolean {
  return begun > done
}
