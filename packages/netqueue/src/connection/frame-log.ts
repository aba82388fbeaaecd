import { NetQueueError } from '../errors/errors.ts'
import { Ring } from '../queue/ring.ts'
import type { Bytes } from '../transport/transport.ts'

/** What a frame counts beside its bytes: many small ones cost memory, too. */
const FRAME_COST_BYTES = 256

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
  }

  /** The peer goes on behind so many frames: what it does not have is to leave again. Throws `BAD_MESSAGE` for a number that cannot be. */
  rewind(count: number): void {
    if (count < this.#acknowledged) throw tooFew(count, this.#acknowledged)
    this.acknowledge(count)
    this.#left = 0
  }
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
