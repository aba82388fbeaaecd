// @ts-check

/** @import { Goal } from '../workload.d.ts' */

/**
 * Goals for the workload's figure: so many times that of every product, and of raw; none where nothing is set.
 * @param {{ peers: number, raw: number }} [least]
 * @returns {Goal<never>[]}
 */
export function goalsFor(least) {
  if (least === undefined) return []
  return [
    { against: 'peers', least: least.peers },
    { against: 'raw', least: least.raw },
  ]
}
