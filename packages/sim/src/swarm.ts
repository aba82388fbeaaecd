import type { Random } from './random.ts'

const FAULTS = ['cuts', 'crashes', 'halfOpens', 'pauses', 'stalls', 'refusals', 'serverPauses'] as const
const HABITS = [
  'failures',
  'leaving',
  'cancelling',
  'addressing',
  'bigItems',
  'submitting',
  'mapping',
  'clientPuts',
  'requeueing',
  'slowness',
  'earlyClose',
  'sameIds',
  'goodbyes',
] as const

export type Fault = (typeof FAULTS)[number]
export type Habit = (typeof HABITS)[number]

/** What one seed's world is like: a swarm of features, each on or off, since what is always there hides what it covers. */
export interface Swarm {
  has: Record<Fault | Habit, boolean>
  clients: number
  items: number
  /** Simulated milliseconds until nothing fails any more. */
  faultsEnd: number
  /** Mean milliseconds between two faults. */
  faultEvery: number
  maxLatency: number
  slicing: number
  windowBytes: number
  serverPrefetch: number
  clientPrefetch: number | 'auto'
  maxUnsettled: number
  maxAttempts: number
  policy: 'leastBusy' | 'roundRobin' | 'hashBy' | 'prefer' | 'slow'
  /** Mean milliseconds of work on an item. */
  workMs: number
}

/** How connections are lost and found again in one seed's world. */
export interface Returns {
  /** The server keeps sessions for so many milliseconds. */
  resumeTimeoutMs: number
  maxReplayBytes: number
  /** 0: there are none. */
  heartbeatMs: number
  minDelayMs: number
  maxDelayMs: number
  connectTimeoutMs: number
  has: Record<'blackholes' | 'serverCrashes' | 'restarts' | 'waiting' | 'exhaustion', boolean>
}

/** How long clients read, and how long items may take, in one seed's world. */
export interface Patience {
  /** Clients may take nothing any more, and stay. */
  retires: boolean
  /** The server takes items back that were not settled for so many milliseconds; 0: it waits for ever. */
  settleTimeoutMs: number
}

/** Of its own chance: other worlds are what they would be if there were no such thing. */
export function drawPatience(random: Random, { has }: Swarm): Patience {
  const [retires, isHurried] = [random.chance(0.5), random.chance(2 / 3)]
  const settleTimeoutMs = random.pick([150, 400, 1_500])
  // The time of a long item begins unseen, with its first piece: those are in worlds that wait for ever.
  return { retires, settleTimeoutMs: isHurried && !has.bigItems ? settleTimeoutMs : 0 }
}

/** Nothing for a world in which each client has one connection. */
export function drawReturns(random: Random): Returns | undefined {
  if (!random.chance(0.7)) return undefined
  const heartbeatMs = random.pick([0, 15_000, 150, 400])
  return {
    resumeTimeoutMs: random.pick([0, 40, 300, 300, 5_000, 5_000]),
    maxReplayBytes: random.pick([1_500, 20_000, 4_194_304, 4_194_304]),
    heartbeatMs,
    minDelayMs: random.pick([1, 10, 100]),
    maxDelayMs: random.pick([100, 400]),
    connectTimeoutMs: random.pick([400, 2_000]),
    has: {
      blackholes: heartbeatMs > 0 && heartbeatMs < 1_000 && random.chance(0.6),
      serverCrashes: random.chance(0.3),
      restarts: random.chance(0.25),
      waiting: random.chance(0.4),
      exhaustion: random.chance(0.15),
    },
  }
}

export function drawSwarm(random: Random): Swarm {
  const has = Object.fromEntries([...FAULTS, ...HABITS].map((name) => [name, random.chance(0.5)])) as Swarm['has']
  has.earlyClose &&= random.chance(0.3)
  has.bigItems &&= random.chance(0.5)
  return {
    has,
    clients: random.integer(1, 4),
    items: random.integer(8, 40),
    faultsEnd: random.integer(800, 4_000),
    faultEvery: random.integer(60, 500),
    maxLatency: random.pick([0.5, 2, 10, 40]),
    slicing: random.pick([0, 0.2, 0.8]),
    windowBytes: random.pick([300, 4_000, 1_000_000]),
    serverPrefetch: random.pick([1, 2, 4, 12]),
    clientPrefetch: random.pick([1, 1, 2, 4, 10, 'auto', 'auto']),
    maxUnsettled: random.pick([12, 16, 1_024]),
    maxAttempts: random.pick([2, 4, 20]),
    policy: random.pick(['leastBusy', 'leastBusy', 'leastBusy', 'roundRobin', 'hashBy', 'prefer', 'slow']),
    workMs: random.pick([0.1, 5, 30]),
  }
}
