// @ts-check
// What the parts of Socket.IO share: servers and connections, by WebSocket alone.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { addressOf } from '../shared/tcp.mjs'

/** @import { Socket as ServerSocket } from 'socket.io' */
/** @import { Socket } from 'socket.io-client' */

/** The event under which everything is sent. */
export const NAME = 'item'
/** Socket.IO's own parser: JSON, and bytes in frames of their own. */
export const DEFAULT = {}

/** What makes both sides use MessagePack. */
export async function messagePack() {
  const { default: parser } = await import('socket.io-msgpack-parser')
  return { parser }
}

/** @typedef {Awaited<ReturnType<typeof messagePack>> | typeof DEFAULT} Parser */

/**
 * @param {Parser} parser
 * @param {(socket: ServerSocket) => void} connected
 */
export async function listen(parser, connected) {
  const { Server } = await import('socket.io')
  const server = createServer()
  const io = new Server(server, { transports: ['websocket'], serveClient: false, ...parser })
  io.on('connection', connected)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return addressOf(server, 'http')
}

/**
 * @param {string} address
 * @param {Parser} parser
 * @param {(message: Uint8Array, acknowledge: (answer?: Uint8Array) => void) => void} [take]
 * @returns {Promise<Socket>}
 */
export async function connect(address, parser, take = () => {}) {
  const { io } = await import('socket.io-client')
  const socket = io(address, { transports: ['websocket'], forceNew: true, reconnection: false, ...parser })
  socket.on(NAME, take)
  await new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(undefined))
    socket.once('connect_error', reject)
  })
  return socket
}

/** @param {Socket} socket */
export function closed(socket) {
  return new Promise((/** @type {(value: void) => void} */ resolve) => socket.once('disconnect', () => resolve()))
}
