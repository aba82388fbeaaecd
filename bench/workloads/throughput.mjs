// @ts-check
// How many items a second get from one process to another?

import { loadPart } from '../peers/load.mjs'
import { rounded } from '../statistics.mjs'
import { cost, range, rate } from './common/cells.mjs'
import { goalsFor } from './common/goals.mjs'
import { oneWay, receive, send, summaryOf } from './common/one-way.mjs'
import { MEASURED_MS, PREFETCH, WARM_UP_MS } from './common/options.mjs'
import { bytePayloads } from './common/payloads.mjs'

/** @import { Workload } from './workload.d.ts' */
/** @import { Setting } from '../peers/peer.d.ts' */
/** @import { Sample } from './common/one-way.mjs' */

/** @typedef {ReturnType<typeof summary>} Result */

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
    ms: MEASURED_MS,
    prefetch: PREFETCH,
  },
  variants: [...GOALS.keys()].map((size) => ({ size })),

  async round(stage, { options: { ms = 0 }, progress }) {
    return await oneWay(stage, { receiver, sender, ms, progress })
  },

  summary,
  figure: { title: 'items/s', of: ({ perSecond }) => perSecond },

  goals: ({ size = 0 }) => goalsFor(GOALS.get(size)),

  columns: [
    ['items/s', ({ median }) => rate(median)],
    ['MB/s', ({ megabytesPerSecond }) => String(megabytesPerSecond)],
    ['least … most', ({ samples }) => range(samples, rate)],
    ['CPU per item', ({ cpuMicrosPerItem }) => cost(cpuMicrosPerItem)],
    ['lost', ({ lost }) => String(lost)],
  ],

  notes: (_, { size, ms }) => [
    `Items of ${size} bytes, one way, from one sender to one receiver, which counts for ${ms} ms after a warm-up of ${WARM_UP_MS} ms. It checks the length and the index of each, and the whole of some. CPU: of all processes, a broker's included, warm-up included.`,
  ],
}

/**
 * @param {readonly Sample[]} samples
 * @param {Readonly<Record<string, number>>} options
 */
function summary(samples, { size = 0 }) {
  const result = summaryOf(samples)
  return { ...result, megabytesPerSecond: rounded((result.median * size) / 1e6) }
}

/**
 * @param {string} peer
 * @param {Setting} setting
 */
export async function receiver(peer, setting) {
  return await receive(await loadPart(peer, 'stream'), bytePayloads(setting.bytes), setting)
}

/**
 * @param {string} peer
 * @param {Setting} setting
 */
export async function sender(peer, setting) {
  return await send(await loadPart(peer, 'stream'), bytePayloads(setting.bytes), setting)
}
