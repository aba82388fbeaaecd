// @ts-check
// What does it cost when items go through nodes that stand in between?

import { loadPart } from '../peers/load.mjs'
import { median, quantile, rounded } from '../statistics.mjs'
import * as asking from './common/asking.mjs'
import { rate } from './common/cells.mjs'
import { failureOf } from './common/failure.mjs'
import { MEASURED_MS } from './common/options.mjs'
import * as handingOut from './common/producer.mjs'
import * as working from './common/worker.mjs'

/** @import { Figure, Workload } from './workload.d.ts' */
/** @import { Stage } from '../stage.mjs' */
/** @import { Setting } from '../peers/peer.d.ts' */

/** @typedef {{ perSecond: number, p50: number, p99: number }} Way items a second, and microseconds */
/** @typedef {{ ways: Way[], lost: number }} Sample by the number of nodes in between */
/** @typedef {ReturnType<typeof summary>} Result */

/** Nodes between both ends: none, one, and so on. */
const MOST_HOPS = 2
/**
 * Four processes compile what they run on two cores, and one question at a time shows them little of it: on a slow machine an answer through two nodes
 * took 0.9 ms after 2 s, 0.32 after 3, and 0.32 after 8: twice what it needed there.
 */
const LONG_WARM_UP_MS = 6_000
const TIMES_ASKED = 3

/** How much of the throughput a hop leaves: the mean of all hops, each to what there was before it. @param {Sample} sample */
const kept = ({ ways }) => (at(ways, MOST_HOPS).perSecond / at(ways, 0).perSecond) ** (1 / MOST_HOPS)

/** Microseconds that a hop adds to an answer. @param {Sample} sample */
const added = ({ ways }) => (at(ways, MOST_HOPS).p50 - at(ways, 0).p50) / MOST_HOPS

/** @type {Figure<Sample>} */
const ADDED = { title: 'p50 that a hop adds in µs', best: 'least', of: added }

/** @type {Figure<Sample>} */
const KEPT = { title: 'throughput that a hop leaves', of: kept }

/** @type {Workload<Sample, Result>} */
export const workload = {
  title: 'items from one process to another, through none, one and two in between',
  needs: 'relay',
  rounds: 5,
  options: {
    size: { default: 128, help: 'bytes of an item and of its result' },
    ms: MEASURED_MS,
  },

  async round(stage, { options: { ms = 0 }, progress }) {
    /** @type {Way[]} */
    const ways = []
    let lost = 0
    for (let hops = 0; hops <= MOST_HOPS; hops += 1) {
      progress(`${hops} in between`)
      const { perSecond, missing } = await handOut(stage, hops, ms)
      lost += missing
      await stage.strike()
      ways.push({ perSecond, ...(await askSomeTimes(stage, hops, ms)) })
    }
    return { ways, lost }
  },

  summary,
  figure: ADDED,

  goals: () => [
    { least: 0.5, figure: KEPT },
    { against: 'raw-hop', most: 1.5, figure: ADDED },
  ],

  columns: [
    ['items/s: direct', ({ ways }) => rate(at(ways, 0).perSecond)],
    ['1 hop', ({ ways }) => rate(at(ways, 1).perSecond)],
    ['2 hops', ({ ways }) => rate(at(ways, 2).perSecond)],
    ['left by a hop', ({ kept }) => `${kept} ×`],
    ['p50: direct', ({ ways }) => `${at(ways, 0).p50} µs`],
    ['1 hop', ({ ways }) => `${at(ways, 1).p50} µs`],
    ['2 hops', ({ ways }) => `${at(ways, 2).p50} µs`],
    ['added by a hop', ({ median }) => `${median} µs`],
    ['lost', ({ lost }) => String(lost)],
  ],

  notes: (_, { size, ms }) => [
    `netqueue at both ends, each end and each node in between in a process of its own. Throughput: items of ${size} bytes put for ${ms} ms after a warm-up, read by \`for await\`, until every one is settled. p50: from \`submit\` of an item to its result, as large, one at a time, for as long; the median of ${TIMES_ASKED} times, each with processes of its own.`,
    'raw-hop passes the same frames on and does nothing else: it neither knows what is settled nor would give anything back. What a hop leaves, and what it adds where nothing else is asked, are means of both hops; most of what it adds is the time in which a core wakes up. On two cores, nodes in between take their time from both ends.',
  ],
}

/** @param {readonly Sample[]} samples */
function summary(samples) {
  /** @param {(sample: Sample) => number} pick */
  const middle = (pick, digits = 1) => rounded(median(samples.map(pick)), digits)
  return {
    unit: 'µs',
    median: middle(added),
    kept: middle(kept, 2),
    ways: Array.from({ length: MOST_HOPS + 1 }, (_, hops) => ({
      perSecond: middle(({ ways }) => at(ways, hops).perSecond, 0),
      p50: middle(({ ways }) => at(ways, hops).p50),
      p99: middle(({ ways }) => at(ways, hops).p99),
    })),
    lost: samples.reduce((total, { lost }) => total + lost, 0),
    samples: samples.map((sample) => rounded(added(sample), 1)),
    rounds: samples,
  }
}

/**
 * @param {Stage} stage
 * @param {number} hops
 * @param {number} ms
 */
async function handOut(stage, hops, ms) {
  const source = stage.start(producer)
  const sink = stage.start(worker)
  const address = await through(stage, hops, await source.methods.listen())
  const failure = failureOf(sink.methods.work({ address }))
  const rest = async () => {
    await source.methods.connected(1)
    await source.methods.run({ ms: LONG_WARM_UP_MS })
    const before = await sink.methods.count()
    const { sent, elapsed } = await source.methods.run({ ms })
    const missing = sent - ((await sink.methods.count()) - before)
    return { perSecond: rounded((sent / elapsed) * 1_000), missing }
  }
  return await Promise.race([rest(), failure])
}

/**
 * Each time with processes of its own: where the system puts them makes an answer take once as long, or twice.
 * @param {Stage} stage
 * @param {number} hops
 * @param {number} ms
 */
async function askSomeTimes(stage, hops, ms) {
  const asked = []
  for (let time = 0; time < TIMES_ASKED; time += 1) {
    asked.push(await ask(stage, hops, ms))
    await stage.strike()
  }
  return { p50: median(asked.map(({ p50 }) => p50)), p99: median(asked.map(({ p99 }) => p99)) }
}

/**
 * @param {Stage} stage
 * @param {number} hops
 * @param {number} ms
 */
async function ask(stage, hops, ms) {
  const server = stage.start(asker)
  const client = stage.start(answerer)
  const address = await through(stage, hops, await server.methods.listen())
  const failure = failureOf(client.methods.answer({ address }))
  const rest = async () => {
    await server.methods.connected()
    await server.methods.ask({ inFlight: 1, ms: LONG_WARM_UP_MS })
    const { micros } = await server.methods.ask({ inFlight: 1, ms })
    return { p50: quantile(micros, 0.5), p99: quantile(micros, 0.99) }
  }
  return await Promise.race([rest(), failure])
}

/**
 * Starts the nodes in between; the address of the last one.
 * @param {Stage} stage
 * @param {number} hops
 * @param {string} address
 */
async function through(stage, hops, address) {
  let last = address
  for (let left = hops; left > 0; left -= 1) last = await stage.start(hop).methods.open(last)
  return last
}

/**
 * The process that hands out items.
 * @param {string} _
 * @param {Setting} setting
 */
export function producer(_, setting) {
  return handingOut.producer('netqueue', setting)
}

/**
 * The process that does them.
 * @param {string} _
 * @param {Setting} setting
 */
export function worker(_, setting) {
  return working.worker('netqueue', setting)
}

/**
 * The process that asks.
 * @param {string} _
 * @param {Setting} setting
 */
export function asker(_, setting) {
  return asking.asker('netqueue-submit', setting)
}

/**
 * The process that answers.
 * @param {string} _
 * @param {Setting} setting
 */
export function answerer(_, setting) {
  return asking.answerer('netqueue-submit', setting)
}

/**
 * A process in between.
 * @param {string} peer
 */
export async function hop(peer) {
  const relay = await loadPart(peer, 'relay')
  return { open: (/** @type {string} */ address) => relay.hop(address) }
}

/**
 * @param {readonly Way[]} ways
 * @param {number} index
 */
function at(ways, index) {
  return /** @type {Way} */ (ways[index])
}
