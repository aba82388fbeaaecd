// @ts-check
import { once } from 'node:events'
import { lengthPrefixedPeer } from './shared/length-prefixed.mjs'

/** @import { Socket } from 'node:net' */
/** @import { Payloads } from './peer.d.ts' */
/** @import { Writer } from './shared/length-prefixed.mjs' */

export const peer = lengthPrefixedPeer({
  packages: ['it-pushable'],
  setup:
    'plain pipes with an asynchronous source, into a sink that writes each piece as it comes; messages that are not known beforehand come from an it-pushable',
  writer,
})

/** @returns {Promise<Writer>} */
async function writer() {
  const [{ encode }, { pipe }, { pushable }] = await Promise.all([
    import('it-length-prefixed'),
    import('it-pipe'),
    import('it-pushable'),
  ])
  const write = (/** @type {Socket} */ socket, /** @type {AsyncIterable<Uint8Array>} */ messages) =>
    pipe(
      messages,
      (source) => encode(source),
      (source) => writePieces(socket, source),
    )
  return {
    all: (socket, payloads) => write(socket, itemsOf(payloads)),
    each(socket) {
      /** @type {import('it-pushable').Pushable<Uint8Array>} */
      const messages = pushable({ objectMode: true })
      void write(socket, messages)
      return (message) => void messages.push(message)
    },
  }
}

/**
 * @param {Socket} socket
 * @param {AsyncIterable<Uint8Array>} pieces
 */
async function writePieces(socket, pieces) {
  for await (const piece of pieces) if (!socket.write(piece)) await once(socket, 'drain')
}

/** @param {Payloads} payloads */
async function* itemsOf(payloads) {
  for (let item = payloads.next(); item !== undefined; item = payloads.next()) yield item
}
