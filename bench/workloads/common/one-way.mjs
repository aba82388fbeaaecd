// @ts-check
// Items from one process to another, as fast as they go: the round and both processes.

import { setTimeout as delay } from 'node:timers/promises'
import { sum } from '../../statistics.mjs'
import { WARM_UP_MS } from './options.mjs'
import { Checker, TimedPayloads } from './payloads.mjs'
import { Stopwatch } from './stopwatch.mjs'
import { ratesOf } from './summary.mjs'

/** @import { Setting, Stream } from '../../peers/peer.d.ts' */
/** @import { Stage } from '../../stage.mjs' */
/** @import { Bounds, Kind } from './payloads.mjs' */

/** @typedef {{ perSecond: number, sent: number, lost: number, cpuMicrosPerItem: number }} Sample */

/** @typedef {(peer: string, setting: Setting) => ReturnType<typeof receive<unknown>>} ReceiverRole */
/** @typedef {(peer: string, setting: Setting) => ReturnType<typeof send<unknown>>} SenderRole */

/** When nothing has come for that long after the sender has finished, nothing will. */
const QUIET_MS = 1_000
const POLL_MS = 20

/**
 * @param {Stage} stage
 * @param {{ receiver: ReceiverRole, sender: SenderRole, ms: number, progress: (text: string) => void }} options
 * @returns {Promise<Sample>}
 */
export async function oneWay(stage, { receiver, sender, ms, progress }) {
  const [to, from] = [stage.start(receiver), stage.start(sender)]
  const address = await to.methods.listen()
  progress('sending')
  const idle = await stage.cpuMicros()
  const sent = await Promise.race([from.methods.send({ address, ms: WARM_UP_MS + ms }), to.methods.failure()])
  const { count, perSecond } = await Promise.race([to.methods.outcome({ sent }), to.methods.failure()])
  const busy = await stage.cpuMicros()
  return { perSecond, sent, lost: sent - count, cpuMicrosPerItem: (busy - idle) / sent }
}

/** @param {readonly Sample[]} samples */
export function summaryOf(samples) {
  return { ...ratesOf(samples, 'items/s'), lost: sum(samples.map(({ lost }) => lost)) }
}

/**
 * The process that takes items.
 * @template Item
 * @param {Stream<Item>} stream
 * @param {Kind<Item>} kind
 * @param {Setting} setting
 */
export async function receive(stream, kind, setting) {
  const stopwatch = new Stopwatch(WARM_UP_MS)
  const checker = new Checker({ kind, ordered: true, looked: (now, count) => stopwatch.looked(now, count) })
  return {
    listen: () => stream.receiver(checker.took, setting),
    failure: () => checker.failure,
    outcome: async (/** @type {{ sent: number }} */ { sent }) => {
      await allCome(() => checker.count, sent)
      return { count: checker.count, perSecond: stopwatch.perSecond }
    },
  }
}

/**
 * Resolves when all are there, or when nothing comes any more.
 * @param {() => number} count
 * @param {number} wanted
 */
async function allCome(count, wanted) {
  let before = -1
  for (let quietMs = 0; count() < wanted && quietMs < QUIET_MS; quietMs += POLL_MS) {
    if (count() !== before) quietMs = 0
    before = count()
    await delay(POLL_MS)
  }
}

/**
 * The process that sends them.
 * @template Item
 * @param {Stream<Item>} stream
 * @param {Kind<Item>} kind
 * @param {Setting} setting
 */
export async function send(stream, kind, setting) {
  return {
    send: async (/** @type {Bounds & { address: string }} */ { address, ...bounds }) => {
      const payloads = new TimedPayloads({ kind, ...bounds })
      await stream.sender(address, payloads, setting)
      return payloads.sent
    },
  }
}
