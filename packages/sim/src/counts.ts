/** How often each thing happened: a run in which something never happened has not shown that it is survived. */
export const ITEMS_COUNTED = [
  'items',
  'deliveries',
  'redeliveries',
  'returns',
  'staleSettles',
  'takenBack',
  'extensions',
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
  'retired',
  'earlyCloses',
] as const

/** The same of connections that are lost and found again. */
export const RETURNS_COUNTED = [
  'reconnects',
  'resumes',
  'expired',
  'takeovers',
  'replays',
  'heartbeatLosses',
  'blackholes',
  'serverCrashes',
  'restarts',
  'putsAgain',
  'exhausted',
  'refusedForGood',
] as const

/** The same of what is said beside items. */
export const TALK_COUNTED = [
  'requests',
  'answers',
  'failures',
  'requestCancels',
  'deadlines',
  'lostRequests',
  'crowds',
  'endings',
  'streams',
  'streamsLeft',
  'bodies',
  'chunks',
  'longTexts',
  'messages',
  'heard',
  'dropped',
  'broadcasts',
  'missed',
  'mismatches',
] as const

/** What is counted in trees alone. */
const OF_TREES = [
  'settled',
  'addressed',
  'relayCrashes',
  'relayPauses',
  'relaysLeft',
  'stages',
  'stageDrops',
  'cancelsHeard',
  'floods',
  'stuck',
  'choices',
  'longItems',
] as const

/** The same of trees. */
export const TREES_COUNTED = [
  'items',
  'deliveries',
  'redeliveries',
  'returns',
  'settled',
  'staleSettles',
  'cancels',
  'cancelsHeard',
  'deadLetters',
  'results',
  'timeouts',
  'aborts',
  'cuts',
  'crashes',
  'relayCrashes',
  'relaysLeft',
  'halfOpens',
  'pauses',
  'relayPauses',
  'stalls',
  'reconnects',
  'resumes',
  'reclaims',
  'keptPuts',
  'stages',
  'stageDrops',
  'floods',
  'stuck',
  'choices',
  'longItems',
  'addressed',
  'requests',
  'answers',
  'failures',
  'streams',
  'chunks',
  'messages',
  'heard',
  'broadcasts',
] as const

export type Counts = Record<
  | (typeof ITEMS_COUNTED)[number]
  | (typeof RETURNS_COUNTED)[number]
  | (typeof TALK_COUNTED)[number]
  | (typeof OF_TREES)[number],
  number
>

/** All that happens where one server stands alone. */
export const COUNTED: readonly (keyof Counts)[] = [...ITEMS_COUNTED, ...RETURNS_COUNTED, ...TALK_COUNTED]

const ALL: readonly (keyof Counts)[] = [...COUNTED, ...OF_TREES]

export function noCounts(): Counts {
  return Object.fromEntries(ALL.map((name) => [name, 0])) as Counts
}

export function addCounts(sum: Counts, more: Counts): void {
  for (const name of ALL) sum[name] += more[name]
}
