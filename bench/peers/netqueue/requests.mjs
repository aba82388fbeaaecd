// @ts-check
// Questions and answers: as requests, and as items that are submitted.

import { bytes, connect, defineMessages, listen, type } from './library.mjs'
import { join, serve, side } from './sides.mjs'

/** @import { Server } from './library.mjs' */
/** @import { Guarded, Requests } from '../peer.d.ts' */

const QUESTION = 'bench:question'
const ofBytes = /** @type {typeof type<Uint8Array>} */ (type)()
const messages = defineMessages({ [QUESTION]: { payload: ofBytes, reply: ofBytes, codec: bytes() } })

/** @type {Requests & Guarded} */
export const requests = {
  async asker() {
    const server = await listen('tcp://127.0.0.1:0', { messages })
    return { ...side(server), refusals: refusalsOf(server), ask: (question) => server.request(QUESTION, question) }
  },

  async answerer(address, answer) {
    const client = await connect(address, { messages })
    client.handle(QUESTION, (question) => answer(question))
    await client.closed
  },
}

/** @type {Requests} */
export const submitting = {
  async asker(setting) {
    const server = await serve(setting)
    return { ...side(server), ask: (question) => server.submit(question) }
  },

  async answerer(address, answer, setting) {
    const client = await join(address, setting)
    await client.process((question) => answer(question))
  },
}

/** @param {Pick<Server, 'on'>} server */
function refusalsOf(server) {
  /** @type {Record<string, number>} */
  const refusals = {}
  server.on('warning', ({ error: { code } }) => (refusals[code] = (refusals[code] ?? 0) + 1))
  return () => refusals
}
