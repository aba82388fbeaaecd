import type { Failure } from '../delivery/failure.ts'
import type { NetQueueError } from '../errors/errors.ts'

/** Where the chunks go that come on one stream. */
export interface Incoming {
  /** The peer knows, or is about to hear, of the request. */
  open(tag: number): void
  /** Throws for a chunk beyond what was granted. */
  push(payload: Uint8Array): void
  /** No more chunks come; those that are here still count. */
  end(error?: NetQueueError): void
  /** It is over at once. */
  abort(error: unknown): void
}

/** Where the chunks come from that go on one stream. */
export interface Outgoing {
  /** Whether something of it was taken already: then it cannot begin elsewhere. */
  readonly isBegun: boolean
  /** The record that announces the stream has been written. */
  start(tag: number): void
  /** The peer has room for so many, counted from the beginning. */
  granted(chunks: number, bytes: number): void
  /** Takes and writes no more chunks. */
  cease(): Promise<void>
  /** Leaves the source to somebody else, who has it from its beginning. */
  release(): void
  /** Tells the peer that the stream is over. Nothing comes after that. */
  finish(end: Failure): void
}
