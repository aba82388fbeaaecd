// @ts-check
// How long does an answer take, when nothing else is asked?

import { availableParallelism, setPriority } from 'node:os'
import { median, quantile, rounded } from '../statistics.mjs'
import { askInTwoProcesses } from './common/asking.mjs'
import { range } from './common/cells.mjs'
import { MEASURED_MS, SUBMIT_PREFETCH, WARM_UP_MS } from './common/options.mjs'

/** @import { Figure, Workload } from './workload.d.ts' */

export { answerer, asker } from './common/asking.mjs'

/** @typedef {{ p50: number, p99: number, p999: number, requests: number }} Times microseconds */
/** @typedef {Times & { cpuMicrosPerItem: number, busy: Times }} Sample */
/** @typedef {ReturnType<typeof summary>} Result */

const LOWEST_PRIORITY = 19
/** From one look at whether it shall end to the next. */
const SPIN_MS = 5

/** @type {Figure<Sample>} */
const P99 = { title: 'p99 in µs', best: 'least', of: ({ p99 }) => p99 }

/** @type {Workload<Sample, Result>} */
export const workload = {
  title: 'from a question to its answer from another process, one at a time',
  needs: 'requests',
  rounds: 5,
  options: {
    size: { default: 128, help: 'bytes of a question and its answer' },
    ms: MEASURED_MS,
    prefetch: SUBMIT_PREFETCH,
  },

  async round(stage, { options: { ms = 0 }, progress }) {
    return await askInTwoProcesses(stage, { inFlight: 1, progress }, async (ask) => {
      const idle = await ask(ms)
      const spinners = Array.from({ length: availableParallelism() }, () => stage.start(spinner))
      await Promise.all(spinners.map(({ methods }) => methods.spin()))
      const busy = await ask(ms)
      return { ...timesOf(idle.micros), cpuMicrosPerItem: idle.cpuMicrosPerItem, busy: timesOf(busy.micros) }
    })
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
    ['p50 busy', ({ busy }) => `${busy.p50} µs`],
    ['p99 busy', ({ busy }) => `${busy.p99} µs`],
    ['least … most p50', ({ samples }) => `${range(samples, String)} µs`],
  ],

  notes: (_, { size, ms }) => [
    `One question of ${size} bytes at a time, from one process to another, which answers it with itself; ${ms} ms after a warm-up of ${WARM_UP_MS} ms. Medians of the rounds' figures.`,
    'On cores with nothing else to do, most of that is the time in which a core wakes up. Busy: a process of the lowest priority keeps each core awake.',
  ],
}

/** @param {readonly Sample[]} samples */
function summary(samples) {
  const times = medians(samples)
  return {
    unit: 'µs',
    median: times.p50,
    ...times,
    busy: medians(samples.map(({ busy }) => busy)),
    cpuMicrosPerItem: rounded(median(samples.map(({ cpuMicrosPerItem }) => cpuMicrosPerItem)), 3),
    samples: samples.map(({ p50 }) => rounded(p50, 1)),
    rounds: samples,
  }
}

/** @param {readonly Times[]} times */
function medians(times) {
  /** @param {(one: Times) => number} pick */
  const middle = (pick) => rounded(median(times.map(pick)), 1)
  return { p50: middle(({ p50 }) => p50), p99: middle(({ p99 }) => p99), p999: middle(({ p999 }) => p999) }
}

/**
 * @param {Float64Array} micros
 * @returns {Times}
 */
function timesOf(micros) {
  const [p50, p99, p999] = [quantile(micros, 0.5), quantile(micros, 0.99), quantile(micros, 0.999)]
  return { p50, p99, p999, requests: micros.length }
}

/** A process that keeps a core awake, and leaves it to whoever wants it. */
export async function spinner() {
  setPriority(LOWEST_PRIORITY)
  const spin = () => {
    const end = performance.now() + SPIN_MS
    while (performance.now() < end);
    setImmediate(spin)
  }
  return { spin: async () => void setImmediate(spin) }
}
