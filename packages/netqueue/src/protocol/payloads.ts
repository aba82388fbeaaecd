import { copyOf, copyTo, isMost, lasting, memoryOf, offsetOf, viewOf } from '../env/views.ts'

/** The items of one message, one after the other. */
export interface Payloads {
  /** How many came. */
  readonly count: number
  /** The bytes of all that came, and of the last one. */
  readonly bytes: number
  readonly lastBytes: number
  /** Cuts out the next one; there must be one. Keeping it keeps little more than itself. */
  next(): Uint8Array
}

/** Memory that items share after they were copied out of what they came in: whoever keeps one keeps no more than this. */
export const SHARED_BYTES = 8_192
/** Longer pieces are worth memory of their own. */
export const MAX_SHARED_BYTES: number = SHARED_BYTES / 4
const NOTHING: Uint8Array = new Uint8Array(0)

/**
 * A piece that whoever gets it may keep, and transfer to another thread: a copy, unless it is the rest of what it came in and most of
 * that. What stood before it was cut out before it.
 */
export function apart(piece: Uint8Array): Uint8Array {
  const isRest = piece.byteOffset + piece.length === piece.buffer.byteLength
  return isRest ? lasting(piece) : copyOf(piece)
}

/** A piece that need not be copied, as it is the end of a frame and most of what that came in. */
function lone(frame: Uint8Array, start: number, end: number): Uint8Array | undefined {
  if (end < frame.length) return undefined
  const memory = memoryOf(frame)
  const offset = offsetOf(frame)
  const isLone = offset + end === memory.byteLength && isMost(end - start, memory)
  return isLone ? new Uint8Array(memory, offset + start, end - start) : undefined
}

/** Cuts pieces out of frames that they do not keep: long ones stand apart, short ones share what was copied of the frame together. */
export class Shelf {
  #shared: Uint8Array = NOTHING
  /** Where its bytes are, and nothing else: views are made of it, as `subarray` takes far longer, and to ask for `buffer` each time too. */
  #memory: ArrayBufferLike = NOTHING.buffer
  #used = 0
  /** What was copied last: up to where, and how far from there its copy stands. */
  #frame: Uint8Array = NOTHING
  #end = 0
  #shift = 0

  /** Pieces of one frame are cut in order. */
  cut(frame: Uint8Array, start: number, end: number): Uint8Array {
    if (end - start > MAX_SHARED_BYTES) return apart(frame.subarray(start, end))
    const piece = frame === this.#frame ? undefined : lone(frame, start, end)
    if (piece !== undefined) return piece
    // Memory that somebody transferred to another thread has no length, and is not written to again.
    if (frame !== this.#frame || end > this.#end || this.#shared.length === 0) this.#copy(frame, start, end)
    return new Uint8Array(this.#memory, start + this.#shift, end - start)
  }

  /** A piece that stands alone. */
  copy(piece: Uint8Array): Uint8Array {
    const { length } = piece
    if (length > MAX_SHARED_BYTES) return apart(piece)
    this.#makeRoom(length)
    const start = this.#used
    this.#used += length
    this.#shared.set(piece, start)
    return new Uint8Array(this.#memory, start, length)
  }

  /** Nothing more is cut out of the frame. */
  leave(): void {
    this.#frame = NOTHING
  }

  /** Copies a piece, with what stands behind it as far as there is room. */
  #copy(frame: Uint8Array, start: number, end: number): void {
    this.#makeRoom(end - start)
    const length = Math.min(frame.length - start, this.#shared.length - this.#used)
    copyTo(this.#shared, viewOf(frame, start, length), this.#used)
    this.#frame = frame
    this.#end = start + length
    this.#shift = this.#used - start
    this.#used += length
  }

  #makeRoom(length: number): void {
    if (this.#shared.length > 0 && length <= this.#shared.length - this.#used) return
    this.#shared = new Uint8Array(SHARED_BYTES)
    this.#memory = this.#shared.buffer
    this.#used = 0
  }
}

/** Payloads that stand apart from each other. */
export function listed(payloads: readonly Uint8Array[]): Payloads {
  // Here, and not when they are asked for: what waits must not keep what it came in.
  const copies = payloads.map(apart)
  let index = 0
  return {
    count: payloads.length,
    bytes: payloads.reduce((total, { length }) => total + length, 0),
    lastBytes: payloads.at(-1)?.length ?? 0,
    next: () => {
      index += 1
      return copies[index - 1] as Uint8Array
    },
  }
}
