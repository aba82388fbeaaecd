import { unfilled } from '../env/unfilled.ts'
import { copyTo, isMost, memoryOf } from '../env/views.ts'
import { NetQueueError } from '../errors/errors.ts'
import { MAX_SHARED_FRAME_BYTES, PREFIX_BYTES, SHARED_FRAMES_BYTES } from '../framing/roomy.ts'
import { Ring } from '../queue/ring.ts'
import type { Bytes } from '../transport/transport.ts'

/** What a frame counts beside its bytes: many small ones cost memory, too. */
const FRAME_COST_BYTES = 256
/**
 * So many frames may stay where they were made, which may be memory that they share with frames of other connections. A peer says after 32 that it
 * took them: there are more only where it is slow to say so, or does not.
 */
const LOOSE_FRAMES = 48
/** What is kept beside what is counted: the memory of frames that stay where they were made, and of those that were packed together with one that is kept. */
export const MAX_UNCOUNTED_BYTES: number = LOOSE_FRAMES * (SHARED_FRAMES_BYTES + MAX_SHARED_FRAME_BYTES)

/**
 * The frames of one session that its peer has not said to have taken, numbered from 1 over the life of the session. When the session goes on
 * with another connection, those that the peer does not have are given out again, in their order and byte for byte.
 */
export class FrameLog {
  readonly #maxBytes: number
  readonly #frames: Ring<Uint8Array> = new Ring()
  #bytes = 0
  /** The number of the last frame that the peer has taken. */
  #acknowledged = 0
  /** How many of those that are kept have left on this connection. */
  #left = 0
  /** How many of those that came last have not been packed. */
  #loose = 0

  /** Full with `maxBytes`; the frame that fills it may be as long as it is. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Frames of the session so far. */
  get sent(): number {
    return this.#acknowledged + this.#frames.size
  }

  /** Whether nothing new may be added before the peer has taken something. */
  get isFull(): boolean {
    return this.#bytes >= this.#maxBytes
  }

  /** Keeps a frame that leaves now; the answer is what is to leave, for the frame itself may be made of what others own. */
  add(frame: Bytes): Uint8Array {
    const kept = frame instanceof Uint8Array ? frame : frame.slice()
    this.#frames.push(kept)
    this.#bytes += costOf(kept)
    this.#left += 1
    this.#loose += 1
    if (this.#loose === LOOSE_FRAMES) this.#pack()
    return kept
  }

  /** The next one that is to leave again; `undefined` when all have left. */
  again(): Uint8Array | undefined {
    if (this.#left === this.#frames.size) return undefined
    this.#left += 1
    return this.#frames.at(this.#left - 1)
  }

  /** The peer has taken so many frames: they are forgotten. Throws `BAD_MESSAGE` for more than were sent. */
  acknowledge(count: number): void {
    if (count > this.sent) throw tooMany(count, this.sent)
    while (this.#acknowledged < count) {
      this.#bytes -= costOf(this.#frames.shift() as Uint8Array)
      this.#acknowledged += 1
      this.#left = Math.max(0, this.#left - 1)
    }
    this.#loose = Math.min(this.#loose, this.#frames.size)
  }

  /** The peer goes on behind so many frames: what it does not have is to leave again. Throws `BAD_MESSAGE` for a number that cannot be. */
  rewind(count: number): void {
    if (count < this.#acknowledged) throw tooFew(count, this.#acknowledged)
    this.acknowledge(count)
    this.#left = 0
  }

  /** Frames that keep far more than themselves get memory together in which there is nothing else. */
  #pack(): void {
    const pinning = this.#pinning()
    const packed = packedTogether(pinning.map((index) => this.#frames.at(index) as Uint8Array))
    for (const [which, index] of pinning.entries()) this.#frames.replace(index, packed[which] as Uint8Array)
    this.#loose = 0
  }

  /** Where those stand, among the loose ones. */
  #pinning(): number[] {
    const first = this.#frames.size - this.#loose
    const loose = Array.from({ length: this.#loose }, (_, index) => first + index)
    return loose.filter((index) => isPinning(this.#frames.at(index) as Uint8Array))
  }
}

const isPinning = (frame: Uint8Array): boolean => !isMost(frame.length, memoryOf(frame))

/** Copies, each with room in front: what begins where room for its length would end, in memory that ends with it, is taken to have that. */
function packedTogether(frames: readonly Uint8Array[]): Uint8Array[] {
  const bytes = frames.reduce((sum, { length }) => sum + PREFIX_BYTES + length, 0)
  const memory = unfilled(bytes)
  let at = 0
  return frames.map((frame) => {
    copyTo(memory, frame, at + PREFIX_BYTES)
    at += PREFIX_BYTES + frame.length
    return new Uint8Array(memory.buffer, at - frame.length, frame.length)
  })
}

const costOf = (frame: Uint8Array): number => frame.byteLength + FRAME_COST_BYTES

function tooMany(count: number, sent: number): NetQueueError {
  return new NetQueueError('BAD_MESSAGE', `The peer says that it took ${count} batches, but only ${sent} were sent`, {
    value: count,
  })
}

function tooFew(count: number, acknowledged: number): NetQueueError {
  const message = `The peer says that it took ${count} batches, but had said ${acknowledged} before`
  return new NetQueueError('BAD_MESSAGE', message, { value: count })
}
