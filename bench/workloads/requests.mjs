// @ts-check
// How many questions a second are answered, with many open at once?

import { askInTwoProcesses } from './common/asking.mjs'
import { cost, range, rate } from './common/cells.mjs'
import { goalsFor } from './common/goals.mjs'
import { MEASURED_MS, SUBMIT_PREFETCH, WARM_UP_MS } from './common/options.mjs'
import { ratesOf } from './common/summary.mjs'

/** @import { Workload } from './workload.d.ts' */

export { answerer, asker } from './common/asking.mjs'

/** @typedef {{ perSecond: number, cpuMicrosPerItem: number }} Sample */
/** @typedef {ReturnType<typeof summary>} Result */

const GOALS = new Map([
  [256, { peers: 2.5, raw: 0.45 }],
  [64, { peers: 1.8, raw: 0.6 }],
])

/** @type {Workload<Sample, Result>} */
export const workload = {
  title: 'questions to another process and their answers, many open at once',
  needs: 'requests',
  rounds: 5,
  options: {
    size: { default: 128, help: 'bytes of a question and its answer' },
    'in-flight': { default: 256, help: 'questions that are open at once' },
    ms: MEASURED_MS,
    prefetch: SUBMIT_PREFETCH,
  },
  variants: [...GOALS.keys()].map((inFlight) => ({ 'in-flight': inFlight })),

  async round(stage, { options: { 'in-flight': inFlight = 0, ms = 0 }, progress }) {
    return await askInTwoProcesses(stage, { inFlight, progress }, async (ask) => {
      const asked = await ask(ms)
      return { perSecond: (asked.answers / asked.ms) * 1_000, cpuMicrosPerItem: asked.cpuMicrosPerItem }
    })
  },

  summary,
  figure: { title: 'requests/s', of: ({ perSecond }) => perSecond },

  goals: ({ 'in-flight': inFlight = 0 }) => goalsFor(GOALS.get(inFlight)),

  columns: [
    ['requests/s', ({ median }) => rate(median)],
    ['least … most', ({ samples }) => range(samples, rate)],
    ['CPU per request', ({ cpuMicrosPerItem }) => cost(cpuMicrosPerItem)],
  ],

  notes: (_, { size, 'in-flight': inFlight, ms }) => [
    `${inFlight} questions of ${size} bytes open at once, from one process to another, which answers each with itself; ${ms} ms after a warm-up of ${WARM_UP_MS} ms. CPU: of all processes, a broker's included.`,
  ],
}

/** @param {readonly Sample[]} samples */
function summary(samples) {
  return ratesOf(samples, 'requests/s')
}
