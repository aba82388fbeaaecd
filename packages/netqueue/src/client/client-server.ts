import type { ClientState } from '../life/states.ts'

/** A server as its client sees it. */
export interface ClientServer {
  /** Where it is, as `connect` was given it; of several that stand in for each other, the one that is connected or looked for. */
  readonly address: string
  /** Its name; empty before it has introduced itself. */
  readonly id: string
  readonly state: ClientState
  /** The name of the protocol spoken with it; empty before it has introduced itself. */
  readonly protocol: string
  /** What it said last with its `setStatus`. */
  readonly status: unknown
  /** Milliseconds for a message to it and back, averaged; `undefined` before the first measurement. */
  readonly rtt: number | undefined
}
