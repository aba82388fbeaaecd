// @ts-check
// Servers and connections by node:net, on loopback.

import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'

/** @import { AddressInfo, Socket } from 'node:net' */

/** What listens. @typedef {{ address(): AddressInfo | string | null }} Listening */

/**
 * Listens at a port that the system chooses, and gives the address.
 * @param {(socket: Socket) => void} accept
 */
export async function listen(accept) {
  const server = createServer({ noDelay: true }, (socket) => {
    // Not without a listener: whoever is gone would end this process.
    socket.on('error', () => {})
    accept(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return addressOf(server)
}

/**
 * @param {Listening} server
 * @param {string} [scheme]
 */
export function addressOf(server, scheme = 'tcp') {
  return `${scheme}://127.0.0.1:${portOf(server)}`
}

/** @param {Listening} server */
export function portOf(server) {
  return /** @type {AddressInfo} */ (server.address()).port
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
