import { requestLimitDefaults } from 'netqueue'
import type { RequestLimits } from 'netqueue'
import type { Random } from '../random.ts'

const FEATURES = [
  'asking',
  'serverAsking',
  'givingUp',
  'failing',
  'streaming',
  'bodies',
  'longTexts',
  'channels',
  'unfit',
  'posting',
  'serverPosting',
  'hearingSlowly',
  'flooding',
  'ending',
  'crowds',
] as const

/** What is said in one seed's world beside items: each feature on or off, as with all of a swarm. */
export interface Features {
  has: Record<(typeof FEATURES)[number], boolean>
  /** Requests and messages that each side has to make, about. */
  requests: number
  letters: number
  /** Mean milliseconds that a handler takes. */
  answerMs: number
  /** Calls of a handler that may be at work at once, of the one that has such a limit. */
  concurrency: number
}

export interface TalkLimits extends RequestLimits {
  maxWaiting: number
}

/** Nothing for a world in which items are alone. */
export function drawFeatures(random: Random): Features | undefined {
  if (!random.chance(0.65)) return undefined
  const has = Object.fromEntries(FEATURES.map((name) => [name, random.chance(0.6)])) as Features['has']
  has.crowds &&= random.chance(0.2)
  has.longTexts &&= random.chance(0.6)
  has.flooding &&= random.chance(0.5)
  has.ending &&= random.chance(0.6)
  return {
    has,
    requests: random.integer(3, 16),
    letters: random.integer(3, 16),
    answerMs: random.pick([0, 2, 20]),
    concurrency: random.integer(1, 3),
  }
}

/** What one side takes. */
export function drawLimits(random: Random, { has }: Features): TalkLimits {
  return {
    ...requestLimitDefaults,
    maxWaiting: 100_000,
    maxRequests: has.crowds ? 256 : random.pick([2, 5, 5, 256]),
    maxRequestBytes: has.crowds ? 16_777_216 : random.pick([1_000, 16_777_216, 16_777_216]),
    maxStreamChunks: random.pick([1, 2, 7, 256]),
    maxStreamBytes: random.pick([150, 5_000, 1_048_576]),
    maxUnsentMessages: random.pick([1, 4, 1_024]),
    maxUnsentBytes: random.pick([300, 1_048_576]),
    maxUnreadMessages: random.pick([1, 5, 1_024]),
  }
}
