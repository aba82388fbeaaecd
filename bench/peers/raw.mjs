// @ts-check
import { guarded } from './raw/guarded.mjs'
import { stream } from './raw/stream.mjs'

/** @import { Peer } from './peer.d.ts' */

/** What node:net can do, with frames cut by hand, and nothing else. @type {Peer} */
export const peer = {
  kind: 'limit',
  packages: [],
  setup:
    'node:net with a 4-byte length before each message, nothing checked but that length, no promise made; a sender of items has its writes built beforehand, just below 64 KiB each',
  stream,
  guarded,
}
