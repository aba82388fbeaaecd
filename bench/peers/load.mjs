// @ts-check
import { readdirSync } from 'node:fs'

/** @import { Peer } from './peer.d.ts' */
/** @import { Workload } from '../workloads/workload.d.ts' */

/** @returns {string[]} */
export function peerNames() {
  return readdirSync(new URL('.', import.meta.url))
    .filter((file) => file.endsWith('.mjs') && file !== 'load.mjs')
    .map((file) => file.replace('.mjs', ''))
}

/**
 * @param {string} name
 * @returns {Promise<Peer>}
 */
export async function loadPeer(name) {
  const { peer } = await import(`./${name}.mjs`)
  return peer
}

/**
 * The part of a peer that a workload needs.
 * @template {Workload['needs']} Part
 * @param {string} name
 * @param {Part} part
 * @returns {Promise<NonNullable<Peer[Part]>>}
 */
export async function loadPart(name, part) {
  const found = (await loadPeer(name))[part]
  if (found === undefined) throw new Error(`${name} has no ${part}`)
  return found
}
