import { unfilled } from '../env/unfilled.ts'
import { memoryOf, offsetOf, viewOf } from '../env/views.ts'

/** Bytes in front of a frame that say how long it is. */
export const PREFIX_BYTES = 4

/** Short frames share memory: to make some for each would take longer than to fill it. Whoever keeps one keeps no more than this. */
export const SHARED_FRAMES_BYTES = 8_192
/** The longest of them, with its room. */
export const MAX_SHARED_FRAME_BYTES: number = SHARED_FRAMES_BYTES / 8

type View = (this: void, memory: ArrayBufferLike, offset: number, length: number) => Uint8Array

/** A Buffer in Node: its streams write nothing else, and would make one of each piece, which takes longer than to make it now. */
const view: View =
  (globalThis as { Buffer?: { from: View } }).Buffer?.from ??
  ((memory, offset, length) => new Uint8Array(memory, offset, length))

let shared: Uint8Array = new Uint8Array(0)
let memory: ArrayBufferLike = shared.buffer
let used = 0
/** That of the last frame that is shorter than its memory. */
let partly: ArrayBufferLike = memory

/** Memory for a frame, with room for its length in front of it. All of the frame is to be written: it holds anything. */
export function roomyFrame(length: number): Uint8Array {
  const whole = PREFIX_BYTES + length
  if (whole > MAX_SHARED_FRAME_BYTES) return unfilled(whole).subarray(PREFIX_BYTES)
  // Memory that somebody transferred to another thread has no length.
  if (used + whole > shared.length) {
    shared = new Uint8Array(SHARED_FRAMES_BYTES)
    memory = shared.buffer
    used = 0
  }
  used += whole
  return new Uint8Array(memory, used - length, length)
}

/** The frame that fills the first part of such memory. */
export function beginningOf(roomy: Uint8Array, length: number): Uint8Array {
  partly = memoryOf(roomy)
  return viewOf(roomy, 0, length)
}

/** A frame with the room in front of it, where it is such a one; of those that share memory or leave some, one of the last. */
export function withRoom(frame: Uint8Array): Uint8Array | undefined {
  const own = memoryOf(frame)
  const offset = offsetOf(frame)
  const whole = PREFIX_BYTES + frame.length
  const hasRoom = own === memory || own === partly || (offset === PREFIX_BYTES && own.byteLength === whole)
  return hasRoom ? view(own, offset - PREFIX_BYTES, whole) : undefined
}
