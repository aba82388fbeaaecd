// @ts-check
// What Redis and BullMQ share: the server, and connections to it.

import { missingProgram, startBroker } from '../shared/brokers.mjs'

/** @import { Redis } from 'ioredis' */

const PROGRAM = 'redis-server'

export const missing = () => missingProgram(PROGRAM, 'redis-server')

export function redisServer() {
  return startBroker({
    scheme: 'redis',
    command: ({ port, folder }) => ({
      program: PROGRAM,
      args: ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder, '--save', '', '--appendonly', 'no'],
    }),
  })
}

/**
 * @param {string} url
 * @returns {Promise<Redis>}
 */
export async function open(url) {
  const { Redis } = await import('ioredis')
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: null })
  await redis.connect()
  return redis
}
