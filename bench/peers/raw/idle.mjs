// @ts-check
import { Crowd } from '../shared/crowd.mjs'
import { dial, listen } from '../shared/tcp.mjs'
import { cutter } from './frames.mjs'

/** @import { Socket } from 'node:net' */
/** @import { Idle } from '../peer.d.ts' */

/** Both sides read frames, of which none comes. @type {Idle} */
export const idle = {
  async server() {
    const clients = new Crowd()
    const address = await listen((socket) => {
      read(socket)
      clients.join()
    })
    return clients.side(address)
  },

  async client(address) {
    read(await dial(address))
  },
}

/** @param {Socket} socket */
function read(socket) {
  socket.on(
    'data',
    cutter(() => {}),
  )
}
