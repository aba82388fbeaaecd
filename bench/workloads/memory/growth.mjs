// @ts-check
// What a server has after each of several equal parts of many items.

import { median, rounded } from '../../statistics.mjs'
import { worker } from '../common/worker.mjs'
import { consumingServer, putter, puttingServer } from './roles.mjs'

/** @import { Stage } from '../../stage.mjs' */
/** @import { Goal } from '../workload.d.ts' */
/** @import { Memory } from './roles.mjs' */

/** @typedef {{ items: number, after: Memory[] }} Growth items in each part; after each of them */
/** @typedef {ReturnType<typeof summaryOfGrowth>} Summary */
/** @typedef {(memory: Memory) => number} Pick */
/** @typedef {{ items: number, progress: (text: string) => void }} Options items in all */

export const PARTS = 10
/** What is compiled and cached on first use, and the sizes that the engine chooses, are there after so many. */
export const WARM_PARTS = 2
const WORKERS = 2
const [KIB, MIB, MILLION] = [2 ** 10, 2 ** 20, 1e6]

/** @type {Pick} */
const rss = (memory) => memory.rss
/** @type {Pick} */
const live = (memory) => memory.live
/** @type {Pick} */
const lasting = (memory) => memory.rss - memory.young

/**
 * Items that clients put and the server takes; a new client for each part.
 * @param {Stage} stage
 * @param {Options} options
 * @returns {Promise<Growth>}
 */
export async function taking(stage, options) {
  const server = stage.start(consumingServer, { nodeOptions: ['--expose-gc'] })
  const client = stage.start(putter)
  const address = await server.methods.listen()
  let sent = 0
  const pass = async (/** @type {number} */ count) => {
    sent += await client.methods.send({ address, count })
    const taken = (await server.methods.outcome({ sent })).count
    if (taken !== sent) throw new Error(`${taken} of ${sent} items came`)
  }
  const look = () => server.methods.memory()
  const growing = growth({ ...options, verb: 'taken', pass, look })
  return await Promise.race([growing, server.methods.failure()])
}

/**
 * Items that the server puts and workers settle.
 * @param {Stage} stage
 * @param {Options} options
 * @returns {Promise<Growth>}
 */
export async function handingOut(stage, options) {
  const server = stage.start(puttingServer, { nodeOptions: ['--expose-gc'] })
  const workers = Array.from({ length: WORKERS }, () => stage.start(worker))
  const address = await server.methods.listen()
  const failures = workers.map(({ methods }) => methods.work({ address }))
  const growing = server.methods.connected(WORKERS).then(() =>
    growth({
      ...options,
      verb: 'handed out and settled',
      pass: (count) => server.methods.run({ count, areNew: true }),
      look: () => server.methods.memory(),
    }),
  )
  return await Promise.race([growing, ...failures])
}

/**
 * @param {Options & { verb: string, pass: (count: number) => Promise<unknown>, look: () => Promise<Memory> }} options
 * @returns {Promise<Growth>}
 */
async function growth({ items, progress, verb, pass, look }) {
  const count = Math.ceil(items / PARTS)
  /** @type {Memory[]} */
  const after = []
  while (after.length < PARTS) {
    progress(`${after.length * count} of ${items} items ${verb}`)
    await pass(count)
    after.push(await look())
  }
  return { items: count, after }
}

/** @param {readonly Growth[]} growths */
export function summaryOfGrowth(growths) {
  const mebibytes = (/** @type {Pick} */ pick) =>
    Array.from({ length: PARTS }, (_, part) =>
      rounded(median(growths.map((growth) => at(growth, part + 1, pick))) / MIB, 1),
    )
  const kibibytesPerMillion = (/** @type {Pick} */ pick) =>
    rounded((median(growths.map((growth) => perItem(growth, pick))) * MILLION) / KIB)
  return {
    rssMiB: mebibytes(rss),
    liveMiB: mebibytes(live),
    rssKiBPerMillion: kibibytesPerMillion(rss),
    liveKiBPerMillion: kibibytesPerMillion(live),
  }
}

/** Resident bytes after all items. @param {Growth} growth */
export function sizeOf(growth) {
  return at(growth, PARTS, rss)
}

/**
 * Flat: less than a batch of items could leave behind, and what a process has at the end, about as it was after the warm parts.
 * @template Sample
 * @param {string} verb
 * @param {(sample: Sample) => Growth} of
 * @returns {Goal<Sample>[]}
 */
export function flatGoals(verb, of) {
  return [
    {
      most: 0.25,
      figure: { title: `bytes more of live memory for each item ${verb}`, of: (sample) => perItem(of(sample), live) },
    },
    {
      most: 1.1,
      figure: {
        title: `RSS without V8's young generation after ${PARTS} parts ${verb}, to that after ${WARM_PARTS},`,
        of: (sample) => at(of(sample), PARTS, lasting) / at(of(sample), WARM_PARTS, lasting),
      },
    },
  ]
}

/**
 * @template Result
 * @param {string} verb
 * @param {(result: Result) => Summary} of
 * @returns {(readonly [heading: string, cell: (result: Result) => string])[]}
 */
export function growthColumns(verb, of) {
  return [
    [`${verb}: RSS`, (result) => fromTo(of(result).rssMiB)],
    ['live', (result) => fromTo(of(result).liveMiB)],
    ['per million: RSS / live', (result) => `${of(result).rssKiBPerMillion} / ${of(result).liveKiBPerMillion} KiB`],
  ]
}

/**
 * @param {string} verb
 * @param {Summary} summary
 */
export function seriesOf(verb, { rssMiB, liveMiB }) {
  return `${verb}: RSS ${rssMiB.join(', ')}, live ${liveMiB.join(', ')}`
}

/** @param {readonly number[]} mebibytes */
function fromTo(mebibytes) {
  return `${mebibytes[WARM_PARTS - 1]} → ${mebibytes[PARTS - 1]} MiB`
}

/**
 * Bytes by which the server grows for each item, once it is warm.
 * @param {Growth} growth
 * @param {Pick} pick
 */
function perItem(growth, pick) {
  return (at(growth, PARTS, pick) - at(growth, WARM_PARTS, pick)) / ((PARTS - WARM_PARTS) * growth.items)
}

/**
 * After so many parts.
 * @param {Growth} growth
 * @param {number} parts
 * @param {Pick} pick
 */
function at({ after }, parts, pick) {
  const memory = after[parts - 1]
  return memory === undefined ? Number.NaN : pick(memory)
}
