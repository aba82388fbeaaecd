// @ts-check
import { setImmediate as turn } from 'node:timers/promises'
import { bufferOf } from './shared/buffer.mjs'
import { Crowd } from './shared/crowd.mjs'
import { TURN_MESSAGES, Turns } from './shared/fan-out.mjs'
import { Questions } from './shared/questions.mjs'
import { WINDOW, Window } from './shared/window.mjs'
import { closed, connect, DEFAULT, listen, messagePack, NAME } from './socketio/sides.mjs'
import { BATCH, streamBy } from './socketio/stream.mjs'

/** @import { Namespace } from 'socket.io' */
/** @import { Peer } from './peer.d.ts' */

/** MessagePack makes one frame of an event and its payload instead of two, but copies the payload: from here on that costs more. */
const LARGE_BYTES = 2 ** 14

/** @type {Peer} */
export const peer = {
  packages: ['socket.io', 'socket.io-client', 'socket.io-msgpack-parser'],
  setup: `by WebSocket alone, with the MessagePack parser (where payloads are smaller than ${LARGE_BYTES / 1024} KiB) and bufferutil where it loads, as its page on performance advises; Socket.IO holds no sender back: two batches of ${BATCH.items} items or ${BATCH.bytes / 2 ** 20} MiB are on their way, the last item of each acknowledged; work and requests by emit with an acknowledgement, at most ${WINDOW} unsettled items per worker, counted by hand; a message to all by io.emit, which leaves nobody out, up to ${TURN_MESSAGES} in one turn`,

  stream: streamBy({ encode: bufferOf, parserFor }),
  objects: streamBy({ encode: (item) => item, parserFor: messagePack }),

  work: {
    async producer({ bytes }) {
      const window = new Window()
      const address = await listen(await parserFor(bytes), (socket) => {
        const settled = window.join((item) => void socket.emit(NAME, bufferOf(item), settled))
      })
      return window.side(address)
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
      const questions = new Questions()
      const address = await listen(await parserFor(bytes), (socket) =>
        questions.join((question, answered) => void socket.emit(NAME, bufferOf(question), answered)),
      )
      return questions.side(address)
    },

    async answerer(address, answer, { bytes }) {
      await closed(
        await connect(address, await parserFor(bytes), (question, reply) => reply(bufferOf(answer(question)))),
      )
    },
  },

  idle: {
    async server({ bytes }) {
      const clients = new Crowd()
      return clients.side(await listen(await parserFor(bytes), () => clients.join()))
    },

    async client(address, { bytes }) {
      await connect(address, await parserFor(bytes))
    },
  },

  fanOut: {
    async announcer({ bytes }) {
      const clients = new Crowd()
      const turns = new Turns()
      /** @type {Namespace | undefined} */
      let all
      const address = await listen(await parserFor(bytes), ({ nsp }) => {
        all = nsp
        clients.join()
      })
      return {
        ...clients.side(address),
        async announce(message) {
          all?.emit(NAME, bufferOf(message))
          if (turns.isOver(message)) await turn()
          return 0
        },
      }
    },

    async listener(address, took, { bytes }) {
      await connect(address, await parserFor(bytes), took)
    },
  },
}

/** @param {number} bytes of a payload */
async function parserFor(bytes) {
  return bytes < LARGE_BYTES ? await messagePack() : DEFAULT
}
