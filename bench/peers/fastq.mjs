// @ts-check
import { Unconfirmed } from './shared/unconfirmed.mjs'
import { WINDOW } from './shared/window.mjs'

/** @import { Peer } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  packages: ['fastq'],
  setup: `fastq with callbacks and a concurrency of 1. It runs its worker inside \`push\`, and the worker is done before that returns, so nothing ever waits in the queue. It has no back-pressure: at most ${WINDOW} items are pushed and not done, counted by hand`,

  handOff: {
    async run(count, took) {
      const { default: fastq } = await import('fastq')
      const window = new Unconfirmed(WINDOW)
      const queue = fastq((/** @type {number} */ item, /** @type {(error: null) => void} */ done) => {
        took(item)
        done(null)
      }, 1)
      const done = () => window.confirmed()
      for (let item = 0; item < count; item += 1) {
        if (window.isFull) await window.room()
        window.sent()
        queue.push(item, done)
      }
      await window.none()
    },
  },
}
