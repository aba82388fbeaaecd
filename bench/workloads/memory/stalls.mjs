// @ts-check
// What a worker costs its server that has items and does nothing with them, and whether a good one beside it notices.

import { setTimeout as delay } from 'node:timers/promises'
import { median, rounded } from '../../statistics.mjs'
import { failureOf } from '../common/failure.mjs'
import { WARM_UP_MS } from '../common/options.mjs'
import { worker } from '../common/worker.mjs'
import { puttingServer, staller } from './roles.mjs'

/** @import { Actor, Stage } from '../../stage.mjs' */
/** @import { Goal } from '../workload.d.ts' */

/**
 * @typedef {object} Stall
 * @property {number} items that the worker was given and did not settle
 * @property {number} payloadBytes of them
 * @property {number} plainBytes what as many items take in an array
 * @property {number} costBytes by how much more the server's live memory grew than that of one without the worker
 * @property {number} alonePerSecond items that the good worker does without it
 * @property {number} perSecond and beside it
 */

/** @typedef {ReturnType<typeof summaryOfStall>} Summary */
/** @typedef {{ ms: number, size: number }} Options */

/** Of a stalled worker, whatever makes it stall. @typedef {Actor<{ work: (options: { address: string }) => Promise<void> }>} Stalled */

const KIB = 1_024
/** By which the good worker has settled what it has when the server puts no more. */
const REST_MS = 200

/**
 * A worker that takes an item and never comes back.
 * @param {Stage} stage
 * @param {Options} options
 */
export function stuck(stage, options) {
  return stall(stage, stage.start(staller), { ...options, stop: () => {} })
}

/**
 * A worker that is stopped while it works as fast as it can.
 * @param {Stage} stage
 * @param {Options} options
 */
export function stopped(stage, options) {
  const bad = stage.start(worker)
  return stall(stage, bad, { ...options, stop: () => bad.freeze() })
}

/**
 * @param {Stage} stage
 * @param {Stalled} bad
 * @param {Options & { stop: () => void }} options `stop` is called while items flow
 * @returns {Promise<Stall>}
 */
async function stall(stage, bad, { ms, size, stop }) {
  const [alone, beside] = await Promise.all([side(stage), side(stage)])
  await alone.slice(WARM_UP_MS)
  await beside.slice(WARM_UP_MS)
  const live = async () => (await beside.server.memory()).live - (await alone.server.memory()).live
  const liveBefore = await live()
  const stalling = failureOf(bad.methods.work({ address: beside.address }))
  const rest = async () => {
    await beside.server.connected(2)
    await beside.slice(WARM_UP_MS, stop)
    await alone.slice(WARM_UP_MS)
    const rates = new Map([alone, beside].map((one) => [one, /** @type {number[]} */ ([])]))
    // There and back, so that what drifts falls on both sides.
    for (const one of [alone, beside, beside, alone, alone, beside, beside, alone])
      rates.get(one)?.push(await one.slice(ms))
    const items = await atRest(() => beside.server.unsettled())
    const costBytes = (await live()) - liveBefore
    return {
      items,
      payloadBytes: items * size,
      plainBytes: items * (await alone.server.ofItem()),
      costBytes,
      alonePerSecond: median(rates.get(alone) ?? []),
      perSecond: median(rates.get(beside) ?? []),
    }
  }
  const outcome = await Promise.race([rest(), stalling])
  // It hears nothing else any more.
  await bad.kill()
  return outcome
}

/**
 * A server and a good worker.
 * @param {Stage} stage
 */
async function side(stage) {
  const { methods: server } = stage.start(puttingServer, { nodeOptions: ['--expose-gc'] })
  const { methods: good } = stage.start(worker)
  const address = await server.listen()
  const failure = good.work({ address })
  await Promise.race([server.connected(1), failure])
  /** Items a second that the good worker does while the server puts for so long; `meanwhile` is called in the middle. */
  const slice = async (/** @type {number} */ ms, meanwhile = () => {}) => {
    const before = await good.count()
    // It does not end where items stay unsettled.
    const running = failureOf(server.run({ ms, areNew: true }))
    const timed = async () => {
      await delay(ms / 2)
      meanwhile()
      await delay(ms / 2 + REST_MS)
    }
    await Promise.race([timed(), running, failure])
    return ((await good.count()) - before) / (ms / 1_000)
  }
  return { server, address, slice }
}

/**
 * A number when it does not change any more.
 * @param {() => Promise<number>} number
 */
async function atRest(number) {
  let before = Number.NaN
  let now = await number()
  while (now !== before) {
    await delay(REST_MS)
    before = now
    now = await number()
  }
  return now
}

/** @param {readonly Stall[]} stalls */
export function summaryOfStall(stalls) {
  /** @param {(stall: Stall) => number} of */
  const middle = (of, digits = 0) => rounded(median(stalls.map(of)), digits)
  return {
    items: middle(({ items }) => items),
    payloadKiB: middle(({ payloadBytes }) => payloadBytes / KIB),
    plainKiB: middle(({ plainBytes }) => plainBytes / KIB),
    costKiB: middle(({ costBytes }) => costBytes / KIB),
    alonePerSecond: middle(({ alonePerSecond }) => alonePerSecond),
    perSecond: middle(({ perSecond }) => perSecond),
    ratio: middle(slowdown, 3),
  }
}

/**
 * @template Sample
 * @param {string} name
 * @param {(sample: Sample) => Stall} of
 * @returns {Goal<Sample>[]}
 */
export function stallGoals(name, of) {
  return [
    {
      // What the connection takes and what the engine compiles for it counts too, however few items there are.
      most: 1,
      figure: {
        title: `MiB that a ${name} worker costs above twice what its items take in an array`,
        of: (sample) => (of(sample).costBytes - 2 * of(sample).plainBytes) / KIB ** 2,
      },
    },
    {
      least: 0.9,
      figure: {
        title: `items/s of a good worker beside a ${name} one, to those without it,`,
        of: (sample) => slowdown(of(sample)),
      },
    },
  ]
}

/**
 * @template Result
 * @param {string} name
 * @param {(result: Result) => Summary} of
 * @returns {(readonly [heading: string, cell: (result: Result) => string])[]}
 */
export function stallColumns(name, of) {
  return [
    [`${name} has`, (result) => `${of(result).items} items of ${of(result).payloadKiB} KiB`],
    ['in an array', (result) => `${of(result).plainKiB} KiB`],
    ['costs', (result) => `${of(result).costKiB} KiB`],
    ['good one beside it', (result) => `${rounded(of(result).ratio * 100)} %`],
  ]
}

/** @param {Stall} stall */
function slowdown({ perSecond, alonePerSecond }) {
  return perSecond / alonePerSecond
}
