import type { Failure } from '../delivery/failure.ts'
import { RemoteError } from '../errors/errors.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { Direction } from '../protocol/message.ts'
import { isLinked, unlink } from '../queue/linked-list.ts'
import type { Linked } from '../queue/linked-list.ts'
import { Ring } from '../queue/ring.ts'
import { creditExceeded } from './failures.ts'
import { laneOf } from './lanes.ts'
import type { Lanes } from './lanes.ts'
import type { RequestLimits } from './limits.ts'
import type { ExchangeWriter, Mail } from './mail.ts'
import type { Incoming, Outgoing } from './streams.ts'

/** One end of a stream that passes: where its chunks come from, or where they go. */
export interface ConduitEnd {
  readonly lanes: Lanes
  readonly limits: Pick<RequestLimits, 'maxStreamChunks' | 'maxStreamBytes'>
  /** The longest chunk that the other side takes. */
  readonly maxItemBytes: number
}

export interface ConduitInit {
  /** Whichever of the two is there first; the other one comes with {@link Conduit.from} or {@link Conduit.to}. */
  source?: ConduitEnd
  sink?: ConduitEnd
  channel: number
  direction: Direction
  /** The end was written, and nothing more is. */
  ended?: () => void
  /** A chunk was too long for the sink, which is told so: nothing more is wanted of the source. */
  failed?: () => void
}

/** Tells the source how much may come. */
class Grant implements Mail {
  before: Linked = this
  after: Linked = this
  readonly #write: (writer: ExchangeWriter) => boolean

  constructor(write: (writer: ExchangeWriter) => boolean) {
    this.#write = write
  }

  write(writer: ExchangeWriter): boolean {
    return this.#write(writer)
  }
}

const COMPLETE: Failure = { code: '', reason: '' }
const TOO_LARGE: Failure = { code: 'ITEM_TOO_LARGE', reason: '' }

/**
 * A stream that passes from one exchange to another, chunk by chunk, undecoded. The source is granted what the sink has granted, and no
 * more than a window beyond what was written: a reader at the far end holds back the writer at the other, and a sink that grants without
 * bound and takes nothing fills no memory here.
 */
export class Conduit implements Incoming, Omit<Outgoing, 'release'>, Mail {
  before: Linked = this
  after: Linked = this
  readonly #init: ConduitInit
  readonly #chunks: Ring<Uint8Array> = new Ring()
  readonly #grant: Grant = new Grant((writer) => this.#writeGrant(writer))
  #source: ConduitEnd | undefined
  #sink: ConduitEnd | undefined
  #sourceTag: number | undefined
  #sinkTag: number | undefined
  /** `over`: nothing is written any more, unless somebody says how it ended. */
  #state: 'open' | 'over' = 'open'
  /** The source has said its last word, or is not heard any more. */
  #isEnded = false
  #end: Failure | undefined
  #isEndWritten = false
  /** This side has said how it ends, which is still to be told. */
  #isFinished = false
  /** All count from the beginning: what came, what left, what the sink takes, and what the source was told. */
  #received = 0
  #receivedBytes = 0
  #written = 0
  #writtenBytes = 0
  #limit = 0
  #byteLimit = 0
  #told = 0
  #toldBytes = 0

  constructor(init: ConduitInit) {
    this.#init = init
    this.#source = init.source
    this.#sink = init.sink
  }

  get isBegun(): boolean {
    return this.#received > 0
  }

  /** Where its chunks come from. */
  from(source: ConduitEnd): void {
    this.#source = source
  }

  /** Where they go; where that was somewhere else before, nothing of it had left. */
  to(sink: ConduitEnd): void {
    unlink(this)
    this.#sink = sink
    this.#sinkTag = undefined
  }

  open(tag: number): void {
    this.#sourceTag = tag
    this.#grantMore()
  }

  start(tag: number): void {
    this.#sinkTag = tag
    this.#post()
  }

  granted(chunks: number, bytes: number): void {
    this.#limit = Math.max(this.#limit, chunks)
    this.#byteLimit = Math.max(this.#byteLimit, bytes)
    this.#grantMore()
  }

  push(payload: Uint8Array): void {
    if (this.#received >= this.#told)
      throw creditExceeded(`more than the ${this.#told} chunks that were granted`, 'maxStreamChunks', this.#told)
    if (this.#receivedBytes >= this.#toldBytes)
      throw creditExceeded(
        `more than the ${this.#toldBytes} bytes that were granted`,
        'maxStreamBytes',
        this.#toldBytes,
      )
    this.#received += 1
    this.#receivedBytes += payload.length
    if (this.#state === 'over' || this.#end !== undefined) return
    this.#chunks.push(payload)
    this.#post(payload.length)
  }

  end(error?: NetQueueError): void {
    if (this.#isEnded) return
    this.#isEnded = true
    unlink(this.#grant)
    if (this.#state === 'open' && this.#end === undefined)
      this.#finish(error === undefined ? COMPLETE : describe(error))
  }

  abort(error: unknown): void {
    this.#drop()
    this.end(error as NetQueueError)
  }

  cease(): Promise<void> {
    if (this.#isFinished) return Promise.resolve()
    this.#drop()
    this.#state = 'over'
    return Promise.resolve()
  }

  finish(end: Failure): void {
    this.#isFinished = true
    this.#drop()
    if (!this.#isEndWritten) this.#finish(end)
  }

  write(writer: ExchangeWriter): boolean {
    const { channel, direction } = this.#init
    const tag = this.#sinkTag as number
    const payload = this.#chunks.at(0)
    if (payload !== undefined && payload.length > (this.#sink as ConduitEnd).maxItemBytes) this.#fail()
    else if (payload !== undefined) return writer.chunk({ tag, channel, direction, payload }) && this.#left(payload)
    if (this.#end === undefined || this.#isEndWritten) return true
    if (!writer.chunkEnd({ tag, channel, direction, ...this.#end })) return false
    this.#isEndWritten = true
    this.#state = 'over'
    this.#init.ended?.()
    return true
  }

  #fail(): void {
    this.#chunks.clear()
    this.#end = TOO_LARGE
    this.#init.failed?.()
  }

  #left(payload: Uint8Array): true {
    this.#chunks.shift()
    this.#written += 1
    this.#writtenBytes += payload.length
    this.#post()
    this.#grantMore()
    return true
  }

  #finish(end: Failure): void {
    this.#state = 'open'
    this.#end = end
    this.#post()
  }

  #drop(): void {
    this.#chunks.clear()
    unlink(this)
    unlink(this.#grant)
  }

  /** Something is to be written, if it can be. */
  #post(bytes = 0): void {
    const hasMore = this.#chunks.size > 0 || (this.#end !== undefined && !this.#isEndWritten)
    if (this.#sinkTag === undefined || this.#sink === undefined || !hasMore) return
    if (isLinked(this)) this.#sink.lanes.added(bytes)
    else this.#sink.lanes.post(laneOf(this.#init.channel), this, bytes)
  }

  /** What the source may send: what the sink takes, and what there is memory for. */
  #room(): { chunks: number; bytes: number } {
    const { maxStreamChunks, maxStreamBytes } = (this.#source as ConduitEnd).limits
    return {
      chunks: Math.min(this.#limit, this.#written + maxStreamChunks),
      bytes: Math.min(this.#byteLimit, this.#writtenBytes + maxStreamBytes),
    }
  }

  #grantMore(): void {
    const source = this.#source
    if (this.#sourceTag === undefined || source === undefined || this.#isEnded || isLinked(this.#grant)) return
    if (this.#state === 'over' || !this.#isDue(source)) return
    source.lanes.post(laneOf(this.#init.channel), this.#grant)
  }

  /** What the sink has granted goes on at once; of what memory allows, half a window at a time. */
  #isDue({ limits: { maxStreamChunks, maxStreamBytes } }: ConduitEnd): boolean {
    const { chunks, bytes } = this.#room()
    if (chunks <= this.#told && bytes <= this.#toldBytes) return false
    if (chunks === this.#limit && bytes === this.#byteLimit) return true
    return (chunks - this.#told) * 2 >= maxStreamChunks || (bytes - this.#toldBytes) * 2 >= maxStreamBytes
  }

  #writeGrant(writer: ExchangeWriter): boolean {
    const { channel, direction } = this.#init
    const { chunks, bytes } = this.#room()
    const told = { chunks: Math.max(chunks, this.#told), bytes: Math.max(bytes, this.#toldBytes) }
    if (!writer.chunkCredit({ tag: this.#sourceTag as number, channel, direction, ...told })) return false
    this.#told = told.chunks
    this.#toldBytes = told.bytes
    return true
  }
}

/** Why a stream ended, as whoever it was for is told. */
export function describe(error: NetQueueError): Failure {
  if (error instanceof RemoteError) return { code: error.remoteCode, reason: error.reason ?? '' }
  return { code: error.code, reason: '' }
}
