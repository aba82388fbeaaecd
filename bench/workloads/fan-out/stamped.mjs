// @ts-check
// Messages that say when they were sent, by a clock that all processes of a machine share.

import { payloadCycle } from '../common/payloads.mjs'

const STAMP_BYTES = 8
export const LEAST_BYTES = STAMP_BYTES + 1
/** Messages from one look at a whole one to the next: prime, so that each of the cycle has its turn. */
const STRIDE = 61

/** Milliseconds on a clock that never goes back, to the nanosecond. */
export function stamp() {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1_000 + nanoseconds / 1e6
}

/** Messages to be sent: each is new, as it bears the moment at which it was made. */
export class Stamped {
  #cycle
  #made = 0

  /** @param {number} bytes of a message */
  constructor(bytes) {
    if (bytes < LEAST_BYTES) throw new RangeError(`Expected --size to be a number from ${LEAST_BYTES}, got ${bytes}`)
    this.#cycle = payloadCycle(bytes)
  }

  next() {
    const message = Buffer.from(/** @type {Uint8Array} */ (this.#cycle[this.#made % this.#cycle.length]))
    this.#made += 1
    message.writeDoubleLE(stamp(), message.length - STAMP_BYTES)
    return message
  }
}

/** Messages that came, to one process of listeners. */
export class Received {
  count = 0
  /** When the last one came. */
  last = 0
  /** Milliseconds from when a message was made to when it came; of those since `measure`. @type {number[]} */
  times = []
  #every = Number.POSITIVE_INFINITY
  #cycle
  /** @type {(error: Error) => void} */
  #fail = () => {}
  /** Rejects at the first message that is not what was sent. @type {Promise<never>} */
  failure

  /** @param {number} bytes of a message */
  constructor(bytes) {
    this.#cycle = payloadCycle(bytes)
    this.failure = new Promise((_, reject) => (this.#fail = reject))
    this.failure.catch(() => {})
  }

  /** Forgets times, and takes that of each so-manieth message from now on. @param {number} every */
  measure(every) {
    this.times = []
    this.#every = every
  }

  /** @returns {(message: Uint8Array) => void} takes the messages of one listener, each of which must have been made after the one before it */
  listener() {
    let before = 0
    return (message) => {
      const sent = stampOf(message)
      if (!(sent > before)) this.#refuse(`A message of ${message.length} bytes came twice, or not in its turn`)
      before = sent
      this.count += 1
      if (this.count % STRIDE === 0) this.#check(message)
      if (this.count % this.#every === 0) this.#time(sent)
      else if (this.count % STRIDE === 0) this.last = stamp()
    }
  }

  /** @param {number} sent */
  #time(sent) {
    this.last = stamp()
    this.times.push(this.last - sent)
  }

  /** @param {Uint8Array} message */
  #check(message) {
    const wanted = this.#cycle[message[0] ?? -1]
    const end = message.length - STAMP_BYTES
    if (wanted?.length !== message.length || Buffer.compare(message.subarray(0, end), wanted.subarray(0, end)) !== 0)
      this.#refuse(`Message ${this.count} is not what was sent`)
  }

  /** @param {string} complaint */
  #refuse(complaint) {
    const error = new Error(complaint)
    this.#fail(error)
    throw error
  }
}

/** @param {Uint8Array} message */
function stampOf(message) {
  return message.length < LEAST_BYTES
    ? Number.NaN
    : Buffer.prototype.readDoubleLE.call(message, message.length - STAMP_BYTES)
}
