// @ts-check
// Measures netqueue and its peers side by side: `npm run bench -- WORKLOAD`, see `--help`.

import { readdirSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { commandFrom } from './command.mjs'
import { install } from './install.mjs'
import { loadPeer } from './peers/load.mjs'
import { document, report, table } from './report.mjs'
import { Stage } from './stage.mjs'

/** @import { Workload } from './workloads/workload.d.ts' */
/** @import { Peer } from './peers/peer.d.ts' */

const LONGEST_ROUND_MS = 180_000

process.exitCode = await main(process.argv.slice(2))

/** @param {string[]} args */
async function main(args) {
  const workloads = await loadWorkloads()
  const command = commandFrom(args, workloads)
  if (typeof command === 'string') {
    console.log(command)
    return args.some((arg) => /^(--help|-h)$/.test(arg)) ? 0 : 2
  }
  const { name, workload, options, rounds } = command
  const able = await ablePeers(workload, command.peers)
  if (able.length === 0) {
    console.error('bench: no peer is left to measure')
    return 1
  }
  const { samples, failures } = await measure({ name, workload, options, rounds, peers: able })
  const results = Object.fromEntries([...samples].map(([peer, list]) => [peer, workload.summary(list, options)]))
  const result = report({ workload: name, rounds, options, results })
  console.log(`\n${table({ workload, options, results, setups: able })}`)
  if (command.json !== undefined) writeFileSync(command.json, `${JSON.stringify(result, undefined, 2)}\n`)
  if (command.docs) document(name, result, table({ workload, options, results, setups: able }))
  for (const [peer, error] of failures) console.error(`bench: ${peer} failed: ${error}`)
  return failures.size === 0 ? 0 : 1
}

/** @typedef {[name: string, peer: Peer]} Named */

/**
 * Alternates between the peers, each round in another order. A peer that fails is left out from then on.
 * @param {{ name: string, workload: Workload, options: Record<string, number>, rounds: number, peers: Named[] }} task
 */
async function measure({ name, workload, options, rounds, peers }) {
  /** @type {Map<string, unknown[]>} */
  const samples = new Map()
  /** @type {Map<string, string>} */
  const failures = new Map()
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < peers.length; turn += 1) {
      const named = /** @type {Named} */ (peers[(round + turn) % peers.length])
      const [peer] = named
      if (failures.has(peer)) continue
      const progress = (/** @type {string} */ text) => say(`${name}: round ${round + 1} of ${rounds}, ${peer}: ${text}`)
      try {
        const sample = await playRound({ name, workload, options, named, progress })
        samples.set(peer, [...(samples.get(peer) ?? []), sample])
      } catch (error) {
        failures.set(peer, error instanceof Error ? error.message : String(error))
      }
    }
  }
  return { samples, failures }
}

/**
 * @param {{ name: string, workload: Workload, options: Record<string, number>, named: Named, progress: (text: string) => void }} task
 */
async function playRound({ name, workload, options, named: [peerName, peer], progress }) {
  const broker = await peer.broker?.()
  const setting = { broker: broker?.url ?? '', bytes: options.size ?? 0, prefetch: options.prefetch ?? 0 }
  const stage = new Stage({ workload: name, peer: peerName, setting, brokerPids: broker?.pids ?? [] })
  const late = new AbortController()
  try {
    return await Promise.race([workload.round(stage, { options, setting, progress }), lateness(late.signal)])
  } finally {
    late.abort()
    await stage.strike()
    await broker?.stop()
  }
}

/**
 * Rejects when a round takes so long that something must hang.
 * @param {AbortSignal} signal
 * @returns {Promise<never>}
 */
async function lateness(signal) {
  await delay(LONGEST_ROUND_MS, undefined, { signal }).catch(() => {})
  throw new Error(`a round took more than ${LONGEST_ROUND_MS / 1_000} s`)
}

/** One line that is written over on a terminal, and line by line elsewhere. @param {string} text */
function say(text) {
  process.stdout.write(process.stdout.isTTY ? `\r\x1b[Kbench: ${text} …` : `bench: ${text} …\n`)
}

/**
 * The peers that can run the workload here; why another cannot is said.
 * @param {Workload} workload
 * @param {string[]} names
 * @returns {Promise<Named[]>}
 */
async function ablePeers(workload, names) {
  /** @type {Named[]} */
  const able = []
  for (const name of names) {
    try {
      const peer = await loadPeer(name)
      const reason = await whyNot(workload, peer)
      if (reason !== undefined) throw new Error(reason)
      able.push([name, peer])
    } catch (error) {
      console.log(`bench: ${name} is skipped: ${/** @type {Error} */ (error).message}`)
    }
  }
  return able
}

/**
 * @param {Workload} workload
 * @param {Peer} peer
 */
async function whyNot(workload, peer) {
  if (peer[workload.needs] === undefined) return `it has no part for this (${workload.needs})`
  return (await install(peer.packages)) ?? (await peer.missing?.())
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
