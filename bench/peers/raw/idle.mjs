// @ts-check
import { Crowd } from './crowd.mjs'
import { cutter } from './frames.mjs'
import { dial, listen } from './sockets.mjs'

/** @import { Socket } from 'node:net' */
/** @import { Idle } from '../peer.d.ts' */

/** Both sides read frames, of which none comes. @type {Idle} */
export const idle = {
  async server() {
    /** @type {Crowd<Socket>} */
    const clients = new Crowd()
    const server = await listen((socket) => {
      socket.on('error', () => {})
      socket.on(
        'data',
        cutter(() => {}),
      )
      clients.join(socket)
    })
    return { ...server, connected: (count) => clients.connected(count) }
  },

  async client(address) {
    const socket = await dial(address)
    socket.on(
      'data',
      cutter(() => {}),
    )
  },
}
