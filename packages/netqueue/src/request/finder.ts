import type { Headers } from '../message/headers.ts'
import type { Named, Path } from '../message/route.ts'
import type { Call } from './call.ts'
import type { Passed } from './passed.ts'
import type { Transit } from './transit.ts'

/** Whoever finds somebody else to answer what one peer asks. */
export interface Finder {
  /** Has somebody asked by {@link Transit.ask}, now or later, or refuses the request. Called once. */
  find(transit: Transit): void
  /** The code with which somebody's request or message is not passed on, by name. @default it is */
  objection(from: unknown, action: 'request' | 'send', name: string): string | undefined
  /** Passes a message on. */
  carry(said: PassedMessage): void
  /** Whether what comes this way comes from above, and may go along a path. */
  readonly isFromAbove: boolean
}

/** A message on its way through this side. */
export interface PassedMessage {
  readonly named: Named
  readonly headers: Headers | undefined
  readonly payload: Uint8Array
  readonly to: Path | undefined
  readonly except: readonly Path[] | undefined
  /** Who says it. */
  readonly from: unknown
}

/** What takes a request on to a peer: the part of an exchange that a transit uses. */
export interface Onward {
  pass(passed: Passed): void
  stopPassed(call: Call): boolean
  leave(call: Call): void
}
