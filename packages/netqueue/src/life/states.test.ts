import { describe, expect, test } from 'vitest'

import { NetQueueError } from '../errors/errors.ts'
import { NEXT, stateOf, States } from './states.ts'
import type { ClientState, ClientStateChange } from './states.ts'

const address = 'memory:there'
const error = new NetQueueError('CONNECTION_LOST', 'gone')

const CHANGES: Record<ClientState, ClientStateChange> = {
  idle: { state: 'idle', address },
  connecting: { state: 'connecting', address, attempt: 1, delayMs: 0 },
  connected: { state: 'connected', address, resumed: false },
  reconnecting: { state: 'reconnecting', address, attempt: 1, delayMs: 50, error },
  closing: { state: 'closing', address },
  closed: { state: 'closed', address },
  failed: { state: 'failed', address, error },
}

/** A legal way to each state. */
const WAYS: Record<ClientState, ClientState[]> = {
  idle: [],
  connecting: ['connecting'],
  connected: ['connecting', 'connected'],
  reconnecting: ['connecting', 'connected', 'reconnecting'],
  closing: ['connecting', 'closing'],
  closed: ['closing', 'closed'],
  failed: ['connecting', 'failed'],
}

const ALL = Object.keys(NEXT) as ClientState[]
const edges = ALL.flatMap((from) => ALL.map((to) => ({ from, to, isLegal: NEXT[from].includes(to) })))

function walk(ways: readonly ClientState[]): { states: States; seen: ClientState[] } {
  const seen: ClientState[] = []
  const states = new States(address, ({ state }) => seen.push(state))
  for (const way of ways) states.enter(CHANGES[way])
  return { states, seen }
}

describe('§7: every legal edge is taken, and told', () => {
  test.for(edges.filter(({ isLegal }) => isLegal))('$from -> $to', ({ from, to }) => {
    const { states, seen } = walk(WAYS[from])
    states.enter(CHANGES[to])
    expect(states.now).toBe(CHANGES[to])
    expect(seen).toEqual([...WAYS[from], to])
  })
})

describe('§7: every missing edge throws, and changes nothing', () => {
  test.for(edges.filter(({ isLegal }) => !isLegal))('$from -> $to', ({ from, to }) => {
    const { states, seen } = walk(WAYS[from])
    expect(() => states.enter(CHANGES[to])).toThrow(`Expected ${to} not to follow ${from}`)
    expect(states.now.state).toBe(from)
    expect(seen).toEqual(WAYS[from])
  })
})

test('a client of several servers is connected while any of them is, and over when all are', () => {
  expect(stateOf(['reconnecting', 'connected', 'failed'])).toBe('connected')
  expect(stateOf(['failed', 'reconnecting', 'connecting'])).toBe('reconnecting')
  expect(stateOf(['closed', 'closing'])).toBe('closing')
  expect(stateOf(['failed', 'closed'])).toBe('closed')
  expect(stateOf(['failed', 'failed'])).toBe('failed')
})
