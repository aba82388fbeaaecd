import type { Deadlines } from '../queue/deadlines.ts'
import type { Bytes } from '../transport/transport.ts'
import { FrameLog } from './frame-log.ts'
import { Receipts } from './receipts.ts'

export interface ReplayInit {
  /** Whose first word on each connection is how many batches it has taken. */
  isOfClient: boolean
  /** Bytes that are kept at most until the peer has taken them. */
  maxBytes: number
  deadlines: Deadlines
  /** There is something to tell the peer. */
  due: () => void
}

/** How far the two sides of a session are, so that it can go on with another connection: what the peer may not have taken, and what was taken of it. */
export class Replay {
  readonly #isOfClient: boolean
  readonly #receipts: Receipts
  #log: FrameLog | undefined
  /** The client acknowledges frames: nobody would come again to a session of one that does not. */
  #isKept: boolean
  /** A frame is being taken or made. Where that failed, nobody can say what was taken of it, and what not. */
  #isWithin = false

  constructor({ isOfClient, maxBytes, deadlines, due }: ReplayInit) {
    this.#isOfClient = isOfClient
    this.#isKept = isOfClient
    this.#log = new FrameLog(maxBytes)
    this.#receipts = new Receipts({ deadlines, due })
  }

  /** Whether the session can go on with another connection. */
  get isPossible(): boolean {
    return this.#log !== undefined && this.#isKept && !this.#isWithin
  }

  /** Batches that were taken from the peer. */
  get taken(): number {
    return this.#receipts.taken
  }

  /** Whether something may be due that cannot leave before the peer has taken what left before. */
  get isFull(): boolean {
    return this.#log?.isFull === true
  }

  /** Whether nothing new may leave now. Who has not acknowledged by now may know nothing of it, or be late. */
  get isStalled(): boolean {
    return this.isFull && this.#isKept
  }

  /** A frame is about to be taken or made. */
  enter(): void {
    this.#isWithin = true
  }

  /** All of it was. */
  leave(): void {
    this.#isWithin = false
  }

  /** A batch was taken, whole. */
  took(bytes: number): void {
    this.#receipts.add(bytes)
  }

  /** What the peer is to be told now; `undefined` for nothing. */
  receipt(): number | undefined {
    return this.#isKept ? this.#receipts.next() : undefined
  }

  /** The frame that is to leave again next; `undefined` when all have left. */
  again(): Uint8Array | undefined {
    return this.#log?.again()
  }

  /** A frame leaves, and is kept; the answer is what is to leave. Where there is no room, nothing is kept from now on: our ACKs are still due. */
  keep(frame: Bytes): Bytes {
    if (this.isFull) this.#log = undefined
    return this.#log?.add(frame) ?? frame
  }

  /** The peer has taken so many batches; whether something has waited for that. Throws `BAD_MESSAGE` for more than were sent. */
  acknowledge(batches: number): boolean {
    const hasWaited = this.isFull || this.#receipts.isDue
    this.#log?.acknowledge(batches)
    this.#isKept = true
    return hasWaited
  }

  /** The peer goes on behind so many batches. Throws `BAD_MESSAGE` for a number that cannot be. */
  rewind(batches: number): void {
    this.#log?.rewind(batches)
  }

  /** There is a connection, and the peer knows how many batches were taken before. A client says at once that it acknowledges. */
  attached(): void {
    this.#receipts.told()
    if (this.#isOfClient) this.#receipts.say()
  }

  /** There is nobody to be told. */
  detached(): void {
    this.#receipts.told()
  }
}
