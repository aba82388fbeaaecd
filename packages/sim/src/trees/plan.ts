import type { Random } from '../random.ts'

const FAULTS = ['cuts', 'relayCrashes', 'leafCrashes', 'halfOpens', 'pauses', 'stalls'] as const
const HABITS = [
  'failures',
  'leaving',
  'cancelling',
  'submitting',
  'leafPuts',
  'putOnly',
  'slowness',
  'freezing',
  'stages',
  'dropping',
  'twoParents',
  'goodbyes',
  'mapping',
  'addressing',
  'talking',
  'lengths',
  'choosing',
] as const

export type TreeFault = (typeof FAULTS)[number]
export type TreeHabit = (typeof HABITS)[number]

/** One place of a tree, in which one process after the other lives. */
export interface Place {
  readonly name: string
  readonly kind: 'root' | 'relay' | 'leaf'
  /** Hops from the root. */
  readonly depth: number
  /** Where its processes find what is above. */
  readonly parents: readonly Place[]
}

/** What one seed's tree is like, and what happens in it. */
export interface Plan {
  has: Record<TreeFault | TreeHabit, boolean>
  relays: Place[]
  leaves: Place[]
  /** Names of the leaves that take short items alone; never all of them. */
  shortLeaves: ReadonlySet<string>
  items: number
  /** Simulated milliseconds until nothing fails any more. */
  faultsEnd: number
  /** Mean milliseconds between two faults. */
  faultEvery: number
  maxLatency: number
  slicing: number
  relayPrefetch: number | 'auto'
  leafPrefetch: number | 'auto'
  /** Items of a child that may wait in a relay. */
  roomBelow: number
  maxUnsettled: number
  maxAttempts: number
  /** Mean milliseconds of work on an item. */
  workMs: number
  /** How long a node waits for a child that was lost; 0: not at all. */
  resumeTimeoutMs: number
  /** 0: there are none. */
  heartbeatMs: number
}

const MOST_RELAYS = 6

/** What leaves take that take short items alone, and how long those are that all take, in bytes. */
export const MAX_SHORT_BYTES = 160
export const SHORT_BYTES = 40

export const ROOT: Place = { name: 'root', kind: 'root', depth: 0, parents: [] }

export function drawPlan(random: Random): Plan {
  const has = Object.fromEntries([...FAULTS, ...HABITS].map((name) => [name, random.chance(0.5)])) as Plan['has']
  has.twoParents &&= random.chance(0.5)
  has.dropping &&= has.stages
  // What stages write behind an item makes it longer on its way.
  has.lengths &&= !has.stages
  const tree = drawTree(random.fork(), has.twoParents)
  const [, ...others] = tree.leaves
  return {
    has,
    ...tree,
    shortLeaves: new Set(others.flatMap(({ name }) => (has.lengths && random.chance(0.5) ? name : []))),
    items: random.integer(6, 30),
    faultsEnd: random.integer(500, 2_500),
    faultEvery: random.integer(60, 400),
    maxLatency: random.pick([0.5, 2, 10, 40]),
    slicing: random.pick([0, 0.2]),
    relayPrefetch: random.pick([1, 1, 2, 4, 'auto', 'auto', 'auto']),
    leafPrefetch: random.pick([1, 1, 2, 4, 'auto', 'auto']),
    roomBelow: random.pick([1, 2, 4, 12]),
    maxUnsettled: random.pick([12, 64, 1_024]),
    maxAttempts: random.pick([3, 20, 20]),
    workMs: random.pick([0.1, 5, 30]),
    resumeTimeoutMs: random.pick([0, 0, 300, 5_000]),
    heartbeatMs: random.pick([0, 150, 400, 15_000]),
  }
}

/** Up to three hops from the root to a leaf. Every relay has a child. */
function drawTree(random: Random, twoParents: boolean): Pick<Plan, 'relays' | 'leaves'> {
  const relays: Place[] = []
  const leaves: Place[] = []
  const grow = (parent: Place): void => {
    const [least, most] = parent.kind === 'root' ? [1, 3] : [1, 2]
    for (let left = random.integer(least, most); left > 0; left -= 1) {
      const depth = parent.depth + 1
      const isRelay = depth < 3 && relays.length < MOST_RELAYS && random.chance(depth === 1 ? 0.9 : 0.5)
      const peers = relays.filter((relay) => relay.depth === parent.depth && relay !== parent)
      const others = twoParents && peers.length > 0 && random.chance(0.4) ? [random.pick(peers)] : []
      const list = isRelay ? relays : leaves
      const name = `${isRelay ? 'r' : 'l'}${list.length + 1}`
      const place: Place = { name, kind: isRelay ? 'relay' : 'leaf', depth, parents: [parent, ...others] }
      list.push(place)
      if (isRelay) grow(place)
    }
  }
  grow(ROOT)
  return { relays, leaves }
}

export const addressOf = ({ name }: Place): string => `sim:${name}`
