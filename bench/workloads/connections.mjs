// @ts-check
// How much memory does a connection take at the server, when it does nothing?

import { readFileSync } from 'node:fs'
import { loadPart } from '../peers/load.mjs'
import { median, rounded } from '../statistics.mjs'
import { range } from './common/cells.mjs'
import { CLIENT_PROCESSES } from './common/joining.mjs'
import { settledMemory } from './common/memory.mjs'

/** @import { Workload } from './workload.d.ts' */
/** @import { Setting } from '../peers/peer.d.ts' */

/** @typedef {{ rss: number, heap: number }} Sample KiB for each connection */
/** @typedef {ReturnType<typeof summary>} Result */

const KIB = 1_024
/** Connections from each of those processes before anything is measured: the first ones load code. */
const FIRST = 25
/** Connections that one process opens at once: fewer than wait in a listener's queue. */
const AT_ONCE = 50
/** Files that a process has open beside its connections, about. */
const OTHER_FILES = 100
/** From so many on the goal holds: of fewer, what a process has for itself is too large a part. */
const MANY = 10_000
const [SETTLE_MS, PAUSE_MS] = [500, 170]

/** @type {Workload<Sample, Result>} */
export const workload = {
  title: 'memory of a server for each connection that does nothing',
  needs: 'idle',
  rounds: 3,
  options: {
    connections: { default: 1_000, help: `connections to the server, more than ${CLIENT_PROCESSES * FIRST}` },
  },
  variants: [{ connections: 1_000 }, { connections: 10_000 }],

  async round(stage, { options: { connections = 0 }, progress }) {
    checkFiles(connections)
    const server = stage.start(idleServer, { nodeOptions: ['--expose-gc'] })
    const clients = Array.from({ length: CLIENT_PROCESSES }, () => stage.start(idleClients))
    const address = await server.methods.listen()
    const connect = async (/** @type {number} */ each) => {
      await Promise.all(clients.map(({ methods }) => methods.connect({ address, count: each })))
    }
    const memory = async (/** @type {number} */ total) => {
      await server.methods.connected(total)
      return await server.methods.memory()
    }
    const first = CLIENT_PROCESSES * FIRST
    const each = Math.ceil((connections - first) / CLIENT_PROCESSES)
    if (each < 1) throw new RangeError(`Expected --connections to be a number above ${first}, got ${connections}`)
    const added = each * CLIENT_PROCESSES
    progress('the first connections')
    await connect(FIRST)
    const before = await memory(first)
    progress('connecting')
    await connect(each)
    const after = await memory(first + added)
    return {
      rss: (after.rss - before.rss) / added / KIB,
      heap: (after.heapUsed - before.heapUsed) / added / KIB,
    }
  },

  summary,
  figure: { title: 'KiB/connection', best: 'least', of: ({ rss }) => rss },
  goals: ({ connections = 0 }) => (connections < MANY ? [] : [{ most: 12 }]),

  columns: [
    ['RSS', ({ median }) => `${median} KiB`],
    ['of it JS heap', ({ heap }) => `${heap} KiB`],
    ['least … most', ({ samples }) => `${range(samples, String)} KiB`],
  ],

  notes: (_, { connections }) => [
    `Resident memory of the server's process for each of ${connections} connections from ${CLIENT_PROCESSES} other processes, after garbage collection; the first ${CLIENT_PROCESSES * FIRST} are not counted, as they load code. What the kernel keeps for a socket is not in it.`,
  ],
}

/** @param {readonly Sample[]} samples */
function summary(samples) {
  const rss = samples.map((sample) => rounded(sample.rss, 1))
  return {
    unit: 'KiB/connection',
    median: rounded(median(rss), 1),
    heap: rounded(median(samples.map(({ heap }) => heap)), 1),
    samples: rss,
    rounds: samples,
  }
}

/** The server's process needs a file for each connection. @param {number} connections */
function checkFiles(connections) {
  const wanted = connections + OTHER_FILES
  if (maxFiles() >= wanted) return
  throw new Error(`${connections} connections need as many open files; this allows them: ulimit -n ${wanted}`)
}

function maxFiles() {
  if (process.platform !== 'linux') return Number.POSITIVE_INFINITY
  const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
}

/**
 * The server's process.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function idleServer(peer, setting) {
  const server = await (await loadPart(peer, 'idle')).server(setting)
  return {
    listen: async () => server.address,
    connected: (/** @type {number} */ clients) => server.connected(clients),
    memory: () => settledMemory({ settleMs: SETTLE_MS, pauseMs: PAUSE_MS }),
  }
}

/**
 * A process of clients.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function idleClients(peer, setting) {
  const idle = await loadPart(peer, 'idle')
  return {
    connect: async (/** @type {{ address: string, count: number }} */ { address, count }) => {
      let left = count
      const connectSome = async () => {
        while (left > 0) {
          left -= 1
          await idle.client(address, setting)
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, connectSome))
    },
  }
}
