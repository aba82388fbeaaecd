// @ts-check
// The two processes: the one that streams and answers, and the one that reads and asks.

import { setTimeout as delay } from 'node:timers/promises'
import { loadPart } from '../../peers/load.mjs'
import { settledMemory } from '../common/memory.mjs'
import { bytePayloads, Checker, payloadCycle } from '../common/payloads.mjs'

/** @import { Setting, StreamReader } from '../../peers/peer.d.ts' */

const QUESTION_BYTES = 128
/** What an answer takes, about. */
const ANSWER_MS = 1
const LOOK_MS = 5
const [SETTLE_MS, PAUSE_MS] = [200, 50]

/** @typedef {{ chunks: number, perSecond?: number, askEvery?: number }} Task bytes a second, as fast as they come unless given; milliseconds from one question to the next, none unless given */

/**
 * The process that streams and answers.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function source(peer, setting) {
  const streams = await loadPart(peer, 'streams')
  return {
    ...watched(),
    listen: () =>
      streams.source({
        chunks: bytePayloads(setting.bytes).cycle,
        answer: async (question) => {
          await delay(ANSWER_MS)
          return question
        },
      }),
  }
}

/**
 * The process that reads and asks.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function reader(peer, setting) {
  const streams = await loadPart(peer, 'streams')
  /** @type {StreamReader | undefined} */
  let connection
  const connected = () => {
    if (connection === undefined) throw new Error('It is not connected')
    return connection
  }
  return {
    ...watched(),
    connect: async (/** @type {{ address: string }} */ { address }) => {
      connection = await streams.reader(address)
    },
    /** Reads one stream; milliseconds that it took, and those of each question meanwhile. */
    read: async (/** @type {Task} */ { chunks, perSecond = Number.POSITIVE_INFINITY, askEvery }) => {
      const asking = askEvery === undefined ? undefined : askAgainAndAgain(connected(), askEvery)
      const start = performance.now()
      await readAll(connected(), { chunks, bytes: setting.bytes, perSecond })
      const ms = performance.now() - start
      return { ms, times: (await asking?.end()) ?? new Float64Array() }
    },
    ask: async (/** @type {{ every: number, ms: number }} */ { every, ms }) => {
      const asking = askAgainAndAgain(connected(), every)
      await delay(ms)
      return await asking.end()
    },
  }
}

/**
 * @param {StreamReader} connection
 * @param {{ chunks: number, bytes: number, perSecond: number }} task
 */
async function readAll(connection, { chunks, bytes, perSecond }) {
  const checker = new Checker({ kind: bytePayloads(bytes), ordered: true })
  const start = performance.now()
  await connection.read(chunks, (chunk) => {
    checker.took(chunk)
    const early = start + ((checker.count * bytes) / perSecond) * 1_000 - performance.now()
    return early > 0 ? delay(early) : undefined
  })
  if (checker.count !== chunks) throw new Error(`${checker.count} of ${chunks} chunks came`)
}

/**
 * Whether the one before was answered or not.
 * @param {StreamReader} connection
 * @param {number} every milliseconds
 */
function askAgainAndAgain(connection, every) {
  const questions = payloadCycle(QUESTION_BYTES)
  /** @type {Promise<void>[]} */
  const asked = []
  /** @type {number[]} */
  const times = []
  const ask = async () => {
    const question = /** @type {Uint8Array} */ (questions[asked.length % questions.length])
    const start = performance.now()
    const answer = await connection.ask(question)
    times.push(performance.now() - start)
    if (Buffer.compare(question, answer) !== 0) throw new Error('The answer is not what was asked')
  }
  const timer = setInterval(() => {
    const asking = ask()
    // It is reported at the end.
    asking.catch(() => {})
    asked.push(asking)
  }, every)
  return {
    async end() {
      clearInterval(timer)
      await Promise.all(asked)
      return Float64Array.from(times)
    },
  }
}

/** What tells how much memory a process had at most. */
function watched() {
  let [start, most] = [0, 0]
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const look = () => (most = Math.max(most, process.memoryUsage.rss()))
  return {
    /** From now on, after garbage collection. */
    watch: async () => {
      clearInterval(timer)
      start = most = (await settledMemory({ settleMs: SETTLE_MS, pauseMs: PAUSE_MS })).rss
      timer = setInterval(look, LOOK_MS)
    },
    /** Bytes by which the highest was above that at the start. */
    growth: async () => look() - start,
  }
}
