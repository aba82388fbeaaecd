// @ts-check
import { bytes, connect, defineMessages, listen, type } from './library.mjs'

/** @import { Streams } from '../peer.d.ts' */

const [FILE, QUESTION] = ['bench:file', 'bench:question']
const ofBytes = /** @type {typeof type<Uint8Array>} */ (type)()
const definition = { payload: ofBytes, reply: ofBytes, codec: bytes() }
const messages = defineMessages({ [FILE]: definition, [QUESTION]: definition })

/** @type {Streams} */
export const streams = {
  async source({ chunks, answer }) {
    const server = await listen('tcp://127.0.0.1:0', { messages })
    server.handle(FILE, async function* (wanted) {
      const count = Number(Buffer.from(wanted).toString())
      for (let sent = 0; sent < count; sent += 1) yield /** @type {Uint8Array} */ (chunks[sent % chunks.length])
    })
    server.handle(QUESTION, answer)
    return /** @type {string} */ (server.address)
  },

  async reader(address) {
    const client = await connect(address, { messages })
    return {
      async read(count, took) {
        for await (const chunk of client.stream(FILE, Buffer.from(String(count)))) {
          const taking = took(chunk)
          if (taking !== undefined) await taking
        }
      },
      ask: (question) => client.request(QUESTION, question),
    }
  },
}
