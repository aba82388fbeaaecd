// @ts-check
import { Condition } from './condition.mjs'

/** @import { Side } from '../peer.d.ts' */

/** Those who are connected. @template [Member=void] */
export class Crowd {
  /** @type {Member[]} */
  members = []
  #joining = new Condition()

  /** @param {Member} member */
  join(member) {
    this.members.push(member)
    this.#joining.changed()
    return member
  }

  /**
   * Resolves when that many are there.
   * @param {number} count
   */
  connected(count) {
    return this.#joining.until(() => this.members.length >= count)
  }

  /**
   * The side that they connect to.
   * @param {string} address
   * @returns {Side}
   */
  side(address) {
    return { address, connected: (count) => this.connected(count) }
  }
}
