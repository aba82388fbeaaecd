// @ts-check
import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'
import { Clients } from './shared/clients.mjs'
import { corkTurn } from './shared/cork.mjs'
import { Questions } from './shared/questions.mjs'
import { WINDOW, Window } from './shared/window.mjs'

/** @import { AddressInfo, Server, Socket } from 'node:net' */
/** @import { Payloads, Peer } from './peer.d.ts' */

/** A worker answers each item with this: it works in order, so that need not say which. */
const ACK = Uint8Array.of(1)

/** @type {Peer} */
export const peer = {
  packages: ['it-length-prefixed', 'it-pipe'],
  setup: `encode and decode over node:net with noDelay, written once per turn; a stream is encoded from a synchronous source; work by hand with ${WINDOW} unsettled items per worker and a message for each that is settled; answers in the order of the questions`,

  stream: {
    async receiver(took) {
      const { server, close } = await listen((socket) => void read(socket, took))
      return { address: addressOf(server), close }
    },

    async sender(address, payloads) {
      const [{ encode }, { pipe }] = await Promise.all([import('it-length-prefixed'), import('it-pipe')])
      const socket = await connect(address)
      await pipe(
        itemsOf(payloads),
        (source) => encode(source),
        async (source) => {
          for (const bytes of source) {
            corkTurn(socket)
            if (!socket.write(bytes)) await once(socket, 'drain')
          }
        },
      )
      socket.end()
      await once(socket, 'close')
    },
  },

  work: {
    async producer() {
      const window = new Window()
      const { encode } = await import('it-length-prefixed')
      const { server, close } = await listen((socket) => {
        const worker = window.join((item) => write(socket, encode.single(item)))
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
      const { encode } = await import('it-length-prefixed')
      const socket = await connect(address)
      await read(socket, (item) => {
        did(item)
        write(socket, encode.single(ACK))
      })
    },
  },

  requests: {
    async asker() {
      const questions = new Questions()
      const { encode } = await import('it-length-prefixed')
      const { server, close } = await listen((socket) => {
        const answerer = questions.join((question) => write(socket, encode.single(question)))
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
      const { encode } = await import('it-length-prefixed')
      const socket = await connect(address)
      await read(socket, (question) => write(socket, encode.single(answer(question))))
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

/** @param {Payloads} payloads */
function* itemsOf(payloads) {
  for (let item = payloads.next(); item !== undefined; item = payloads.next()) yield item
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
 * @param {Socket} socket
 * @param {Iterable<Uint8Array>} parts
 */
function write(socket, parts) {
  corkTurn(socket)
  for (const part of parts) socket.write(part)
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
