// @ts-check
import { setImmediate as turn } from 'node:timers/promises'
import { join, producer } from './netqueue/sides.mjs'

/** @import { Peer } from './peer.d.ts' */

const CONCURRENCY = 100

/** @type {Peer} */
export const peer = {
  kind: 'ours',
  packages: [],
  setup: `as netqueue, but workers call \`process\` with an asynchronous handler that waits for the next turn of the event loop; ${CONCURRENCY} handlers at once`,

  work: {
    producer,

    async worker(address, did, setting) {
      const client = await join(address, setting)
      const handler = async (/** @type {Uint8Array} */ item) => {
        await turn()
        did(item)
      }
      await client.process(handler, { concurrency: CONCURRENCY })
    },
  },
}
