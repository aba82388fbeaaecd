// @ts-check
import { bufferOf } from './shared/buffer.mjs'
import { Clients } from './shared/clients.mjs'
import { WINDOW, Window } from './shared/window.mjs'
import { addressOf, closed, connect, DEFAULT, listen, messagePack, NAME } from './socketio/sides.mjs'
import { BATCH, streamBy } from './socketio/stream.mjs'

/** @import { Socket as ServerSocket } from 'socket.io' */
/** @import { Peer } from './peer.d.ts' */

/** MessagePack makes one frame of an event and its payload instead of two, but copies the payload: from here on that costs more. */
const LARGE_BYTES = 2 ** 14

/** @type {Peer} */
export const peer = {
  packages: ['socket.io', 'socket.io-client', 'socket.io-msgpack-parser'],
  setup: `by WebSocket alone, with the MessagePack parser (where payloads are smaller than ${LARGE_BYTES / 1024} KiB) and bufferutil where it loads, as its page on performance advises; Socket.IO holds no sender back: two batches of ${BATCH.items} items or ${BATCH.bytes / 2 ** 20} MiB are on their way, the last item of each acknowledged; work and requests by emit with an acknowledgement, at most ${WINDOW} unsettled items per worker, counted by hand`,

  stream: streamBy({ encode: bufferOf, parserFor }),
  objects: streamBy({ encode: (item) => item, parserFor: messagePack }),

  work: {
    async producer({ bytes }) {
      const window = new Window()
      const { server, close } = await listen(await parserFor(bytes), (socket) => {
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
      const socket = await connect(address, await parserFor(bytes), (item, acknowledge) => {
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
      const { server, close } = await listen(await parserFor(bytes), (socket) => answerers.add({ load: 0, socket }))
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
      await closed(
        await connect(address, await parserFor(bytes), (question, reply) => reply(bufferOf(answer(question)))),
      )
    },
  },

  idle: {
    async server({ bytes }) {
      const clients = new Clients()
      const { server, close } = await listen(await parserFor(bytes), () => clients.add({ load: 0 }))
      return { address: addressOf(server), connected: (count) => clients.connected(count), close }
    },

    async client(address, { bytes }) {
      await connect(address, await parserFor(bytes))
    },
  },
}

/** @param {number} bytes of a payload */
async function parserFor(bytes) {
  return bytes < LARGE_BYTES ? await messagePack() : DEFAULT
}
