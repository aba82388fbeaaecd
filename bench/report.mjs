// @ts-check
// What came out: as JSON, and as a table.

import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg, release } from 'node:os'
import { fileURLToPath } from 'node:url'
import { lacking, ratios, verdicts } from './comparison.mjs'
import { threeDigits } from './workloads/common/cells.mjs'

/** @import { Samples, Verdict } from './comparison.mjs' */
/** @import { Peer } from './peers/peer.d.ts' */
/** @import { Numbers, Workload } from './workloads/workload.d.ts' */

const root = fileURLToPath(new URL('..', import.meta.url))
const KINDS = ['ours', 'limit', 'peer', 'variant']

/** @typedef {readonly [heading: string, cell: (result: PeerResult) => string]} Column */

/**
 * All that the JSON file has of one run; the page is made of it alone, so it can be made again later.
 * @typedef {object} Report
 * @property {string} workload
 * @property {number} [size] bytes of a payload
 * @property {string} node
 * @property {string} commit
 * @property {string} date
 * @property {string} machine
 * @property {number[]} load averages of 1, 5 and 15 minutes at the end
 * @property {number} rounds
 * @property {Numbers} options
 * @property {Record<string, string>} skipped peers that could not run, with the reason
 * @property {string[]} lacking peers that were not there, and without which goals do not count
 * @property {Verdict[]} goals
 * @property {Record<string, PeerResult>} peers best first, within each kind
 */

/** @typedef {{ unit?: string, median?: number, ratio?: number }} PeerResult what the workload's summary says; `ratio` is netqueue's figure to its */

/**
 * @param {{ name: string, workload: Workload, rounds: number, options: Numbers, samples: Samples, skipped: ReadonlyMap<string, string>, peers: ReadonlyMap<string, Peer> }} run
 * @returns {Report}
 */
export function report({ name, workload, rounds, options, samples, skipped, peers }) {
  return {
    workload: name,
    ...(options.size === undefined ? {} : { size: options.size }),
    node: process.versions.node,
    commit: commit(),
    date: new Date().toISOString().slice(0, 10),
    machine: `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${process.platform} ${release()}`,
    load: loadavg().map((load) => Number(load.toFixed(2))),
    rounds,
    options,
    skipped: Object.fromEntries(skipped),
    lacking: lacking(samples, peers, workload),
    goals: verdicts({ workload, options, samples, peers }),
    peers: results({ workload, options, samples, peers }),
  }
}

/**
 * @param {{ workload: Workload, options: Numbers, samples: Samples, peers: ReadonlyMap<string, Peer> }} run
 * @returns {Record<string, PeerResult>}
 */
function results({ workload, options, samples, peers }) {
  const { figure } = workload
  const compared = figure === undefined ? {} : ratios(samples, figure)
  const entries = [...samples].map(([name, list]) => {
    /** @type {PeerResult} */
    const result = { ...workload.summary(list, options) }
    const ratio = compared[name]
    if (ratio !== undefined) result.ratio = Number(ratio.toPrecision(3))
    return { name, result, kind: KINDS.indexOf(peers.get(name)?.kind ?? 'peer') }
  })
  const sign = figure?.best === 'least' ? 1 : -1
  const sorted = entries.toSorted(
    (one, other) =>
      one.kind - other.kind || (figure && sign * ((one.result.median ?? 0) - (other.result.median ?? 0))) || 0,
  )
  return Object.fromEntries(sorted.map(({ name, result }) => [name, result]))
}

/** Of the sources that are measured; with `-dirty` where they differ from it. */
export function commit() {
  try {
    const id = git('rev-parse', 'HEAD')
    return git('status', '--porcelain', '--', 'packages/netqueue/src', 'bench') === '' ? id : `${id}-dirty`
  } catch {
    return 'unknown'
  }
}

/** @param {string[]} args */
function git(...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
}

/**
 * How peers are set up.
 * @param {Iterable<string>} names
 * @param {ReadonlyMap<string, Peer>} peers
 */
export function setupsOf(names, peers) {
  return [...names].map((name) => `- ${name}: ${peers.get(name)?.setup ?? 'unknown'}.`).join('\n')
}

/**
 * The figures as a table in Markdown, which also reads well in a terminal, and what is to be said of them.
 * @param {Workload} workload
 * @param {Report} report
 */
export function textOf(workload, report) {
  return [
    table(workload, report),
    '',
    ...goalLines(report),
    ...workload.notes(report.peers, report.options).map((note) => `- ${note}`),
    ...ratioLines(workload),
    ...Object.entries(report.skipped).map(([name, reason]) => `- Not in this run: ${name}, ${reason}.`),
  ].join('\n')
}

/**
 * @param {Workload} workload
 * @param {Report} report
 */
function table({ columns, figure }, { peers }) {
  /** @type {Column[]} */
  const all = figure === undefined ? [...columns] : [...columns, ['netqueue / it', ({ ratio }) => times(ratio)]]
  const rows = [
    ['', ...all.map(([heading]) => heading)],
    ...Object.entries(peers).map(([peer, result]) => [peer, ...all.map(([, cell]) => cell(result))]),
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const [head, ...body] = rows.map((row) => line(row.map((cell, column) => cell.padEnd(widths[column] ?? 0))))
  return [head, line(widths.map((width) => '-'.repeat(width))), ...body].join('\n')
}

/** @param {number} [ratio] */
function times(ratio = Number.NaN) {
  if (!Number.isFinite(ratio)) return '–'
  return `${ratio < 1 ? ratio.toPrecision(2) : threeDigits(ratio)} ×`
}

/** @param {string[]} cells */
function line(cells) {
  return `| ${cells.join(' | ')} |`
}

/** @param {Workload} workload */
function ratioLines({ figure }) {
  if (figure === undefined) return []
  const ahead = figure.best === 'least' ? 'below' : 'above'
  return [
    `- netqueue / it: ${figure.title} of netqueue divided by the peer's in the same round, the median of the rounds; ${ahead} 1 netqueue is ahead.`,
  ]
}

/** @param {Report} report */
function goalLines({ goals, lacking }) {
  if (goals.length === 0) return []
  return [
    ...goals.map(({ goal, measured, isMet }) => `- Goal: ${goal}. Measured: ${measured}; ${verdict(isMet)}.`),
    ...(lacking.length === 0 ? [] : [`- These goals do not count in this run: it lacks ${lacking.join(', ')}.`]),
  ]
}

/** @param {boolean | null} isMet */
function verdict(isMet) {
  if (isMet === null) return 'open'
  return isMet ? '**met**' : '**missed**'
}
