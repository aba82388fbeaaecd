import { unfilled } from '../env/unfilled.ts'

/** Bytes in front of a frame that say how long it is. */
export const PREFIX_BYTES = 4

/** Short frames share memory: to make some for each would take longer than to fill it. Whoever keeps one keeps no more than this. */
const SHARED_BYTES = 8_192
const MAX_SHARED_BYTES: number = SHARED_BYTES / 8
const NOTHING: ArrayBufferLike = new ArrayBuffer(0)

let shared = NOTHING
let used = 0

/** Memory for a frame, with room for its length in front of it. All of the frame is to be written: it holds anything. */
export function roomyFrame(length: number): Uint8Array {
  const whole = PREFIX_BYTES + length
  if (whole > MAX_SHARED_BYTES) return unfilled(whole).subarray(PREFIX_BYTES)
  // Memory that somebody transferred to another thread has no length.
  if (used + whole > shared.byteLength) {
    shared = new ArrayBuffer(SHARED_BYTES)
    used = 0
  }
  used += whole
  return new Uint8Array(shared, used - length, length)
}

/** Whether a frame is such a one; of short ones, one of the last. */
export function hasRoom({ buffer, byteOffset, length }: Uint8Array): boolean {
  return buffer === shared || (byteOffset === PREFIX_BYTES && buffer.byteLength === PREFIX_BYTES + length)
}
