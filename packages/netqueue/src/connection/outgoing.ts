import type { Env } from '../env/env.ts'
import type { Progress } from '../framing/progress.ts'
import type { Bytes } from '../transport/transport.ts'

/** Where frames come from. */
export interface FrameSource {
  readonly env: Env
  /** Leave the sink waiting behind the last frame, so that it does not end the stream. */
  readonly keepOpen: boolean
  /** The next frame, `undefined` when there is none now, `'end'` when there will be none. May throw: the sink then fails with it. */
  nextFrame(): Bytes | undefined | 'end'
  /** The sink has taken all frames so far. */
  flushed(): void
  /** The sink has taken the last frame, where it is to wait on. */
  saidAll(): void
}

type Result = IteratorResult<Bytes, undefined>

const DONE: Result = { done: true, value: undefined }
const RESOLVED: Promise<void> = Promise.resolve()
/**
 * Frames in a row, and milliseconds for them, after which the event loop gets its turn. A sink that takes each at once, and a stream with a
 * reader that is as quick, would keep it for ever: nothing else would be read, and no timer would fire.
 */
const FRAMES_IN_A_TURN = 64
const TURN_MS = 5

/**
 * The frames of one connection, made when the sink asks for them: what came up while it was busy shares a frame, and control
 * messages wait behind nothing but what the sink already holds.
 */
export class Outgoing implements AsyncIterableIterator<Bytes>, Progress {
  /** Frames that the sink was given, and those that it has taken: it asks for the next when it has. */
  begun = 0
  done = 0
  readonly #source: FrameSource
  #hasEnded = false
  /** The sink that waits. */
  #resolve: ((result: Result) => void) | undefined
  #reject: ((reason: unknown) => void) | undefined
  /** Whether there may be a frame. */
  #isDue = true
  #isScheduled = false
  #isPostponed = false
  #isFlushing = false
  #isClosed = false
  /** The event loop is to have its turn before the next frame. */
  #isPausing = false
  #frames = 0
  #since: number

  constructor(source: FrameSource) {
    this.#source = source
    this.#since = source.env.now()
  }

  /** Whether the sink has taken the last frame. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    this.done = this.begun
    if (this.#isClosed) return Promise.resolve(DONE)
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      // Not at once: a turn that goes on and on would have what it adds leave one by one.
      if (this.#isDue) this.wake()
    })
  }

  return(): Promise<Result> {
    this.close()
    return Promise.resolve(DONE)
  }

  /** There may be a frame: it leaves at the end of this turn, with all that the turn still adds. */
  wake(): void {
    this.#isDue = true
    if (this.#isScheduled || this.#resolve === undefined) return
    this.#isScheduled = true
    this.#source.env.afterTurn(() => {
      this.#isScheduled = false
      this.#serve()
    })
  }

  /** There may be a frame that nobody waits for: it leaves when what has arrived was looked at, with all that this adds. */
  wakeLater(): void {
    this.#isDue = true
    if (this.#isScheduled || this.#isPostponed || this.#resolve === undefined) return
    this.#isPostponed = true
    this.#source.env.afterPoll(() => {
      this.#isPostponed = false
      this.#serve()
    })
  }

  /** There is a frame's worth: it leaves as soon as whoever calls this is done, however long the turn still takes. */
  flush(): void {
    if (this.#isFlushing || this.#resolve === undefined) return
    this.#isFlushing = true
    void RESOLVED.then(() => {
      this.#isFlushing = false
      this.#serve()
    })
  }

  /** There will be no more frames, and the stream may end. */
  close(): void {
    this.#isClosed = true
    this.#answer(DONE)
  }

  /** Answers the sink, if it waits and there is something to say. A sink that waits has taken everything before. */
  #serve(): void {
    if (this.#resolve === undefined || this.#isPausing) return
    try {
      this.#source.flushed()
      const result = this.#make()
      this.#isDue = result !== undefined
      if (result === undefined) return
      this.#answer(result)
      this.#made()
    } catch (error) {
      this.#isClosed = true
      const reject = this.#reject
      this.#resolve = undefined
      reject?.(error)
    }
  }

  #made(): void {
    const { env } = this.#source
    this.begun += 1
    this.#frames += 1
    if (this.#frames < FRAMES_IN_A_TURN && env.now() - this.#since < TURN_MS) return
    this.#isPausing = true
    env.afterPoll(() => {
      this.#isPausing = false
      this.#frames = 0
      this.#since = env.now()
      this.#serve()
    })
  }

  #make(): Result | undefined {
    const frame = this.#source.nextFrame()
    if (frame === undefined) return undefined
    if (frame !== 'end') return { done: false, value: frame }
    this.#hasEnded = true
    this.#isClosed = !this.#source.keepOpen
    if (this.#isClosed) return DONE
    this.#source.saidAll()
    return undefined
  }

  #answer(result: Result): void {
    const resolve = this.#resolve
    this.#resolve = undefined
    resolve?.(result)
  }
}
