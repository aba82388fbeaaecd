// @ts-check
import { connect, listen, NAME } from './sides.mjs'

/** @import { Socket } from 'socket.io-client' */
/** @import { Stream } from '../peer.d.ts' */
/** @import { Parser } from './sides.mjs' */

/** Socket.IO takes whatever is emitted; a sender waits for the acknowledgement of one batch while the next is on its way. */
export const BATCH = { items: 512, bytes: 2 ** 22 }

/**
 * @template Item
 * @param {{ encode: (item: Item) => unknown, parserFor: (bytes: number) => Parser | Promise<Parser> }} options `encode` gives what
 *   the parser takes
 * @returns {Stream<Item>}
 */
export function streamBy({ encode, parserFor }) {
  return {
    async receiver(took, { bytes }) {
      return await listen(await parserFor(bytes), (socket) =>
        socket.on(NAME, (item, acknowledge) => {
          took(item)
          acknowledge?.()
        }),
      )
    },

    async sender(address, payloads, { bytes }) {
      const socket = await connect(address, await parserFor(bytes))
      const batch = Math.min(BATCH.items, Math.floor(BATCH.bytes / bytes))
      let left = batch
      let taken = Promise.resolve()
      for (let item = payloads.next(); item !== undefined; item = payloads.next()) {
        if ((left -= 1) > 0) {
          socket.emit(NAME, encode(item))
          continue
        }
        const isTaken = acknowledged(socket, encode(item))
        await taken
        taken = isTaken
        left = batch
      }
      await taken
    },
  }
}

/**
 * @param {Socket} socket
 * @param {unknown} item
 * @returns {Promise<void>}
 */
function acknowledged(socket, item) {
  return new Promise((resolve) => socket.emit(NAME, item, resolve))
}
