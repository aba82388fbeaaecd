// @ts-check
// How long does an answer take, when nothing else is asked?

import { median, quantile, rounded } from '../statistics.mjs'
import { askInTwoProcesses } from './common/asking.mjs'

/** @import { Figure, Workload } from './workload.d.ts' */

export { answerer, asker } from './common/asking.mjs'

/** @typedef {{ p50: number, p99: number, p999: number, requests: number, cpuMicrosPerItem: number }} Sample microseconds */
/** @typedef {ReturnType<typeof summary>} Result */

/** @type {Figure<Sample>} */
const P99 = { title: 'p99 in µs', best: 'least', of: ({ p99 }) => p99 }

/** @type {Workload<Sample, Result>} */
export const workload = {
  title: 'from a question to its answer from another process, one at a time',
  needs: 'requests',
  rounds: 5,
  options: {
    size: { default: 128, help: 'bytes of a question and its answer' },
    ms: { default: 1_000, help: 'milliseconds that are measured, after a warm-up' },
    prefetch: { default: 0, help: 'prefetch of netqueue, 0 for its default' },
  },

  async round(stage, { options: { ms = 0 }, progress }) {
    const { micros, answers, cpuMicrosPerItem } = await askInTwoProcesses(stage, { inFlight: 1, ms, progress })
    const [p50, p99, p999] = [quantile(micros, 0.5), quantile(micros, 0.99), quantile(micros, 0.999)]
    return { p50, p99, p999, requests: answers, cpuMicrosPerItem }
  },

  summary,
  figure: { title: 'p50 in µs', best: 'least', of: ({ p50 }) => p50 },

  goals: () => [
    { against: 'raw', most: 1.2 },
    { against: 'peers', most: 1, figure: P99 },
  ],

  columns: [
    ['p50', ({ p50 }) => `${p50} µs`],
    ['p99', ({ p99 }) => `${p99} µs`],
    ['p99.9', ({ p999 }) => `${p999} µs`],
    ['least … most p50', ({ samples }) => `${Math.min(...samples)} … ${Math.max(...samples)} µs`],
  ],

  notes: (_, { size, ms }) => [
    `One question of ${size} bytes at a time, from one process to another, which answers it with itself; ${ms} ms after a warm-up, on cores that have nothing else to do. Medians of the rounds' figures.`,
  ],
}

/** @param {readonly Sample[]} samples */
function summary(samples) {
  const p50 = samples.map((sample) => rounded(sample.p50, 1))
  return {
    unit: 'µs',
    median: rounded(median(p50), 1),
    p50: rounded(median(p50), 1),
    p99: rounded(median(samples.map(({ p99 }) => p99)), 1),
    p999: rounded(median(samples.map(({ p999 }) => p999)), 1),
    cpuMicrosPerItem: rounded(median(samples.map(({ cpuMicrosPerItem }) => cpuMicrosPerItem)), 3),
    samples: p50,
    rounds: samples,
  }
}
