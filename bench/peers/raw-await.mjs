// @ts-check
import { workByLoop } from './raw/work.mjs'

/** @import { Peer } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  kind: 'limit',
  packages: [],
  setup: 'as raw, but a worker takes its items by `for await` and acknowledges each; the acks of a turn leave together',
  work: workByLoop,
}
