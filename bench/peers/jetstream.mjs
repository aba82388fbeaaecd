// @ts-check
import { greet, greeted, join, missing, natsServer } from './nats/connection.mjs'
import { until } from './shared/brokers.mjs'
import { Unconfirmed } from './shared/unconfirmed.mjs'
import { WINDOW } from './shared/window.mjs'

/** @import { Peer } from './peer.d.ts' */

const STREAM = 'work'
const CONSUMER = 'workers'
/** Stored items that no worker has settled, above which the producer waits: work else piles up at the server. */
const MOST_STORED = 4_096

/** @type {Peer} */
export const peer = {
  packages: ['@nats-io/transport-node', '@nats-io/jetstream'],
  setup: `JetStream of nats-server: a work-queue stream in memory, nothing on disk, at most ${WINDOW} items published whose storing is not confirmed, one pull consumer that the workers share, ${WINDOW} items pulled per worker, each acknowledged. The producer looks now and then how many are stored, and waits above ${MOST_STORED.toLocaleString('en')}`,
  missing,
  broker: () => natsServer({ stores: true }),

  work: {
    async producer({ broker }) {
      const { AckPolicy, jetstream, jetstreamManager, RetentionPolicy, StorageType } =
        await import('@nats-io/jetstream')
      const connection = await join(broker)
      const workers = await greeted(connection)
      const manager = await jetstreamManager(connection)
      await manager.streams.add({
        name: STREAM,
        subjects: [STREAM],
        retention: RetentionPolicy.Workqueue,
        storage: StorageType.Memory,
      })
      await manager.consumers.add(STREAM, { durable_name: CONSUMER, ack_policy: AckPolicy.Explicit })
      const stream = jetstream(connection)
      const stored = async () => (await manager.streams.info(STREAM)).state.messages
      return {
        ...workers.side(broker),
        async run(payloads) {
          const window = new Unconfirmed(WINDOW)
          let sent = 0
          /** @type {Error | undefined} */
          let failure
          const publish = (/** @type {Uint8Array} */ item) =>
            stream.publish(STREAM, item).then(
              () => window.confirmed(),
              (error) => {
                failure = error
                window.confirmed()
              },
            )
          for (let item = payloads.next(); item !== undefined; item = payloads.next()) {
            if (window.isFull) await window.room()
            if (failure !== undefined) throw failure
            window.sent()
            void publish(item)
            sent += 1
            if (sent % MOST_STORED === 0) await until(async () => (await stored()) < MOST_STORED)
          }
          await window.none()
          // An item that is acknowledged leaves the stream.
          await until(async () => (await stored()) === 0)
        },
      }
    },

    async worker(address, did) {
      const { jetstream } = await import('@nats-io/jetstream')
      const connection = await join(address)
      const consumer = await jetstream(connection).consumers.get(STREAM, CONSUMER)
      await consumer.consume({
        max_messages: WINDOW,
        callback: (message) => {
          did(message.data)
          message.ack()
        },
      })
      await greet(connection)
      await connection.closed()
    },
  },
}
