// @ts-check
// docs/performance.md: each run has a place of its own in it.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { chart } from './chart.mjs'
import { setupsOf, textOf } from './report.mjs'

/** @import { Report } from './report.mjs' */
/** @import { Peer } from './peers/peer.d.ts' */
/** @import { Numbers, Workload } from './workloads/workload.d.ts' */

const PAGE = new URL('../docs/performance.md', import.meta.url)
/** The place of how peers are set up. */
const SETUPS = 'setups'
const CHARTS = new URL('../docs/performance/', import.meta.url)

/**
 * What a run is called: its workload, and the options by which its variants differ.
 * @param {string} name
 * @param {Workload} workload
 * @param {Numbers} options
 */
export function titleOf(name, { variants: [variant = {}] = [] }, options) {
  return [name, ...Object.keys(variant).map((option) => options[option])].join(' ')
}

/** Whether the page has a place for a run. @param {string} title */
export function hasPlace(title) {
  const text = readFileSync(PAGE, 'utf8')
  return text.includes(begin(title)) && text.includes(end(title))
}

/**
 * Replaces a run's part of the page, and its chart.
 * @param {Workload} workload
 * @param {Report} report
 * @param {ReadonlyMap<string, Peer>} peers
 */
export async function document(workload, report, peers) {
  const title = titleOf(report.workload, workload, report.options)
  const image = workload.figure === undefined ? [] : [await draw(title, workload, report, peers), '']
  fill(title, [...image, textOf(workload, report), '', originOf(report)].join('\n'))
  fill(SETUPS, setupsOf(peers.keys(), peers))
}

/**
 * @param {string} title
 * @param {string} text
 */
function fill(title, text) {
  const before = readFileSync(PAGE, 'utf8')
  const [start, stop] = [before.indexOf(begin(title)), before.indexOf(end(title))]
  writeFileSync(PAGE, `${before.slice(0, start)}${begin(title)}\n\n${text}\n\n${before.slice(stop)}`)
}

/**
 * @param {string} title
 * @param {Workload} workload
 * @param {Report} report
 * @param {ReadonlyMap<string, Peer>} peers
 */
async function draw(title, { figure }, { peers: results }, peers) {
  const file = `${title.replaceAll(' ', '-')}.svg`
  const bars = Object.entries(results).map(([name, { median = Number.NaN }]) => ({
    name,
    value: median,
    kind: peers.get(name)?.kind ?? /** @type {const} */ ('peer'),
  }))
  mkdirSync(CHARTS, { recursive: true })
  writeFileSync(new URL(file, CHARTS), await chart({ title: figure?.title ?? '', best: figure?.best ?? 'most', bars }))
  return `![${title}: ${figure?.title} of netqueue and its peers](performance/${file})`
}

/** @param {Report} report */
function originOf({ date, node, machine, commit, rounds, load }) {
  const version = `commit ${commit.slice(0, 12)}${commit.endsWith('-dirty') ? ' with changes' : ''}`
  return `${date}, Node ${node}, ${machine}, ${version}; rounds: ${rounds}, load averages ${load.join(', ')}.`
}

/** @param {string} title */
function begin(title) {
  return `<!-- bench ${title} -->`
}

/** @param {string} title */
function end(title) {
  return `<!-- end of ${title} -->`
}
