// @ts-check
// Does an item cost the server more when many clients are connected?

import { loadPart } from '../peers/load.mjs'
import { median, rounded, sum } from '../statistics.mjs'
import { cost, rate } from './common/cells.mjs'
import { CLIENT_PROCESSES, joinAll } from './common/joining.mjs'
import { PREFETCH, WARM_UP_MS } from './common/options.mjs'
import { bytePayloads, Checker } from './common/payloads.mjs'
import { producer } from './common/producer.mjs'

/** @import { Figure, Workload } from './workload.d.ts' */
/** @import { Setting } from '../peers/peer.d.ts' */
/** @import { Stage } from '../stage.mjs' */

export { producer }

/** @typedef {{ clients: number, cpuMicrosPerItem: number, perSecond: number, sent: number, lost: number }} Slice */
/** @typedef {{ slices: Slice[] }} Sample */
/** @typedef {ReturnType<typeof summary>} Result */
/** @typedef {Awaited<ReturnType<typeof side>>} Side */

const COUNTS = [10, 100, 1_000]
const [FEWEST, MOST] = [10, 1_000]

/** @type {Figure<Sample>} */
const MOST_TO_FEWEST = {
  title: `CPU time for an item with ${MOST} clients, to that with ${FEWEST}`,
  best: 'least',
  of: (sample) => mean(of(sample, MOST)) / mean(of(sample, FEWEST)),
}

/** @type {Workload<Sample, Result>} */
export const workload = {
  title: `CPU time of the server for an item, with ${COUNTS.join(', ')} clients`,
  needs: 'work',
  // Others choose the worker in the bench's own code, which looks at all of them for each item.
  only: ['netqueue'],
  rounds: 5,
  options: {
    size: { default: 128, help: 'bytes of an item' },
    ms: { default: 1_000, help: 'milliseconds for which each number of clients gets items, twice in a round' },
    prefetch: PREFETCH,
  },

  async round(stage, { options: { ms = 0 }, progress }) {
    /** @type {Side[]} */
    const sides = []
    for (const clients of COUNTS) {
      progress(`connecting ${clients}`)
      sides.push(await side(stage, clients))
    }
    for (const { run } of sides) await run(WARM_UP_MS)
    /** @type {Slice[]} */
    const slices = []
    // There and back, so that what drifts falls on all of them alike.
    for (const { clients, run } of [...sides, ...sides.toReversed()]) {
      progress(`${clients} clients`)
      slices.push(await run(ms))
    }
    return { slices }
  },

  summary,
  goals: () => [{ most: 1.3, figure: MOST_TO_FEWEST }],

  columns: [
    ...COUNTS.map(
      (count) =>
        /** @type {const} */ ([
          `CPU at ${count}`,
          (/** @type {Result} */ { cpuMicrosPerItem }) => cost(cpuMicrosPerItem[count] ?? Number.NaN),
        ]),
    ),
    ...COUNTS.map(
      (count) =>
        /** @type {const} */ ([
          `items/s at ${count}`,
          (/** @type {Result} */ { perSecond }) => rate(perSecond[count] ?? Number.NaN),
        ]),
    ),
    ['ratio', ({ mostToFewest }) => String(mostToFewest)],
    ['lost', ({ lost }) => String(lost)],
  ],

  notes: (_, { size, ms }) => [
    `Items of ${size} bytes, put as fast as the server takes them for ${ms} ms, to clients in ${CLIENT_PROCESSES} other processes that read them by \`for await\`. CPU time of the server's process for each item that is settled. Each number of clients has its own processes; their turns alternate, there and back within a round.`,
  ],
}

/** @param {readonly Sample[]} samples */
function summary(samples) {
  /** @type {(pick: (slice: Slice) => number, digits: number) => Record<string, number>} */
  const byCount = (pick, digits) =>
    Object.fromEntries(
      COUNTS.map((count) => [count, rounded(median(samples.flatMap((sample) => of(sample, count).map(pick))), digits)]),
    )
  const ratios = samples.map((sample) => rounded(MOST_TO_FEWEST.of(sample), 3))
  const cpuMicrosPerItem = byCount((slice) => slice.cpuMicrosPerItem, 3)
  return {
    unit: 'µs',
    median: cpuMicrosPerItem[MOST] ?? Number.NaN,
    cpuMicrosPerItem,
    perSecond: byCount((slice) => slice.perSecond, 0),
    mostToFewest: rounded(median(ratios), 2),
    ratios,
    lost: sum(samples.flatMap(({ slices }) => slices.map(({ lost }) => lost))),
    samples: samples.map((sample) => rounded(mean(of(sample, MOST)), 3)),
    rounds: samples,
  }
}

/**
 * @param {Sample} sample
 * @param {number} count
 */
function of({ slices }, count) {
  return slices.filter(({ clients }) => clients === count)
}

/** @param {Slice[]} slices */
function mean(slices) {
  return sum(slices.map(({ cpuMicrosPerItem }) => cpuMicrosPerItem)) / slices.length
}

/**
 * A server and so many clients of it.
 * @param {Stage} stage
 * @param {number} clients
 */
async function side(stage, clients) {
  const server = stage.start(producer)
  const others = Array.from({ length: CLIENT_PROCESSES }, () => stage.start(workers).methods)
  const { listen, connected } = server.methods
  const address = await listen()
  const failure = Promise.race(others.map((other) => other.failure()))
  await Promise.race([joinAll(others, { address, connected }, clients), failure])
  const taken = async () => sum(await Promise.all(others.map((other) => other.count())))
  const run = async (/** @type {number} */ ms) => {
    const before = await taken()
    const { sent, elapsed, cpuMicros } = await Promise.race([server.methods.run({ ms }), failure])
    const lost = sent - ((await taken()) - before)
    return { clients, cpuMicrosPerItem: cpuMicros / sent, perSecond: (sent / elapsed) * 1_000, sent, lost }
  }
  return { clients, run }
}

/**
 * A process of clients.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function workers(peer, setting) {
  const work = await loadPart(peer, 'work')
  const checker = new Checker({ kind: bytePayloads(setting.bytes), ordered: false })
  /** @type {(error: unknown) => void} */
  let fail = () => {}
  /** @type {Promise<never>} */
  const stopped = new Promise((_, reject) => (fail = reject))
  stopped.catch(() => {})
  return {
    /** They work until the process ends. */
    join: async (/** @type {{ address: string, count: number }} */ { address, count }) => {
      for (let client = 0; client < count; client += 1)
        work.worker(address, checker.took, setting).then(() => fail(new Error('A client has stopped')), fail)
    },
    failure: () => Promise.race([stopped, checker.failure]),
    count: async () => checker.count,
  }
}
