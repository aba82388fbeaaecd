// @ts-check
// Questions and answers over connections that keep the order of messages: the first answer is that of the first question.

import { Clients } from './clients.mjs'

/**
 * @typedef {object} Answerer
 * @property {number} load open questions
 * @property {((answer: Uint8Array) => void)[]} waiting
 * @property {(question: Uint8Array) => void} send
 */

export class Questions {
  /** @type {Clients<Answerer>} */
  #answerers = new Clients()

  /** @param {Answerer['send']} send */
  join(send) {
    return this.#answerers.add({ load: 0, waiting: [], send })
  }

  /** @param {number} answerers */
  connected(answerers) {
    return this.#answerers.connected(answerers)
  }

  /**
   * @param {Uint8Array} question
   * @returns {Promise<Uint8Array>}
   */
  ask(question) {
    const answerer = this.#answerers.idlest()
    answerer.load += 1
    return new Promise((resolve) => {
      answerer.waiting.push(resolve)
      answerer.send(question)
    })
  }

  /**
   * @param {Answerer} answerer
   * @param {Uint8Array} answer
   */
  answered(answerer, answer) {
    answerer.load -= 1
    answerer.waiting.shift()?.(answer)
  }
}
