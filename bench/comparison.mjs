// @ts-check
// netqueue beside its peers: ratios of what was measured in the same round, and what they should be.

import { median } from './statistics.mjs'

/** @import { Peer } from './peers/peer.d.ts' */
/** @import { Figure, Goal, Numbers, Workload } from './workloads/workload.d.ts' */

/** The one that others are compared with. */
const OURS = 'netqueue'
/** A goal counts only beside these. */
const NEEDED = ['raw', 'ws', 'zeromq', 'nats', 'redis']

/** @typedef {Map<string, readonly unknown[]>} Samples of each peer, round by round */
/** @typedef {{ goal: string, measured: string, isMet: boolean | null }} Verdict nothing was measured where `isMet` is null */

/**
 * netqueue's figure divided by each peer's.
 * @param {Samples} samples
 * @param {Figure} figure
 * @returns {Record<string, number>}
 */
export function ratios(samples, figure) {
  if (!samples.has(OURS)) return {}
  return Object.fromEntries([...samples.keys()].map((peer) => [peer, ratio(samples, figure, [OURS, peer])]))
}

/**
 * The median of the rounds; without those in which noise brought a difference below 0, or to where it divides nothing. `NaN` if there are no others.
 * @param {Samples} samples
 * @param {Figure} figure
 * @param {[subject: string, other: string]} peers
 */
function ratio(samples, figure, [subject, other]) {
  const [ours = [], theirs = []] = [samples.get(subject), samples.get(other)]
  const rounds = Array.from({ length: Math.min(ours.length, theirs.length) }, (_, round) => ({
    our: figure.of(ours[round]),
    their: figure.of(theirs[round]),
  }))
  return median(rounds.filter(({ our, their }) => our >= 0 && their > 0).map(({ our, their }) => our / their))
}

/**
 * Those of the needed peers that were not measured, and could have been.
 * @param {Samples} samples
 * @param {ReadonlyMap<string, Peer>} peers all that there are
 * @param {Workload} workload
 */
export function lacking(samples, peers, { needs, only = NEEDED }) {
  return NEEDED.filter((name) => {
    const peer = peers.get(name)
    return only.includes(name) && !samples.has(name) && (peer === undefined || peer[needs] !== undefined)
  })
}

/**
 * @param {{ workload: Workload, options: Numbers, samples: Samples, peers: ReadonlyMap<string, Peer> }} run
 * @returns {Verdict[]}
 */
export function verdicts({ workload, options, samples, peers }) {
  return (workload.goals?.(options) ?? []).flatMap((goal) => {
    const figure = goal.figure ?? workload.figure
    return figure === undefined ? [] : [verdict(goal, figure, samples, peers)]
  })
}

/**
 * @param {Goal} goal
 * @param {Figure} figure
 * @param {Samples} samples
 * @param {ReadonlyMap<string, Peer>} peers
 * @returns {Verdict}
 */
function verdict(goal, figure, samples, peers) {
  const subject = goal.subject ?? OURS
  const text = textOf(goal, figure)
  const ours = samples.get(subject)
  if (ours === undefined) return { goal: text, measured: `${subject} was not measured`, isMet: null }
  if (goal.against === undefined) {
    const value = valueOf(goal, ours.map(figure.of))
    return { goal: text, measured: digits(value), isMet: isWithin(goal, value) }
  }
  const measured = opponents(goal, peers)
    .filter((name) => samples.has(name))
    .map((name) => ({ name, value: ratio(samples, figure, [subject, name]) }))
    .toSorted((one, other) => one.value - other.value)
  // One that cannot be compared leaves the goal open: it might have been the hardest.
  const noisy = measured.find(({ value }) => Number.isNaN(value))
  const hardest = noisy ?? (goal.least === undefined ? measured.at(-1) : measured[0])
  if (hardest === undefined) return { goal: text, measured: `${othersOf(goal)} not measured`, isMet: null }
  const { name, value } = hardest
  if (Number.isNaN(value)) return { goal: text, measured: `too noisy to be compared with ${name}`, isMet: null }
  return { goal: text, measured: `${digits(value)} times ${name}`, isMet: isWithin(goal, value) }
}

/** So many that a figure does not look like its goal and yet misses it. @param {number} value */
function digits(value) {
  return String(Number(value.toPrecision(3)))
}

/**
 * @param {Goal} goal
 * @param {ReadonlyMap<string, Peer>} peers
 */
function opponents({ against = '', except = [] }, peers) {
  if (against !== 'peers') return [against].flat()
  return [...peers].flatMap(([name, { kind = 'peer' }]) => (kind === 'peer' && !except.includes(name) ? [name] : []))
}

/**
 * Of the rounds.
 * @param {Goal} goal
 * @param {readonly number[]} values
 */
function valueOf({ everyRound = false, most }, values) {
  if (!everyRound) return median(values)
  return most === undefined ? Math.min(...values) : Math.max(...values)
}

/**
 * @param {Goal} goal
 * @param {number} value
 */
function isWithin({ least = -Infinity, most = Infinity }, value) {
  return value >= least && value <= most
}

/**
 * @param {Goal} goal
 * @param {Figure} figure
 */
function textOf(goal, figure) {
  const { subject = OURS, against, least, most, figure: own, everyRound = false } = goal
  const bound = [least === undefined ? [] : [`at least ${least}`], most === undefined ? [] : [`at most ${most}`]]
  const what = own !== undefined || against === undefined ? `${figure.title} ` : ''
  const of = against === undefined ? '' : ` times ${othersOf(goal)}`
  return `${subject}: ${what}${bound.flat().join(', ')}${of}${everyRound ? ', in every round' : ''}`
}

/** @param {Goal} goal */
function othersOf({ against = '', except = [] }) {
  return against === 'peers'
    ? ['every peer', ...except.map((name) => `but ${name}`)].join(' ')
    : [against].flat().join(', ')
}
