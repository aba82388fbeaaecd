// @ts-check
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { WINDOW } from './shared/window.mjs'

/** @import { Peer } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  packages: [],
  setup: `a PassThrough of node:stream in object mode with a high-water mark of ${WINDOW}, \`write\` until it is full and then 'drain', \`for await\` at the other end`,

  handOff: {
    async run(count, took) {
      const stream = new PassThrough({ objectMode: true, highWaterMark: WINDOW })
      const produce = async () => {
        for (let item = 0; item < count; item += 1) if (!stream.write(item)) await once(stream, 'drain')
        stream.end()
      }
      const producing = produce()
      for await (const item of stream) took(item)
      await producing
    },
  },
}
