import type { Env } from '../env/env.ts'

export interface OutgoingInit {
  env: Env
  /** The next frame, `undefined` when there is none now, `'end'` when there will be none. */
  next: () => Uint8Array | undefined | 'end'
  /** The sink has taken all frames so far. */
  flushed: () => void
  /** Leave the sink waiting behind the last frame, so that it does not end the stream. */
  keepOpen: boolean
}

type Result = IteratorResult<Uint8Array, undefined>

const DONE: Result = { done: true, value: undefined }

/**
 * The frames of one connection, made when the sink asks for them: what came up while it was busy shares a frame, and control
 * messages wait behind nothing but what the sink already holds.
 */
export class Outgoing implements AsyncIterableIterator<Uint8Array> {
  /** Resolves when the sink has taken the last frame. */
  readonly ended: Promise<void>
  readonly #init: OutgoingInit
  #end!: () => void
  #waiting: ((result: Result) => void) | undefined
  #isScheduled = false
  #isClosed = false

  constructor(init: OutgoingInit) {
    this.#init = init
    this.ended = new Promise((resolve) => (this.#end = resolve))
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    if (this.#isClosed) return Promise.resolve(DONE)
    this.#init.flushed()
    return Promise.resolve(this.#make() ?? new Promise<Result>((resolve) => (this.#waiting = resolve)))
  }

  return(): Promise<Result> {
    this.close()
    return Promise.resolve(DONE)
  }

  /** There may be a frame: it leaves at the end of this turn, with all that the turn still adds. */
  wake(): void {
    if (this.#isScheduled || this.#waiting === undefined) return
    this.#isScheduled = true
    this.#init.env.afterTurn(() => {
      this.#isScheduled = false
      if (this.#waiting === undefined) return
      const result = this.#make()
      if (result !== undefined) this.#answer(result)
    })
  }

  close(): void {
    this.#isClosed = true
    this.#answer(DONE)
  }

  #make(): Result | undefined {
    const frame = this.#init.next()
    if (frame === undefined) return undefined
    if (frame !== 'end') return { done: false, value: frame }
    this.#end()
    if (this.#init.keepOpen) return undefined
    this.#isClosed = true
    return DONE
  }

  #answer(result: Result): void {
    const resolve = this.#waiting
    this.#waiting = undefined
    resolve?.(result)
  }
}
