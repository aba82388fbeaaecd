import type { NetQueueError } from '../errors/errors.ts'
import type { Direction } from '../protocol/message.ts'
import { isLinked, unlink } from '../queue/linked-list.ts'
import type { Linked } from '../queue/linked-list.ts'
import { Ring } from '../queue/ring.ts'
import { busy, creditExceeded } from './failures.ts'
import type { Lanes } from './lanes.ts'
import { laneOf } from './lanes.ts'
import type { RequestLimits } from './limits.ts'
import type { ExchangeWriter, Mail } from './mail.ts'

export interface InflowInit {
  lanes: Lanes
  limits: Pick<RequestLimits, 'maxStreamChunks' | 'maxStreamBytes'>
  channel: number
  direction: Direction
  decode: (bytes: Uint8Array) => unknown
  /** Called before the first chunk is asked for. What it throws ends the stream. */
  begin?: (() => void) | undefined
  /** The reader has taken all that came, and waits for the peer. */
  waits?: () => void
  /** Something came for a reader that waits, or it leaves; `resume` is called when it may go on, which may be at once. */
  goesOn?: (resume: () => void) => void
  /** A reader that waits, or whoever has left beside it, hears that the stream was aborted, and goes on. */
  aborted?: () => void
  /** The reader left before the end, or what came could not be decoded. */
  left?: () => void
}

type Result = IteratorResult<unknown, undefined>

interface Reader {
  resolve: (result: Result) => void
  reject: (reason: unknown) => void
}

const DONE: Result = { done: true, value: undefined }

/**
 * A stream on its way in. The peer has room for a window beyond what was read, and for nothing before somebody reads; it is told anew
 * when half of that is used up.
 */
export class Inflow implements AsyncIterableIterator<unknown, undefined>, Mail {
  before: Linked = this
  after: Linked = this
  readonly #init: InflowInit
  readonly #chunks: Ring<Uint8Array> = new Ring()
  #tag: number | undefined
  /** `ended`: no more come. `over`: the reader has nothing more to expect either. */
  #state: 'new' | 'open' | 'ended' | 'over' = 'new'
  #reader: Reader | undefined
  /** Why it ended, until the reader has heard it. */
  #error: unknown
  #hasFailed = false
  /** What came, what was read, and what the peer has heard that it may send; all count from the beginning. */
  #received = 0
  #receivedBytes = 0
  #read = 0
  #readBytes = 0
  #limit = 0
  #byteLimit = 0

  constructor(init: InflowInit) {
    this.#init = init
  }

  /** The peer knows, or is about to hear, of the request. */
  open(tag: number): void {
    this.#tag = tag
    this.#grant()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    if (this.#reader !== undefined) return Promise.reject(busy())
    if (this.#state === 'new') this.#begin()
    if (this.#chunks.size > 0) return this.#shift()
    if (this.#hasFailed) return this.#fail()
    if (this.#state !== 'open') return Promise.resolve(DONE)
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
      this.#init.waits?.()
    })
  }

  /** Leaves the stream: the producer at the other end is told, and stops. Where a reader waits, both go on once there is a place for them. */
  return(): Promise<Result> {
    const isEarly = this.#state === 'new' || this.#state === 'open'
    this.#discard()
    const isLeft = this.#leave()
    if (isEarly) this.#init.left?.()
    return isLeft
  }

  /** Throws for a chunk beyond what was granted. Nobody may read it any more. */
  push(payload: Uint8Array): void {
    this.#check()
    this.#received += 1
    this.#receivedBytes += payload.length
    if (this.#state !== 'open') return
    this.#chunks.push(payload)
    this.#awaken()
  }

  /** The one chunk that there is, which needed no room. */
  only(payload: Uint8Array): void {
    if (this.#state !== 'open') return
    this.#chunks.push(payload)
    this.end()
  }

  /** No more chunks come; those that are here can be read, then comes the error. */
  end(error?: NetQueueError): void {
    if (this.#state === 'ended' || this.#state === 'over') return
    this.#state = 'ended'
    this.#error = error
    this.#hasFailed = error !== undefined
    unlink(this)
    this.#awaken()
  }

  /** It is over at once: what is here is not read any more. */
  abort(error: unknown): void {
    if (this.#state === 'over') {
      // Whoever has left may still wait for a place.
      if (this.#reader !== undefined) this.#init.aborted?.()
      return
    }
    this.#discard()
    const reader = this.#takeReader()
    if (reader !== undefined) {
      this.#init.aborted?.()
      return reader.reject(error)
    }
    this.#error = error
    this.#hasFailed = true
  }

  /** Says how much may come. */
  write(writer: ExchangeWriter): boolean {
    const { channel, direction } = this.#init
    const { chunks, bytes } = this.#room()
    if (!writer.chunkCredit({ tag: this.#tag as number, channel, direction, chunks, bytes })) return false
    this.#limit = chunks
    this.#byteLimit = bytes
    return true
  }

  #begin(): void {
    this.#state = 'open'
    try {
      this.#init.begin?.()
      this.#grant()
    } catch (error) {
      this.abort(error)
    }
  }

  #room(): { chunks: number; bytes: number } {
    const { maxStreamChunks, maxStreamBytes } = this.#init.limits
    return { chunks: this.#read + maxStreamChunks, bytes: this.#readBytes + maxStreamBytes }
  }

  #grant(): void {
    if (this.#tag === undefined || this.#state !== 'open' || isLinked(this)) return
    const { maxStreamChunks, maxStreamBytes } = this.#init.limits
    const { chunks, bytes } = this.#room()
    const isDue = (chunks - this.#limit) * 2 >= maxStreamChunks || (bytes - this.#byteLimit) * 2 >= maxStreamBytes
    if (isDue) this.#init.lanes.post(laneOf(this.#init.channel), this)
  }

  #check(): void {
    if (this.#received >= this.#limit)
      throw creditExceeded(`more than the ${this.#limit} chunks that were granted`, 'maxStreamChunks', this.#limit)
    if (this.#receivedBytes >= this.#byteLimit)
      throw creditExceeded(
        `more than the ${this.#byteLimit} bytes that were granted`,
        'maxStreamBytes',
        this.#byteLimit,
      )
  }

  /** A reader that waits gets what came, or the end. */
  #awaken(): void {
    if (this.#reader === undefined) return
    if (this.#init.goesOn === undefined) this.#serve()
    else this.#init.goesOn(() => this.#serve())
  }

  #serve(): void {
    const reader = this.#takeReader()
    if (reader !== undefined) this.next().then(reader.resolve, reader.reject)
  }

  #shift(): Promise<Result> {
    const payload = this.#chunks.shift() as Uint8Array
    this.#read += 1
    this.#readBytes += payload.length
    this.#grant()
    try {
      return Promise.resolve({ done: false, value: this.#init.decode(payload) })
    } catch (error) {
      void this.return()
      return Promise.reject(error)
    }
  }

  #fail(): Promise<never> {
    this.#hasFailed = false
    this.#state = 'over'
    return Promise.reject(this.#error)
  }

  #discard(): void {
    this.#state = 'over'
    this.#hasFailed = false
    this.#chunks.clear()
    unlink(this)
  }

  /** A reader that waits goes on with whoever left. */
  #leave(): Promise<Result> {
    const { goesOn } = this.#init
    const goOn = (): Result => {
      this.#takeReader()?.resolve(DONE)
      return DONE
    }
    if (this.#reader === undefined || goesOn === undefined) return Promise.resolve(goOn())
    return new Promise((resolve) => goesOn(() => resolve(goOn())))
  }

  #takeReader(): Reader | undefined {
    const reader = this.#reader
    this.#reader = undefined
    return reader
  }
}
