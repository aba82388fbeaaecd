// @ts-check
// What its users can do beside plain pipes: node:net makes a system call for each write, and a length is a piece of its own.

import { once } from 'node:events'
import { corkTurn } from './shared/cork.mjs'
import { lengthPrefixedPeer } from './shared/length-prefixed.mjs'

/** @import { Socket } from 'node:net' */
/** @import { Payloads, Peer } from './peer.d.ts' */
/** @import { Writer } from './shared/length-prefixed.mjs' */

/** @type {Peer} */
export const peer = {
  ...lengthPrefixedPeer({
    packages: [],
    setup:
      'with a sink that writes once per turn, over a socket that we cork by hand; a stream is encoded from a synchronous source, other messages one by one',
    writer,
  }),
  kind: 'variant',
}

/** @returns {Promise<Writer>} */
async function writer() {
  const [{ encode }, { pipe }] = await Promise.all([import('it-length-prefixed'), import('it-pipe')])
  return {
    all: (socket, payloads) =>
      pipe(
        itemsOf(payloads),
        (source) => encode(source),
        (source) => writePieces(socket, source),
      ),
    each: (socket) => (message) => {
      corkTurn(socket)
      for (const piece of encode.single(message)) socket.write(piece)
    },
  }
}

/**
 * @param {Socket} socket
 * @param {Iterable<Uint8Array>} pieces
 */
async function writePieces(socket, pieces) {
  for (const piece of pieces) {
    corkTurn(socket)
    if (!socket.write(piece)) await once(socket, 'drain')
  }
}

/** @param {Payloads} payloads */
function* itemsOf(payloads) {
  for (let item = payloads.next(); item !== undefined; item = payloads.next()) yield item
}
