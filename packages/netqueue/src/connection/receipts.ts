import type { Timer } from '../env/env.ts'
import type { Deadlines, Timed } from '../queue/deadlines.ts'

/** What may have been taken without a word, so that the peer keeps little: it is told at the latest then. */
const MAX_UNTOLD_BATCHES = 32
const MAX_UNTOLD_BYTES = 262_144
/**
 * Milliseconds after which it is told in any case, so that it keeps nothing when all is quiet. Not at once: where questions and answers take
 * turns, each would cost a frame more.
 */
const MAX_UNTOLD_MS = 25

export interface ReceiptsInit {
  deadlines: Deadlines
  /** There is something to tell. */
  due: () => void
}

/** How many batches of a session were taken, and when the peer is to be told. */
export class Receipts implements Timed {
  readonly #init: ReceiptsInit
  #taken = 0
  #told = 0
  #bytes = 0
  #isDue = false
  #timer: Timer | undefined

  constructor(init: ReceiptsInit) {
    this.#init = init
  }

  /** Batches taken so far. */
  get taken(): number {
    return this.#taken
  }

  /** Whether the peer is to be told. */
  get isDue(): boolean {
    return this.#isDue
  }

  /** A batch was taken, whole. */
  add(bytes: number): void {
    this.#taken += 1
    this.#bytes += bytes
    if (this.#isDue) return
    if (this.#taken - this.#told >= MAX_UNTOLD_BATCHES || this.#bytes >= MAX_UNTOLD_BYTES) return this.say()
    this.#timer ??= this.#init.deadlines.set(this, MAX_UNTOLD_MS)
  }

  /** The peer is to be told now. */
  say(): void {
    this.#isDue = true
    this.#init.due()
  }

  timeIsUp(): void {
    this.#timer = undefined
    if (this.#taken > this.#told) this.say()
  }

  /** What the peer is to be told now; `undefined` for nothing. */
  next(): number | undefined {
    if (!this.#isDue) return undefined
    this.told()
    return this.#taken
  }

  /** The peer knows how many were taken so far, or nobody is there to be told. */
  told(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#isDue = false
    this.#told = this.#taken
    this.#bytes = 0
  }
}
