// @ts-check
// What the peers with it-length-prefixed have in common: all but how messages are written.

import { once } from 'node:events'
import { Crowd } from './crowd.mjs'
import { Questions } from './questions.mjs'
import { dial, listen } from './tcp.mjs'
import { ACK, WINDOW, Window } from './window.mjs'

/** @import { Socket } from 'node:net' */
/** @import { Payloads, Peer } from '../peer.d.ts' */

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
        return await listen((socket) => void read(socket, took))
      },

      async sender(address, payloads) {
        const { all } = await writer()
        const socket = await dial(address)
        await all(socket, payloads)
        socket.end()
        await once(socket, 'close')
      },
    },

    work: {
      async producer() {
        const window = new Window()
        const { each } = await writer()
        return window.side(await listen((socket) => void read(socket, window.join(each(socket)))))
      },

      async worker(address, did) {
        const { each } = await writer()
        const socket = await dial(address)
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
        return questions.side(await listen((socket) => void read(socket, questions.joinInOrder(each(socket)))))
      },

      async answerer(address, answer) {
        const { each } = await writer()
        const socket = await dial(address)
        const send = each(socket)
        await read(socket, (question) => send(answer(question)))
      },
    },

    idle: {
      async server() {
        const clients = new Crowd()
        const address = await listen((socket) => {
          clients.join()
          void read(socket, () => {})
        })
        return clients.side(address)
      },

      async client(address) {
        void read(await dial(address), () => {})
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
