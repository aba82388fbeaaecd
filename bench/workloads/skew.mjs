// @ts-check
// A fast and a slow worker share items: how long until all are done, and how many never are when the slow one is killed?

import { setTimeout as delay } from 'node:timers/promises'
import { loadPart } from '../peers/load.mjs'
import { median, rounded, sum } from '../statistics.mjs'
import { failureOf } from './common/failure.mjs'

/** @import { Figure, Workload } from './workload.d.ts' */
/** @import { Producer } from '../peers/peer.d.ts' */
/** @import { Stage } from '../stage.mjs' */

/**
 * @typedef {object} Run
 * @property {number} makespanMs from the first put to the last result that is not a repeat
 * @property {number} putMs from the first put to the moment when the last one resolved; at the latest the end of the run
 * @property {number} done different items whose result came
 * @property {number} doneBySlow
 * @property {number} repeated results that came again
 * @property {number} lost items whose result never came
 */

/** @typedef {{ plain: Run, killed: Run & { killedAtMs: number } }} Sample */
/** @typedef {ReturnType<typeof summary>} Result */

const FAST = 0
const SLOW = 1
/** Without a result for that long nothing more will come: both workers answer far faster. */
const QUIET_MS = 2_000

/** @type {Figure<Sample>} */
const LOST = { title: 'items lost', best: 'least', of: ({ plain, killed }) => plain.lost + killed.lost }

/** @type {Workload<Sample, Result>} */
export const workload = {
  title: 'a fast and a slow worker share items; then again, and the slow one is killed while it works',
  needs: 'distribute',
  // What a deeper prefetch costs shows at 64 already, and takes the bench minutes.
  only: ['netqueue', 'netqueue-prefetch-1', 'netqueue-prefetch-64', 'zeromq'],
  // So many, as the last of the slow worker's items ends a run on a grid of 50 ms.
  rounds: 9,
  options: {
    items: { default: 200, help: 'items in a run' },
    fast: { default: 1, help: 'milliseconds that the fast worker waits for an item' },
    slow: { default: 50, help: 'milliseconds that the slow worker waits for an item' },
    kill: { default: 500, help: 'milliseconds until the slow worker is killed; half the makespan if that is less' },
  },

  async round(stage, { options, progress }) {
    progress('both live')
    const plain = await run(stage, options)
    const killedAtMs = rounded(Math.min(Number(options.kill), plain.makespanMs / 2))
    progress('one is killed')
    const killed = await run(stage, options, killedAtMs)
    return { plain, killed: { ...killed, killedAtMs } }
  },

  summary,
  figure: { title: 'makespan in ms', best: 'least', of: ({ plain }) => plain.makespanMs },

  goals: () => [
    { against: 'netqueue-prefetch-1', most: 1.05 },
    { most: 0, everyRound: true, figure: LOST },
  ],

  columns: [
    ['makespan', ({ makespanMs }) => `${makespanMs} ms`],
    ['done by fast / slow', ({ rounds: [round] }) => split(round)],
    ['all puts resolved after', ({ putMs }) => `${putMs} ms`],
    ['lost', ({ lost }) => String(lost)],
    ['done twice', ({ repeated }) => String(repeated)],
    ['makespan then', ({ makespanAfterKillMs }) => `${makespanAfterKillMs} ms`],
  ],

  notes: (_, { items, fast, slow, kill }) => [
    `${items} items. For each, one worker waits ${fast} ms (by setTimeout, so somewhat longer), the other ${slow} ms. In the second run the slow one gets kill -9 while it works on an item, at ${kill} ms or at half the makespan if that is less.`,
    'Makespan: from the first put to the last result in the process that puts. Lost: items whose put was called and whose result never came. Medians of the rounds, but what is lost and what is done twice is added up over both runs of all of them; the split is the first round’s.',
  ],
}

/** @param {readonly Sample[]} samples */
function summary(samples) {
  /** @param {(sample: Sample) => number} pick */
  const middle = (pick) => rounded(median(samples.map(pick)))
  const makespanMs = middle(({ plain }) => plain.makespanMs)
  return {
    unit: 'ms',
    median: makespanMs,
    makespanMs,
    putMs: middle(({ plain }) => plain.putMs),
    // Not the middle one: what is lost in one round alone is lost, too.
    lost: sum(samples.map(LOST.of)),
    repeated: sum(samples.map(({ plain, killed }) => plain.repeated + killed.repeated)),
    makespanAfterKillMs: middle(({ killed }) => killed.makespanMs),
    samples: samples.map(({ plain }) => plain.makespanMs),
    rounds: samples,
  }
}

/** @param {Sample | undefined} sample */
function split(sample) {
  if (sample === undefined) return ''
  const { done, doneBySlow } = sample.plain
  return `${done - doneBySlow} / ${doneBySlow}`
}

/**
 * @param {Stage} stage
 * @param {Readonly<Record<string, number>>} options
 * @param {number} [killAtMs] never, if it is not given
 * @returns {Promise<Run>}
 */
async function run(stage, { items = 0, fast = 0, slow = 0 }, killAtMs) {
  const source = stage.start(producer)
  const fastWorker = stage.start(worker)
  const slowWorker = stage.start(worker)
  const address = await source.methods.listen()
  const working = fastWorker.methods.work({ address, ms: fast, index: FAST })
  const dying = slowWorker.methods.work({ address, ms: slow, index: SLOW })
  await Promise.race([source.methods.connected(2), failureOf(working), failureOf(dying)])
  const outcome = source.methods.run({ items })
  if (killAtMs !== undefined) {
    await delay(killAtMs)
    await slowWorker.methods.startsNext()
    await slowWorker.kill()
  }
  const failures = killAtMs === undefined ? [failureOf(working), failureOf(dying)] : [failureOf(working)]
  const result = await Promise.race([outcome, ...failures])
  await stage.strike()
  return result
}

/**
 * The process that puts items and reads results.
 * @param {string} peer
 */
export async function producer(peer) {
  const source = await (await loadPart(peer, 'distribute')).producer()
  return {
    listen: async () => source.address,
    connected: (/** @type {number} */ workers) => source.connected(workers),

    /**
     * @param {{ items: number }} options
     * @returns {Promise<Run>}
     */
    run: async ({ items }) => {
      /** @type {Map<number, number>} which worker did an item */
      const doneBy = new Map()
      const start = performance.now()
      let last = start
      let allPut = Number.NaN
      let repeated = 0
      const putting = putAll(source, items).then(() => (allPut = performance.now()))
      const reading = (async () => {
        for await (const result of source.results()) {
          const { item, index } = resultFrom(result)
          if (doneBy.has(item)) repeated += 1
          else last = performance.now()
          doneBy.set(item, index)
          if (doneBy.size === items) return
        }
      })()
      await Promise.race([Promise.all([putting, reading]), quiet(() => last)])
      return {
        makespanMs: rounded(last - start, 1),
        putMs: rounded((Number.isNaN(allPut) ? last : allPut) - start, 1),
        done: doneBy.size,
        doneBySlow: [...doneBy.values()].filter((index) => index === SLOW).length,
        repeated,
        lost: items - doneBy.size,
      }
    },
  }
}

/**
 * @param {Producer} source
 * @param {number} items
 */
async function putAll(source, items) {
  for (let item = 0; item < items; item += 1) await source.put(payload(item))
}

/**
 * Resolves when no result has come for long.
 * @param {() => number} last when one came
 */
async function quiet(last) {
  while (performance.now() - last() < QUIET_MS) await delay(50)
}

/**
 * A process that works.
 * @param {string} peer
 */
export async function worker(peer) {
  const distribute = await loadPart(peer, 'distribute')
  /** @type {(() => void) | undefined} */
  let started
  return {
    /**
     * Works until the process ends. All peers' workers wait in the same way, and answer with the item and their index.
     * @param {{ address: string, ms: number, index: number }} options
     */
    work: ({ address, ms, index }) =>
      distribute.worker(address, async (item) => {
        started?.()
        await delay(ms)
        return Uint8Array.of(...item, index)
      }),

    /** Resolves when the work on an item begins. */
    startsNext: () =>
      new Promise((/** @type {(value: void) => void} */ resolve) => {
        started = resolve
      }),
  }
}

/** @param {number} item */
function payload(item) {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, item)
  return bytes
}

/** @param {Uint8Array} bytes */
function resultFrom(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return { item: view.getUint32(0), index: view.getUint8(4) }
}
