// @ts-check
// Measures netqueue and its peers side by side: `npm run bench -- WORKLOAD`, see `--help`.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { commandFrom } from './command.mjs'
import { install } from './install.mjs'
import { measure } from './measure.mjs'
import { document, hasPlace, titleOf } from './page.mjs'
import { loadPeer, peerNames } from './peers/load.mjs'
import { commit, report, setupsOf, textOf } from './report.mjs'

/** @import { Command, Run } from './command.mjs' */
/** @import { Named } from './measure.mjs' */
/** @import { Peer } from './peers/peer.d.ts' */
/** @import { Report } from './report.mjs' */
/** @import { Workload } from './workloads/workload.d.ts' */

process.exitCode = await main(process.argv.slice(2))

/** @param {string[]} args */
async function main(args) {
  const workloads = await loadWorkloads()
  const command = commandFrom(args, workloads)
  if (typeof command === 'string') {
    console.log(command)
    return args.some((arg) => /^(--help|-h)$/.test(arg)) ? 0 : 2
  }
  const peers = new Map((await Promise.all(peerNames().map((name) => named(name)))).flat())
  if (command.from !== undefined) return await redraw(command.from, workloads, peers)
  return await runAll(command, peers)
}

/**
 * Writes the page anew from figures that were written to a file before.
 * @param {string} file
 * @param {Map<string, Workload>} workloads
 * @param {ReadonlyMap<string, Peer>} peers
 */
async function redraw(file, workloads, peers) {
  /** @type {Report | Report[]} */
  const content = JSON.parse(readFileSync(file, 'utf8'))
  for (const one of [content].flat()) {
    const workload = workloads.get(one.workload)
    if (workload !== undefined) await document(workload, one, peers)
  }
  return 0
}

/**
 * @param {Command} command
 * @param {ReadonlyMap<string, Peer>} peers
 */
async function runAll({ runs, peers: chosen, json, docs }, peers) {
  const obstacle = docs ? undocumentable(runs) : undefined
  if (obstacle !== undefined) {
    console.error(`bench: ${obstacle}`)
    return 2
  }
  /** @type {Report[]} */
  const reports = []
  let failed = false
  for (const run of runs) {
    const { result, failures } = await runOne(run, chosen, peers)
    for (const [peer, error] of failures) console.error(`bench: ${peer} failed: ${error}`)
    failed ||= failures.size > 0 || Object.keys(result.peers).length === 0
    reports.push(result)
    if (json !== undefined)
      writeFileSync(json, `${JSON.stringify(runs.length === 1 ? result : reports, undefined, 2)}\n`)
    if (docs) await document(run.workload, result, peers)
  }
  return failed ? 1 : 0
}

/**
 * Why the figures of these runs cannot get onto the page.
 * @param {readonly Run[]} runs
 */
function undocumentable(runs) {
  if (commit().endsWith('-dirty'))
    return '--docs writes figures of a commit: commit what is changed in packages/netqueue/src and bench, or leave --docs out'
  const homeless = runs
    .map(({ name, workload, options }) => titleOf(name, workload, options))
    .find((title) => !hasPlace(title))
  return homeless === undefined ? undefined : `docs/performance.md has no place for ${homeless}`
}

/**
 * @param {Run} run
 * @param {readonly string[]} chosen
 * @param {ReadonlyMap<string, Peer>} peers
 */
async function runOne({ name, workload, options, rounds }, chosen, peers) {
  const title = titleOf(name, workload, options)
  const { able, skipped } = await ablePeers(workload, chosen, peers)
  if (able.length === 0) console.error('bench: no peer is left to measure')
  const { samples, failures } = await measure({ title, name, workload, options, rounds, peers: able })
  for (const [peer, error] of failures) skipped.set(peer, `it failed: ${error.split('\n')[0]}`)
  const result = report({ name, workload, rounds, options, samples, skipped, peers })
  console.log(`\n${title}\n\n${textOf(workload, result)}\n${setupsOf(samples.keys(), peers)}\n`)
  return { result, failures }
}

/**
 * A peer; none where its file does not load, which is said.
 * @param {string} name
 * @returns {Promise<Named[]>}
 */
async function named(name) {
  try {
    return [[name, await loadPeer(name)]]
  } catch (error) {
    console.error(`bench: ${name} does not load: ${/** @type {Error} */ (error).message}`)
    return []
  }
}

/**
 * The chosen peers that can run the workload here; why another cannot is said.
 * @param {Workload} workload
 * @param {readonly string[]} names
 * @param {ReadonlyMap<string, Peer>} peers
 */
async function ablePeers(workload, names, peers) {
  /** @type {Named[]} */
  const able = []
  /** @type {Map<string, string>} */
  const skipped = new Map()
  for (const [name, peer] of fitPeers(workload, names, peers)) {
    const reason = (await install(peer.packages)) ?? (await peer.missing?.())
    if (reason === undefined) able.push([name, peer])
    else {
      console.log(`bench: ${name} is skipped: ${reason}`)
      skipped.set(name, reason)
    }
  }
  return { able, skipped }
}

/**
 * Those that the workload is for; the others are named, in a line for each reason.
 * @param {Workload} workload
 * @param {readonly string[]} names
 * @param {ReadonlyMap<string, Peer>} peers
 */
function fitPeers({ needs, only }, names, peers) {
  const loaded = [...peers].filter(([name]) => names.includes(name))
  const [having, lacking] = parted(loaded, ([, peer]) => peer[needs] !== undefined)
  const [meant, others] = parted(having, ([name]) => only?.includes(name) !== false)
  if (lacking.length > 0) console.log(`bench: no part for this: ${namesOf(lacking)}`)
  if (others.length > 0) console.log(`bench: this is for ${only?.join(', ')} alone, not for ${namesOf(others)}`)
  return meant
}

/**
 * @param {readonly Named[]} peers
 * @param {(peer: Named) => boolean} isFirst
 */
function parted(peers, isFirst) {
  return /** @type {const} */ ([peers.filter(isFirst), peers.filter((peer) => !isFirst(peer))])
}

/** @param {readonly Named[]} peers */
function namesOf(peers) {
  return peers.map(([name]) => name).join(', ')
}

/** @returns {Promise<Map<string, Workload>>} */
async function loadWorkloads() {
  const files = readdirSync(new URL('workloads', import.meta.url)).filter((file) => file.endsWith('.mjs'))
  const loaded = await Promise.all(files.map((file) => import(`./workloads/${file}`)))
  return new Map(
    files.flatMap((file, index) =>
      loaded[index].workload ? [[file.replace('.mjs', ''), loaded[index].workload]] : [],
    ),
  )
}
