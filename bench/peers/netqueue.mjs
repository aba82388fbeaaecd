// @ts-check
import { Queue } from '../../packages/netqueue/dist/queue/queue.js'
import { WINDOW } from './shared/window.mjs'
import { answerer, asker, join, producer, serve, side } from './netqueue/sides.mjs'

/** @import { Peer } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  kind: 'ours',
  packages: [],
  setup:
    'the built library with default settings, items and results as bytes; `await put(item)` for each item and `for await` at the other end, `submit` and `process` for requests; within a process a `Queue` with room for 256',

  stream: {
    async receiver(took, setting) {
      const server = await serve(setting)
      void takeAll(server, took)
      return side(server)
    },

    async sender(address, payloads, setting) {
      const client = await join(address, setting)
      for (let item = payloads.next(); item !== undefined; item = payloads.next()) await client.put(item)
      await client.close()
    },
  },

  work: {
    producer,

    async worker(address, did, setting) {
      await takeAll(await join(address, setting), did)
    },
  },

  requests: { asker, answerer },
  guarded: { asker, answerer },

  distribute: {
    async producer() {
      const server = await serve()
      return { ...side(server), put: (item) => server.put(item), results: () => server }
    },

    async worker(address, work) {
      const client = await join(address)
      for await (const item of client) await client.put(await work(item))
    },
  },

  idle: {
    async server(setting) {
      return side(await serve(setting))
    },

    async client(address, setting) {
      await join(address, setting)
    },
  },

  handOff: {
    async run(count, took) {
      /** @type {Queue<number>} */
      const queue = new Queue({ capacity: WINDOW })
      const produce = async () => {
        for (let item = 0; item < count; item += 1) await queue.put(item)
        queue.close()
      }
      const producing = produce()
      for await (const item of queue) took(item)
      await producing
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
