// @ts-check
import { join, producer } from './netqueue/sides.mjs'

/** @import { Peer } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  kind: 'ours',
  packages: [],
  setup: 'as netqueue, but workers call `process` with a handler that returns at once',

  work: {
    producer,

    async worker(address, did, setting) {
      const client = await join(address, setting)
      await client.process((item) => did(item))
    },
  },
}
