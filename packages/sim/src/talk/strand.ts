import { textOf } from '../ledger.ts'
import type { StrandPlan } from './plan.ts'

const NOTHING: StrandPlan = { chunks: 0, length: 0, failsAfter: Number.POSITIVE_INFINITY, takes: 0 }

/** What the simulator knows of one stream: what its source gave, what the wire showed, what its reader got. */
export class Strand {
  readonly name: string
  readonly #key: string
  readonly plan: StrandPlan
  /** Its source was handed over, and has neither come to an end nor been left. */
  isOpen = false
  /** Its source has said that there is no more, or has failed. */
  isFinished = false
  hasFailed = false
  /** What its source was asked for, and what it gave. */
  pulled = 0
  given = 0
  /** What its reader asked for, and what it got. */
  asked = 0
  got = 0
  /** Bytes of each chunk that was written, and how many of these its receiver was given. */
  readonly sizes: number[] = []
  sentBytes = 0
  arrived = 0
  isAnnounced = false
  isEnded = false
  /** What the receiver has granted, and what the sender has heard of that. */
  granted = 0
  grantedBytes = 0
  limit = 0
  byteLimit = 0

  /** `key` is what its chunks begin with. */
  constructor(name: string, key: string, plan: StrandPlan = NOTHING) {
    this.name = name
    this.#key = key
    this.plan = plan
  }

  /** Nothing of it was sent, and it may be sent elsewhere. */
  restart(): void {
    this.isAnnounced = false
    this.isEnded = false
    this.granted = 0
    this.grantedBytes = 0
    this.limit = 0
    this.byteLimit = 0
  }

  text(index: number): string {
    return textOf(`${this.#key}.${index}`, this.plan.length)
  }

  /** What the reader has taken at most: chunks, and their bytes. */
  get read(): { chunks: number; bytes: number } {
    const chunks = Math.min(this.asked, this.arrived)
    let bytes = 0
    for (const size of this.sizes.slice(0, chunks)) bytes += size
    return { chunks, bytes }
  }
}
