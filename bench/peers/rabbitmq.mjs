// @ts-check
import { declare, ended, missing, open, rabbitServer, receive, send } from './rabbitmq/connection.mjs'
import { until } from './shared/brokers.mjs'
import { bufferOf } from './shared/buffer.mjs'
import { reporter, streamWindow, Unconfirmed } from './shared/unconfirmed.mjs'
import { WINDOW } from './shared/window.mjs'

/** @import { Channel, ConsumeMessage } from 'amqplib' */
/** @import { Payloads, Peer } from './peer.d.ts' */

const ITEMS = 'items'
/** Where those who take items say how many they took or settled: the server does not tell senders. */
const REPORTS = 'reports'
const QUESTIONS = 'questions'
/** The pseudo-queue by which answers go straight to the connection that asked. */
const REPLY_TO = 'amq.rabbitmq.reply-to'

/** @type {Peer} */
export const peer = {
  packages: ['amqplib'],
  setup: `classic queues of rabbitmq-server by amqplib, nothing durable, frames of 128 KiB, TCP_NODELAY. Streams without acknowledgements; workers with a prefetch of ${WINDOW}, where one acknowledgement settles all items of a turn; requests by direct reply-to. Receivers report how much they did, as the server does not tell senders; at most ${streamWindow(1).toLocaleString('en')} items or 4 MiB are on their way`,
  missing,
  broker: rabbitServer,

  stream: {
    async receiver(took, { broker, bytes }) {
      const { channel } = await open(broker)
      await declare(channel, ITEMS)
      await declare(channel, REPORTS)
      const report = reporter(bytes, (count) => void send(channel, REPORTS, Buffer.from(`${count}`)))
      await receive(channel, ITEMS, ({ content }) => {
        took(content)
        report()
      })
      return broker
    },

    async sender(address, payloads, { bytes }) {
      const { connection, channel } = await open(address)
      const window = await reported(channel, bytes)
      await sendAll(channel, payloads, window)
      // The connection's close overtakes what its channels have not written yet; the channel's own comes after that.
      await channel.close()
      await connection.close()
    },
  },

  work: {
    async producer({ broker, bytes }) {
      const { channel } = await open(broker)
      await declare(channel, ITEMS)
      await declare(channel, REPORTS)
      const window = await reported(channel, bytes)
      return {
        address: broker,
        connected: (workers) => until(async () => (await channel.checkQueue(ITEMS)).consumerCount >= workers),
        async run(payloads) {
          await sendAll(channel, payloads, window)
          await window.none()
        },
      }
    },

    async worker(address, did) {
      const side = await open(address)
      await side.channel.prefetch(WINDOW)
      const settle = settler(side.channel)
      await side.channel.consume(ITEMS, (message) => {
        if (message === null) return
        did(message.content)
        settle(message)
      })
      await ended(side)
    },
  },

  requests: {
    async asker({ broker }) {
      const { channel } = await open(broker)
      await declare(channel, QUESTIONS)
      /** @type {Map<string, (answer: Uint8Array) => void>} */
      const waiting = new Map()
      await receive(channel, REPLY_TO, ({ content, properties }) => {
        const id = String(properties.correlationId)
        waiting.get(id)?.(content)
        waiting.delete(id)
      })
      let asked = 0
      return {
        address: broker,
        connected: (answerers) => until(async () => (await channel.checkQueue(QUESTIONS)).consumerCount >= answerers),
        ask: (question) =>
          new Promise((resolve) => {
            const correlationId = `${(asked += 1)}`
            waiting.set(correlationId, resolve)
            channel.sendToQueue(QUESTIONS, bufferOf(question), { correlationId, replyTo: REPLY_TO })
          }),
      }
    },

    async answerer(address, answer) {
      const side = await open(address)
      await receive(side.channel, QUESTIONS, ({ content, properties: { replyTo, correlationId } }) => {
        side.channel.sendToQueue(String(replyTo), bufferOf(answer(content)), { correlationId })
      })
      await ended(side)
    },
  },
}

/**
 * What was sent and not reported yet.
 * @param {Channel} channel
 * @param {number} bytes of an item
 */
async function reported(channel, bytes) {
  const window = new Unconfirmed(streamWindow(bytes))
  await receive(channel, REPORTS, ({ content }) => window.confirmed(Number(content)))
  return window
}

/**
 * @param {Channel} channel
 * @param {Payloads} payloads
 * @param {Unconfirmed} window
 */
async function sendAll(channel, payloads, window) {
  for (let item = payloads.next(); item !== undefined; item = payloads.next()) {
    if (window.isFull) await window.room()
    window.sent()
    const full = send(channel, ITEMS, bufferOf(item))
    if (full !== undefined) await full
  }
}

/**
 * Acknowledges all items of a turn together, and then reports them: the server takes both in that order.
 * @param {Channel} channel
 * @returns {(message: ConsumeMessage) => void}
 */
function settler(channel) {
  let count = 0
  /** @type {ConsumeMessage | undefined} */
  let last
  const settle = () => {
    if (last !== undefined) channel.ack(last, true)
    void send(channel, REPORTS, Buffer.from(`${count}`))
    last = undefined
    count = 0
  }
  return (message) => {
    last = message
    count += 1
    if (count === 1) setImmediate(settle)
  }
}
