import type { Source } from 'it-stream-types'
import type { Timer } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { Ring } from '../queue/ring.ts'
import type { Bytes } from '../transport/transport.ts'
import type { Direction, OnTheWay } from './direction.ts'

/** What is under way, and when it arrives. */
interface Parcel {
  at: number
  /** Absent at the end of the stream. */
  bytes?: Uint8Array
  /** Why the stream broke. */
  failure?: unknown
}

type Result = IteratorResult<Bytes, undefined>
type AnyIterator = Iterator<Bytes> | AsyncIterator<Bytes>

interface Reader {
  resolve(result: Result): void
  reject(reason: unknown): void
}

const END: Result = { done: true, value: undefined }
/** What may be under way where there is latency. */
const MAX_BYTES_UNDER_WAY = 1_048_576
/** Where bandwidth is limited, what passes at once is at most what passes in a 20th of a second. */
const PARTS_OF_A_SECOND = 20

/** One direction of one connection: takes what its source gives, and hands it on when, and as, the toxics have it. */
export class Lane implements OnTheWay, AsyncIterableIterator<Bytes, undefined> {
  readonly #direction: Direction
  readonly #source: AnyIterator
  readonly #reset: () => void
  readonly #parcels = new Ring<Parcel>()
  #bytesUnderWay = 0
  #bytesPassed = 0
  /** When the next piece may pass. */
  #freeAt = 0
  #reader: Reader | undefined
  #isPulling = false
  /** The source has nothing more. */
  #hasEnded = false
  /** Nothing more is handed on. */
  #isOver = false
  /** It ended at its limit, whatever its source had. */
  #wasCut = false
  #failure: unknown
  /** The event loop has its turn between two pieces, so that they arrive apart. */
  #isPausing = false
  #timer: Timer | undefined

  /** `reset` is called when so many bytes have passed that the connection is to break. */
  constructor(direction: Direction, source: Source<Bytes>, reset: () => void) {
    this.#direction = direction
    this.#source = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
    this.#reset = reset
    direction.add(this)
  }

  get wasCut(): boolean {
    return this.#wasCut
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    if (this.#reader !== undefined)
      return Promise.reject(new NetQueueError('ITERATOR_BUSY', 'The previous next() of this source is still waiting'))
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
      this.wake()
    })
  }

  /** Whoever read has no more interest, nor has the lane in its source. */
  async return(): Promise<Result> {
    this.#finish()
    this.#answer()
    await this.#source.return?.()
    return END
  }

  /** Breaks at once, whatever is under way. */
  fail(reason: unknown): void {
    if (this.#isOver) return
    this.#failure = reason
    this.#finish()
    this.#answer()
  }

  /** Something has changed: hands on what is due. */
  wake(): void {
    if (this.#isOver) return this.#answer()
    if (this.#reader === undefined || this.#direction.isHeld || this.#isPausing) return
    if (this.#bytesLeft() <= 0) return this.#stop()
    const next = this.#parcels.at(0)
    if (next !== undefined) this.#serve(next)
    this.#pull()
  }

  #serve(next: Parcel): void {
    const { env } = this.#direction
    const wait = Math.max(next.at, this.#freeAt) - env.now()
    this.#timer?.cancel()
    if (wait > 0) this.#timer = env.setTimer(() => this.wake(), wait)
    else if (next.bytes === undefined) this.#end(next)
    else this.#pass(next, next.bytes)
  }

  #end({ failure }: Parcel): void {
    this.#failure = failure
    this.#finish()
    this.#answer()
  }

  #pass(parcel: Parcel, bytes: Uint8Array): void {
    const piece = bytes.subarray(0, this.#pieceBytes(bytes.length))
    const rest = bytes.subarray(piece.length)
    if (rest.length > 0) parcel.bytes = rest
    else this.#parcels.shift()
    this.#count(piece.length)
    if (rest.length > 0) this.#pause()
    this.#takeReader()?.resolve({ done: false, value: piece })
  }

  /** How much of what is due passes in one piece. */
  #pieceBytes(due: number): number {
    const { env, toxics } = this.#direction
    const { bytesPerSecond, sliceBytes } = toxics
    const slice = Number.isFinite(sliceBytes) ? 1 + Math.floor(env.random() * sliceBytes) : due
    return Math.min(due, slice, this.#bytesLeft(), Math.ceil(bytesPerSecond / PARTS_OF_A_SECOND))
  }

  /** How much may still pass. */
  #bytesLeft(): number {
    const { limitBytes, resetAfterBytes } = this.#direction.toxics
    return Math.min(limitBytes, resetAfterBytes) - this.#bytesPassed
  }

  #count(bytes: number): void {
    const { env, toxics } = this.#direction
    this.#direction.passed(bytes)
    this.#bytesPassed += bytes
    this.#bytesUnderWay -= bytes
    const delay = Number.isFinite(toxics.sliceBytes) ? toxics.sliceDelayMs : 0
    this.#freeAt = env.now() + Math.max(delay, (bytes / toxics.bytesPerSecond) * 1_000)
  }

  #pause(then: () => void = () => this.wake()): void {
    this.#isPausing = true
    this.#direction.env.afterPoll(() => {
      this.#isPausing = false
      then()
    })
  }

  /** So many bytes have passed that no more do. */
  #stop(): void {
    const { limitBytes, resetAfterBytes } = this.#direction.toxics
    // The system takes a reset for an end where bytes before it were not read yet: they get two turns for that.
    if (resetAfterBytes <= limitBytes) return this.#pause(() => this.#pause(this.#reset))
    this.#wasCut = true
    this.#finish()
    this.#answer()
    void Promise.resolve(this.#source.return?.()).catch(() => {})
  }

  #pull(): void {
    if (this.#isPulling || this.#hasEnded || this.#isOver || !this.#hasRoom()) return
    this.#isPulling = true
    // A source that is no async one may throw here.
    new Promise<IteratorResult<Bytes>>((resolve) => resolve(this.#source.next())).then(this.#onPiece, this.#onFailure)
  }

  /** Without latency nothing is pulled ahead: a lane with no toxics is as if it was not there. */
  #hasRoom(): boolean {
    const { latencyMs, jitterMs } = this.#direction.toxics
    if (latencyMs + jitterMs > 0) return this.#bytesUnderWay < MAX_BYTES_UNDER_WAY
    return this.#parcels.size === 0 && this.#reader !== undefined
  }

  readonly #onPiece = ({ done, value }: IteratorResult<Bytes>): void => {
    this.#isPulling = false
    if (done === true) return this.#onEnd({})
    const bytes = value instanceof Uint8Array ? value : value.subarray()
    this.#bytesUnderWay += bytes.length
    if (bytes.length > 0) this.#parcels.push({ at: this.#arrival(0), bytes })
    this.wake()
  }

  readonly #onFailure = (failure: unknown): void => {
    this.#onEnd({ failure })
  }

  #onEnd(parcel: Omit<Parcel, 'at'>): void {
    this.#hasEnded = true
    this.#parcels.push({ at: this.#arrival(this.#direction.toxics.slowCloseMs), ...parcel })
    this.wake()
  }

  /** Where that is earlier than for the piece before, it waits for that one. */
  #arrival(moreMs: number): number {
    const { env, toxics } = this.#direction
    const jitterMs = (env.random() * 2 - 1) * toxics.jitterMs
    return env.now() + Math.max(0, toxics.latencyMs + jitterMs) + moreMs
  }

  #finish(): void {
    this.#isOver = true
    this.#timer?.cancel()
    this.#parcels.clear()
    this.#direction.remove(this)
  }

  #answer(): void {
    const reader = this.#takeReader()
    if (this.#failure === undefined) reader?.resolve(END)
    else reader?.reject(this.#failure)
  }

  #takeReader(): Reader | undefined {
    const reader = this.#reader
    this.#reader = undefined
    return reader
  }
}
