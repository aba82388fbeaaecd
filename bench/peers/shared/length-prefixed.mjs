// @ts-check
// What the peers with it-length-prefixed have in common: all but how messages are written.

import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'
import { Clients } from './clients.mjs'
import { Questions } from './questions.mjs'
import { WINDOW, Window } from './window.mjs'

/** @import { AddressInfo, Server, Socket } from 'node:net' */
/** @import { Payloads, Peer } from '../peer.d.ts' */

/** A worker answers each item with this: it works in order, so that need not say which. */
const ACK = Uint8Array.of(1)

/**
 * @typedef {object} Writer
 * @property {(socket: Socket, payloads: Payloads) => Promise<unknown>} all writes payloads one after the other
 * @property {(socket: Socket) => (message: Uint8Array) => void} each gives what writes messages as they come
 */

/**
 * @param {{ setup: string, packages: string[], writer: () => Promise<Writer> }} options
 * @returns {Peer}
 */
export function lengthPrefixedPeer({ setup, packages, writer }) {
  return {
    packages: ['it-length-prefixed', 'it-pipe', ...packages],
    setup: `encode and decode over node:net with noDelay, ${setup}; work by hand with ${WINDOW} unsettled items per worker and a message for each that is settled; answers in the order of the questions`,

    stream: {
      async receiver(took) {
        const { server, close } = await listen((socket) => void read(socket, took))
        return { address: addressOf(server), close }
      },

      async sender(address, payloads) {
        const { all } = await writer()
        const socket = await connect(address)
        await all(socket, payloads)
        socket.end()
        await once(socket, 'close')
      },
    },

    work: {
      async producer() {
        const window = new Window()
        const { each } = await writer()
        const { server, close } = await listen((socket) => {
          const worker = window.join(each(socket))
          void read(socket, () => window.settled(worker))
        })
        return {
          address: addressOf(server),
          connected: (workers) => window.connected(workers),
          run: (payloads) => window.run(payloads),
          close,
        }
      },

      async worker(address, did) {
        const { each } = await writer()
        const socket = await connect(address)
        const send = each(socket)
        await read(socket, (item) => {
          did(item)
          send(ACK)
        })
      },
    },

    requests: {
      async asker() {
        const questions = new Questions()
        const { each } = await writer()
        const { server, close } = await listen((socket) => {
          const answerer = questions.join(each(socket))
          void read(socket, (answer) => questions.answered(answerer, answer))
        })
        return {
          address: addressOf(server),
          connected: (answerers) => questions.connected(answerers),
          ask: (question) => questions.ask(question),
          close,
        }
      },

      async answerer(address, answer) {
        const { each } = await writer()
        const socket = await connect(address)
        const send = each(socket)
        await read(socket, (question) => send(answer(question)))
      },
    },

    idle: {
      async server() {
        const clients = new Clients()
        const { server, close } = await listen((socket) => {
          clients.add({ load: 0 })
          void read(socket, () => {})
        })
        return { address: addressOf(server), connected: (count) => clients.connected(count), close }
      },

      async client(address) {
        void read(await connect(address), () => {})
      },
    },
  }
}

/**
 * Calls `take` for each message, until the other side is gone.
 * @param {Socket} socket
 * @param {(message: Uint8Array) => void} take
 */
async function read(socket, take) {
  const [{ decode }, { pipe }] = await Promise.all([import('it-length-prefixed'), import('it-pipe')])
  await pipe(
    /** @type {AsyncIterable<Uint8Array>} */ (socket),
    (source) => decode(source),
    async (source) => {
      for await (const message of source) take(message.subarray())
    },
  )
}

/**
 * @param {(socket: Socket) => void} connected
 * @returns {Promise<{ server: Server, close: () => Promise<void> }>}
 */
async function listen(connected) {
  /** @type {Set<Socket>} */
  const sockets = new Set()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    connected(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    server,
    close: async () => {
      for (const socket of sockets) socket.end()
      server.close()
    },
  }
}

/** @param {Server} server */
function addressOf(server) {
  return `tcp://127.0.0.1:${/** @type {AddressInfo} */ (server.address()).port}`
}

/** @param {string} address */
async function connect(address) {
  const { hostname, port } = new URL(address)
  const socket = createConnection({ host: hostname, port: Number(port), noDelay: true })
  await once(socket, 'connect')
  return socket
}
