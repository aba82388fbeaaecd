// @ts-check
/** @import { Peer } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  kind: 'limit',
  packages: [],
  setup:
    'a plain asynchronous generator and `for await`: no queue, one item at a time, and each waits until the one before it was taken',

  handOff: {
    async run(count, took) {
      for await (const item of numbers(count)) took(item)
    },
  },
}

/** @param {number} count */
async function* numbers(count) {
  for (let item = 0; item < count; item += 1) yield item
}
