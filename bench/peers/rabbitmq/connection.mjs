// @ts-check
// What RabbitMQ's parts share: the server, connections to it, and how a producer learns what is done.

import { existsSync, writeFileSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { freePort, missingProgram, startBroker } from '../shared/brokers.mjs'

/** @import { Channel, ConsumeMessage } from 'amqplib' */

/** Debian's command on the PATH changes the user and the folder first. */
const DEBIAN_PROGRAM = '/usr/lib/rabbitmq/bin/rabbitmq-server'
const PROGRAM = existsSync(DEBIAN_PROGRAM) ? DEBIAN_PROGRAM : 'rabbitmq-server'
/** Erlang's registry of nodes. The server would start one that stays behind, so there is one for it already. */
const REGISTRY = 'epmd'
/** The server's own limit; amqplib's default would cut 64 KiB into 17 frames. */
const FRAME_BYTES = 131_072

export async function missing() {
  return (await missingProgram(PROGRAM, 'rabbitmq-server')) ?? (await missingProgram(REGISTRY, 'rabbitmq-server'))
}

export async function rabbitServer() {
  const [registryPort, nodePort] = [await freePort(), await freePort()]
  const registry = { ERL_EPMD_PORT: `${registryPort}`, ERL_EPMD_ADDRESS: '127.0.0.1' }
  return startBroker({
    scheme: 'amqp',
    before: () => ({ program: REGISTRY, env: registry }),
    command: ({ port, folder }) => {
      const emptyFile = joinPath(folder, 'empty')
      writeFileSync(emptyFile, '')
      return {
        program: PROGRAM,
        env: {
          ...registry,
          HOME: folder,
          // Stays this process, and does not fork.
          RUNNING_UNDER_SYSTEMD: 'true',
          RABBITMQ_NODENAME: `netqueue-bench-${port}@localhost`,
          RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
          RABBITMQ_NODE_PORT: `${port}`,
          RABBITMQ_DIST_PORT: `${nodePort}`,
          RABBITMQ_MNESIA_BASE: joinPath(folder, 'data'),
          RABBITMQ_LOG_BASE: joinPath(folder, 'log'),
          RABBITMQ_LOGS: '-',
          RABBITMQ_CONF_ENV_FILE: emptyFile,
          RABBITMQ_CONFIG_FILE: joinPath(folder, 'rabbitmq'),
          RABBITMQ_ENABLED_PLUGINS_FILE: joinPath(folder, 'plugins'),
          RABBITMQ_PID_FILE: joinPath(folder, 'pid'),
          RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
        },
      }
    },
  })
}

/** @param {string} url */
export async function open(url) {
  const { connect } = await import('amqplib')
  const connection = await connect(`${url}?frameMax=${FRAME_BYTES}&heartbeat=0`, { noDelay: true })
  return { connection, channel: await connection.createChannel() }
}

/** @param {{ connection: import('amqplib').ChannelModel }} side */
export function ended({ connection }) {
  return new Promise((resolve) => connection.once('close', resolve).once('error', () => {}))
}

/**
 * Nothing is stored: a queue that goes with the server, messages that need not outlive it.
 * @param {Channel} channel
 * @param {string} name
 */
export async function declare(channel, name) {
  await channel.assertQueue(name, { durable: false })
}

/**
 * Sends, and tells when the connection takes more; nothing where it does so at once.
 * @param {Channel} channel
 * @param {string} queue
 * @param {Buffer} content
 * @returns {Promise<unknown> | undefined}
 */
export function send(channel, queue, content) {
  if (channel.sendToQueue(queue, content)) return undefined
  return new Promise((resolve) => channel.once('drain', resolve))
}

/**
 * @param {Channel} channel
 * @param {string} queue
 * @param {(message: ConsumeMessage) => void} take
 */
export async function receive(channel, queue, take) {
  await channel.consume(queue, (message) => void (message && take(message)), { noAck: true })
}
