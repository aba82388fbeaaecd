// @ts-check
// What netqueue's parts share: listening and connecting with the same codecs, and a producer of work.

import { bytes, connect, listen } from './library.mjs'
import { sum } from '../../statistics.mjs'

/** @import { Client, Codec, Server } from './library.mjs' */
/** @import { Setting, Side, Stream, WorkProducer } from '../peer.d.ts' */

/**
 * In both directions; where one is not given, it is netqueue's default.
 * @template T
 * @typedef {{ readonly item?: Codec<T>, readonly result?: Codec<T> }} Codecs
 */

/** @type {Codecs<Uint8Array>} */
const BYTES = { item: bytes(), result: bytes() }

/** @param {Partial<Setting>} [setting] */
export function serve(setting) {
  return serveWith(BYTES, setting)
}

/**
 * @template T
 * @param {Codecs<T>} codecs
 * @param {Partial<Setting>} [setting]
 * @returns {Promise<Server<T, T>>}
 */
function serveWith(codecs, setting) {
  return listen('tcp://127.0.0.1:0', optionsFrom(codecs, setting))
}

/**
 * @param {string} address
 * @param {Partial<Setting>} [setting]
 */
export function join(address, setting) {
  return joinWith(BYTES, address, setting)
}

/**
 * @template T
 * @param {Codecs<T>} codecs
 * @param {string} address
 * @param {Partial<Setting>} [setting]
 * @returns {Promise<Client<T, T>>}
 */
function joinWith(codecs, address, setting) {
  return connect(address, optionsFrom(codecs, setting))
}

/**
 * @template T
 * @param {Codecs<T>} codecs
 * @param {Partial<Setting>} [setting]
 */
function optionsFrom(codecs, { prefetch = 0 } = {}) {
  return prefetch === 0 ? codecs : { ...codecs, prefetch }
}

/**
 * @template T
 * @param {Server<T, T>} server
 * @returns {Side}
 */
export function side(server) {
  return { address: /** @type {string} */ (server.address), connected: (count) => connected(server, count) }
}

/**
 * @template T
 * @param {Server<T, T>} server
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
 * Items by `await put(item)` from a client, and by `for await` at the server.
 * @template T
 * @param {Codecs<T>} codecs
 * @returns {Stream<T>}
 */
export function streamWith(codecs) {
  return {
    async receiver(took, setting) {
      const server = await serveWith(codecs, setting)
      void takeAll(server, took)
      return side(server).address
    },

    async sender(address, payloads, setting) {
      const client = await joinWith(codecs, address, setting)
      for (let item = payloads.next(); item !== undefined; item = payloads.next()) await client.put(item)
      await client.close()
    },
  }
}

export const stream = streamWith(BYTES)

/**
 * @template T
 * @param {AsyncIterable<T>} items
 * @param {(item: T) => void} took
 */
export async function takeAll(items, took) {
  for await (const item of items) took(item)
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
    unsettled: () => sum(server.clients.map(({ inFlight }) => inFlight)),
  }
}
