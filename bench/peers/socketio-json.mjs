// @ts-check
import { DEFAULT } from './socketio/sides.mjs'
import { streamBy } from './socketio/stream.mjs'

/** @import { Peer } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  packages: ['socket.io', 'socket.io-client'],
  setup: 'as socketio, but with the parser that Socket.IO has by default, which makes JSON of objects',
  objects: streamBy({ encode: (item) => item, parserFor: () => DEFAULT }),
}
