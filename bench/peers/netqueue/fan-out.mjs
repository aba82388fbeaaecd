// @ts-check
import { bytes, connect, defineMessages, listen, type } from './library.mjs'
import { side } from './sides.mjs'

/** @import { FanOut } from '../peer.d.ts' */

const NEWS = 'bench:news'
const messages = defineMessages({
  [NEWS]: { payload: /** @type {typeof type<Uint8Array>} */ (type)(), codec: bytes() },
})

/** @type {FanOut} */
export const fanOut = {
  async announcer() {
    const server = await listen('tcp://127.0.0.1:0', { messages })
    return {
      ...side(server),
      async announce(message) {
        const { missed } = await server.broadcast(NEWS, message)
        return missed.length
      },
    }
  },

  async listener(address, took) {
    const client = await connect(address, { messages })
    const news = client.messages(NEWS)
    const takeAll = async () => {
      for await (const { payload } of news) took(payload)
    }
    void takeAll()
  },
}
