// @ts-check
import { bytes, connect, listen } from '../../packages/netqueue/dist/index.js'

/** @import { Peer } from './peer.d.ts' */
/** @import { Server } from '../../packages/netqueue/dist/index.js' */

const codecs = { item: bytes(), result: bytes() }

/** @type {Peer} */
export const peer = {
  kind: 'ours',
  packages: [],
  setup: 'the built library with default settings, items and results as bytes',

  stream: {
    async receiver(took) {
      const server = await listen('tcp://127.0.0.1:0', codecs)
      void takeAll(server, took)
      return { address: /** @type {string} */ (server.address), close: () => close(server) }
    },

    async sender(address, payloads) {
      const client = await connect(address, codecs)
      for (let item = payloads.next(); item !== undefined; item = payloads.next()) await client.put(item)
      await client.close()
    },
  },

  distribute: {
    async producer() {
      const server = await listen('tcp://127.0.0.1:0', codecs)
      return {
        address: /** @type {string} */ (server.address),
        connected: (workers) => connected(server, workers),
        put: (item) => server.put(item),
        results: () => server,
        close: () => close(server),
      }
    },

    async worker(address, work) {
      const client = await connect(address, codecs)
      for await (const item of client) await client.put(await work(item))
    },
  },

  guarded: {
    async asker() {
      const server = await listen('tcp://127.0.0.1:0', codecs)
      /** @type {Record<string, number>} */
      const refusals = {}
      server.on('warning', ({ error: { code } }) => (refusals[code] = (refusals[code] ?? 0) + 1))
      return {
        address: /** @type {string} */ (server.address),
        connected: (answerers) => connected(server, answerers),
        ask: (question) => server.submit(question),
        refusals: () => refusals,
        close: () => close(server),
      }
    },

    async answerer(address, answer) {
      const client = await connect(address, codecs)
      await client.process((question) => answer(question))
    },
  },
}

/**
 * @param {AsyncIterable<Uint8Array>} items
 * @param {(item: Uint8Array) => void} took
 */
async function takeAll(items, took) {
  for await (const item of items) took(item)
}

/**
 * @param {Server<Uint8Array, Uint8Array>} server
 * @param {number} count
 */
function connected(server, count) {
  return new Promise((resolve) => {
    const check = () => server.clients.length >= count && resolve(undefined)
    server.on('connect', check)
    check()
  })
}

/** @param {Server<Uint8Array, Uint8Array>} server */
async function close(server) {
  await server.close({ timeout: 1_000 })
}
