import { checkInteger } from '../../errors/check.ts'

/** The bits of the original's `ClientState`. */
export const MissionState = {
  STATE_UNDEFINED: 0,
  STATE_NEEDS_INIT: 1,
  STATE_OK: 2,
  STATE_RUNNING: 4,
  STATE_NOT_CONNECTED: 8,
  STATE_CONNECTING: 16,
  STATE_CONNECTED: 32,
  STATE_CONNECT_FAILED: 64,
  STATE_RECONNECTING: 128,
  STATE_RECONNECT_FAILED: 256,
  STATE_DISCONNECTING: 512,
  STATE_DISCONNECT_FAILED: 1024,
  STATE_UNEXP_CLOSED: 2048,
} as const

const ALL_BITS = 4_095

/** The states of a client here, from which those of the life of a client differ in nothing. */
type State = 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'closing' | 'closed' | 'failed'

/** As the original was seen to set them: it never sets `STATE_RUNNING`, and ends in `STATE_OK | STATE_NOT_CONNECTED`. */
const BITS: Readonly<Record<State, number>> = {
  idle: MissionState.STATE_NEEDS_INIT | MissionState.STATE_NOT_CONNECTED,
  connecting: MissionState.STATE_OK | MissionState.STATE_CONNECTING,
  connected: MissionState.STATE_OK | MissionState.STATE_CONNECTED,
  reconnecting: MissionState.STATE_OK | MissionState.STATE_CONNECTING | MissionState.STATE_RECONNECTING,
  closing: MissionState.STATE_OK | MissionState.STATE_DISCONNECTING,
  closed: MissionState.STATE_OK | MissionState.STATE_NOT_CONNECTED,
  failed: MissionState.STATE_NOT_CONNECTED | MissionState.STATE_CONNECT_FAILED,
}

/** Of compound states, the one of which any bit is set and that stands first here: what goes on says more than what was. */
const SIGNS: readonly (readonly [State, number])[] = [
  ['closing', MissionState.STATE_DISCONNECTING],
  ['reconnecting', MissionState.STATE_RECONNECTING],
  ['connecting', MissionState.STATE_CONNECTING],
  ['connected', MissionState.STATE_CONNECTED],
  ['failed', MissionState.STATE_CONNECT_FAILED | MissionState.STATE_RECONNECT_FAILED],
  ['failed', MissionState.STATE_DISCONNECT_FAILED | MissionState.STATE_UNEXP_CLOSED],
  ['idle', MissionState.STATE_NEEDS_INIT],
  ['closed', MissionState.STATE_NOT_CONNECTED],
]

/** The original's bits for `client.state`: `missionStateOf(client.state) & MissionState.STATE_CONNECTED`. */
export function missionStateOf(state: State): number {
  return BITS[state]
}

/** The state here for the original's bits, compound or not; `idle` where they say nothing of a connection. Throws a `RangeError` for other bits. */
export function stateOfMission(bits: number): State {
  checkInteger('bits', bits, 0, ALL_BITS)
  return SIGNS.find(([, sign]) => (bits & sign) !== 0)?.[0] ?? 'idle'
}

/** The names of the original's bits that are set, from the lowest; `STATE_UNDEFINED` where none is. Throws a `RangeError` for other bits. */
export function missionStateNames(bits: number): (keyof typeof MissionState)[] {
  checkInteger('bits', bits, 0, ALL_BITS)
  const names = Object.keys(MissionState) as (keyof typeof MissionState)[]
  const set = names.filter((name) => (bits & MissionState[name]) !== 0)
  return set.length === 0 ? ['STATE_UNDEFINED'] : set
}
