import type { NetQueueError } from '../errors/errors.ts'

/** Where a client stands with one server. */
export type ClientState = 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'closing' | 'closed' | 'failed'

/** What may follow what. `connecting` and `reconnecting` follow themselves: each attempt is told. */
export const NEXT: Readonly<Record<ClientState, readonly ClientState[]>> = {
  idle: ['connecting', 'closing'],
  connecting: ['connecting', 'connected', 'closing', 'failed'],
  connected: ['reconnecting', 'idle', 'closing', 'failed'],
  reconnecting: ['reconnecting', 'connected', 'closing', 'failed'],
  closing: ['closed', 'failed'],
  closed: [],
  failed: [],
}

/** Of several servers, the one that is named first here says where their client stands. */
const RANK: readonly ClientState[] = ['connected', 'closing', 'reconnecting', 'connecting', 'idle', 'closed', 'failed']

/** An attempt to connect that is under way, or begins when its delay is over. */
export interface AttemptState {
  /** Counts from 1 for each connection that is looked for. */
  attempt: number
  /** Milliseconds until it begins. */
  delayMs: number
  /** Why the one before, or the connection before, came to nothing. */
  error?: NetQueueError
}

/** A state with what belongs to it; `address` is that of the server, as `connect` was given it. */
export type ClientStateChange = { address: string } & (
  | { state: 'idle' | 'closing' | 'closed' }
  | ({ state: 'connecting' | 'reconnecting' } & AttemptState)
  /** `resumed`: the session that was there before goes on, and nothing of it was lost or repeated. */
  | { state: 'connected'; resumed: boolean }
  | { state: 'failed'; error: NetQueueError }
)

/** Where a client stands with a server, which changes as {@link NEXT} has it and in no other way. */
export class States {
  #now: ClientStateChange
  readonly #entered: (change: ClientStateChange) => void

  constructor(address: string, entered: (change: ClientStateChange) => void) {
    this.#now = { state: 'idle', address }
    this.#entered = entered
  }

  get now(): ClientStateChange {
    return this.#now
  }

  /** Throws for what may not follow: a fault of this library. */
  enter(change: ClientStateChange): void {
    const { state } = this.#now
    if (!NEXT[state].includes(change.state)) throw new Error(`Expected ${change.state} not to follow ${state}`)
    this.#now = change
    this.#entered(change)
  }
}

/** Where a client of these servers stands. */
export function stateOf(states: readonly ClientState[]): ClientState {
  return RANK.find((state) => states.includes(state)) ?? 'idle'
}
