import { NetQueueError } from '../errors/errors.ts'
import type { Bytes } from '../transport/transport.ts'
import { Decoded } from './decoded.ts'
import type { DecodedOwner } from './decoded.ts'
import type { Layout } from './layout.ts'
import type { Progress } from './progress.ts'

/** How one connection cuts its stream of bytes into frames: two stages for a pipe, one for each way. */
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
  /** Whether whoever takes the frames keeps copies of what it keeps of them. @default it may keep all of them */
  readonly borrows?: boolean
  /** Counts the frames that come: begun with their first byte, done with their last. @default nobody counts */
  received?: Progress
}

export interface FrameLimit {
  /** The option that sets it. */
  name: string
  bytes: number
}

/** The framing of one connection, by a layout. */
export function framingOf(layout: Layout, options: FramingOptions): Framing {
  return new Framed(layout, options)
}

class Framed implements Framing, DecodedOwner {
  readonly layout: Layout
  readonly received: Progress
  readonly #options: FramingOptions

  constructor(layout: Layout, options: FramingOptions) {
    this.layout = layout
    this.#options = options
    this.received = options.received ?? { begun: 0, done: 0 }
  }

  encode(frames: AsyncIterable<Bytes>): AsyncIterable<Bytes> {
    return this.layout.encode?.(frames) ?? frames
  }

  decode(chunks: AsyncIterable<Bytes>): Frames {
    return new Decoded(chunks, this)
  }

  get borrows(): boolean {
    return this.#options.borrows === true
  }

  checkLength(length: number): void {
    const { layout } = this
    const { minBytes = 0 } = layout
    const { name, bytes } = this.#options.limit()
    if (length < minBytes) throw tooShort(length, minBytes)
    if (length > bytes) throw tooLarge(length, { name, bytes }, layout.foreign?.(length))
  }

  unread(rest: Uint8Array): void {
    this.#options.unread?.(rest)
  }
}

function tooShort(length: number, minBytes: number): NetQueueError {
  return new NetQueueError('FRAME_TOO_SHORT', `Expected a frame of at least ${minBytes} bytes, got ${length}`, {
    value: length,
  })
}

function tooLarge(length: number, { name, bytes }: FrameLimit, foreign: string | undefined): NetQueueError {
  const hint = foreign === undefined ? '' : `: the peer seems to speak ${foreign}`
  const message = `Expected a frame of at most ${bytes} bytes (${name}), got ${length}${hint}`
  return new NetQueueError('FRAME_TOO_LARGE', message, { limit: name, value: length })
}
