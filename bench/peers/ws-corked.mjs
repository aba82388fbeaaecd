// @ts-check
// Not what the documentation of ws shows, but what its users can do: ws makes a system call for each message.

import { webSocketPeer } from './shared/web-socket.mjs'

/** @import { Peer } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  ...webSocketPeer({
    setup: 'ws over TCP sockets that we cork by hand until the end of the turn, which its documentation does not show',
    isCorked: true,
  }),
  kind: 'variant',
}
