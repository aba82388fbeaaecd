// @ts-check
// The processes: the one that sends to all, and those of the listeners.

import { setTimeout as delay } from 'node:timers/promises'
import { loadPart } from '../../peers/load.mjs'
import { settledMemory } from '../common/memory.mjs'
import { Received, Stamped, stamp } from './stamped.mjs'

/** @import { Setting } from '../../peers/peer.d.ts' */

const [SETTLE_MS, PAUSE_MS] = [200, 50]

/** @typedef {{ messages: number, missed: number, began: number, cpuMicros: number }} Announced `missed`: by those without room, all together */

/**
 * The process that sends to all.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function announcer(peer, setting) {
  const server = await (await loadPart(peer, 'fanOut')).announcer(setting)
  const stamped = new Stamped(setting.bytes)
  return {
    listen: async () => server.address,
    connected: (/** @type {number} */ clients) => server.connected(clients),
    memory: () => settledMemory({ settleMs: SETTLE_MS, pauseMs: PAUSE_MS }),

    /**
     * Sends as fast as the peer lets it, or one message every so many milliseconds, for so long or so many.
     * @param {{ ms?: number, count?: number, every?: number }} bounds
     * @returns {Promise<Announced>}
     */
    announce: async ({ ms = Infinity, count = Infinity, every = 0 }) => {
      const [began, idle] = [stamp(), process.cpuUsage()]
      let [messages, missed] = [0, 0]
      while (messages < count && stamp() < began + ms) {
        missed += await server.announce(stamped.next())
        messages += 1
        const left = began + messages * every - stamp()
        if (left > 0) await delay(left)
      }
      const { user, system } = process.cpuUsage(idle)
      return { messages, missed, began, cpuMicros: user + system }
    },
  }
}

/**
 * A process of listeners.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function listeners(peer, setting) {
  const fanOut = await loadPart(peer, 'fanOut')
  const received = new Received(setting.bytes)
  return {
    join: async (/** @type {{ address: string, count: number }} */ { address, count }) => {
      await Promise.all(Array.from({ length: count }, () => fanOut.listener(address, received.listener(), setting)))
    },
    failure: () => received.failure,
    measure: async (/** @type {number} */ every) => received.measure(every),
    received: async () => ({ count: received.count, last: received.last }),
    times: async () => Float64Array.from(received.times),
  }
}
