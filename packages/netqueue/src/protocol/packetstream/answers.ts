import { NetQueueError } from '../../errors/errors.ts'
import type { Batch } from './batch.ts'
import { responsePacket } from './frame.ts'
import type { Answered } from './frame.ts'

/** Answers that may wait for a peer that sends on without reading, in bytes. */
const MAX_WAITING_BYTES = 262_144
const NOTHING = new Uint8Array(0)

/** What the wire answers by itself: messages, which have no answer above it, and requests that never get there. */
export class Answers {
  /** Not packet by packet: most have three bytes. */
  #waiting: Uint8Array = NOTHING
  #used = 0

  get isEmpty(): boolean {
    return this.#used === 0
  }

  /** Throws `SLOW_PEER` where too many wait. */
  add(answer: Answered): void {
    const packet = responsePacket(answer).subarray()
    const used = this.#used + packet.length
    if (used > MAX_WAITING_BYTES) throw unread(used)
    if (used > this.#waiting.length) this.#grow(used)
    this.#waiting.set(packet, this.#used)
    this.#used = used
  }

  /** All of them. */
  write(batch: Batch): void {
    if (this.#used === 0) return
    batch.add(this.#waiting.subarray(0, this.#used))
    this.#waiting = NOTHING
    this.#used = 0
  }

  #grow(bytes: number): void {
    const grown = new Uint8Array(Math.min(MAX_WAITING_BYTES, Math.max(64, bytes * 2)))
    grown.set(this.#waiting.subarray(0, this.#used))
    this.#waiting = grown
  }
}

function unread(bytes: number): NetQueueError {
  const message = `More than ${MAX_WAITING_BYTES} bytes of answers wait for a peer that reads none`
  return new NetQueueError('SLOW_PEER', message, { value: bytes })
}
