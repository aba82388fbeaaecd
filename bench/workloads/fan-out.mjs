// @ts-check
// How fast does a message reach all clients, when one of them does not read any more?

import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { micros } from '../cpu.mjs'
import { median, quantile, rounded, sum } from '../statistics.mjs'
import { cost, range, rate } from './common/cells.mjs'
import { CLIENT_PROCESSES, joinAll } from './common/joining.mjs'
import { MEASURED_MS, WARM_UP_MS } from './common/options.mjs'
import { announcer, listeners } from './fan-out/roles.mjs'

/** @import { Workload } from './workload.d.ts' */
/** @import { Actor, Stage } from '../stage.mjs' */

export { announcer, listeners }

/** @typedef {{ p50: number, p99: number }} Times milliseconds */
/** @typedef {{ heap: number, rss: number }} Cost bytes; the broker's, if there is one, are in `rss` */
/** @typedef {Times & { perSecond: number, cpuMicrosPerItem: number, pacedCpuMicros: number, lost: number, missed: number, atFullSpeed: Times, stalled: Cost }} Sample */
/** @typedef {ReturnType<typeof summary>} Result */
/** @typedef {Awaited<ReturnType<typeof theGood>>} Good */
/** @typedef {{ server: Actor<Awaited<ReturnType<typeof announcer>>>['methods'], address: string }} Source */

/** Of the messages that come at full speed, so many are timed. */
const TIMED = 31
const [POLL_MS, PATIENCE_MS] = [20, 1_000]
const MIB = 2 ** 20

/** @type {Workload<Sample, Result>} */
export const workload = {
  title: 'messages from a server to all of its clients, one of which is stopped',
  needs: 'fanOut',
  rounds: 3,
  options: {
    size: { default: 128, help: 'bytes of a message' },
    clients: { default: 1_000, help: 'clients, the one that is stopped included' },
    ms: MEASURED_MS,
    every: { default: 50, help: 'milliseconds from one message to the next where their times are measured' },
    // Linux alone takes 36 MiB for a client that does not read.
    fill: { default: 64, help: 'MiB of messages for the client that is stopped, before the others come' },
  },

  async round(stage, { options: { size = 0, clients = 0, ms = 0, every = 0, fill = 0 }, progress }) {
    const { methods: server } = stage.start(announcer, { nodeOptions: ['--expose-gc'] })
    const source = { server, address: await server.listen() }
    progress('one client is stopped')
    const bad = stage.start(listeners)
    const stalled = await stall(stage, source, { bad, count: Math.ceil((fill * MIB) / size) })
    progress('connecting')
    const good = await theGood(stage, source, clients - 1)
    const rest = async () => {
      await good.hear({ ms: WARM_UP_MS })
      progress('at full speed')
      const fast = await good.hear({ ms }, TIMED)
      progress(`a message every ${every} ms`)
      const paced = await good.hear({ ms, every }, 1)
      return {
        ...paced.times,
        perSecond: (fast.count / (fast.last - fast.began)) * 1_000,
        cpuMicrosPerItem: fast.cpuMicros / fast.count,
        pacedCpuMicros: paced.cpuMicros / paced.count,
        lost: fast.lost + paced.lost,
        missed: fast.missed + paced.missed,
        atFullSpeed: fast.times,
        stalled,
      }
    }
    const sample = await Promise.race([rest(), good.failure])
    // It hears nothing else any more.
    await bad.kill()
    return sample
  },

  summary,
  figure: { title: 'messages/s at all clients', of: ({ perSecond }) => perSecond },

  columns: [
    ['messages/s', ({ median }) => rate(median)],
    ['least … most', ({ samples }) => range(samples, rate)],
    ['CPU per message', ({ cpuMicrosPerItem }) => cost(cpuMicrosPerItem)],
    ['one by one', ({ pacedCpuMicros }) => cost(pacedCpuMicros)],
    ['p50 / p99', ({ p50, p99 }) => `${p50} / ${p99} ms`],
    ['p99 at full speed', ({ atFullSpeed }) => `${atFullSpeed.p99} ms`],
    ['missed', ({ missed }) => String(missed)],
    ['lost', ({ lost }) => String(lost)],
    ['the stopped one costs: RSS / live', ({ stalled }) => `${stalled.rssMiB} / ${stalled.liveMiB} MiB`],
  ],

  notes: (_, { size, clients = 0, ms, every, fill }) => [
    `Messages of ${size} bytes, each new, to ${clients} clients: ${clients - 1} in ${CLIENT_PROCESSES} processes, and one whose process got SIGSTOP. As fast as the peer lets its user send, for ${ms} ms after a warm-up: messages that came, all clients together; CPU time of the server's process, and of a broker, for each of them. Then one message every ${every} ms for as long, of which none can share a write with another: CPU time again, and the times from when it was made to when it came, at every good client.`,
    'Missed: messages of which the server says that a good client did not get them, since it had no room. Lost: those that it sent to a good client, or so it says, and that did not come.',
    `The stopped client is the first one; ${fill} MiB of messages were sent while nobody else was there. It costs what the server has then above what it had before it was stopped, after as many messages: RSS, a broker's included, and heap and array buffers after garbage collection.`,
  ],
}

/** @param {readonly Sample[]} samples */
function summary(samples) {
  /** @param {(sample: Sample) => number} of */
  const middle = (of, digits = 0) => rounded(median(samples.map(of)), digits)
  const perSecond = samples.map((sample) => rounded(sample.perSecond))
  return {
    unit: 'messages/s',
    median: rounded(median(perSecond)),
    cpuMicrosPerItem: middle(({ cpuMicrosPerItem }) => cpuMicrosPerItem, 3),
    pacedCpuMicros: middle(({ pacedCpuMicros }) => pacedCpuMicros, 3),
    p50: middle(({ p50 }) => p50, 2),
    p99: middle(({ p99 }) => p99, 2),
    atFullSpeed: {
      p50: middle(({ atFullSpeed }) => atFullSpeed.p50, 1),
      p99: middle(({ atFullSpeed }) => atFullSpeed.p99, 1),
    },
    missed: sum(samples.map(({ missed }) => missed)),
    lost: sum(samples.map(({ lost }) => lost)),
    stalled: {
      rssMiB: middle(({ stalled }) => stalled.rss / MIB, 1),
      liveMiB: middle(({ stalled }) => stalled.heap / MIB, 1),
    },
    samples: perSecond,
    rounds: samples,
  }
}

/**
 * A client that is stopped, and as many messages as are sure to fill whatever there is to be filled.
 * @param {Stage} stage
 * @param {Source} source
 * @param {{ bad: Actor<Awaited<ReturnType<typeof listeners>>>, count: number }} options
 * @returns {Promise<Cost>}
 */
async function stall(stage, { server, address }, { bad, count }) {
  await bad.methods.join({ address, count: 1 })
  await server.connected(1)
  // What is compiled and cached on first use is there then.
  await server.announce({ count })
  const before = await memory(stage, server)
  bad.freeze()
  await server.announce({ count })
  const after = await memory(stage, server)
  return { heap: after.heap - before.heap, rss: after.rss - before.rss }
}

/**
 * @param {Stage} stage
 * @param {Source['server']} server
 */
async function memory({ brokerPids }, server) {
  const { rss, heapUsed, arrayBuffers } = await server.memory()
  return { rss: rss + sum(brokerPids.map(residentBytes)), heap: heapUsed + arrayBuffers }
}

/** @param {number} pid */
function residentBytes(pid) {
  if (process.platform !== 'linux') return Number.NaN
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024
}

/** @param {Stage} stage */
function brokerMicros({ brokerPids }) {
  return sum(brokerPids.map(micros))
}

/**
 * The clients that read.
 * @param {Stage} stage
 * @param {Source} source
 * @param {number} clients
 */
async function theGood(stage, { server, address }, clients) {
  const others = Array.from({ length: CLIENT_PROCESSES }, () => stage.start(listeners).methods)
  // The one that is stopped is there already.
  await joinAll(others, { address, connected: (count) => server.connected(count + 1) }, clients)
  const received = async () => {
    const all = await Promise.all(others.map((other) => other.received()))
    return { count: sum(all.map(({ count }) => count)), last: Math.max(...all.map(({ last }) => last)) }
  }
  /**
   * Has messages sent, and waits for all of them.
   * @param {{ ms: number, every?: number }} bounds
   * @param {number} [timed] the time of each so-manieth is taken
   */
  const hear = async (bounds, timed = Number.POSITIVE_INFINITY) => {
    await Promise.all(others.map(({ measure }) => measure(timed)))
    const before = await received()
    const cpu = brokerMicros(stage)
    const announced = await server.announce(bounds)
    // The one that is stopped misses all of them, where anything is missed.
    const missed = Math.max(0, announced.missed - announced.messages)
    const expected = announced.messages * clients - missed
    const { count, last } = await until(received, ({ count }) => count - before.count >= expected)
    const came = count - before.count
    const cpuMicros = announced.cpuMicros + brokerMicros(stage) - cpu
    const times = Float64Array.from(
      (await Promise.all(others.map((other) => other.times()))).flatMap((all) => [...all]),
    )
    return { ...announced, cpuMicros, missed, count: came, last, lost: expected - came, times: timesOf(times) }
  }
  const failure = Promise.race(others.map((other) => other.failure()))
  return { hear, failure }
}

/**
 * Asks again and again, until it is so or nothing has changed for a while.
 * @template {{ count: number }} Answer
 * @param {() => Promise<Answer>} ask
 * @param {(answer: Answer) => boolean} isSo
 */
async function until(ask, isSo) {
  let answer = await ask()
  let changed = performance.now()
  while (!isSo(answer) && performance.now() - changed < PATIENCE_MS) {
    await delay(POLL_MS)
    const { count } = answer
    answer = await ask()
    if (answer.count !== count) changed = performance.now()
  }
  return answer
}

/**
 * @param {Float64Array} times
 * @returns {Times}
 */
function timesOf(times) {
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
}
