// @ts-check
// What is sent, and how the receiver knows that it came as it was sent.

import { performance } from 'node:perf_hooks'

/** @import { Payloads, Took } from '../../peers/peer.d.ts' */

/** Several whole cycles with a few bytes before each payload fill a write of 61,440 to 65,483 bytes, for 16, 128 and 1,024 bytes alike. */
const SMALL_CYCLE = 60
const LARGE_CYCLE = 4
const LARGE_BYTES = 4_096
/** Items from one look at the clock, and at a whole item, to the next: prime, so that each payload of a cycle has its turn. */
const SMALL_STRIDE = 251
const LARGE_STRIDE = 61

/**
 * All different: the first byte is the index in the cycle, the rest a pattern that starts there.
 * @param {number} bytes
 */
export function payloadCycle(bytes) {
  return Array.from({ length: bytes < LARGE_BYTES ? SMALL_CYCLE : LARGE_CYCLE }, (_, index) =>
    Uint8Array.from({ length: bytes }, (_, at) => (index + at) & 0xff),
  )
}

/** The same payloads over and over until time is up, always whole cycles. The clock starts with the first one. @implements {Payloads} */
export class TimedPayloads {
  cycle
  #ms
  #end = Number.NaN
  #at = 0
  /** Cycles that were begun. */
  #cycles = 0

  /** @param {{ bytes: number, ms: number }} options */
  constructor({ bytes, ms }) {
    this.cycle = payloadCycle(bytes)
    this.#ms = ms
    this.#at = this.cycle.length
  }

  get sent() {
    return this.#cycles * this.cycle.length
  }

  get msLeft() {
    if (Number.isNaN(this.#end)) this.#end = performance.now() + this.#ms
    return this.#end - performance.now()
  }

  next() {
    if (this.#at === this.cycle.length && !this.#begin()) return undefined
    return this.cycle[this.#at++]
  }

  /** @param {number} count */
  takeCycles(count) {
    if (this.msLeft <= 0) return false
    this.#cycles += count
    return true
  }

  /** @param {number} count */
  sentCycles(count) {
    this.#cycles += count
  }

  #begin() {
    if (!this.takeCycles(1)) return false
    this.#at = 0
    return true
  }
}

/** Counts items and checks them: the length and the index of each, the whole of some. Looks at the clock as rarely. */
export class Checker {
  #cycle
  #bytes
  #stride
  /** Items until the next look. */
  #left
  #looks = 0
  #elsewhere = 0
  #isOrdered
  #expected = 0
  #looked
  /** @type {(error: Error) => void} */
  #fail = () => {}
  /** Rejects at the first item that is not what was sent, for the peers that swallow what a listener throws. @type {Promise<never>} */
  failure

  /**
   * @param {{ bytes: number, ordered: boolean, looked?: (now: number, count: number) => void }} options `ordered` wants each item to
   *   follow the one before it
   */
  constructor({ bytes, ordered, looked = () => {} }) {
    this.#cycle = payloadCycle(bytes)
    this.#bytes = bytes
    this.#stride = bytes < LARGE_BYTES ? SMALL_STRIDE : LARGE_STRIDE
    this.#left = this.#stride
    this.#isOrdered = ordered
    this.#looked = looked
    this.failure = new Promise((_, reject) => (this.#fail = reject))
    this.failure.catch(() => {})
  }

  get count() {
    return this.#elsewhere + this.#looks * this.#stride + (this.#stride - this.#left)
  }

  /** @type {Took} */
  took = Object.assign((/** @type {Uint8Array} */ item) => this.#take(item), {
    many: (/** @type {number} */ count) => {
      this.#elsewhere += count
      this.#looked(performance.now(), this.count)
    },
  })

  /** @param {Uint8Array} item */
  #take(item) {
    const index = item[0] ?? -1
    if (item.length !== this.#bytes || (this.#isOrdered ? index !== this.#expected : index >= this.#cycle.length))
      this.#refuse(this.#complaint(item))
    this.#expected = index + 1 === this.#cycle.length ? 0 : index + 1
    if ((this.#left -= 1) === 0) this.#look(item, index)
  }

  /**
   * @param {Uint8Array} item
   * @param {number} index
   */
  #look(item, index) {
    this.#looks += 1
    this.#left = this.#stride
    const wanted = this.#cycle[index]
    if (wanted === undefined || Buffer.compare(item, wanted) !== 0)
      this.#refuse(`Item ${this.count} is not what was sent`)
    this.#looked(performance.now(), this.count)
  }

  /** @param {string} complaint */
  #refuse(complaint) {
    const error = new Error(complaint)
    this.#fail(error)
    throw error
  }

  /** @param {Uint8Array} item */
  #complaint({ length, 0: index }) {
    const wanted = this.#isOrdered ? `index ${this.#expected}` : `an index below ${this.#cycle.length}`
    return `Item ${this.count + 1} has ${length} bytes and index ${index}, not ${this.#bytes} bytes and ${wanted}`
  }
}
