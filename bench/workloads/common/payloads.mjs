// @ts-check
// What is sent, and how the receiver knows that it came as it was sent.

import { performance } from 'node:perf_hooks'

/** @import { Payloads, Took } from '../../peers/peer.d.ts' */

/** Several whole cycles with a few bytes before each payload fill a write of 61,440 to 65,483 bytes, for 16, 128 and 1,024 bytes alike. */
const SMALL_CYCLE = 60
const LARGE_CYCLE = 4
const LARGE_BYTES = 4_096
export const SMALL_STRIDE = 251
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

/**
 * What is sent, and how it is known again.
 * @template Item
 * @typedef {object} Kind
 * @property {readonly Item[]} cycle all different
 * @property {number} stride items from one look at the clock, and at a whole item, to the next: prime, so that each payload of a cycle has its turn
 * @property {(item: Item) => number} indexOf in the cycle, for each item, so at little cost; -1 where it cannot be one of them
 * @property {(item: Item, wanted: Item) => boolean} isSame for a whole item
 * @property {(item: Item) => string} describe for an error
 */

/**
 * @param {number} bytes
 * @returns {Kind<Uint8Array>}
 */
export function bytePayloads(bytes) {
  return {
    cycle: payloadCycle(bytes),
    stride: bytes < LARGE_BYTES ? SMALL_STRIDE : LARGE_STRIDE,
    indexOf: (item) => (item.length === bytes ? (item[0] ?? -1) : -1),
    isSame: (item, wanted) => Buffer.compare(item, wanted) === 0,
    describe: ({ length, 0: index }) => `${length} bytes and index ${index}`,
  }
}

/** How long payloads are sent, and at most how many. @typedef {{ ms?: number, count?: number }} Bounds */

/** The same payloads over and over until time is up or so many were sent, always whole cycles. The clock starts with the first one.
 * @template Item
 * @implements {Payloads<Item>}
 */
export class TimedPayloads {
  cycle
  #ms
  #count
  #end = Number.NaN
  #at = 0
  /** Cycles that were begun. */
  #cycles = 0

  /** @param {Bounds & { kind: Kind<Item> }} options */
  constructor({ kind, ms = Infinity, count = Infinity }) {
    this.cycle = kind.cycle
    this.#ms = ms
    this.#count = count
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
    if (this.msLeft <= 0 || this.sent >= this.#count) return false
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

/**
 * The same, but each one new, as programs make their items: one that is kept costs memory.
 * @extends {TimedPayloads<Uint8Array>}
 */
export class NewPayloads extends TimedPayloads {
  /** @override */
  next() {
    return super.next()?.slice()
  }
}

/**
 * Counts items and checks them: the index of each, the whole of some. Looks at the clock as rarely.
 * @template Item
 */
export class Checker {
  #kind
  #cycle
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
   * @param {{ kind: Kind<Item>, ordered: boolean, looked?: (now: number, count: number) => void }} options `ordered` wants each item to
   *   follow the one before it
   */
  constructor({ kind, ordered, looked = () => {} }) {
    this.#kind = kind
    this.#cycle = kind.cycle
    this.#stride = kind.stride
    this.#left = this.#stride
    this.#isOrdered = ordered
    this.#looked = looked
    this.failure = new Promise((_, reject) => (this.#fail = reject))
    this.failure.catch(() => {})
  }

  get count() {
    return this.#elsewhere + this.#looks * this.#stride + (this.#stride - this.#left)
  }

  /** @type {Took<Item>} */
  took = Object.assign((/** @type {Item} */ item) => this.#take(item), {
    many: (/** @type {number} */ count) => {
      this.#elsewhere += count
      this.#looked(performance.now(), this.count)
    },
  })

  /** @param {Item} item */
  #take(item) {
    const index = this.#kind.indexOf(item)
    if (this.#isOrdered ? index !== this.#expected : index < 0 || index >= this.#cycle.length)
      this.#refuse(this.#complaint(item))
    this.#expected = index + 1 === this.#cycle.length ? 0 : index + 1
    if ((this.#left -= 1) === 0) this.#look(item, index)
  }

  /**
   * @param {Item} item
   * @param {number} index
   */
  #look(item, index) {
    this.#looks += 1
    this.#left = this.#stride
    const wanted = this.#cycle[index]
    if (wanted === undefined || !this.#kind.isSame(item, wanted))
      this.#refuse(`Item ${this.count} is not what was sent`)
    this.#looked(performance.now(), this.count)
  }

  /** @param {string} complaint */
  #refuse(complaint) {
    const error = new Error(complaint)
    this.#fail(error)
    throw error
  }

  /** @param {Item} item */
  #complaint(item) {
    const wanted = this.#cycle[this.#isOrdered ? this.#expected : 0]
    const like = wanted === undefined ? '' : `, not ${this.#isOrdered ? '' : 'such as '}${this.#kind.describe(wanted)}`
    return `Item ${this.count + 1} has ${this.#kind.describe(item)}${like}`
  }
}
