// @ts-check
// How many items a second do two workers do, each of them settled?

import { median, rounded, sum } from '../statistics.mjs'
import { cost, range, rate } from './common/cells.mjs'
import { PREFETCH, WARM_UP_MS } from './common/options.mjs'
import { producer } from './common/producer.mjs'
import { ratesOf } from './common/summary.mjs'
import { worker } from './common/worker.mjs'

/** @import { Workload } from './workload.d.ts' */

export { producer, worker }

/** @typedef {{ perSecond: number, sent: number, lost: number, shares: number[], cpuMicrosPerItem: number }} Sample */
/** @typedef {ReturnType<typeof summary>} Result */

const WORKERS = 2
/** netqueue with a prefetch that does not change. */
const FIXED = [1, 64, 256, 1_024, 4_096].map((prefetch) => `netqueue-prefetch-${prefetch}`)

/** @type {Workload<Sample, Result>} */
export const workload = {
  title: `items from one process to ${WORKERS} workers, every one of them settled`,
  needs: 'work',
  rounds: 5,
  options: {
    size: { default: 128, help: 'bytes of an item' },
    ms: { default: 1_000, help: `milliseconds for which items are handed out, after a warm-up of ${WARM_UP_MS}` },
    prefetch: PREFETCH,
  },

  async round(stage, { options: { ms = 0 }, progress }) {
    const source = stage.start(producer)
    const workers = Array.from({ length: WORKERS }, () => stage.start(worker))
    const address = await source.methods.listen()
    const failures = workers.map(({ methods }) => methods.work({ address }))
    const rest = async () => {
      progress('warming up')
      await source.methods.connected(WORKERS)
      await source.methods.run({ ms: WARM_UP_MS })
      const before = await Promise.all(workers.map(({ methods }) => methods.count()))
      const idle = await stage.cpuMicros()
      progress('working')
      const { sent, elapsed } = await source.methods.run({ ms })
      const busy = await stage.cpuMicros()
      const after = await Promise.all(workers.map(({ methods }) => methods.count()))
      const shares = after.map((count, index) => count - (before[index] ?? 0))
      return {
        perSecond: (sent / elapsed) * 1_000,
        sent,
        lost: sent - sum(shares),
        shares,
        cpuMicrosPerItem: (busy - idle) / sent,
      }
    }
    return await Promise.race([rest(), ...failures])
  },

  summary,
  figure: { title: 'items/s', of: ({ perSecond }) => perSecond },

  goals: () => [
    { against: 'ws', least: 5 },
    { against: 'peers', except: ['ws'], least: 12 },
    { against: 'raw', least: 0.3 },
    { subject: 'netqueue-process', against: 'ws', least: 5 },
    { subject: 'netqueue-process', against: 'peers', except: ['ws'], least: 12 },
    { subject: 'netqueue-process', against: 'raw', least: 0.3 },
    { subject: 'netqueue-async', against: 'zeromq', least: 3 },
    { against: FIXED, least: 0.9 },
  ],

  columns: [
    ['items/s', ({ median }) => rate(median)],
    ['least … most', ({ samples }) => range(samples, rate)],
    ['CPU per item', ({ cpuMicrosPerItem }) => cost(cpuMicrosPerItem)],
    ['lost', ({ lost }) => String(lost)],
    ['smaller share', ({ smallerShare }) => `${rounded(smallerShare * 100)} %`],
  ],

  notes: (_, { size, ms }) => [
    `Items of ${size} bytes from one process to ${WORKERS} others, handed out for ${ms} ms after a warm-up of ${WARM_UP_MS} ms; the time runs until all are settled. Workers check the length and the index of each, and the whole of some. CPU: of all processes, a broker's included. Smaller share: what the worker with fewer items did.`,
  ],
}

/** @param {readonly Sample[]} samples */
function summary(samples) {
  return {
    ...ratesOf(samples, 'items/s'),
    lost: sum(samples.map(({ lost }) => lost)),
    smallerShare: rounded(median(samples.map(({ shares, sent }) => Math.min(...shares) / sent)), 3),
  }
}
