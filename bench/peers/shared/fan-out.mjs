// @ts-check
// A message to all by hand, for peers that have no such thing, or no bound for what waits at one that stalls.

import { setImmediate as turn } from 'node:timers/promises'

/** @import { Announcer } from '../peer.d.ts' */
/** @import { Crowd } from './crowd.mjs' */

/** Bytes that may wait for one client; then it misses messages. */
export const MOST_UNWRITTEN = 2 ** 20

/**
 * @template Client
 * @param {string} address
 * @param {Crowd<Client>} clients
 * @param {(message: Uint8Array) => (client: Client) => boolean} sender is given each message once; what it gives tells whether a client had room
 * @returns {Announcer}
 */
export function announcerBy(address, clients, sender) {
  return {
    ...clients.side(address),
    async announce(message) {
      const send = sender(message)
      let missed = 0
      for (const client of clients.members) if (!send(client)) missed += 1
      // Else nobody would learn here that sockets have room again.
      await turn()
      return missed
    },
  }
}
