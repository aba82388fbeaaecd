// @ts-check
// How many items a second get from one asynchronous function to another in the same process?

import { loadPart } from '../peers/load.mjs'
import { median, rounded } from '../statistics.mjs'
import { range, rate } from './common/cells.mjs'
import { MEASURED_MS, WARM_UP_MS } from './common/options.mjs'

/** @import { Workload } from './workload.d.ts' */
/** @import { HandOff } from '../peers/peer.d.ts' */

/** @typedef {{ perSecond: number, nanosPerItem: number }} Sample */
/** @typedef {ReturnType<typeof summary>} Result */

/** A run that takes so long is not started with more items. */
const CALIBRATED_MS = 20
const FIRST_COUNT = 10_000

/** @type {Workload<Sample, Result>} */
export const workload = {
  title: 'items from one asynchronous function to another in the same process',
  needs: 'handOff',
  rounds: 5,
  options: {
    ms: MEASURED_MS,
  },

  async round(stage, { options: { ms = 0 }, progress }) {
    progress('handing over')
    return await stage.start(both).methods.run({ ms })
  },

  summary,
  figure: { title: 'items/s', of: ({ perSecond }) => perSecond },
  // Nothing ever waits in fastq with callbacks: it calls the consumer inside of `push`.
  goals: () => [{ against: 'peers', except: ['fastq'], least: 1 }],

  columns: [
    ['items/s', ({ median }) => rate(median)],
    ['per item', ({ nanosPerItem }) => `${nanosPerItem} ns`],
    ['least … most', ({ samples }) => range(samples, rate)],
  ],

  notes: (_, { ms }) => [
    `Numbers from a producer to a consumer in one process, which checks that each follows the one before it; the producer is held back at 256. ${ms} ms after a warm-up of ${WARM_UP_MS} ms.`,
  ],
}

/** @param {readonly Sample[]} samples */
function summary(samples) {
  const perSecond = samples.map((sample) => rounded(sample.perSecond))
  return {
    unit: 'items/s',
    median: rounded(median(perSecond)),
    nanosPerItem: rounded(median(samples.map(({ nanosPerItem }) => nanosPerItem)), 1),
    samples: perSecond,
    rounds: samples,
  }
}

/**
 * The process of both functions.
 * @param {string} peer
 */
export async function both(peer) {
  const handOff = await loadPart(peer, 'handOff')
  const handOver = (/** @type {number} */ count) => timed(handOff, count)
  return {
    run: async (/** @type {{ ms: number }} */ { ms }) => {
      const count = await enough(handOver)
      await repeated(handOver, { count, ms: WARM_UP_MS })
      const nanosPerItem = await repeated(handOver, { count, ms })
      return { perSecond: 1e9 / nanosPerItem, nanosPerItem }
    },
  }
}

/**
 * So many items that a run of them takes some milliseconds.
 * @param {(count: number) => Promise<number>} handOver
 */
async function enough(handOver) {
  let count = FIRST_COUNT
  while ((await handOver(count)) < CALIBRATED_MS) count *= 2
  return count
}

/**
 * @param {(count: number) => Promise<number>} handOver
 * @param {{ count: number, ms: number }} options
 * @returns {Promise<number>} nanoseconds per item
 */
async function repeated(handOver, { count, ms }) {
  let elapsed = 0
  let items = 0
  while (elapsed < ms) {
    elapsed += await handOver(count)
    items += count
  }
  return (elapsed / items) * 1e6
}

/**
 * @param {HandOff} handOff
 * @param {number} count
 */
async function timed(handOff, count) {
  let expected = 0
  const start = performance.now()
  await handOff.run(count, (item) => {
    if (item !== expected) throw new Error(`Item ${item} came where ${expected} was due`)
    expected += 1
  })
  const elapsed = performance.now() - start
  if (expected !== count) throw new Error(`${expected} of ${count} items came`)
  return elapsed
}
