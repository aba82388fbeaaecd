// @ts-check
import { loadPart } from '../../peers/load.mjs'
import { bytePayloads, NewPayloads, TimedPayloads } from './payloads.mjs'

/** @import { Setting } from '../../peers/peer.d.ts' */
/** @import { Bounds } from './payloads.mjs' */

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
    unsettled: async () => source.unsettled?.() ?? Number.NaN,
    /** Until all are settled that were handed out within these bounds. CPU time: of this process. */
    run: async (/** @type {Bounds & { areNew?: boolean }} */ { areNew = false, ...bounds }) => {
      const kind = bytePayloads(setting.bytes)
      const payloads = areNew ? new NewPayloads({ kind, ...bounds }) : new TimedPayloads({ kind, ...bounds })
      const [start, idle] = [performance.now(), process.cpuUsage()]
      await source.run(payloads)
      const { user, system } = process.cpuUsage(idle)
      return { sent: payloads.sent, elapsed: performance.now() - start, cpuMicros: user + system }
    },
  }
}
