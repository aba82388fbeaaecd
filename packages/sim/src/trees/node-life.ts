import type { Connection } from '../network.ts'
import type { ProcessEnv } from '../process-env.ts'
import type { Random } from '../random.ts'
import type { Process } from '../schedule.ts'
import type { Custody } from './custody.ts'
import type { HopSession } from './hop-tap.ts'
import type { Place } from './plan.ts'

/** One process at one place of a tree, from its start to its end. */
export interface NodeLife {
  readonly name: string
  readonly place: Place
  readonly process: Process
  readonly env: ProcessEnv
  readonly random: Random
  /** Items on their way from the root. */
  readonly down: Custody
  /** Items on their way to it. */
  readonly up: Custody
  /** Its connections to those above. */
  readonly connections: Connection[]
  /** Its sessions with those above, by their places' names. */
  readonly sessions: Map<string, HopSession>
  isClosed: boolean
  /** It closes, because its user, or whoever is above, wishes so. */
  isLeaving: boolean
  /** What it said, when it closed, that it had not done. */
  readonly undone: Set<string>
  /** What those above had received when they said goodbye. */
  readonly keptAbove: Set<string>
}
