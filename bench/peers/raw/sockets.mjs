// @ts-check
import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'

/** @import { AddressInfo, Socket } from 'node:net' */

/**
 * Listens on loopback, at a port that the system chooses.
 * @param {(socket: Socket) => void} accept
 */
export async function listen(accept) {
  /** @type {Set<Socket>} */
  const sockets = new Set()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    accept(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {AddressInfo} */ (server.address())
  return {
    address: `tcp://127.0.0.1:${port}`,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/**
 * @param {string} address
 * @returns {Promise<Socket>}
 */
export async function dial(address) {
  const { hostname, port } = new URL(address)
  const socket = createConnection({ host: hostname, port: Number(port), noDelay: true })
  await once(socket, 'connect')
  return socket
}

/**
 * Writes, and waits where the kernel did not take all of it. What `write` returns says less: a write as long as the high-water mark
 * makes it false even when nothing waits.
 * @param {Socket} socket
 * @param {Uint8Array} bytes
 */
export async function written(socket, bytes) {
  if (!socket.write(bytes) && socket.writableLength > 0) await once(socket, 'drain')
}
