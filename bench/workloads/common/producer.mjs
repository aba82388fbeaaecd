// @ts-check
import { loadPart } from '../../peers/load.mjs'
import { bytePayloads, TimedPayloads } from './payloads.mjs'

/** @import { Setting } from '../../peers/peer.d.ts' */

/**
 * The process that hands out work.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function producer(peer, setting) {
  const source = await (await loadPart(peer, 'work')).producer(setting)
  return {
    listen: async () => source.address,
    connected: (/** @type {number} */ workers) => source.connected(workers),
    /** Until all are settled that were handed out in so many milliseconds. CPU time: of this process. */
    run: async (/** @type {{ ms: number }} */ { ms }) => {
      const payloads = new TimedPayloads({ kind: bytePayloads(setting.bytes), ms })
      const [start, idle] = [performance.now(), process.cpuUsage()]
      await source.run(payloads)
      const { user, system } = process.cpuUsage(idle)
      return { sent: payloads.sent, elapsed: performance.now() - start, cpuMicros: user + system }
    },
  }
}
