// @ts-check
// A message to all by hand, for peers that have no such thing, or no bound for what waits at one that stalls.

import { setImmediate as turn } from 'node:timers/promises'

/** @import { Announcer } from '../peer.d.ts' */
/** @import { Crowd } from './crowd.mjs' */

/** Bytes that may wait for one client; then it misses messages. */
export const MOST_UNWRITTEN = 2 ** 20
/**
 * Messages that are sent in one turn of the event loop, and so can leave in one write. One costs raw a ninth of what it does in a turn of its own, and
 * ws-corked a quarter; with four times as many they come later, and cost ws-corked as much.
 */
export const TURN_MESSAGES = 16
/** And bytes: what a turn leaves unwritten is far from what makes a client miss messages. */
const TURN_BYTES = MOST_UNWRITTEN / 16

/** A sender to all has to leave its turn now and then: nobody else learns in it that sockets have room again. */
export class Turns {
  #messages = 0
  #bytes = 0

  /**
   * Counts a message that was sent; tells whether it was the last one of its turn.
   * @param {Uint8Array} message
   */
  isOver({ byteLength }) {
    this.#messages += 1
    this.#bytes += byteLength
    if (this.#messages < TURN_MESSAGES && this.#bytes < TURN_BYTES) return false
    this.#messages = 0
    this.#bytes = 0
    return true
  }
}

/**
 * @template Client
 * @param {string} address
 * @param {Crowd<Client>} clients
 * @param {(message: Uint8Array) => (client: Client) => boolean} sender is given each message once; what it gives tells whether a client had room
 * @returns {Announcer}
 */
export function announcerBy(address, clients, sender) {
  const turns = new Turns()
  return {
    ...clients.side(address),
    async announce(message) {
      const send = sender(message)
      let missed = 0
      for (const client of clients.members) if (!send(client)) missed += 1
      if (turns.isOver(message)) await turn()
      return missed
    },
  }
}
