import { Readable, Writable } from 'node:stream'
import type { ReadableStream, WritableStream } from 'node:stream/web'
import { host } from '../env/host.ts'
import type { NetQueueError } from '../errors/errors.ts'
import { connectionLost } from './failures.ts'
import { Inlet } from './inlet.ts'
import { Outlet } from './outlet.ts'
import type { ByteDuplex, Bytes } from './transport.ts'

export interface StreamPair {
  /** Where bytes come from; without an encoding. */
  readable: Readable | ReadableStream<Uint8Array>
  /** Where bytes go; ended when all was sent. May be the same object as `readable`. */
  writable: Writable | WritableStream<Uint8Array>
  /** Where the other end is, for people and logs. */
  remoteAddress?: string | undefined
  /** Cuts both streams at once. @default destroys them */
  cut?: ((reason: unknown) => void) | undefined
}

const toReadable = (stream: StreamPair['readable']): Readable =>
  stream instanceof Readable ? stream : Readable.fromWeb(stream)
const toWritable = (stream: StreamPair['writable']): Writable =>
  stream instanceof Writable ? stream : Writable.fromWeb(stream)

/**
 * Two streams, of Node or of the web, as one connection: pipes, the standard streams of a child process, a socket.
 * Nothing is read before the first `next()`, and nothing is copied. When reading breaks, writing fails too; when writing
 * breaks, what the other side still says can be read to its end. A stream belongs to one connection in its life.
 */
export function fromStreams({ readable, writable, ...more }: StreamPair): ByteDuplex {
  return new StreamDuplex({ readable: toReadable(readable), writable: toWritable(writable), ...more })
}

/** Lists up to this length are joined: one write of one piece costs the system less than the copy costs us. */
const MAX_JOINED_BYTES = 16_384

/**
 * Where a stream has the connection that reads it, and the one that writes to it. All share their listeners, for six of its own would cost
 * each of them half a kilobyte.
 */
const READER: unique symbol = Symbol('reader')
const WRITER: unique symbol = Symbol('writer')

interface Connected {
  [READER]?: StreamDuplex
  [WRITER]?: StreamDuplex
}

export interface StreamDuplexInit extends StreamPair {
  readable: Readable
  writable: Writable
}

/** See {@link fromStreams}. */
export class StreamDuplex extends Outlet implements ByteDuplex {
  readonly source: StreamInlet
  readonly remoteAddress?: string
  protected readonly readable: Readable & Connected
  readonly #writable: Writable & Connected
  readonly #cut: StreamPair['cut']
  /** The system has not taken all that was written. */
  #isBehind = false
  #loss: NetQueueError | undefined

  constructor({ readable, writable, remoteAddress, cut }: StreamDuplexInit) {
    super()
    this.readable = readable
    this.#writable = writable
    this.#cut = cut
    if (remoteAddress !== undefined) this.remoteAddress = remoteAddress
    this.source = new StreamInlet(readable)
    this.#watchReadable()
    this.#watchWritable()
  }

  abort(reason: unknown): void {
    this.source.cut(reason)
    this.fail(reason)
    this.cut(reason)
  }

  /** Cuts both streams at once. */
  protected cut(reason: unknown): void {
    if (this.#cut !== undefined) return this.#cut(reason)
    // With the reason: a web stream that is destroyed without one ends as if all was well.
    for (const stream of [this.readable, this.#writable]) stream.destroy(reason as Error)
  }

  protected write(bytes: Bytes): boolean {
    if (bytes instanceof Uint8Array) this.#writable.write(bytes, this.#onWritten)
    else if (bytes.length <= MAX_JOINED_BYTES) this.#writable.write(bytes.subarray(), this.#onWritten)
    else this.#writeAll(bytes)
    // Not the answer of write(): it only tells whether the stream's own buffer has room, and 'drain' never comes when the stream dies.
    this.#isBehind = this.#writable.writableLength > 0
    return !this.#isBehind
  }

  protected end(): void {
    this.#writable.end((error?: Error | null) => {
      if (error) this.writingBroke(error)
      else this.ended()
    })
  }

  #watchReadable(): void {
    const { readable } = this
    readable[READER] = this
    readable.pause() // until someone reads: connections that nobody looks at hold no bytes
    readable.on('data', onData)
    readable.on('end', onEnd)
    listen(readable)
    if (readable.readableEnded) this.source.end()
    else if (readable.destroyed) this.readingBroke(readable.errored ?? undefined)
  }

  #watchWritable(): void {
    const writable = this.#writable
    writable[WRITER] = this
    if (writable[READER] === undefined) listen(writable)
    if (writable.destroyed) this.writingBroke(writable.errored ?? undefined)
  }

  /** @internal */
  received(piece: Uint8Array | string): void {
    if (typeof piece === 'string') {
      this.abort(new TypeError('Expected `readable` to give bytes, got a string: it must not have an encoding'))
      return
    }
    this.source.push(piece)
    this.#pauseWhenFull()
  }

  /** @internal Bytes came that stay what they are only within this call. */
  lent(piece: Uint8Array, isWhole: boolean): void {
    this.source.begin(isWhole)
    this.source.lend(piece)
    this.source.finish(isWhole)
    this.#pauseWhenFull()
  }

  /** @internal */
  readingBroke(cause?: unknown): void {
    const reason = this.#lostBy(cause)
    this.source.fail(reason)
    this.fail(reason)
    this.cut(reason)
  }

  /** @internal */
  writingBroke(cause?: unknown): void {
    this.fail(this.#lostBy(cause))
  }

  #pauseWhenFull(): void {
    if (this.source.full) this.readable.pause()
  }

  /** One error for both ways, and for the close that follows: where a thousand connections break at once, errors are much of what that costs. */
  #lostBy(cause: unknown): NetQueueError {
    return (this.#loss ??= connectionLost(this.remoteAddress, cause))
  }

  #writeAll(pieces: Iterable<Uint8Array>): void {
    this.#writable.cork()
    for (const piece of pieces) this.#writable.write(piece, this.#onWritten)
    this.#writable.uncork()
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (error) return this.writingBroke(error)
    if (!this.#isBehind || this.#writable.writableLength > 0) return
    this.#isBehind = false
    this.taken()
  }
}

function onData(this: Connected, piece: Uint8Array | string): void {
  this[READER]?.received(piece)
}

/** Hands bytes that came to whoever reads a stream; they stay what they are only within this call. `isWhole`: as many as one read may bring. */
export function lend(stream: unknown, piece: Uint8Array, isWhole: boolean): void {
  ;(stream as Connected)[READER]?.lent(piece, isWhole)
}

function onEnd(this: Connected): void {
  this[READER]?.source.end()
}

function onError(this: Connected, error: Error): void {
  this[READER]?.readingBroke(error)
  this[WRITER]?.writingBroke(error)
}

function onClose(this: Readable & Writable & Connected): void {
  if (!this.readableEnded) this[READER]?.readingBroke()
  if (!this.writableFinished) this[WRITER]?.writingBroke()
}

function listen(stream: Readable | Writable): void {
  stream.on('error', onError)
  stream.on('close', onClose)
}

/**
 * Milliseconds that reads of one stream in a row may take with all that they bring about. Behind a whole read Node reads on at once, up to 32 times:
 * of short messages those are half a second's work, for which all others would wait. By time and not by reads, as each turn costs, and the
 * same reads of long items are 5 ms.
 */
const MAX_ROW_MS = 10

class StreamInlet extends Inlet {
  readonly #readable: Readable
  /** When whole reads in a row have begun. */
  #since: number | undefined
  /** Nothing more is read in this turn of the event loop, whatever the reader asks for. */
  #isResting = false

  constructor(readable: Readable) {
    super()
    this.#readable = readable
  }

  /** What was read is about to be looked at. */
  begin(isWhole: boolean): void {
    if (isWhole) this.#since ??= host.now()
  }

  /** It was. */
  finish(isWhole: boolean): void {
    if (!isWhole) this.#since = undefined
    else if (host.now() - (this.#since as number) >= MAX_ROW_MS) this.#rest()
  }

  protected override read(): void {
    if (this.low && !this.#isResting && this.#readable.isPaused()) this.#readable.resume()
  }

  #rest(): void {
    this.#since = undefined
    this.#isResting = true
    this.#readable.pause()
    host.afterPoll(() => {
      this.#isResting = false
      this.read()
    })
  }
}
