/** How often each thing happened: a run in which something never happened has not shown that it is survived. */
export const COUNTED = [
  'items',
  'deliveries',
  'redeliveries',
  'returns',
  'staleSettles',
  'cancels',
  'deadLetters',
  'results',
  'cuts',
  'crashes',
  'halfOpens',
  'pauses',
  'stalls',
  'refused',
  'reclaims',
  'fragments',
  'keptPuts',
  'timeouts',
  'aborts',
  'loopsLeft',
  'earlyCloses',
] as const

export type Counts = Record<(typeof COUNTED)[number], number>

export function noCounts(): Counts {
  return Object.fromEntries(COUNTED.map((name) => [name, 0])) as Counts
}

export function addCounts(sum: Counts, more: Counts): void {
  for (const name of COUNTED) sum[name] += more[name]
}
