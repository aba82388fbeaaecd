// @ts-check
// What came out: as a table, as JSON, and in docs/performance.md.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release } from 'node:os'
import { fileURLToPath } from 'node:url'

/** @import { Workload } from './workloads/workload.d.ts' */
/** @import { Peer } from './peers/peer.d.ts' */

const root = fileURLToPath(new URL('..', import.meta.url))
const page = new URL('../docs/performance.md', import.meta.url)

/** @typedef {ReturnType<typeof report>} Report */

/** @param {{ workload: string, rounds: number, options: Record<string, number>, results: Record<string, object> }} run */
export function report({ workload, rounds, options, results }) {
  return {
    workload,
    node: process.versions.node,
    commit: commit(),
    date: new Date().toISOString().slice(0, 10),
    machine: `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${process.platform} ${release()}`,
    load: loadavg().map((load) => Number(load.toFixed(2))),
    rounds,
    options,
    peers: results,
  }
}

/** Of the sources that are measured; with `-dirty` where they differ from it. */
function commit() {
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
 * The figures as a table in Markdown, which also reads well in a terminal.
 * @param {{ workload: Workload, options: Record<string, number>, results: Record<string, object>, setups: [string, Peer][] }} run
 */
export function table({ workload, options, results, setups }) {
  const rows = [
    ['', ...workload.columns.map(([heading]) => heading)],
    ...Object.entries(results).map(([peer, result]) => [peer, ...workload.columns.map(([, cell]) => cell(result))]),
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const [head, ...body] = rows.map((row) => line(row.map((cell, column) => cell.padEnd(widths[column] ?? 0))))
  return [
    head,
    line(widths.map((width) => '-'.repeat(width))),
    ...body,
    '',
    ...workload.notes(results, options).map((note) => `- ${note}`),
    ...setups.map(([name, { setup }]) => `- ${name}: ${setup}.`),
  ].join('\n')
}

/** @param {string[]} cells */
function line(cells) {
  return `| ${cells.join(' | ')} |`
}

/**
 * Replaces a workload's part of the page.
 * @param {string} name
 * @param {Report} result
 * @param {string} text
 */
export function document(name, { date, machine, node, commit, rounds, load }, text) {
  const [begin, end] = [`<!-- bench ${name} -->`, `<!-- end of ${name} -->`]
  const before = readFileSync(page, 'utf8')
  if (!before.includes(begin) || !before.includes(end)) throw new Error(`docs/performance.md has no place for ${name}`)
  const origin = `${date}, Node ${node}, ${machine}, commit ${commit.slice(0, 12)}${commit.endsWith('-dirty') ? ' with changes' : ''}; ${rounds} rounds, load averages ${load.join(', ')}.`
  const part = `${begin}\n\n${text}\n\n${origin}\n\n${end}`
  writeFileSync(page, before.slice(0, before.indexOf(begin)) + part + before.slice(before.indexOf(end) + end.length))
}
