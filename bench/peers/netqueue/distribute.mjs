// @ts-check
import { join, serve, side } from './sides.mjs'

/** @import { Distribute, Setting } from '../peer.d.ts' */

/**
 * @param {Partial<Setting>} [setting]
 * @returns {Distribute}
 */
export function distribute(setting) {
  return {
    async producer() {
      const server = await serve()
      return { ...side(server), put: (item) => server.put(item), results: () => server }
    },

    async worker(address, work) {
      const client = await join(address, setting)
      for await (const item of client) await client.put(await work(item))
    },
  }
}
