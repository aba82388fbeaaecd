// @ts-check
// Does a server's memory stay as it is however many items pass, and what does a worker add to it that stalls?

import { median, rounded } from '../statistics.mjs'
import { PREFETCH } from './common/options.mjs'
import {
  flatGoals,
  growthColumns,
  handingOut,
  PARTS,
  seriesOf,
  sizeOf,
  summaryOfGrowth,
  taking,
  WARM_PARTS,
} from './memory/growth.mjs'
import { stallColumns, stallGoals, stopped, stuck, summaryOfStall } from './memory/stalls.mjs'

/** @import { Workload } from './workload.d.ts' */
/** @import { Growth } from './memory/growth.mjs' */
/** @import { Stall } from './memory/stalls.mjs' */

export { worker } from './common/worker.mjs'
export { consumingServer, putter, puttingServer, staller } from './memory/roles.mjs'

/** @typedef {{ taken: Growth, handedOut: Growth, stuck: Stall, stopped: Stall }} Sample */
/** @typedef {ReturnType<typeof summary>} Result */

/** With fewer, what the engine compiles on the way counts for more than what an item may leave behind. */
const ENOUGH_ITEMS = 10_000_000

/** @type {Workload<Sample, Result>} */
export const workload = {
  title: 'memory of a server while items pass, and what a worker that stalls adds to it',
  needs: 'work',
  // What a broker has, or what the bench counts by hand, says little of a peer.
  only: ['netqueue', 'raw'],
  rounds: 3,
  options: {
    items: { default: ENOUGH_ITEMS, help: `items in each direction; memory is looked at after each of ${PARTS} parts` },
    size: { default: 128, help: 'bytes of an item' },
    ms: {
      default: 400,
      help: 'milliseconds for which a good worker gets items, four times alone and four times beside a bad one',
    },
    prefetch: PREFETCH,
  },

  async round(stage, { options: { items = 0, size = 0, ms = 0 }, progress }) {
    const taken = await taking(stage, { items, progress })
    await stage.strike()
    const handedOut = await handingOut(stage, { items, progress })
    await stage.strike()
    progress('a worker is stuck')
    const whileStuck = await stuck(stage, { ms, size })
    await stage.strike()
    progress('a worker is stopped')
    return { taken, handedOut, stuck: whileStuck, stopped: await stopped(stage, { ms, size }) }
  },

  summary,
  figure: { title: 'MiB of RSS after all items', best: 'least', of: mostMiB },

  goals: ({ items = 0 }) => [
    ...(items < ENOUGH_ITEMS
      ? []
      : [
          ...flatGoals('taken', (/** @type {Sample} */ { taken }) => taken),
          ...flatGoals('handed out', (/** @type {Sample} */ { handedOut }) => handedOut),
        ]),
    ...stallGoals('stuck', (/** @type {Sample} */ { stuck }) => stuck),
    ...stallGoals('stopped', (/** @type {Sample} */ { stopped }) => stopped),
  ],

  columns: [
    ...growthColumns('taken', (/** @type {Result} */ { taken }) => taken),
    ...growthColumns('handed out', (/** @type {Result} */ { handedOut }) => handedOut),
    ...stallColumns('a stuck worker', (/** @type {Result} */ { stuck }) => stuck),
    ...stallColumns('a stopped one', (/** @type {Result} */ { stopped }) => stopped),
  ],

  notes: (results, { items, size, ms }) => [
    `${items} items of ${size} bytes that clients put and the server takes, a new client for each of ${PARTS} parts; then as many that it puts, each a new array, and two workers settle. Memory of the server's process after ${WARM_PARTS} → ${PARTS} parts, and the growth between them for each million items. Live: heap, with compiled code, and array buffers, after garbage collection. The goal for RSS leaves out V8's young generation, which is empty then, and which V8 doubles at some moment under load.`,
    `A stuck worker asks for as many items as it may have, and takes one, which it neither settles nor leaves; a stopped one gets SIGSTOP while it works. Has: items that the server gave it and that are not settled. In an array: what as many such items take in an array and nothing else. Costs: by how much more the server's live memory grew than that of one without such a worker, the connection included. The good one beside it: its items a second to those of one that is alone with a server of its own, in turns of ${ms} ms.`,
    ...Object.entries(results).map(
      ([peer, { taken, handedOut }]) =>
        `${peer}, MiB after each part: ${seriesOf('taken', taken)}; ${seriesOf('handed out', handedOut)}.`,
    ),
  ],
}

/** @param {readonly Sample[]} samples */
function summary(samples) {
  const mebibytes = samples.map((sample) => rounded(mostMiB(sample), 1))
  return {
    unit: 'MiB',
    median: rounded(median(mebibytes), 1),
    taken: summaryOfGrowth(samples.map(({ taken }) => taken)),
    handedOut: summaryOfGrowth(samples.map(({ handedOut }) => handedOut)),
    stuck: summaryOfStall(samples.map(({ stuck }) => stuck)),
    stopped: summaryOfStall(samples.map(({ stopped }) => stopped)),
    samples: mebibytes,
    rounds: samples,
  }
}

/** @param {Sample} sample */
function mostMiB({ taken, handedOut }) {
  return Math.max(sizeOf(taken), sizeOf(handedOut)) / 2 ** 20
}
