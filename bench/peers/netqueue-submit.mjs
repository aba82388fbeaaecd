// @ts-check
import { submitting } from './netqueue/requests.mjs'

/** @import { Peer } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  kind: 'variant',
  packages: [],
  setup: 'as netqueue, but questions are items: `submit` and `process`, so that one that is lost is asked again',
  requests: submitting,
}
