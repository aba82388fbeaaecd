// @ts-check
import { hop } from './raw/hop.mjs'

/** @import { Peer } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  kind: 'limit',
  packages: [],
  setup:
    'netqueue at both ends, and between them node:net that cuts its frames by hand and passes each on as it is, those of a chunk in one write; it waits where the other end is behind',
  relay: { hop },
}
