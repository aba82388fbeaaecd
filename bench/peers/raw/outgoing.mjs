// @ts-check
import { HEADER_BYTES } from './frames.mjs'

/** @import { Socket } from 'node:net' */

/** A longer write is cut in two on loopback. */
const BUFFER_BYTES = 65_483

/** Frames that leave in one write, copied into one buffer. */
export class Outgoing {
  #socket
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  #end = 0
  #isScheduled = false

  /** @param {Socket} socket */
  constructor(socket) {
    this.#socket = socket
  }

  /** @param {Uint8Array} payload */
  add(payload) {
    this.#reserve(HEADER_BYTES + payload.length)
    this.#uint32(payload.length)
    this.#bytes(payload)
  }

  /**
   * @param {number} tag in front of the payload
   * @param {Uint8Array} payload
   */
  addTagged(tag, payload) {
    this.#reserve(HEADER_BYTES * 2 + payload.length)
    this.#uint32(HEADER_BYTES + payload.length)
    this.#uint32(tag)
    this.#bytes(payload)
  }

  /** Writes what this turn adds, at its end. */
  flushLater() {
    if (this.#isScheduled) return
    this.#isScheduled = true
    process.nextTick(() => this.flush())
  }

  flush() {
    this.#isScheduled = false
    if (this.#end === 0) return
    this.#socket.write(this.#buffer.subarray(0, this.#end))
    // What the kernel took at once may be written over.
    if (this.#socket.writableLength > 0) this.#buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
    this.#end = 0
  }

  /** @param {number} length */
  #reserve(length) {
    if (this.#end + length <= this.#buffer.length) return
    this.flush()
    if (length > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(length)
  }

  /** @param {number} value */
  #uint32(value) {
    this.#end = this.#buffer.writeUInt32BE(value, this.#end)
  }

  /** @param {Uint8Array} payload */
  #bytes(payload) {
    this.#buffer.set(payload, this.#end)
    this.#end += payload.length
  }
}
