// @ts-check
// Questions for several answerers: each goes to the one with the fewest that are open.

import { Clients } from './clients.mjs'

/** @import { Asker } from '../peer.d.ts' */

/**
 * @typedef {object} Answerer
 * @property {number} load open questions
 * @property {(question: Uint8Array, answered: (answer: Uint8Array) => void) => void} ask
 */

export class Questions {
  /** @type {Clients<Answerer>} */
  #answerers = new Clients()

  /** @param {Answerer['ask']} ask */
  join(ask) {
    this.#answerers.join({ load: 0, ask })
  }

  /**
   * For connections that keep the order of messages: the first answer is that of the first question.
   * @param {(question: Uint8Array) => void} send
   * @returns {(answer: Uint8Array) => void} to be called for each answer
   */
  joinInOrder(send) {
    /** @type {((answer: Uint8Array) => void)[]} */
    const waiting = []
    this.join((question, answered) => {
      waiting.push(answered)
      send(question)
    })
    return (answer) => waiting.shift()?.(answer)
  }

  /**
   * The side that the answerers connect to.
   * @param {string} address
   * @returns {Asker}
   */
  side(address) {
    return { ...this.#answerers.side(address), ask: (question) => this.#ask(question) }
  }

  /**
   * @param {Uint8Array} question
   * @returns {Promise<Uint8Array>}
   */
  #ask(question) {
    const answerer = this.#answerers.idlest()
    answerer.load += 1
    return new Promise((resolve) =>
      answerer.ask(question, (answer) => {
        answerer.load -= 1
        resolve(answer)
      }),
    )
  }
}
