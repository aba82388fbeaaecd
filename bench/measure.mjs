// @ts-check
// Rounds of all peers in turns.

import { setTimeout as delay } from 'node:timers/promises'
import { Stage } from './stage.mjs'

/** @import { Workload } from './workloads/workload.d.ts' */
/** @import { Peer } from './peers/peer.d.ts' */

/** @typedef {[name: string, peer: Peer]} Named */

const LONGEST_ROUND_MS = 180_000

/**
 * Alternates between the peers, each round in another order. A peer that fails is left out from then on, and what it had so far.
 * @param {{ title: string, name: string, workload: Workload, options: Record<string, number>, rounds: number, peers: readonly Named[] }} task
 */
export async function measure({ title, name, workload, options, rounds, peers }) {
  /** @type {Map<string, unknown[]>} */
  const samples = new Map()
  /** @type {Map<string, string>} */
  const failures = new Map()
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < peers.length; turn += 1) {
      const named = /** @type {Named} */ (peers[(round + turn) % peers.length])
      const [peer] = named
      if (failures.has(peer)) continue
      const progress = (/** @type {string} */ text) =>
        say(`${title}: round ${round + 1} of ${rounds}, ${peer}: ${text}`)
      try {
        const sample = await playRound({ name, workload, options, named, progress })
        samples.set(peer, [...(samples.get(peer) ?? []), sample])
      } catch (error) {
        failures.set(peer, error instanceof Error ? error.message : String(error))
        samples.delete(peer)
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
    return await Promise.race([workload.round(stage, { options, progress }), lateness(late.signal)])
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
