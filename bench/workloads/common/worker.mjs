// @ts-check
import { loadPart } from '../../peers/load.mjs'
import { bytePayloads, Checker } from './payloads.mjs'

/** @import { Setting } from '../../peers/peer.d.ts' */

/**
 * A process that works.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function worker(peer, setting) {
  const work = await loadPart(peer, 'work')
  const checker = new Checker({ kind: bytePayloads(setting.bytes), ordered: false })
  return {
    /** Rejects when an item is not what was put; else it works until the process ends. */
    work: async (/** @type {{ address: string }} */ { address }) => {
      /** @type {Promise<never>} */
      const working = work.worker(address, checker.took, setting).then(() => {
        throw new Error('A worker has stopped')
      })
      return await Promise.race([working, checker.failure])
    },
    count: async () => checker.count,
  }
}
