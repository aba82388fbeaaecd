// @ts-check
import { json } from '../../packages/netqueue/dist/index.js'
import { streamWith } from './netqueue/sides.mjs'

/** @import { Peer } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  kind: 'ours',
  packages: [],
  setup: 'as netqueue, but with its codec `json()`',
  objects: streamWith({ item: json(), result: json() }),
}
