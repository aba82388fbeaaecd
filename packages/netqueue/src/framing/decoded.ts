import { Uint8ArrayList } from 'uint8arraylist'
import { copyOf, lasting, viewOf } from '../env/views.ts'
import { NetQueueError } from '../errors/errors.ts'
import { pullFrom } from '../transport/pulled.ts'
import type { Puller } from '../transport/pulled.ts'
import type { Bytes } from '../transport/transport.ts'
import type { Frames, FrameTaker } from './framing.ts'
import type { Layout } from './layout.ts'
import type { Progress } from './progress.ts'

export interface DecodedOwner {
  readonly layout: Layout
  /** Counts the frames: begun with their first byte, done when they are whole. */
  readonly received: Progress
  /** Whether whoever takes the frames keeps copies of what it keeps of them. */
  readonly borrows: boolean
  /** Throws for a length that no frame may have here, as soon as it is known. */
  checkLength(length: number): void
  /** Gets what was read behind the frame at which decoding is left. */
  unread(rest: Uint8Array): void
}

type Result = IteratorResult<Bytes, undefined>

interface Reader {
  resolve(result: Result): void
  reject(error: unknown): void
}

/** Bytes after which a layout has to know how long their frame is; each is looked at again and again until it does. */
const MAX_HEAD_BYTES = 256
/** The length of a frame of which too little has come. */
const UNKNOWN = -1
const DONE: Result = { done: true, value: undefined }
const NOTHING = new Uint8Array(0)

/**
 * The frames in a stream of chunks: views of the chunk, or of the two, that they came in. Of one that came in more, the first pieces are put
 * together in memory that grows with what has come, never with what was announced. By hand, not with it-length-prefixed: its decoder is two
 * async generators deep, which costs an idle connection four kilobytes and each chunk eight turns of the microtask queue.
 */
export class Decoded implements AsyncIterableIterator<Bytes, undefined>, Frames, Puller {
  readonly #owner: DecodedOwner
  readonly #chunks: AsyncIterator<Bytes>
  #chunk: Uint8Array = NOTHING
  /** Where it ends. Not its `length`, which is 0 once whoever got the last frame has transferred that to another thread. */
  #end = 0
  #at = 0
  /** Of the frame that has begun, without its prefix. */
  #length = UNKNOWN
  /** What there is of the beginning of a frame, where that says nothing of its length yet. */
  #head: Uint8Array = NOTHING
  /** What there is of a frame that has not come whole. */
  #frame: Uint8Array = NOTHING
  #filled = 0
  /** Who gets the frames: all of them, or the next one. */
  #taker: FrameTaker | undefined
  #reader: Reader | undefined
  #isOver = false
  /** The next chunk is asked for; and it was here. */
  #isPulling = false
  #hasCome = false

  constructor(chunks: AsyncIterable<Bytes>, owner: DecodedOwner) {
    this.#owner = owner
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  each(taker: FrameTaker): void {
    this.#taker = taker
    this.#serve()
  }

  next(): Promise<Result> {
    if (this.#isOver) return Promise.resolve(DONE)
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
      this.#serve()
    })
  }

  async return(): Promise<Result> {
    this.#leave()
    await this.#chunks.return?.()
    return DONE
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #serve(): void {
    try {
      do {
        for (let frame = this.#cut(); frame !== undefined; frame = this.#cut()) if (!this.#isNextWanted(frame)) return
      } while (this.#pull())
    } catch (error) {
      this.onError(error)
    }
  }

  /** Asks for the next chunk; tells whether it was here. */
  #pull(): boolean {
    this.#turnTo(NOTHING) // nobody needs the last one while we wait
    this.#hasCome = false
    this.#isPulling = true
    pullFrom(this.#chunks, this)
    this.#isPulling = false
    return this.#hasCome
  }

  /** Hands a frame over. Where the next one is wanted later, or never, somebody else goes on from there. */
  #isNextWanted(frame: Bytes): boolean {
    if (this.#taker === undefined) {
      this.#reader?.resolve({ done: false, value: frame })
      return false
    }
    const isWanted = this.#taker.take(frame)
    if (isWanted === true) return true
    if (isWanted === false) this.#left()
    else
      isWanted.then(
        (isWantedNow) => (isWantedNow ? this.#serve() : this.#left()),
        (error) => this.onError(error),
      )
    return false
  }

  /** @internal */
  get borrows(): boolean {
    return this.#taker !== undefined && this.#owner.borrows
  }

  /** @internal */
  onPiece(chunk: Bytes): void {
    if (typeof chunk?.subarray !== 'function')
      return this.onError(new TypeError(`Expected the duplex to give bytes, got ${typeof chunk}`))
    this.#turnTo(chunk instanceof Uint8Array ? chunk : chunk.subarray())
    if (this.#isPulling) this.#hasCome = true
    else this.#serveChunk()
  }

  /** One that is lent is something else by the time that what is left of it is wanted. */
  #serveChunk(): void {
    this.#serve()
    if (this.#at < this.#end && this.#taker !== undefined) this.#turnTo(copyOf(this.#rest()))
  }

  #turnTo(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#end = chunk.length
    this.#at = 0
  }

  /** @internal */
  onError(error: unknown): void {
    this.#isOver = true
    if (this.#taker === undefined) return this.#reader?.reject(error)
    this.#leave()
    this.#taker.broke(error)
  }

  /** @internal */
  onEnd(): void {
    this.#isOver = true
    if (this.#length !== UNKNOWN || this.#head.length > 0) return this.onError(this.#truncated())
    if (this.#taker === undefined) this.#reader?.resolve(DONE)
    else this.#taker.ended()
  }

  #truncated(): NetQueueError {
    const isInFrame = this.#length !== UNKNOWN
    const where = isInFrame ? `inside a frame of ${this.#length} bytes` : 'inside the header of a frame'
    return new NetQueueError('FRAME_TRUNCATED', `The stream ended ${where}`)
  }

  /** What was not taken of the chunk. */
  #rest(): Uint8Array {
    return viewOf(this.#chunk, this.#at, this.#end - this.#at)
  }

  /** No more frames are wanted. */
  #left(): void {
    this.#isOver = true
    this.#leave()
    this.#taker?.ended()
  }

  /** Gives back what stands behind the last frame. */
  #leave(): void {
    if (this.#at < this.#end) this.#owner.unread(copyOf(this.#rest()))
    this.#turnTo(NOTHING)
  }

  /** The next frame, if it is here whole. */
  #cut(): Bytes | undefined {
    if (this.#length === UNKNOWN && !this.#measure()) return undefined
    const missing = this.#length - this.#filled
    const here = Math.min(missing, this.#end - this.#at)
    const piece = viewOf(this.#chunk, this.#at, here)
    this.#at += here
    if (here === missing) return this.#whole(piece)
    this.#keep(piece)
    return undefined
  }

  /** Whether it is known now how long the next frame is. */
  #measure(): boolean {
    if (this.#at === this.#end) return false
    if (this.#head.length > 0) return this.#measureOn()
    const { layout, received } = this.#owner
    received.begun += 1
    const length = layout.measure(this.#chunk, this.#at)
    if (length === undefined) return this.#keepHead()
    this.#begin(length)
    this.#at += layout.prefixBytes ?? 0
    return true
  }

  #keepHead(): false {
    if (this.#end - this.#at >= MAX_HEAD_BYTES) throw endless()
    this.#head = copyOf(this.#rest())
    this.#at = this.#end
    return false
  }

  /** Takes no more of the chunk than it takes to know. */
  #measureOn(): boolean {
    const { layout } = this.#owner
    while (this.#at < this.#end) {
      const head = new Uint8Array(this.#head.length + 1)
      head.set(this.#head)
      head[this.#head.length] = this.#chunk[this.#at] as number
      this.#head = head
      this.#at += 1
      const length = layout.measure(head, 0)
      if (length === undefined && head.length >= MAX_HEAD_BYTES) throw endless()
      if (length === undefined) continue
      this.#begin(length)
      this.#frame = head.subarray(layout.prefixBytes ?? 0)
      this.#filled = this.#frame.length
      return true
    }
    return false
  }

  #begin(length: number): void {
    this.#length = length - (this.#owner.layout.prefixBytes ?? 0)
    this.#owner.checkLength(this.#length)
  }

  /** What comes first stays where it is if it makes most of that, as most frames come in two pieces at most. */
  #keep(piece: Uint8Array): void {
    if (this.#filled > 0) return this.#collect(piece)
    this.#frame = lasting(piece)
    this.#filled = piece.length
  }

  #collect(piece: Uint8Array): void {
    const filled = this.#filled + piece.length
    if (filled > this.#frame.length) {
      const grown = new Uint8Array(Math.min(this.#length, filled * 2))
      grown.set(this.#frame.subarray(0, this.#filled))
      this.#frame = grown
    }
    this.#frame.set(piece, this.#filled)
    this.#filled = filled
  }

  #whole(last: Uint8Array): Bytes {
    const frame = this.#filled === 0 ? last : this.#joined(last)
    this.#length = UNKNOWN
    this.#head = NOTHING
    this.#frame = NOTHING
    this.#filled = 0
    this.#owner.received.done += 1
    return frame
  }

  #joined(last: Uint8Array): Bytes {
    if (this.#frame.length < this.#length) return new Uint8ArrayList(this.#frame.subarray(0, this.#filled), last)
    this.#frame.set(last, this.#filled)
    return this.#frame
  }
}

function endless(): NetQueueError {
  const message = `The peer sent ${MAX_HEAD_BYTES} bytes that do not say how long their frame is`
  return new NetQueueError('BAD_MESSAGE', message, { value: MAX_HEAD_BYTES })
}
