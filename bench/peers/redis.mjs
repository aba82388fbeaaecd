// @ts-check
import { missing, open, redisServer } from './redis/connection.mjs'
import { bufferOf } from './shared/buffer.mjs'
import { addAll, BATCH, createGroup, empty, joined, joinGroup, MOST_STORED, readAll, workAll } from './redis/items.mjs'

/** @import { Peer, Stream } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  packages: ['ioredis'],
  setup: `streams of redis-server by ioredis, nothing on disk: XADD in pipelines of up to ${BATCH}, two of them under way, with XLEN at their end, by which the sender waits at ${MOST_STORED.toLocaleString('en')} items or 32 MiB; XREAD for up to ${BATCH} at a time, in one pipeline with XDEL of those before; work by XREADGROUP instead, with XACK and XDEL; objects as JSON`,
  missing,
  broker: redisServer,

  stream: streamBy({ encode: bufferOf, decode: (payload) => payload }),
  objects: streamBy({ encode: JSON.stringify, decode: (payload) => JSON.parse(payload.toString()) }),

  work: {
    async producer({ broker, bytes }) {
      const redis = await open(broker)
      await createGroup(redis)
      return {
        address: broker,
        connected: (workers) => joined(redis, workers),
        async run(payloads) {
          await addAll(redis, { payloads, bytes, encode: bufferOf })
          await empty(redis)
        },
      }
    },

    async worker(address, did) {
      const redis = await open(address)
      const name = `worker-${process.pid}`
      await joinGroup(redis, name)
      await workAll(redis, name, did)
    },
  },
}

/**
 * @template Item
 * @param {{ encode: (item: Item) => Buffer | string, decode: (payload: Buffer) => Item }} codec
 * @returns {Stream<Item>}
 */
function streamBy({ encode, decode }) {
  return {
    async receiver(took, { broker }) {
      const redis = await open(broker)
      void readAll(redis, (payload) => took(decode(payload)))
      return broker
    },

    async sender(address, payloads, { bytes }) {
      const redis = await open(address)
      await addAll(redis, { payloads, bytes, encode })
      redis.disconnect()
    },
  }
}
