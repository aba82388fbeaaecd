// @ts-check
// Work for several workers, for peers that have no such thing: each item goes to the worker with the least unsettled ones, and
// none gets more than the window allows.

import { Clients } from './clients.mjs'
import { Condition } from './condition.mjs'

/** @import { Payloads, WorkProducer } from '../peer.d.ts' */

/** Unsettled items of a worker. */
export const WINDOW = 256
/** A worker answers each item with this: it works in order, so that need not say which. */
export const ACK = Buffer.of(1)

/**
 * @typedef {object} Worker
 * @property {number} load unsettled items
 * @property {(item: Uint8Array) => void | Promise<unknown>} send where it gives a promise, the next item waits for that
 */

export class Window {
  /** @type {Clients<Worker>} */
  #workers = new Clients()
  #settling = new Condition()

  /**
   * @param {Worker['send']} send
   * @returns {() => void} to be called for each of the worker's items that is done
   */
  join(send) {
    const worker = this.#workers.join({ load: 0, send })
    return () => {
      worker.load -= 1
      this.#settling.changed()
    }
  }

  /**
   * The side that the workers connect to.
   * @param {string} address
   * @returns {WorkProducer}
   */
  side(address) {
    return { ...this.#workers.side(address), run: (payloads) => this.#run(payloads) }
  }

  /** @param {Payloads} payloads */
  async #run(payloads) {
    for (let item = payloads.next(); item !== undefined; item = payloads.next()) {
      if (!this.#hasRoom()) await this.#settling.until(() => this.#hasRoom())
      const worker = this.#workers.idlest()
      worker.load += 1
      const sending = worker.send(item)
      if (sending !== undefined) await sending
    }
    await this.#settling.until(() => this.#workers.isIdle())
  }

  #hasRoom() {
    return this.#workers.idlest().load < WINDOW
  }
}
