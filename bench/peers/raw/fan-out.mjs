// @ts-check
import { corkTurn } from '../shared/cork.mjs'
import { Crowd } from '../shared/crowd.mjs'
import { announcerBy, MOST_UNWRITTEN } from '../shared/fan-out.mjs'
import { dial, listen } from '../shared/tcp.mjs'
import { cutter, frameOf } from './frames.mjs'

/** @import { Socket } from 'node:net' */
/** @import { FanOut } from '../peer.d.ts' */

/** One frame for all sockets, each of which takes those of a turn in one write. @type {FanOut} */
export const fanOut = {
  async announcer() {
    /** @type {Crowd<Socket>} */
    const clients = new Crowd()
    const address = await listen((socket) => clients.join(socket))
    return announcerBy(address, clients, (message) => {
      const frame = frameOf(message)
      return (socket) => {
        if (socket.writableLength > MOST_UNWRITTEN) return false
        corkTurn(socket)
        socket.write(frame)
        return true
      }
    })
  },

  async listener(address, took) {
    const socket = await dial(address)
    socket.on('data', cutter(took))
  },
}
