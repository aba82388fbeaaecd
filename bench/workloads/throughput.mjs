// @ts-check
// How many items a second get from one process to another?

import { setTimeout as delay } from 'node:timers/promises'
import { loadPart } from '../peers/load.mjs'
import { median, rounded } from '../statistics.mjs'
import { cost, rate } from './common/cells.mjs'
import { Checker, TimedPayloads } from './common/payloads.mjs'
import { Stopwatch } from './common/stopwatch.mjs'

/** @import { Workload } from './workload.d.ts' */
/** @import { Setting } from '../peers/peer.d.ts' */

/** @typedef {{ perSecond: number, sent: number, lost: number, cpuMicrosPerItem: number }} Sample */
/** @typedef {ReturnType<typeof summary>} Result */

/** At the receiver, from its first item on. */
const WARM_UP_MS = 300
/** When nothing has come for that long after the sender has finished, nothing will. */
const QUIET_MS = 1_000
const POLL_MS = 20

const GOALS = new Map([
  [16, { peers: 6, raw: 0.35 }],
  [128, { peers: 5, raw: 0.4 }],
  [1_024, { peers: 3, raw: 0.4 }],
  [65_536, { peers: 2, raw: 0.8 }],
])

/** @type {Workload<Sample, Result>} */
export const workload = {
  title: 'items from one process to another, as fast as they go',
  needs: 'stream',
  rounds: 5,
  options: {
    size: { default: 128, help: 'bytes of an item' },
    ms: { default: 1_000, help: 'milliseconds that are measured, after a warm-up' },
    prefetch: { default: 0, help: 'prefetch of netqueue, 0 for its default' },
  },
  variants: [...GOALS.keys()].map((size) => ({ size })),

  async round(stage, { options: { ms = 0 }, progress }) {
    const to = stage.start(receiver)
    const from = stage.start(sender)
    const address = await to.methods.listen()
    progress('sending')
    const idle = await stage.cpuMicros()
    const sent = await Promise.race([from.methods.send({ address, ms: WARM_UP_MS + ms }), to.methods.failure()])
    const { count, perSecond } = await Promise.race([to.methods.outcome({ sent }), to.methods.failure()])
    const busy = await stage.cpuMicros()
    return { perSecond, sent, lost: sent - count, cpuMicrosPerItem: (busy - idle) / sent }
  },

  summary,
  figure: { title: 'items/s', of: ({ perSecond }) => perSecond },

  goals: ({ size = 0 }) => {
    const goal = GOALS.get(size)
    if (goal === undefined) return []
    return [
      { against: 'peers', least: goal.peers },
      { against: 'raw', least: goal.raw },
    ]
  },

  columns: [
    ['items/s', ({ median }) => rate(median)],
    ['MB/s', ({ megabytesPerSecond }) => String(megabytesPerSecond)],
    ['least … most', ({ samples }) => `${rate(Math.min(...samples))} … ${rate(Math.max(...samples))}`],
    ['CPU per item', ({ cpuMicrosPerItem }) => cost(cpuMicrosPerItem)],
    ['lost', ({ lost }) => String(lost)],
  ],

  notes: (_, { size, ms }) => [
    `Items of ${size} bytes, one way, from one sender to one receiver, which counts for ${ms} ms after a warm-up. It checks the length and the index of each, and the whole of some. CPU: of all processes, a broker's included, warm-up included.`,
  ],
}

/**
 * @param {readonly Sample[]} samples
 * @param {Readonly<Record<string, number>>} options
 */
function summary(samples, { size = 0 }) {
  const perSecond = samples.map((sample) => rounded(sample.perSecond))
  const middle = rounded(median(perSecond))
  return {
    unit: 'items/s',
    median: middle,
    megabytesPerSecond: rounded((middle * size) / 1e6),
    cpuMicrosPerItem: rounded(median(samples.map(({ cpuMicrosPerItem }) => cpuMicrosPerItem)), 3),
    lost: samples.reduce((total, { lost }) => total + lost, 0),
    samples: perSecond,
    rounds: samples,
  }
}

/**
 * The process that takes items.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function receiver(peer, setting) {
  const stream = await loadPart(peer, 'stream')
  const stopwatch = new Stopwatch(WARM_UP_MS)
  const checker = new Checker({
    bytes: setting.bytes,
    ordered: true,
    looked: (now, count) => stopwatch.looked(now, count),
  })
  return {
    listen: async () => (await stream.receiver(checker.took, setting)).address,
    failure: () => checker.failure,
    outcome: async (/** @type {{ sent: number }} */ { sent }) => {
      await allCome(() => checker.count, sent)
      return { count: checker.count, perSecond: stopwatch.perSecond }
    },
  }
}

/**
 * Resolves when all are there, or when nothing comes any more.
 * @param {() => number} count
 * @param {number} wanted
 */
async function allCome(count, wanted) {
  let before = -1
  for (let quietMs = 0; count() < wanted && quietMs < QUIET_MS; quietMs += POLL_MS) {
    if (count() !== before) quietMs = 0
    before = count()
    await delay(POLL_MS)
  }
}

/**
 * The process that sends them.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function sender(peer, setting) {
  const stream = await loadPart(peer, 'stream')
  return {
    send: async (/** @type {{ address: string, ms: number }} */ { address, ms }) => {
      const payloads = new TimedPayloads({ bytes: setting.bytes, ms })
      await stream.sender(address, payloads, setting)
      return payloads.sent
    },
  }
}
