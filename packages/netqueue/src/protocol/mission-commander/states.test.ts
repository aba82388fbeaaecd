import { expect, test } from 'vitest'

import { missionStateOf, MissionState, stateOfMission, missionStateNames } from './states.ts'

const STATES = ['idle', 'connecting', 'connected', 'reconnecting', 'closing', 'closed', 'failed'] as const

test('each state has the bits that the original was seen to set, and they lead back to it', () => {
  const bits = Object.fromEntries(STATES.map((state) => [state, missionStateOf(state)]))
  expect(bits).toEqual({
    idle: 1 | 8,
    connecting: 2 | 16,
    connected: 2 | 32,
    reconnecting: 2 | 16 | 128,
    closing: 2 | 512,
    closed: 2 | 8,
    failed: 8 | 64,
  })
  expect(STATES.map((state) => stateOfMission(missionStateOf(state)))).toEqual(STATES)
})

test('compound bits that the original documents and never sets lead to a state, too', () => {
  const { STATE_OK, STATE_RUNNING, STATE_CONNECTED, STATE_CONNECTING, STATE_NOT_CONNECTED } = MissionState
  expect(stateOfMission(STATE_OK | STATE_RUNNING | STATE_CONNECTED)).toBe('connected')
  expect(stateOfMission(STATE_CONNECTED | MissionState.STATE_DISCONNECTING)).toBe('closing')
  expect(stateOfMission(STATE_CONNECTING | MissionState.STATE_CONNECT_FAILED)).toBe('connecting')
  expect(stateOfMission(STATE_NOT_CONNECTED | MissionState.STATE_RECONNECT_FAILED)).toBe('failed')
  expect(stateOfMission(STATE_NOT_CONNECTED | MissionState.STATE_DISCONNECT_FAILED)).toBe('failed')
  expect(stateOfMission(STATE_NOT_CONNECTED | MissionState.STATE_UNEXP_CLOSED)).toBe('failed')
  expect([0, STATE_OK, STATE_OK | STATE_RUNNING].map(stateOfMission)).toEqual(['idle', 'idle', 'idle'])
})

test('bits have the names of the original', () => {
  expect(missionStateNames(missionStateOf('reconnecting'))).toEqual([
    'STATE_OK',
    'STATE_CONNECTING',
    'STATE_RECONNECTING',
  ])
  expect(missionStateNames(0)).toEqual(['STATE_UNDEFINED'])
  expect(missionStateNames(4_095)).toEqual(Object.keys(MissionState).slice(1))
})

test('bits that the original has not are a RangeError', () => {
  for (const bits of [-1, 4_096, 1.5])
    for (const read of [stateOfMission, missionStateNames]) expect(() => read(bits)).toThrow(RangeError)
})
