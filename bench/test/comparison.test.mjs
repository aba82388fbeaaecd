// @ts-check
import { describe, expect, test } from 'vitest'

import { lacking, ratios, verdicts } from '../comparison.mjs'

/** @import { Peer } from '../peers/peer.d.ts' */
/** @import { Figure, Goal, Workload } from '../workloads/workload.d.ts' */

/** A sample is its figure. @type {Figure<number>} */
const RATE = { title: 'items/s', of: (sample) => sample }

/** @type {Pick<Peer, 'stream'>} */
const streaming = { stream: { receiver: async () => '', sender: async () => {} } }

/**
 * @param {Partial<Peer>} [members]
 * @returns {Peer}
 */
function peer(members = streaming) {
  return { packages: [], setup: '', ...members }
}

/** Who might have been measured. @type {ReadonlyMap<string, Peer>} */
const PEERS = new Map([
  ['netqueue', peer({ ...streaming, kind: 'ours' })],
  ['raw', peer({ ...streaming, kind: 'limit' })],
  ['ws-corked', peer({ ...streaming, kind: 'variant' })],
  ['ws', peer()],
  ['zeromq', peer()],
  ['nats', peer()],
  ['redis', peer({})],
])

/** @param {Record<string, number[]>} rounds the figures of each peer */
function samplesOf(rounds) {
  return new Map(Object.entries(rounds))
}

/** @param {Partial<Workload<number>>} [members] */
function workloadOf(members) {
  return /** @type {Workload} */ ({ needs: 'stream', figure: RATE, ...members })
}

/**
 * @param {Goal<number>} goal
 * @param {Record<string, number[]>} rounds
 */
function verdict(goal, rounds) {
  const workload = workloadOf({ goals: () => [goal] })
  return verdicts({ workload, options: {}, samples: samplesOf(rounds), peers: PEERS })[0]
}

describe('a ratio', () => {
  test('is the median of those of the rounds, and not that of the medians', () => {
    const samples = samplesOf({ netqueue: [10, 20, 90], ws: [10, 40, 30] })
    expect(ratios(samples, RATE)).toEqual({ netqueue: 1, ws: 1 })
  })

  test('leaves out rounds in which noise brought a figure below 0, or one that divides nothing', () => {
    const samples = samplesOf({ netqueue: [10, 10, -1, 8], ws: [5, 0, 5, 2] })
    expect(ratios(samples, RATE).ws).toBe(3)
  })

  test('is none where no round can be compared', () => {
    expect(ratios(samplesOf({ netqueue: [10], ws: [0] }), RATE).ws).toBeNaN()
  })

  test('is not there for anybody where netqueue was not measured', () => {
    expect(ratios(samplesOf({ ws: [1] }), RATE)).toEqual({})
  })
})

describe("a goal against 'peers'", () => {
  const rounds = { netqueue: [12], ws: [4], zeromq: [2], nats: [6] }

  test('is set against the fastest where netqueue shall be faster', () => {
    expect(verdict({ against: 'peers', least: 2.5 }, rounds)).toEqual({
      goal: 'netqueue: at least 2.5 times every peer',
      measured: '2 times nats',
      isMet: false,
    })
  })

  test('is set against the one with the least where netqueue shall have less', () => {
    expect(verdict({ against: 'peers', most: 5 }, rounds)).toMatchObject({ measured: '6 times zeromq', isMet: false })
  })

  test('leaves out those that it excepts', () => {
    expect(verdict({ against: 'peers', except: ['nats'], least: 2.5 }, rounds)).toEqual({
      goal: 'netqueue: at least 2.5 times every peer but nats',
      measured: '3 times ws',
      isMet: true,
    })
  })

  test('leaves out what is no product as its documentation shows it', () => {
    const others = { raw: [100], 'ws-corked': [100] }
    expect(verdict({ against: 'peers', least: 2 }, { ...rounds, ...others })).toMatchObject({
      measured: '2 times nats',
    })
  })

  test('is open where one of them cannot be compared, wherever that stands', () => {
    for (const name of ['ws', 'zeromq', 'nats'])
      expect(verdict({ against: 'peers', least: 1 }, { ...rounds, [name]: [0] })).toMatchObject({
        measured: `too noisy to be compared with ${name}`,
        isMet: null,
      })
  })
})

test('a goal against several is set against the best of them', () => {
  const goal = { against: ['ws', 'nats', 'zeromq'], least: 0.9 }
  expect(verdict(goal, { netqueue: [9], ws: [5], nats: [12], zeromq: [3] })).toEqual({
    goal: 'netqueue: at least 0.9 times ws, nats, zeromq',
    measured: '0.75 times nats',
    isMet: false,
  })
})

describe('a goal without `against`', () => {
  test('bounds the middle round', () => {
    expect(verdict({ most: 12 }, { netqueue: [50, 11, 12] })).toEqual({
      goal: 'netqueue: items/s at most 12',
      measured: '12',
      isMet: true,
    })
  })

  test('that is for every round bounds the worst one', () => {
    expect(verdict({ most: 0, everyRound: true }, { netqueue: [0, 0, 1] })).toEqual({
      goal: 'netqueue: items/s at most 0, in every round',
      measured: '1',
      isMet: false,
    })
    expect(verdict({ least: 5, everyRound: true }, { netqueue: [9, 4, 7] })).toMatchObject({
      measured: '4',
      isMet: false,
    })
  })

  test('may have a figure of its own', () => {
    const figure = { title: 'half of the rate', of: (/** @type {number} */ sample) => sample / 2 }
    expect(verdict({ least: 5, figure }, { netqueue: [8] })).toEqual({
      goal: 'netqueue: half of the rate at least 5',
      measured: '4',
      isMet: false,
    })
  })
})

describe('a goal', () => {
  test('is open where its subject was not measured', () => {
    const goal = { subject: 'netqueue-process', against: 'ws', least: 5 }
    expect(verdict(goal, { netqueue: [10], ws: [1] })).toEqual({
      goal: 'netqueue-process: at least 5 times ws',
      measured: 'netqueue-process was not measured',
      isMet: null,
    })
  })

  test('is open where nobody was measured whom it is set against', () => {
    expect(verdict({ against: 'raw', least: 0.4 }, { netqueue: [10], ws: [1] })).toMatchObject({
      measured: 'raw not measured',
      isMet: null,
    })
  })

  test('is met at its very bound', () => {
    expect(verdict({ against: 'ws', least: 2 }, { netqueue: [4], ws: [2] })?.isMet).toBe(true)
    expect(verdict({ against: 'ws', most: 2 }, { netqueue: [4], ws: [2] })?.isMet).toBe(true)
  })
})

describe('a run lacks', () => {
  test('those needed that have the part and were not measured, and those that are not there at all', () => {
    const without = new Map([...PEERS].filter(([name]) => name !== 'zeromq'))
    expect(lacking(samplesOf({ netqueue: [1], ws: [1] }), without, workloadOf())).toEqual(['raw', 'zeromq', 'nats'])
  })

  test('nobody of those that the workload is not for', () => {
    const workload = workloadOf({ only: ['netqueue', 'raw'] })
    expect(lacking(samplesOf({ netqueue: [1] }), PEERS, workload)).toEqual(['raw'])
  })

  test('nobody where all were measured that can be', () => {
    const all = { netqueue: [1], raw: [1], ws: [1], zeromq: [1], nats: [1] }
    expect(lacking(samplesOf(all), PEERS, workloadOf())).toEqual([])
  })
})
