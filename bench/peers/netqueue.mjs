// @ts-check
import { WINDOW } from './shared/window.mjs'
import { distribute } from './netqueue/distribute.mjs'
import { fanOut } from './netqueue/fan-out.mjs'
import { Queue } from './netqueue/library.mjs'
import { between } from './netqueue/relay.mjs'
import { requests } from './netqueue/requests.mjs'
import { streams } from './netqueue/streams.mjs'
import { join, producer, serve, side, stream, streamWith, takeAll } from './netqueue/sides.mjs'

/** @import { Peer } from './peer.d.ts' */

/** As many as a client may ask for, and as a server gives to one. */
const MAX_PREFETCH = 16_384

/** @type {Peer} */
export const peer = {
  kind: 'ours',
  packages: [],
  setup:
    'the built library with default settings, items and results as bytes (objects by its default codec, msgpack); `await put(item)` for each item and `for await` at the other end, `request` and `handle` for requests, `broadcast` and `messages` for messages to all; a streamed reply is an `async function*` that handles a request, read by `for await`; within a process a `Queue` with room for 256; a `relay()` with default settings where something stands in between',

  stream,
  // What goes without saying: msgpack.
  objects: streamWith({}),

  work: {
    producer,

    async worker(address, did, setting) {
      await takeAll(await join(address, setting), did)
    },

    async staller(address, { prefetch }) {
      const client = await join(address, { prefetch: prefetch || MAX_PREFETCH })
      for await (const _ of client) await new Promise(() => {})
    },
  },

  requests,
  guarded: requests,

  distribute: distribute(),

  idle: {
    async server(setting) {
      return side(await serve(setting))
    },

    async client(address, setting) {
      await join(address, setting)
    },
  },

  fanOut,
  streams,
  relay: between,

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
