// @ts-check
import { median, rounded } from '../../statistics.mjs'

/**
 * What the JSON file says of rates, and of what an item costs.
 * @template {{ perSecond: number, cpuMicrosPerItem: number }} Sample
 * @param {readonly Sample[]} samples
 * @param {string} unit
 */
export function ratesOf(samples, unit) {
  const perSecond = samples.map((sample) => rounded(sample.perSecond))
  return {
    unit,
    median: rounded(median(perSecond)),
    cpuMicrosPerItem: rounded(median(samples.map(({ cpuMicrosPerItem }) => cpuMicrosPerItem)), 3),
    samples: perSecond,
    rounds: samples,
  }
}
