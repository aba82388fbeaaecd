// @ts-check
// The processes: servers that are looked into, and a worker that stalls.

import { getHeapSpaceStatistics } from 'node:v8'
import { loadPart } from '../../peers/load.mjs'
import { settledMemory } from '../common/memory.mjs'
import { receive, send } from '../common/one-way.mjs'
import { bytePayloads, NewPayloads } from '../common/payloads.mjs'
import { producer } from '../common/producer.mjs'

/** @import { Setting } from '../../peers/peer.d.ts' */

/**
 * Bytes, after garbage collection.
 * @typedef {object} Memory
 * @property {number} rss
 * @property {number} young of it V8's young generation: empty after a collection, and doubled under load whenever V8 likes
 * @property {number} live heap and array buffers
 */

/** Of items that are weighed: so many that nothing else counts. */
const PLAIN_BYTES = 2 ** 24
const [SETTLE_MS, PAUSE_MS] = [200, 50]

/** @returns {Promise<Memory>} */
async function memory() {
  const { rss, heapUsed, arrayBuffers } = await settledMemory({ settleMs: SETTLE_MS, pauseMs: PAUSE_MS })
  const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.physical_space_size ?? 0
  return { rss, young, live: heapUsed + arrayBuffers }
}

/**
 * A server that takes what clients put.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function consumingServer(peer, setting) {
  return { ...(await receive(await loadPart(peer, 'stream'), bytePayloads(setting.bytes), setting)), memory }
}

/**
 * Clients that put, one after the other.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function putter(peer, setting) {
  return await send(await loadPart(peer, 'stream'), bytePayloads(setting.bytes), setting)
}

/**
 * A server that hands out work.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function puttingServer(peer, setting) {
  return {
    ...(await producer(peer, setting)),
    memory,
    /** Bytes that an item takes by itself. */
    ofItem: async () => {
      const payloads = new NewPayloads({ kind: bytePayloads(setting.bytes) })
      const { live } = await memory()
      const items = Array.from({ length: Math.ceil(PLAIN_BYTES / setting.bytes) }, () => payloads.next())
      const after = await memory()
      return (after.live - live) / items.length
    },
  }
}

/**
 * A worker that takes an item and neither settles it nor reads on.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function staller(peer, setting) {
  const work = await loadPart(peer, 'work')
  return {
    work: async (/** @type {{ address: string }} */ { address }) => {
      if (work.staller === undefined) throw new Error(`${peer} has no worker that stalls`)
      await work.staller(address, setting)
    },
  }
}
