// @ts-check
import { WINDOW } from './shared/window.mjs'

/** @import { Peer } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  packages: ['fastq'],
  setup: `fastq.promise with an asynchronous worker and a concurrency of 1. It has no back-pressure: the producer pushes ${WINDOW} items and awaits \`drained()\``,

  handOff: {
    async run(count, took) {
      const { default: fastq } = await import('fastq')
      const queue = fastq.promise(async (/** @type {number} */ item) => took(item), 1)
      for (let item = 0; item < count; item += 1) {
        void queue.push(item)
        // Not by `length()`, which walks through all that wait.
        if ((item + 1) % WINDOW === 0) await queue.drained()
      }
      await queue.drained()
    },
  },
}
