// @ts-check
import { json } from './netqueue/library.mjs'
import { streamWith } from './netqueue/sides.mjs'

/** @import { Peer } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  kind: 'ours',
  packages: [],
  setup: 'as netqueue, but with its codec `json()`',
  objects: streamWith({ item: json(), result: json() }),
}
