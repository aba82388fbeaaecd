// @ts-check
// What the peers ws and ws-corked have in common: all but how a message is sent.

import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { corkTurn } from './cork.mjs'
import { Crowd } from './crowd.mjs'
import { announcerBy, MOST_UNWRITTEN, TURN_MESSAGES } from './fan-out.mjs'
import { Questions } from './questions.mjs'
import { addressOf } from './tcp.mjs'
import { ACK, WINDOW, Window } from './window.mjs'

/** @import { Socket } from 'node:net' */
/** @import { RawData, WebSocket } from 'ws' */
/** @import { Peer, Stream } from '../peer.d.ts' */

/** From so much on a sender waits until a message is written. */
const BUFFERED_BYTES = 2 ** 18
/** Where the system takes everything at once a sender never waits, and its process would do nothing else. */
const TURN_ITEMS = 1_024

/** A message to the other side. @typedef {(message: Uint8Array | string) => void} Send */

/**
 * @param {{ setup: string, isCorked: boolean }} options
 * @returns {Peer}
 */
export function webSocketPeer({ setup, isCorked }) {
  return {
    packages: ['ws'],
    setup: `${setup}; a message per item, objects as JSON, no compression, bufferutil for the masks where it loads; the sender waits at ${BUFFERED_BYTES / 1024} KiB buffered; work by hand with ${WINDOW} unsettled items per worker and a message for each that is settled; answers in the order of the questions; a message to all is sent to each client at which at most 1 MiB is buffered, up to ${TURN_MESSAGES} in one turn`,

    stream: streamBy({ encode: (item) => item, decode: bytesOf }),
    objects: streamBy({ encode: JSON.stringify, decode: (text) => JSON.parse(bytesOf(text).toString()) }),

    work: {
      async producer() {
        const window = new Window()
        const address = await listen((socket, tcp) => socket.on('message', window.join(senderOf(socket, tcp))))
        return window.side(address)
      },

      async worker(address, did) {
        const { socket } = await connect(address, (item, send) => {
          did(item)
          send(ACK)
        })
        await once(socket, 'close')
      },
    },

    requests: {
      async asker() {
        const questions = new Questions()
        const address = await listen((socket, tcp) => {
          const answered = questions.joinInOrder(senderOf(socket, tcp))
          socket.on('message', (answer) => answered(bytesOf(answer)))
        })
        return questions.side(address)
      },

      async answerer(address, answer) {
        const { socket } = await connect(address, (question, send) => send(answer(question)))
        await once(socket, 'close')
      },
    },

    idle: {
      async server() {
        const clients = new Crowd()
        return clients.side(await listen(() => clients.join()))
      },

      async client(address) {
        await connect(address)
      },
    },

    fanOut: {
      async announcer() {
        /** @type {Crowd<{ socket: WebSocket, send: Send }>} */
        const clients = new Crowd()
        const address = await listen((socket, tcp) => clients.join({ socket, send: senderOf(socket, tcp) }))
        return announcerBy(address, clients, (message) => ({ socket, send }) => {
          if (socket.bufferedAmount > MOST_UNWRITTEN) return false
          send(message)
          return true
        })
      },

      async listener(address, took) {
        await connect(address, took)
      },
    },
  }

  /**
   * @template Item
   * @param {{ encode: (item: Item) => Uint8Array | string, decode: (message: RawData) => Item }} codec
   * @returns {Stream<Item>}
   */
  function streamBy({ encode, decode }) {
    return {
      async receiver(took) {
        return await listen((socket) => socket.on('message', (message) => took(decode(message))))
      },

      async sender(address, payloads) {
        const { socket, send } = await connect(address)
        let sent = 0
        for (let item = payloads.next(); item !== undefined; item = payloads.next()) {
          const message = encode(item)
          if (socket.bufferedAmount < BUFFERED_BYTES) send(message)
          else await written(socket, message)
          if ((sent += 1) % TURN_ITEMS === 0) await turn()
        }
        socket.close()
        await once(socket, 'close')
      },
    }
  }

  /**
   * @param {string} address
   * @param {(message: Uint8Array, send: Send) => void} [take]
   */
  async function connect(address, take = () => {}) {
    const { WebSocket } = await import('ws')
    const socket = new WebSocket(address, { perMessageDeflate: false })
    /** @type {Send} */
    let send = (message) => socket.send(message)
    socket.once('upgrade', (response) => (send = senderOf(socket, response.socket)))
    // Not when it is open: the first message may have come with that.
    socket.on('message', (message) => take(bytesOf(message), send))
    await once(socket, 'open')
    return { socket, send }
  }

  /**
   * @param {WebSocket} socket
   * @param {Socket} tcp
   * @returns {Send}
   */
  function senderOf(socket, tcp) {
    if (!isCorked) return (message) => socket.send(message)
    return (message) => {
      corkTurn(tcp)
      socket.send(message)
    }
  }
}

/** @param {(socket: WebSocket, tcp: Socket) => void} connected */
async function listen(connected) {
  const { WebSocketServer } = await import('ws')
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  server.on('connection', (socket, request) => connected(socket, request.socket))
  await once(server, 'listening')
  return addressOf(server, 'ws')
}

/** A binary message is one buffer, as long as nothing else is asked for. @param {RawData} message */
function bytesOf(message) {
  return /** @type {Buffer} */ (message)
}

/**
 * Sends, and waits until the system has it.
 * @param {WebSocket} socket
 * @param {Uint8Array | string} message
 * @returns {Promise<void>}
 */
function written(socket, message) {
  return new Promise((resolve, reject) => socket.send(message, (error) => (error ? reject(error) : resolve())))
}
