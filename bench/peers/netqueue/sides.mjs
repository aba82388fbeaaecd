// @ts-check
// What netqueue's parts share: listening and connecting with the same codecs, and a producer of work.

import { bytes, connect, listen } from '../../../packages/netqueue/dist/index.js'

/** @import { Server } from '../../../packages/netqueue/dist/index.js' */
/** @import { Asker, Setting, WorkProducer } from '../peer.d.ts' */

const codecs = { item: bytes(), result: bytes() }

/** @param {Partial<Setting>} [setting] */
export function serve(setting) {
  return listen('tcp://127.0.0.1:0', optionsFrom(setting))
}

/**
 * @param {string} address
 * @param {Partial<Setting>} [setting]
 */
export function join(address, setting) {
  return connect(address, optionsFrom(setting))
}

/** @param {Partial<Setting>} [setting] */
function optionsFrom({ prefetch = 0 } = {}) {
  return prefetch === 0 ? codecs : { ...codecs, prefetch }
}

/** @param {Server<Uint8Array, Uint8Array>} server */
export function side(server) {
  return {
    address: /** @type {string} */ (server.address),
    connected: (/** @type {number} */ clients) => connected(server, clients),
    close: async () => void (await server.close({ timeout: 1_000 })),
  }
}

/**
 * @param {Server<Uint8Array, Uint8Array>} server
 * @param {number} count
 * @returns {Promise<void>}
 */
function connected(server, count) {
  return new Promise((resolve) => {
    const check = () => server.clients.length >= count && resolve()
    server.on('connect', check)
    check()
  })
}

/**
 * @param {Setting} setting
 * @returns {Promise<WorkProducer>}
 */
export async function producer(setting) {
  const server = await serve(setting)
  return {
    ...side(server),
    async run(payloads) {
      for (let item = payloads.next(); item !== undefined; item = payloads.next()) await server.put(item)
      await server.idle()
    },
  }
}

/**
 * @param {Partial<Setting>} [setting]
 * @returns {Promise<Asker & { refusals(): Record<string, number> }>}
 */
export async function asker(setting) {
  const server = await serve(setting)
  /** @type {Record<string, number>} */
  const refusals = {}
  server.on('warning', ({ error: { code } }) => (refusals[code] = (refusals[code] ?? 0) + 1))
  return { ...side(server), ask: (question) => server.submit(question), refusals: () => refusals }
}

/**
 * @param {string} address
 * @param {(question: Uint8Array) => Uint8Array} answer
 * @param {Partial<Setting>} [setting]
 */
export async function answerer(address, answer, setting) {
  const client = await join(address, setting)
  await client.process((question) => answer(question))
}
