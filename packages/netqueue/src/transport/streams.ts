import { Readable, Writable } from 'node:stream'
import type { ReadableStream, WritableStream } from 'node:stream/web'
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
 * breaks, what the other side still says can be read to its end.
 */
export function fromStreams(pair: StreamPair): ByteDuplex {
  return new StreamDuplex(toReadable(pair.readable), toWritable(pair.writable), pair)
}

/** Lists up to this length are joined: one write of one piece costs the system less than the copy costs us. */
const MAX_JOINED_BYTES = 16_384

class StreamDuplex implements ByteDuplex {
  readonly source: Inlet
  readonly sink: ByteDuplex['sink']
  readonly remoteAddress?: string
  readonly #readable: Readable
  readonly #writable: Writable
  readonly #outlet: Outlet
  readonly #cut: (reason: unknown) => void
  #written: (() => void) | undefined

  constructor(readable: Readable, writable: Writable, { remoteAddress, cut }: StreamPair) {
    this.#readable = readable
    this.#writable = writable
    if (remoteAddress !== undefined) this.remoteAddress = remoteAddress
    // With the reason: a web stream that is destroyed without one ends as if all was well.
    this.#cut = cut ?? ((reason): void => [readable, writable].forEach((stream) => stream.destroy(reason as Error)))
    this.source = new Inlet(() => this.source.low && readable.isPaused() && readable.resume())
    this.#outlet = new Outlet({
      write: (bytes) => this.#write(bytes),
      end: () => this.#end(),
      abort: (reason) => this.abort(reason),
    })
    this.sink = this.#outlet.sink
    this.#watchReadable()
    this.#watchWritable()
  }

  abort(reason: unknown): void {
    this.source.cut(reason)
    this.#outlet.fail(reason)
    this.#cut(reason)
  }

  #watchReadable(): void {
    const readable = this.#readable
    readable.pause() // until someone reads: connections that nobody looks at hold no bytes
    readable.on('data', (piece: Uint8Array | string) => this.#received(piece))
    readable.on('end', () => this.source.end())
    readable.on('error', (error) => this.#readingBroke(error))
    readable.on('close', () => !readable.readableEnded && this.#readingBroke())
    if (readable.readableEnded) this.source.end()
    else if (readable.destroyed) this.#readingBroke(readable.errored ?? undefined)
  }

  #watchWritable(): void {
    const writable = this.#writable
    writable.on('error', (error) => this.#writingBroke(error))
    writable.on('close', () => !writable.writableFinished && this.#writingBroke())
    if (writable.destroyed) this.#writingBroke(writable.errored ?? undefined)
  }

  #received(piece: Uint8Array | string): void {
    if (typeof piece === 'string') {
      this.abort(new TypeError('Expected `readable` to give bytes, got a string: it must not have an encoding'))
      return
    }
    this.source.push(piece)
    if (this.source.full) this.#readable.pause()
  }

  #readingBroke(cause?: unknown): void {
    const reason = connectionLost(this.remoteAddress, cause)
    this.source.fail(reason)
    this.#outlet.fail(reason)
    this.#cut(reason)
  }

  #writingBroke(cause?: unknown): void {
    this.#outlet.fail(connectionLost(this.remoteAddress, cause))
  }

  #write(bytes: Bytes): Promise<void> | undefined {
    if (bytes instanceof Uint8Array) this.#writable.write(bytes, this.#onWritten)
    else if (bytes.length <= MAX_JOINED_BYTES) this.#writable.write(bytes.subarray(), this.#onWritten)
    else this.#writeAll(bytes)
    // Not the answer of write(): it only tells whether the stream's own buffer has room, and 'drain' never comes when the stream dies.
    return this.#writable.writableLength === 0 ? undefined : new Promise((resolve) => (this.#written = resolve))
  }

  #writeAll(pieces: Iterable<Uint8Array>): void {
    this.#writable.cork()
    for (const piece of pieces) this.#writable.write(piece, this.#onWritten)
    this.#writable.uncork()
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (error) this.#writingBroke(error)
    else if (this.#writable.writableLength === 0) this.#written?.()
  }

  #end(): Promise<void> {
    return new Promise((resolve) => {
      this.#writable.end((error?: Error | null) => {
        if (error) this.#writingBroke(error)
        else resolve()
      })
    })
  }
}
