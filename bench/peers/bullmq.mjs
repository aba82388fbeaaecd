// @ts-check
import { missing, redisServer } from './redis/connection.mjs'
import { until } from './shared/brokers.mjs'
import { bufferOf } from './shared/buffer.mjs'
import { WINDOW } from './shared/window.mjs'

/** @import { Payloads, Peer } from './peer.d.ts' */

const QUEUE = 'items'
/** Jobs added in one go. */
const BATCH = 200
/** Jobs that nobody has begun, above which the producer waits. */
const MOST_WAITING = 4_000
const JOB_OPTIONS = { removeOnComplete: true, removeOnFail: true }

/** @type {Peer} */
export const peer = {
  packages: ['bullmq', 'ioredis'],
  setup: `BullMQ on redis-server, nothing on disk: addBulk of ${BATCH}, a concurrency of ${WINDOW} per worker, payloads in base64 as jobs are JSON, done jobs removed. It has no back-pressure: the producer looks after each batch how many jobs wait, and waits above ${MOST_WAITING.toLocaleString('en')}`,
  missing,
  broker: redisServer,

  work: {
    async producer({ broker }) {
      const { Queue } = await import('bullmq')
      const queue = new Queue(QUEUE, { connection: connectionTo(broker), defaultJobOptions: JOB_OPTIONS })
      await queue.waitUntilReady()
      return {
        address: broker,
        connected: (workers) => until(async () => (await queue.getWorkersCount()) >= workers),
        async run(payloads) {
          for (let items = batch(payloads); items.length > 0; items = batch(payloads)) {
            await queue.addBulk(items.map((item) => ({ name: 'item', data: bufferOf(item).toString('base64') })))
            await until(async () => (await queue.getWaitingCount()) < MOST_WAITING)
          }
          await until(async () => (await queue.getJobCountByTypes('waiting', 'active', 'failed')) === 0)
        },
      }
    },

    async worker(address, did) {
      const { Worker } = await import('bullmq')
      const worker = new Worker(QUEUE, async ({ data }) => did(Buffer.from(data, 'base64')), {
        connection: connectionTo(address),
        concurrency: WINDOW,
      })
      await new Promise((_, reject) => worker.on('error', reject).on('failed', (_, error) => reject(error)))
    },
  },
}

/** @param {string} broker */
function connectionTo(broker) {
  const { hostname, port } = new URL(broker)
  return { host: hostname, port: Number(port), maxRetriesPerRequest: null }
}

/** @param {Payloads} payloads */
function batch(payloads) {
  const items = []
  for (let item = payloads.next(); item !== undefined; item = payloads.next()) {
    items.push(item)
    if (items.length === BATCH) break
  }
  return items
}
