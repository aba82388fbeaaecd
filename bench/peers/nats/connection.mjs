// @ts-check
// What the parts of NATS share: the server, connections to it, and how a producer knows who is there.

import { missingProgram, startBroker } from '../shared/brokers.mjs'
import { Crowd } from '../shared/crowd.mjs'

/** @import { NatsConnection } from '@nats-io/transport-node' */

const PROGRAM = 'nats-server'
const GREETING = 'hello'

export const missing = () => missingProgram(PROGRAM, 'nats-server')

/** @param {{ stores?: boolean }} [options] */
export function natsServer({ stores = false } = {}) {
  return startBroker({
    scheme: 'nats',
    command: ({ port, folder }) => ({
      program: PROGRAM,
      args: ['--addr', '127.0.0.1', '--port', String(port), ...(stores ? ['--jetstream', '--store_dir', folder] : [])],
    }),
  })
}

/** @param {string} url */
export async function join(url) {
  const { connect } = await import('@nats-io/transport-node')
  // A request else records where it was made, for its errors.
  return connect({ servers: url, reconnect: false, noAsyncTraces: true })
}

/**
 * For those who wait for {@link greet}.
 * @param {NatsConnection} connection
 */
export async function greeted(connection) {
  const clients = new Crowd()
  connection.subscribe(GREETING, { callback: () => clients.join() })
  await connection.flush()
  return clients
}

/**
 * What was subscribed before stands at the server when the greeting arrives.
 * @param {NatsConnection} connection
 */
export async function greet(connection) {
  connection.publish(GREETING)
  await connection.flush()
}
