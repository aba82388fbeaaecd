// @ts-check
import { greet, greeted, join, missing, natsServer } from './nats/connection.mjs'
import { reporter, streamWindow, Unconfirmed } from './shared/unconfirmed.mjs'
import { WINDOW } from './shared/window.mjs'

/** @import { Msg } from '@nats-io/transport-node' */
/** @import { Peer, Stream } from './peer.d.ts' */

/** Where replies go, with the item's number: a count of replies would not say which items are settled. `request` would, but makes a promise and a timer for each. */
const SETTLED = 'settled.'
/** One queue group: each message goes to one of its members. */
const GROUP = { queue: 'workers' }

const NEWS = 'news'

/** @type {Peer} */
export const peer = {
  packages: ['@nats-io/transport-node'],
  setup: `core NATS through nats-server, nothing stored; objects as JSON. It has no back-pressure: in a stream the receiver says now and then how many it took, and at most ${streamWindow(1)} items or 4 MiB are on their way; work goes to a queue group, with at most ${WINDOW} unsettled items per worker, and the reply to an item, at a subject of its own, settles it; requests go to a queue group; a message to all is published once, each listener has a connection of its own, and the one who publishes waits for the server with each message, one message late`,
  missing,
  broker: () => natsServer(),

  stream: streamBy({ encode: (item) => item, decode: ({ data }) => data }),
  objects: streamBy({ encode: JSON.stringify, decode: (message) => message.json() }),

  work: {
    async producer({ broker }) {
      const connection = await join(broker)
      const workers = await greeted(connection)
      const window = new Unconfirmed(WINDOW)
      /** @type {Set<string>} */
      const unsettled = new Set()
      connection.subscribe(`${SETTLED}*`, {
        callback: (_, { subject }) => {
          if (unsettled.delete(subject)) window.confirmed()
        },
      })
      let items = 0
      return {
        address: broker,
        async connected(count) {
          await workers.connected(count)
          window.limit = count * WINDOW
        },
        async run(payloads) {
          for (let item = payloads.next(); item !== undefined; item = payloads.next()) {
            if (window.isFull) await window.room()
            items += 1
            const reply = SETTLED + items
            unsettled.add(reply)
            window.sent()
            connection.publish('work', item, { reply })
          }
          await window.none()
        },
      }
    },

    async worker(address, did) {
      const connection = await join(address)
      connection.subscribe('work', {
        ...GROUP,
        callback: (_, message) => {
          did(message.data)
          message.respond()
        },
      })
      await greet(connection)
      await connection.closed()
    },
  },

  requests: {
    async asker({ broker }) {
      const connection = await join(broker)
      const answerers = await greeted(connection)
      return {
        ...answerers.side(broker),
        ask: async (question) => (await connection.request('questions', question)).data,
      }
    },

    async answerer(address, answer) {
      const connection = await join(address)
      connection.subscribe('questions', {
        ...GROUP,
        callback: (_, message) => void message.respond(answer(message.data)),
      })
      await greet(connection)
      await connection.closed()
    },
  },

  fanOut: {
    async announcer({ broker }) {
      const connection = await join(broker)
      const listeners = await greeted(connection)
      let arriving = Promise.resolve()
      return {
        ...listeners.side(broker),
        async announce(message) {
          connection.publish(NEWS, message)
          const before = arriving
          arriving = connection.flush()
          await before
          return 0
        },
      }
    },

    async listener(address, took) {
      const connection = await join(address)
      connection.subscribe(NEWS, { callback: (_, { data }) => took(data) })
      await greet(connection)
    },
  },
}

/**
 * @template Item
 * @param {{ encode: (item: Item) => Uint8Array | string, decode: (message: Msg) => Item }} codec
 * @returns {Stream<Item>}
 */
function streamBy({ encode, decode }) {
  return {
    async receiver(took, { broker, bytes }) {
      const connection = await join(broker)
      const report = reporter(bytes, (count) => connection.publish('stream.taken', String(count)))
      connection.subscribe('stream', {
        callback: (_, message) => {
          took(decode(message))
          report()
        },
      })
      await connection.flush()
      return broker
    },

    async sender(address, payloads, { bytes }) {
      const connection = await join(address)
      const window = new Unconfirmed(streamWindow(bytes))
      connection.subscribe('stream.taken', { callback: (_, message) => window.confirmed(Number(message.string())) })
      for (let item = payloads.next(); item !== undefined; item = payloads.next()) {
        if (window.isFull) await window.room()
        window.sent()
        connection.publish('stream', encode(item))
      }
      await connection.flush()
      await connection.close()
    },
  }
}
