import { NetQueueError } from '../errors/errors.ts'
import type { Bytes } from '../transport/transport.ts'
import { Decoded } from './decoded.ts'
import type { DecodedOwner } from './decoded.ts'
import { Encoded } from './encoded.ts'
import type { Progress } from './progress.ts'

/** How a protocol cuts its stream of bytes into frames: two stages for a pipe, one for each way. */
export interface Framing {
  encode(frames: AsyncIterable<Bytes>): AsyncIterable<Bytes>
  /** Frames as views of what they came in. Throws `FRAME_TOO_LARGE`, `FRAME_TOO_SHORT`, `FRAME_TRUNCATED`, each before more than the header was kept. */
  decode(chunks: AsyncIterable<Bytes>): Frames
}

/** Frames as they come: for a loop, or one by one for somebody who takes them in the turn in which they come. */
export interface Frames extends AsyncIterable<Bytes> {
  /** Without a promise for each frame, of which an idle connection would hold one for ever. */
  each(taker: FrameTaker): void
}

export interface FrameTaker {
  /** Whether the next one is wanted; it waits for a promise. What this throws ends it all, as the stream's own errors do. */
  take(frame: Bytes): boolean | Promise<boolean>
  /** No more frames come, or none was wanted. */
  ended(): void
  /** The stream broke, or something in it did. */
  broke(cause: unknown): void
}

/** What the framing of one connection asks whoever takes its frames, and tells them. */
export interface FramingOptions {
  /** Longest frame taken at this moment, and the option that says so. */
  limit(): FrameLimit
  /** Gets what was read behind the frame at which decoding is left. @default it is dropped */
  unread?(rest: Uint8Array): void
  /** Counts the frames that come: begun with their first byte, done with their last. @default nobody counts */
  received?: Progress
}

export interface FrameLimit {
  /** The option that sets it. */
  name: string
  bytes: number
}

/** Frames of at least `minBytes` behind a 4-byte big-endian unsigned length that does not count itself. */
export function lengthPrefix(minBytes: number, options: FramingOptions): Framing {
  return new LengthPrefixed(minBytes, options)
}

class LengthPrefixed implements Framing, DecodedOwner {
  readonly received: Progress
  readonly #minBytes: number
  readonly #options: FramingOptions

  constructor(minBytes: number, options: FramingOptions) {
    this.#minBytes = minBytes
    this.#options = options
    this.received = options.received ?? { begun: 0, done: 0 }
  }

  encode(frames: AsyncIterable<Bytes>): AsyncIterable<Bytes> {
    return new Encoded(frames)
  }

  decode(chunks: AsyncIterable<Bytes>): Frames {
    return new Decoded(chunks, this)
  }

  checkLength(length: number): void {
    checkLength(length, this.#minBytes, this.#options.limit())
  }

  unread(rest: Uint8Array): void {
    this.#options.unread?.(rest)
  }
}

function checkLength(length: number, minBytes: number, { name, bytes }: FrameLimit): void {
  if (length < minBytes) {
    throw new NetQueueError('FRAME_TOO_SHORT', `Expected a frame of at least ${minBytes} bytes, got ${length}`, {
      value: length,
    })
  }
  if (length > bytes) {
    const hint = TLS.has(length >>> 16) ? 'TLS' : FOREIGN[length]
    const message = `Expected a frame of at most ${bytes} bytes (${name}), got ${length}${hint === undefined ? '' : `: the peer seems to speak ${hint}`}`
    throw new NetQueueError('FRAME_TOO_LARGE', message, { limit: name, value: length })
  }
}

/** The first bytes of a handshake, which a client begins, and of an alert, with which a server answers what is none. */
const TLS: ReadonlySet<number> = new Set([0x1603, 0x1503])

/** Other protocols' first bytes, read as a length. */
const FOREIGN: Readonly<Record<number, string>> = {
  0x47455420: 'HTTP',
  0x504f5354: 'HTTP',
  0x48454144: 'HTTP',
  0x4f505449: 'HTTP',
  0x48545450: 'HTTP',
  0x5353482d: 'SSH',
}
