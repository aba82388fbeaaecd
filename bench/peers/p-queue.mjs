// @ts-check
import { WINDOW } from './shared/window.mjs'

/** @import { Peer } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  packages: ['p-queue'],
  setup: `p-queue 9 with a concurrency of 1, \`onSizeLessThan(${WINDOW})\` before an \`add\` where ${WINDOW} wait`,

  handOff: {
    async run(count, took) {
      const { default: PQueue } = await import('p-queue')
      const queue = new PQueue({ concurrency: 1 })
      for (let item = 0; item < count; item += 1) {
        if (queue.size >= WINDOW) await queue.onSizeLessThan(WINDOW)
        void queue.add(() => took(item))
      }
      await queue.onIdle()
    },
  },
}
