// @ts-check

/** @import { Socket } from 'node:net' */

/**
 * What is written from here to the end of this turn goes to the system in one call: node:net else makes a call for each write.
 * @param {Socket} socket
 */
export function corkTurn(socket) {
  if (socket.writableCorked > 0) return
  socket.cork()
  process.nextTick(() => socket.uncork())
}
