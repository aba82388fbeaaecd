import type { Failure } from '../delivery/failure.ts'
import type { Direction } from '../protocol/message.ts'
import { isLinked, unlink } from '../queue/linked-list.ts'
import type { Linked } from '../queue/linked-list.ts'
import { Ring } from '../queue/ring.ts'
import type { Lanes } from './lanes.ts'
import { laneOf } from './lanes.ts'
import type { ExchangeWriter, Mail } from './mail.ts'

/** What a stream is made of. */
export type Chunks<Chunk = unknown> = AsyncIterable<Chunk> | Iterable<Chunk>

/** Chunks that were taken from the source and wait to be written: two frames' worth, whatever the peer grants. */
const MAX_UNWRITTEN = 256
const MAX_UNWRITTEN_BYTES = 122_880

export interface OutflowInit {
  lanes: Lanes
  channel: number
  direction: Direction
  source: Chunks
  encode: (value: unknown) => Uint8Array
  /** What the peer is told of an error of the source. */
  describe: (error: unknown) => Failure
  /** Asks for leave to go on; `resume` is called when it is given, which may be at once. */
  begin?: (resume: () => void) => void
  /** It waits for the peer. */
  pause?: () => void
  /** The source, or the encoding of what it gave, failed. */
  failed: (error: unknown) => void
  /** The end was written. */
  ended: () => void
}

/** A stream on its way out: takes chunks from its source only as long as the peer has room for them. */
export class Outflow implements Mail {
  before: Linked = this
  after: Linked = this
  readonly #init: OutflowInit
  readonly #chunks: Ring<Uint8Array> = new Ring()
  #tag: number | undefined
  #iterator: AsyncIterator<unknown> | undefined
  /** `ending`: the source gives no more. `over`: nothing more is written, unless somebody says how it ended. */
  #state: 'open' | 'ending' | 'over' = 'open'
  #isPulling = false
  #end: Failure | undefined
  #isEndWritten = false
  #unwrittenBytes = 0
  /** Chunks and bytes that were taken from the source, and those that the peer has room for; all count from the beginning. */
  #taken = 0
  #takenBytes = 0
  #limit = 0
  #byteLimit = 0

  constructor(init: OutflowInit) {
    this.#init = init
  }

  /** Whether its source has been asked for anything. */
  get isBegun(): boolean {
    return this.#iterator !== undefined
  }

  /** The record that announces the stream has been written. */
  start(tag: number): void {
    this.#tag = tag
    this.#pull()
  }

  granted(chunks: number, bytes: number): void {
    this.#limit = Math.max(this.#limit, chunks)
    this.#byteLimit = Math.max(this.#byteLimit, bytes)
    this.#pull()
  }

  /** Takes and writes no more chunks; resolves when the source is done with. */
  async cease(): Promise<void> {
    const isOpen = this.#state === 'open'
    this.#drop()
    this.#state = 'over'
    if (isOpen) await this.#close()
  }

  /** Leaves the source to somebody else, who has it from its beginning. */
  release(): void {
    this.#drop()
    this.#state = 'over'
  }

  /** Tells the peer that the stream is over, behind the chunks that wait. Nothing comes after that. */
  finish(end: Failure): void {
    if (this.#isEndWritten) return
    this.#state = 'ending'
    this.#end = end
    this.#post(0)
  }

  write(writer: ExchangeWriter): boolean {
    const { channel, direction } = this.#init
    const tag = this.#tag as number
    const payload = this.#chunks.at(0)
    if (payload !== undefined) return writer.chunk({ tag, channel, direction, payload }) && this.#written(payload)
    if (this.#end === undefined) return true
    const { code, reason } = this.#end
    if (!writer.chunkEnd({ tag, channel, direction, code, reason })) return false
    this.#state = 'over'
    this.#isEndWritten = true
    this.#init.ended()
    return true
  }

  #written(payload: Uint8Array): true {
    this.#chunks.shift()
    this.#unwrittenBytes -= payload.length
    if (this.#chunks.size > 0 || this.#end !== undefined) this.#init.lanes.post(laneOf(this.#init.channel), this)
    this.#pull()
    return true
  }

  #hasRoom(): boolean {
    if (this.#chunks.size >= MAX_UNWRITTEN || this.#unwrittenBytes >= MAX_UNWRITTEN_BYTES) return false
    return this.#taken < this.#limit && this.#takenBytes < this.#byteLimit
  }

  #pull(): void {
    if (this.#state !== 'open' || this.#tag === undefined || this.#isPulling) return
    if (!this.#hasRoom()) return this.#init.pause?.()
    this.#isPulling = true
    if (this.#init.begin === undefined) this.#next()
    else this.#init.begin(() => this.#next())
  }

  #next(): void {
    if (this.#state !== 'open') return
    try {
      this.#iterator ??= iteratorOf(this.#init.source)
      Promise.resolve(this.#iterator.next()).then(
        (result) => this.#take(result),
        (error: unknown) => this.#broke(error),
      )
    } catch (error) {
      this.#broke(error)
    }
  }

  #take(result: IteratorResult<unknown>): void {
    this.#isPulling = false
    if (this.#state !== 'open') return
    try {
      // Here, for a source can give what is no result, or one that throws when it is looked at.
      const { done, value } = result
      if (done === true) return this.finish({ code: '', reason: '' })
      this.#add(this.#init.encode(value))
    } catch (error) {
      void this.#close()
      return this.#broke(error)
    }
    this.#pull()
  }

  #add(payload: Uint8Array): void {
    this.#chunks.push(payload)
    this.#taken += 1
    this.#takenBytes += payload.length
    this.#unwrittenBytes += payload.length
    this.#post(payload.length)
  }

  #broke(error: unknown): void {
    this.#isPulling = false
    this.#init.failed(error)
    if (this.#state === 'open') this.finish(this.#init.describe(error))
  }

  #post(bytes: number): void {
    const { lanes, channel } = this.#init
    if (isLinked(this)) lanes.added(bytes)
    else lanes.post(laneOf(channel), this, bytes)
  }

  #drop(): void {
    this.#chunks.clear()
    this.#unwrittenBytes = 0
    unlink(this)
  }

  /** Lets the source clean up. One that was never begun is begun for that: a file may be open behind it. */
  async #close(): Promise<void> {
    try {
      this.#iterator ??= iteratorOf(this.#init.source)
      await this.#iterator.return?.()
    } catch (error) {
      this.#init.failed(error)
    }
  }
}

/** Lets the source of a request that is not made clean up; what is no source has nothing to. */
export function dropBody(source: Chunks | undefined): void {
  if (Symbol.asyncIterator in Object(source)) void leave(source as Chunks)
}

async function leave(source: Chunks): Promise<void> {
  try {
    await iteratorOf(source).return?.()
  } catch {
    // Whoever asked hears why the request was not made; that weighs more.
  }
}

function iteratorOf(source: Chunks): AsyncIterator<unknown> {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : each(source)
}

async function* each(source: Iterable<unknown>): AsyncGenerator {
  yield* source
}
