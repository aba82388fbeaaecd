// @ts-check
// Work for several workers, for peers that have no such thing: each item goes to the worker with the least unsettled ones, and
// none gets more than the window allows.

import { Clients } from './clients.mjs'

/** @import { Payloads } from '../peer.d.ts' */

/** Unsettled items of a worker. */
export const WINDOW = 256

/**
 * @typedef {object} Worker
 * @property {number} load unsettled items
 * @property {(item: Uint8Array) => void | Promise<unknown>} send where it gives a promise, the next item waits for that
 */

export class Window {
  /** @type {Clients<Worker>} */
  #workers = new Clients()
  #check = () => {}

  /** @param {Worker['send']} send */
  join(send) {
    return this.#workers.add({ load: 0, send })
  }

  /** @param {number} workers */
  connected(workers) {
    return this.#workers.connected(workers)
  }

  /**
   * One of the worker's items is done.
   * @param {Worker} worker
   */
  settled(worker) {
    worker.load -= 1
    this.#check()
  }

  /**
   * Hands out all payloads; resolves when all are settled.
   * @param {Payloads} payloads
   */
  async run(payloads) {
    for (let item = payloads.next(); item !== undefined; item = payloads.next()) {
      if (!this.#hasRoom()) await this.#until(() => this.#hasRoom())
      const worker = this.#workers.idlest()
      worker.load += 1
      const sending = worker.send(item)
      if (sending !== undefined) await sending
    }
    await this.#until(() => this.#workers.isIdle())
  }

  #hasRoom() {
    return this.#workers.idlest().load < WINDOW
  }

  /**
   * Goes on after everything that came in one piece: what is settled together is refilled together.
   * @param {() => boolean} isTrue
   * @returns {Promise<void>}
   */
  #until(isTrue) {
    return new Promise((resolve) => {
      this.#check = () => {
        if (!isTrue()) return
        this.#check = () => {}
        resolve()
      }
      this.#check()
    })
  }
}
