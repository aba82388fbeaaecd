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
const NOTHING = new Uint8Array(0)
/**
 * A piece that whoever gets it may keep, and transfer to another thread: a copy, unless it is the rest of what it came in and most of
 * that. What stood before it was cut out before it.
 */
export function apart(piece: Uint8Array): Uint8Array {
  const { byteLength } = piece.buffer
  const isRest = piece.byteOffset + piece.length === byteLength
  return isRest && piece.length * 2 > byteLength ? piece : piece.slice()
}

/** Copies pieces out of what they came in, short ones into memory that they share. */
export class Shelf {
  #shared = NOTHING
  #at = 0

  copy(piece: Uint8Array): Uint8Array {
    const { length } = piece
    if (length > MAX_SHARED_BYTES) return apart(piece)
    // Memory that somebody transferred to another thread has no length, and is not written to again.
    if (length > this.#shared.length - this.#at) {
      this.#shared = new Uint8Array(SHARED_BYTES)
      this.#at = 0
    }
    const copy = this.#shared.subarray(this.#at, this.#at + length)
    copy.set(piece)
    this.#at += length
    return copy
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
