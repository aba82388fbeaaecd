// @ts-check
// Does one good client notice that others send bad input, and does the server's memory come back?

import { loadPart } from '../peers/load.mjs'
import { median, quantile, rounded, sum } from '../statistics.mjs'
import { failureOf } from './common/failure.mjs'
import { settledMemory } from './common/memory.mjs'
import { attack } from './hostile/attack.mjs'

/** @import { Figure, Workload } from './workload.d.ts' */
/** @import { Asker } from '../peers/peer.d.ts' */

/** @typedef {{ ms: number, p50: number, p99: number, requests: number }} Slice of so many milliseconds; latencies in microseconds */
/** @typedef {Slice & { made: number, failed: number }} AttackedSlice */
/** @typedef {{ alone: Slice[], attacked: AttackedSlice[], harder: AttackedSlice[], flooded: AttackedSlice, memory: { fresh: Memory, before: Memory, after: Memory }, refusals: Record<string, number> }} Sample */
/** @typedef {{ rss: number, heapTotal: number, heapUsed: number, external: number }} Memory bytes */
/** @typedef {ReturnType<typeof summary>} Result */

const QUESTION_BYTES = 128
/** More than any process of this bench can do. */
const FLOOD_PER_SECOND = 1_000_000

/** @type {Figure<Sample>} */
const P99 = {
  title: 'p99 while attacked, to that alone,',
  best: 'least',
  of: ({ alone, attacked }) => middleP99(attacked) / middleP99(alone),
}

/** @type {Figure<Sample>} */
const RSS = {
  title: 'RSS after all attacks, to that before,',
  best: 'least',
  of: ({ memory: { before, after } }) => after.rss / before.rss,
}

/** @type {Workload<Sample, Result>} */
export const workload = {
  title: 'a good client’s latency, one request in flight, alone and while other connections send bad input',
  needs: 'guarded',
  rounds: 2,
  options: {
    rate: { default: 50, help: 'bad connections a second' },
    harder: { default: 200, help: 'bad connections a second in slices of a third kind' },
    slices: { default: 4, help: 'slices of each kind in a round, in turns' },
    ms: { default: 1_200, help: 'milliseconds that a slice takes' },
  },

  async round(stage, { options: { rate = 0, harder: harderRate = 0, slices = 0, ms = 0 }, progress }) {
    const server = stage.start(asker, { nodeOptions: ['--expose-gc'] })
    const client = stage.start(answerer)
    const attackers = stage.start(attacker)
    const address = await server.methods.listen()
    const answering = client.methods.answer({ address })
    const rest = async () => {
      progress('warming up')
      await server.methods.connected(1)
      await server.methods.slice({ ms })
      const fresh = await server.methods.memory()
      // The engine's young generation grows under load and keeps its size: what was there before is measured after that.
      await both({ perSecond: FLOOD_PER_SECOND })
      await both({ perSecond: rate })
      const before = await server.methods.memory()
      /** @type {Slice[]} */
      const alone = []
      /** @type {AttackedSlice[]} */
      const attacked = []
      /** @type {AttackedSlice[]} */
      const harder = []
      for (let slice = 1; slice <= slices; slice += 1) {
        progress(`slice ${slice} of ${slices}`)
        alone.push(await server.methods.slice({ ms }))
        attacked.push(await both({ perSecond: rate }))
        harder.push(await both({ perSecond: harderRate }))
      }
      const flooded = await both({ perSecond: FLOOD_PER_SECOND })
      const after = await server.methods.memory()
      const memory = { fresh, before, after }
      return { alone, attacked, harder, flooded, memory, refusals: await server.methods.refusals() }
    }
    const both = async (/** @type {{ perSecond: number }} */ { perSecond }) => {
      const [slice, outcome] = await Promise.all([
        server.methods.slice({ ms }),
        attackers.methods.attack({ address, perSecond, ms }),
      ])
      return { ...slice, ...outcome }
    }
    return await Promise.race([rest(), failureOf(answering)])
  },

  summary,

  goals: () => [
    { most: 1.5, figure: P99 },
    { most: 1.05, figure: RSS },
  ],

  columns: [
    ['p99 alone', ({ aloneP99 }) => `${aloneP99} µs`],
    ['p99 attacked', ({ p99 }) => `${p99} µs`],
    ['ratio', ({ ratio }) => String(ratio)],
    ['p99 harder', ({ harder }) => `${harder.p99} µs`],
    ['ratio harder', ({ harder }) => String(harder.ratio)],
    ['p50 alone / attacked', ({ aloneP50, p50 }) => `${aloneP50} / ${p50} µs`],
    ['bad connections', ({ attacks }) => String(attacks)],
    ['RSS before / after', ({ rssBeforeMiB, rssAfterMiB }) => `${rssBeforeMiB} / ${rssAfterMiB} MiB`],
    ['heap before / after', ({ heapBeforeMiB, heapAfterMiB }) => `${heapBeforeMiB} / ${heapAfterMiB} MiB`],
    ['p99 flooded', ({ flood: { p99, perSecond } }) => `${p99} µs at ${perSecond}/s`],
  ],

  notes: (results, { rate, harder, slices, ms }) => [
    `One request of ${QUESTION_BYTES} bytes in flight, from the server to its client and back. ${rate} bad connections a second, harder: ${harder}, at most 256 open at once, in slices of ${ms} ms by turns with quiet ones (${slices} of each in a round); medians of the slices' figures; a ratio is that of a round's medians, the median of the rounds. Flooded: as many as the attacking process can open.`,
    'Memory of the server after garbage collection: before and after all slices and a flood. It had been flooded once before that, since the young generation of V8 grows under load and keeps its size; the JSON file has the figure from before that too.',
    ...Object.entries(results).map(([peer, { refusals }]) => `${peer} refused: ${listOf(refusals)}.`),
  ],
}

/** @param {Readonly<Record<string, number>>} refusals */
function listOf(refusals) {
  return Object.entries(refusals)
    .map(([code, count]) => `${code} ${count}`)
    .join(', ')
}

/** @param {readonly Sample[]} samples */
function summary(samples) {
  const alone = samples.flatMap((sample) => sample.alone)
  const attacked = samples.flatMap((sample) => sample.attacked)
  const harder = samples.flatMap((sample) => sample.harder)
  const flooded = samples.map((sample) => sample.flooded)
  const p99 = rounded(middleP99(attacked))
  const attacks = sum([...attacked, ...harder].map(({ made }) => made))
  /** @param {(sample: Sample) => number} pick */
  const middle = (pick, digits = 0) => rounded(median(samples.map(pick)), digits)
  /** @param {(sample: Sample) => number} pick */
  const mebibytes = (pick) => middle((sample) => pick(sample) / 2 ** 20, 1)
  return {
    unit: 'µs',
    median: p99,
    p50: rounded(median(attacked.map(({ p50 }) => p50))),
    p99,
    aloneP50: rounded(median(alone.map(({ p50 }) => p50))),
    aloneP99: rounded(middleP99(alone)),
    ratio: middle(P99.of, 2),
    harder: {
      p99: rounded(middleP99(harder)),
      ratio: middle((sample) => middleP99(sample.harder) / middleP99(sample.alone), 2),
    },
    attacks,
    attacksFailed: sum([...attacked, ...harder].map(({ failed }) => failed)),
    rssFreshMiB: mebibytes(({ memory }) => memory.fresh.rss),
    rssBeforeMiB: mebibytes(({ memory }) => memory.before.rss),
    rssAfterMiB: mebibytes(({ memory }) => memory.after.rss),
    rssRatio: middle(RSS.of, 3),
    heapBeforeMiB: mebibytes(({ memory }) => memory.before.heapUsed),
    heapAfterMiB: mebibytes(({ memory }) => memory.after.heapUsed),
    flood: {
      p99: rounded(middleP99(flooded)),
      perSecond: rounded(median(flooded.map(({ made, ms }) => (made / ms) * 1_000))),
    },
    refusals: added(samples.map((sample) => sample.refusals)),
    samples,
  }
}

/** @param {readonly Slice[]} slices */
function middleP99(slices) {
  return median(slices.map(({ p99 }) => p99))
}

/** @param {Record<string, number>[]} counts */
function added(counts) {
  /** @type {Record<string, number>} */
  const total = {}
  for (const [key, count] of counts.flatMap((entry) => Object.entries(entry))) total[key] = (total[key] ?? 0) + count
  return total
}

/**
 * The process of the server.
 * @param {string} peer
 */
export async function asker(peer) {
  const server = await (await loadPart(peer, 'guarded')).asker()
  return {
    listen: async () => server.address,
    connected: (/** @type {number} */ answerers) => server.connected(answerers),
    refusals: async () => server.refusals(),
    slice: (/** @type {{ ms: number }} */ { ms }) => slice(server, ms),

    memory: async () => {
      const { rss, heapTotal, heapUsed, external } = await settledMemory({ settleMs: 1_000, pauseMs: 50 })
      return { rss, heapTotal, heapUsed, external }
    },
  }
}

/**
 * @param {Asker} server
 * @param {number} ms
 * @returns {Promise<Slice>}
 */
async function slice(server, ms) {
  const question = Uint8Array.from({ length: QUESTION_BYTES }, (_, index) => index)
  /** @type {number[]} */
  const times = []
  const start = performance.now()
  let now = start
  while (now - start < ms) {
    const answer = await server.ask(question)
    const done = performance.now()
    if (answer.byteLength !== QUESTION_BYTES || answer[QUESTION_BYTES - 1] !== QUESTION_BYTES - 1)
      throw new Error('The answer is not what was asked')
    times.push((done - now) * 1_000)
    now = done
  }
  return { ms, p50: rounded(quantile(times, 0.5), 1), p99: rounded(quantile(times, 0.99), 1), requests: times.length }
}

/**
 * The process of the good client.
 * @param {string} peer
 */
export async function answerer(peer) {
  const guarded = await loadPart(peer, 'guarded')
  return {
    answer: (/** @type {{ address: string }} */ { address }) => guarded.answerer(address, (question) => question),
  }
}

/** The process of the others. */
export async function attacker() {
  return {
    /** @param {{ address: string, perSecond: number, ms: number }} options */
    attack: ({ address, ...options }) => {
      const { hostname, port } = new URL(address)
      return attack({ host: hostname, port: Number(port), ...options })
    },
  }
}
