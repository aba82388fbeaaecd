// @ts-check
import { once } from 'node:events'
import { createServer } from 'node:http'
import { bufferOf } from './shared/buffer.mjs'
import { Clients } from './shared/clients.mjs'
import { WINDOW, Window } from './shared/window.mjs'

/** @import { AddressInfo } from 'node:net' */
/** @import { Server as HttpServer } from 'node:http' */
/** @import { Socket as ServerSocket } from 'socket.io' */
/** @import { Socket } from 'socket.io-client' */
/** @import { Peer } from './peer.d.ts' */

/** Socket.IO takes whatever is emitted; a sender waits for the acknowledgement of one batch while the next is on its way. */
const BATCH = { items: 512, bytes: 2 ** 22 }
/** MessagePack makes one frame of an event and its payload instead of two, but copies the payload: from here on that costs more. */
const LARGE_BYTES = 2 ** 14
const NAME = 'item'

/** @type {Peer} */
export const peer = {
  packages: ['socket.io', 'socket.io-client', 'socket.io-msgpack-parser'],
  setup: `by WebSocket alone, with the MessagePack parser (where payloads are smaller than ${LARGE_BYTES / 1024} KiB) and bufferutil where it loads, as its page on performance advises; Socket.IO holds no sender back: two batches of ${BATCH.items} items or ${BATCH.bytes / 2 ** 20} MiB are on their way, the last item of each acknowledged; work and requests by emit with an acknowledgement, at most ${WINDOW} unsettled items per worker, counted by hand`,

  stream: {
    async receiver(took, { bytes }) {
      const { server, close } = await listen(bytes, (socket) =>
        socket.on(NAME, (item, acknowledge) => {
          took(item)
          acknowledge?.()
        }),
      )
      return { address: addressOf(server), close }
    },

    async sender(address, payloads, { bytes }) {
      const socket = await connect(address, bytes)
      const batch = Math.min(BATCH.items, Math.floor(BATCH.bytes / bytes))
      let left = batch
      let taken = Promise.resolve()
      for (let item = payloads.next(); item !== undefined; item = payloads.next()) {
        if ((left -= 1) > 0) {
          socket.emit(NAME, bufferOf(item))
          continue
        }
        const isTaken = acknowledged(socket, item)
        await taken
        taken = isTaken
        left = batch
      }
      await taken
    },
  },

  work: {
    async producer({ bytes }) {
      const window = new Window()
      const { server, close } = await listen(bytes, (socket) => {
        const worker = window.join((item) => void socket.emit(NAME, bufferOf(item), () => window.settled(worker)))
      })
      return {
        address: addressOf(server),
        connected: (workers) => window.connected(workers),
        run: (payloads) => window.run(payloads),
        close,
      }
    },

    async worker(address, did, { bytes }) {
      const socket = await connect(address, bytes, (item, acknowledge) => {
        did(item)
        acknowledge()
      })
      await closed(socket)
    },
  },

  requests: {
    async asker({ bytes }) {
      /** @type {Clients<{ load: number, socket: ServerSocket }>} */
      const answerers = new Clients()
      const { server, close } = await listen(bytes, (socket) => answerers.add({ load: 0, socket }))
      return {
        address: addressOf(server),
        connected: (count) => answerers.connected(count),
        ask(question) {
          const answerer = answerers.idlest()
          answerer.load += 1
          return new Promise((resolve) =>
            answerer.socket.emit(NAME, bufferOf(question), (/** @type {Uint8Array} */ answer) => {
              answerer.load -= 1
              resolve(answer)
            }),
          )
        },
        close,
      }
    },

    async answerer(address, answer, { bytes }) {
      await closed(await connect(address, bytes, (question, reply) => reply(bufferOf(answer(question)))))
    },
  },

  idle: {
    async server({ bytes }) {
      const clients = new Clients()
      const { server, close } = await listen(bytes, () => clients.add({ load: 0 }))
      return { address: addressOf(server), connected: (count) => clients.connected(count), close }
    },

    async client(address, { bytes }) {
      await connect(address, bytes)
    },
  },
}

/**
 * @param {number} bytes of a payload
 * @param {(socket: ServerSocket) => void} connected
 * @returns {Promise<{ server: HttpServer, close: () => Promise<void> }>}
 */
async function listen(bytes, connected) {
  const { Server } = await import('socket.io')
  const server = createServer()
  const io = new Server(server, { transports: ['websocket'], serveClient: false, ...(await parserFor(bytes)) })
  io.on('connection', connected)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, close: () => io.close() }
}

/** @param {HttpServer} server */
function addressOf(server) {
  return `http://127.0.0.1:${/** @type {AddressInfo} */ (server.address()).port}`
}

/**
 * @param {string} address
 * @param {number} bytes of a payload
 * @param {(message: Uint8Array, acknowledge: (answer?: Uint8Array) => void) => void} [take]
 * @returns {Promise<Socket>}
 */
async function connect(address, bytes, take = () => {}) {
  const { io } = await import('socket.io-client')
  const socket = io(address, {
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
    ...(await parserFor(bytes)),
  })
  socket.on(NAME, take)
  await new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(undefined))
    socket.once('connect_error', reject)
  })
  return socket
}

/** @param {Socket} socket */
function closed(socket) {
  return new Promise((/** @type {(value: void) => void} */ resolve) => socket.once('disconnect', () => resolve()))
}

/**
 * @param {Socket} socket
 * @param {Uint8Array} item
 * @returns {Promise<void>}
 */
function acknowledged(socket, item) {
  return new Promise((resolve) => socket.emit(NAME, bufferOf(item), resolve))
}

/** @param {number} bytes of a payload */
async function parserFor(bytes) {
  if (bytes >= LARGE_BYTES) return {}
  const { default: parser } = await import('socket.io-msgpack-parser')
  return { parser }
}
