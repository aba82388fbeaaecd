// @ts-check
import { WINDOW } from './shared/window.mjs'

/** @import { Peer } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  packages: ['it-pushable'],
  setup: `it-pushable with \`for await\`. It takes everything: the producer waits for \`onEmpty()\` after every ${WINDOW} items`,

  handOff: {
    async run(count, took) {
      const { pushable } = await import('it-pushable')
      const queue = pushable({ objectMode: true })
      const produce = async () => {
        for (let item = 0; item < count; item += 1) {
          if (item % WINDOW === 0) await queue.onEmpty()
          queue.push(item)
        }
        queue.end()
      }
      const producing = produce()
      for await (const item of queue) took(/** @type {number} */ (item))
      await producing
    },
  },
}
