// @ts-check
// How many small objects a second get from one process to another, encoded and decoded?

import { loadPart } from '../peers/load.mjs'
import { cost, range, rate } from './common/cells.mjs'
import { objectPayloads } from './common/objects.mjs'
import { oneWay, receive, send, summaryOf } from './common/one-way.mjs'
import { MEASURED_MS, PREFETCH, WARM_UP_MS } from './common/options.mjs'

/** @import { Workload } from './workload.d.ts' */
/** @import { Setting } from '../peers/peer.d.ts' */
/** @import { Sample } from './common/one-way.mjs' */

/** @typedef {ReturnType<typeof summaryOf>} Result */

const [EXAMPLE] = objectPayloads.cycle

/** @type {Workload<Sample, Result>} */
export const workload = {
  title: 'small objects from one process to another, encoded and decoded, as fast as they go',
  needs: 'objects',
  rounds: 5,
  options: {
    ms: MEASURED_MS,
    prefetch: PREFETCH,
  },

  async round(stage, { options: { ms = 0 }, progress }) {
    return await oneWay(stage, { receiver, sender, ms, progress })
  },

  summary: summaryOf,
  figure: { title: 'objects/s', of: ({ perSecond }) => perSecond },

  columns: [
    ['objects/s', ({ median }) => rate(median)],
    ['least … most', ({ samples }) => range(samples, rate)],
    ['CPU per object', ({ cpuMicrosPerItem }) => cost(cpuMicrosPerItem)],
    ['lost', ({ lost }) => String(lost)],
  ],

  notes: (_, { ms }) => [
    `Objects such as \`${JSON.stringify(EXAMPLE)}\`, one way, from one sender to one receiver, each encoded when it is sent and decoded where it comes; ${ms} ms after a warm-up of ${WARM_UP_MS} ms. The receiver checks the order of all, and the whole of some. CPU: of all processes, a broker's included, warm-up included.`,
  ],
}

/**
 * @param {string} peer
 * @param {Setting} setting
 */
export async function receiver(peer, setting) {
  return await receive(await loadPart(peer, 'objects'), objectPayloads, setting)
}

/**
 * @param {string} peer
 * @param {Setting} setting
 */
export async function sender(peer, setting) {
  return await send(await loadPart(peer, 'objects'), objectPayloads, setting)
}
