// @ts-check
// How fast does a long reply come, and does a slow reader hold its producer back and nobody else?

import { median, quantile, rounded } from '../statistics.mjs'
import { range, rate } from './common/cells.mjs'
import { reader, source } from './streams/roles.mjs'

/** @import { Workload } from './workload.d.ts' */
/** @import { Stage } from '../stage.mjs' */

export { reader, source }

/** @typedef {{ p50: number, p99: number }} Times milliseconds */
/** @typedef {{ source: number, reader: number }} Growth bytes of RSS, the highest above the start */
/** @typedef {{ perSecond: number, fast: Growth, slow: Growth, alone: Times, beside: Times }} Sample `perSecond`: bytes */
/** @typedef {ReturnType<typeof summary>} Result */

const MIB = 2 ** 20
const WARM_UP_MIB = 128
const ALONE_MS = 1_000
/** Above these what is to be read is enough for a goal to say something. */
const [ENOUGH_MIB, ENOUGH_SLOW_MIB] = [1_024, 64]

/** @type {Workload<Sample, Result>} */
export const workload = {
  title: 'a long streamed reply at full speed, and one that is read slowly while others are asked beside it',
  needs: 'streams',
  rounds: 3,
  options: {
    size: { default: 65_536, help: 'bytes of a chunk' },
    mib: { default: ENOUGH_MIB, help: 'MiB that are read as fast as they come' },
    slow: { default: ENOUGH_SLOW_MIB, help: 'MiB that are read slowly' },
    rate: { default: 4, help: 'MiB a second that are read then' },
    every: { default: 5, help: 'milliseconds from one question to the next meanwhile' },
  },

  async round(stage, { options: { size = 1, mib = 0, slow = 0, rate = 1, every = 1 }, progress }) {
    const pair = await start(stage)
    const chunksOf = (/** @type {number} */ mebibytes) => Math.ceil((mebibytes * MIB) / size)
    progress('warming up')
    await pair.reader.read({ chunks: chunksOf(Math.min(mib, WARM_UP_MIB)) })
    await pair.reader.ask({ every, ms: ALONE_MS })
    progress(`${mib} MiB at full speed`)
    const fast = await watching(pair, () => pair.reader.read({ chunks: chunksOf(mib) }))
    progress('questions alone')
    const alone = await pair.reader.ask({ every, ms: ALONE_MS })
    progress(`${slow} MiB at ${rate} MiB/s`)
    const task = { chunks: chunksOf(slow), perSecond: rate * MIB, askEvery: every }
    const slowly = await watching(pair, () => pair.reader.read(task))
    return {
      perSecond: ((chunksOf(mib) * size) / fast.outcome.ms) * 1_000,
      fast: fast.growth,
      slow: slowly.growth,
      alone: timesOf(alone),
      beside: timesOf(slowly.outcome.times),
    }
  },

  summary,
  figure: { title: 'MB/s', of: ({ perSecond }) => perSecond / 1e6 },

  goals: ({ mib = 0, slow = 0 }) => [
    ...(mib < ENOUGH_MIB
      ? []
      : [{ against: 'raw', least: 0.6 }, ...flat(`of ${mib} MiB at full speed`, 64, ({ fast }) => fast)]),
    ...(slow < ENOUGH_SLOW_MIB
      ? []
      : [
          {
            most: 10,
            figure: {
              title: 'p99 in ms of questions beside a slow reader',
              of: (/** @type {Sample} */ { beside }) => beside.p99,
            },
          },
          ...flat(`of ${slow} MiB read slowly`, 16, ({ slow }) => slow),
        ]),
  ],

  columns: [
    ['MB/s', ({ median }) => rate(median)],
    ['least … most', ({ samples }) => range(samples, rate)],
    ['RSS above the start: source / reader', ({ fast }) => growthText(fast)],
    ['read slowly', ({ slow }) => growthText(slow)],
    ['p50 / p99 beside it', ({ beside }) => `${beside.p50} / ${beside.p99} ms`],
    ['p50 / p99 alone', ({ alone }) => `${alone.p50} / ${alone.p99} ms`],
  ],

  notes: (_, { size, mib, slow, rate, every }) => [
    `One streamed reply of ${mib} MiB in chunks of ${size} bytes, from one process to another, as fast as it is read. RSS: the highest of a process, above what it had before, after garbage collection and a warm-up.`,
    `Then ${slow} MiB at ${rate} MiB/s, by a reader that waits after each chunk; beside it, on the same connection where the peer can, a question every ${every} ms, whether the one before was answered or not, to a handler that waits about 1 ms.`,
  ],
}

/** @param {readonly Sample[]} samples */
function summary(samples) {
  /** @param {(sample: Sample) => number} of */
  const middle = (of, digits = 1) => rounded(median(samples.map(of)), digits)
  const times = (/** @type {(sample: Sample) => Times} */ of) => ({
    p50: middle((sample) => of(sample).p50, 2),
    p99: middle((sample) => of(sample).p99, 2),
  })
  const growth = (/** @type {(sample: Sample) => Growth} */ of) => ({
    sourceMiB: middle((sample) => of(sample).source / MIB),
    readerMiB: middle((sample) => of(sample).reader / MIB),
  })
  const megabytes = samples.map(({ perSecond }) => rounded(perSecond / 1e6))
  return {
    unit: 'MB/s',
    median: rounded(median(megabytes)),
    fast: growth(({ fast }) => fast),
    slow: growth(({ slow }) => slow),
    alone: times(({ alone }) => alone),
    beside: times(({ beside }) => beside),
    samples: megabytes,
    rounds: samples,
  }
}

/** @param {Stage} stage */
async function start(stage) {
  const nodeOptions = ['--expose-gc']
  const [{ methods: from }, { methods: to }] = [
    stage.start(source, { nodeOptions }),
    stage.start(reader, { nodeOptions }),
  ]
  await to.connect({ address: await from.listen() })
  return { source: from, reader: to }
}

/**
 * @template Outcome
 * @param {Awaited<ReturnType<typeof start>>} pair
 * @param {() => Promise<Outcome>} act
 * @returns {Promise<{ outcome: Outcome, growth: Growth }>}
 */
async function watching({ source: from, reader: to }, act) {
  await Promise.all([from.watch(), to.watch()])
  const outcome = await act()
  return { outcome, growth: { source: await from.growth(), reader: await to.growth() } }
}

/**
 * Flat: a small part of what passes may be there at a time.
 * @param {string} what
 * @param {number} most MiB
 * @param {(sample: Sample) => Growth} of
 */
function flat(what, most, of) {
  return /** @type {const} */ (['source', 'reader']).map((side) => ({
    most,
    figure: {
      title: `MiB of RSS above the start at the ${side} ${what}`,
      of: (/** @type {Sample} */ sample) => of(sample)[side] / MIB,
    },
  }))
}

/** @param {{ sourceMiB: number, readerMiB: number }} growth */
function growthText({ sourceMiB, readerMiB }) {
  return `${sourceMiB} / ${readerMiB} MiB`
}

/**
 * @param {Float64Array} times
 * @returns {Times}
 */
function timesOf(times) {
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
}
