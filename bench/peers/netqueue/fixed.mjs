// @ts-check
// netqueue with a prefetch that somebody has chosen, to be compared with the one that it chooses itself.

import { distribute } from './distribute.mjs'
import { join, producer, takeAll } from './sides.mjs'

/** @import { Peer } from '../peer.d.ts' */

/**
 * @param {number} prefetch
 * @returns {Peer}
 */
export function withPrefetch(prefetch) {
  return {
    kind: 'ours',
    packages: [],
    setup: `as netqueue, but workers connect with \`prefetch: ${prefetch}\``,
    distribute: distribute({ prefetch }),

    work: {
      producer,

      async worker(address, did, setting) {
        await takeAll(await join(address, { ...setting, prefetch }), did)
      },
    },
  }
}
