// @ts-check
import { Condition } from './condition.mjs'

/** What was sent and nobody has confirmed: for brokers that take everything, whether anyone takes it from them or not. */
export class Unconfirmed {
  #open = 0
  #confirming = new Condition()
  /** How many may be open. */
  limit

  /** @param {number} limit */
  constructor(limit) {
    this.limit = limit
  }

  get isFull() {
    return this.#open >= this.limit
  }

  sent() {
    this.#open += 1
  }

  /** @param {number} [count] */
  confirmed(count = 1) {
    this.#open -= count
    this.#confirming.changed()
  }

  room() {
    return this.#confirming.until(() => !this.isFull)
  }

  none() {
    return this.#confirming.until(() => this.#open === 0)
  }
}

/** Items of a stream that may be on their way to a receiver that says how many it took. */
const STREAM_WINDOW = 4_096
const STREAM_BYTES = 2 ** 22
const REPORTS_PER_WINDOW = 8

/** @param {number} bytes of an item */
export function streamWindow(bytes) {
  return Math.max(16, Math.min(STREAM_WINDOW, Math.floor(STREAM_BYTES / bytes)))
}

/**
 * For the receiver: calls `tell` whenever so many more have come, and gives the function to call for each of them.
 * @param {number} bytes
 * @param {(count: number) => void} tell
 */
export function reporter(bytes, tell) {
  const every = streamWindow(bytes) / REPORTS_PER_WINDOW
  let untold = 0
  return () => {
    untold += 1
    if (untold < every) return
    tell(untold)
    untold = 0
  }
}
