import type { Env } from '../env/env.ts'
import type { Progress } from '../framing/progress.ts'
import { Pulled } from '../transport/pulled.ts'
import type { Puller } from '../transport/pulled.ts'
import type { Bytes } from '../transport/transport.ts'

/** Where frames come from. */
export interface FrameSource {
  readonly env: Env
  /** Leave the sink waiting behind the last frame, so that it does not end the stream. */
  readonly keepOpen: boolean
  /** The next frame, `undefined` when there is none now, `'end'` when there will be none. May throw: the sink then fails with it. */
  nextFrame(): Bytes | undefined | 'end'
  /** Whether there may be one behind the last that was given, though nobody says so by {@link Outgoing.wake}. */
  readonly hasMore: boolean
  /** The sink has taken all frames so far. */
  flushed(): void
  /** The sink has taken the last frame, where it is to wait on. */
  saidAll(): void
}

const RESOLVED: Promise<void> = Promise.resolve()
/**
 * Frames in a row, and milliseconds for them, after which the event loop gets its turn. A sink that takes each at once, and a stream with a
 * reader that is as quick, would keep it for ever: nothing else would be read, and no timer would fire.
 */
const FRAMES_IN_A_TURN = 64
const FRAMES_IN_A_LOOK = 8
const TURN_MS = 5

/**
 * The frames of one connection, made when the sink asks for them: what came up while it was busy shares a frame, and control
 * messages wait behind nothing but what the sink already holds.
 */
export class Outgoing extends Pulled implements Progress {
  /** Frames that the sink was given, and those that it has taken: it asks for the next when it has. */
  begun = 0
  done = 0
  protected readonly env: Env
  readonly #source: FrameSource
  #hasEnded = false
  /** The sink that waits. */
  #puller: Puller | undefined
  /** Whether there may be a frame. */
  #isDue = true
  #isScheduled = false
  #isHurrying = false
  #isPostponed = false
  #isFlushing = false
  #isClosed = false
  /** The event loop is to have its turn before the next frame. */
  #isPausing = false
  #frames = 0
  #since: number
  readonly #onTime = (): void => {
    this.#isScheduled = false
    this.#serve()
  }
  readonly #onInput = (): void => {
    this.#isHurrying = false
    this.#serve()
  }

  constructor(source: FrameSource) {
    super()
    this.env = source.env
    this.#source = source
    this.#since = source.env.now()
  }

  /** Whether the sink has taken the last frame. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  pull(puller: Puller): void {
    this.done = this.begun
    if (this.#isClosed) return puller.onEnd()
    this.#puller = puller
    // Not at once: a turn that goes on and on would have what it adds leave one by one.
    if (this.#isDue) this.#schedule()
  }

  return(): Promise<IteratorResult<Bytes, undefined>> {
    this.close()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** There may be a frame: it leaves at the end of this turn, with all that the turn still adds. */
  wake(): void {
    this.#isDue = true
    this.#schedule()
  }

  /** There may be a frame that may follow from what is being read: then it leaves as soon as that was looked at, otherwise at the end of this turn. */
  wakeSoon(): void {
    this.#isDue = true
    if (this.#isHurrying || this.#puller === undefined) return
    this.#isHurrying = true
    this.env.afterInput(this.#onInput)
  }

  /** There may be a frame that nobody waits for: it leaves when what has arrived was looked at, with all that this adds. */
  wakeLater(): void {
    this.#isDue = true
    if (this.#isScheduled || this.#isPostponed || this.#puller === undefined) return
    this.#isPostponed = true
    this.env.afterPoll(() => {
      this.#isPostponed = false
      this.#serve()
    })
  }

  /** There is a frame's worth: it leaves as soon as whoever calls this is done, however long the turn still takes. */
  flush(): void {
    if (this.#isFlushing || this.#puller === undefined) return
    this.#isFlushing = true
    void RESOLVED.then(() => {
      this.#isFlushing = false
      this.#serve()
    })
  }

  /** There will be no more frames, and the stream may end. */
  close(): void {
    this.#isClosed = true
    const puller = this.#waiting()
    // Later: whoever closes may be about to cut the stream, which then does not end.
    if (puller !== undefined) void RESOLVED.then(() => puller.onEnd())
  }

  /** Nothing is held up any more. */
  rest(): void {}

  /** When what is due leaves: with all that this turn still adds. */
  protected later(callback: () => void): void {
    this.env.afterTurn(callback)
  }

  #schedule(): void {
    if (this.#isScheduled || this.#puller === undefined) return
    this.#isScheduled = true
    this.later(this.#onTime)
  }

  /** Answers the sink, if it waits and there is something to say. A sink that waits has taken everything before. */
  #serve(): void {
    if (this.#puller === undefined || this.#isPausing) return
    try {
      this.#source.flushed()
      this.#isDue = false
      const frame = this.#make()
      if (frame === undefined) return
      if (this.#source.hasMore) this.#isDue = true
      this.#made()
      if (frame === 'end') this.#waiting()?.onEnd()
      else this.#waiting()?.onPiece(frame)
    } catch (error) {
      this.#isClosed = true
      this.#waiting()?.onError(error)
    }
  }

  #made(): void {
    const { env } = this
    this.begun += 1
    this.#frames += 1
    // Not at each: the clock costs a good part of what a short frame does.
    if (this.#frames % FRAMES_IN_A_LOOK > 0 || (this.#frames < FRAMES_IN_A_TURN && env.now() - this.#since < TURN_MS))
      return
    this.#isPausing = true
    env.afterPoll(() => {
      this.#isPausing = false
      this.#frames = 0
      this.#since = env.now()
      this.#serve()
    })
  }

  #make(): Bytes | 'end' | undefined {
    const frame = this.#source.nextFrame()
    if (frame !== 'end') return frame
    this.#hasEnded = true
    this.#isClosed = !this.#source.keepOpen
    if (this.#isClosed) return 'end'
    this.#source.saidAll()
    return undefined
  }

  /** The sink that waits, which then does not any more. */
  #waiting(): Puller | undefined {
    const puller = this.#puller
    this.#puller = undefined
    return puller
  }
}
