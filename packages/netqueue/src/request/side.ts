import type { Env } from '../env/env.ts'
import type { HeaderFault } from '../message/headers.ts'
import type { OpenRequests } from '../message/registry.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { Deadlines } from '../queue/deadlines.ts'
import type { Supports } from '../protocol/supports.ts'
import type { Lanes } from './lanes.ts'
import type { RequestLimits } from './limits.ts'
import type { Vocabulary } from './vocabulary.ts'

/** What the parts of one exchange share. */
export interface Side {
  readonly env: Env
  /** For the time of each request. */
  readonly deadlines: Deadlines
  readonly limits: RequestLimits & {
    /** Calls that may wait at once. */
    readonly maxWaiting: number
  }
  /** How many of our requests the peer may have, and of how many bytes. */
  readonly maxOpen: OpenRequests
  readonly lanes: Lanes
  readonly vocabulary: Vocabulary
  /** Longest payload, with its headers, that both sides take. */
  readonly maxItemBytes: number
  /** Whether the texts of errors on this side travel; their codes always do. */
  readonly exposeErrors: boolean
  /** Why the peer begins no request that it has not: it leaves, or its connection is over. */
  readonly gone: NetQueueError | undefined
  /** The rules of the protocol for headers. */
  readonly headerFault: HeaderFault
  /** Throws where nothing of the kind can be sent: the connection is over, or its protocol does not carry that. */
  checkOpen(feature: keyof Supports): void
  /** Throws `UNSUPPORTED` where the protocol has no words for names and paths, which what passes relays may need. */
  checkRoutes(): void
  /** Throws `UNSUPPORTED` where the protocol does not carry that. */
  checkSupports(feature: keyof Supports): void
  warn(error: NetQueueError): void
  /** Milliseconds on the clock of `env`, when the frame was begun that is being written. */
  readonly frameTime: number
  /** This side has another number of requests at the peer. */
  asked(): void
  /** Something is over: whoever waits until all is may look. */
  changed(): void
}
