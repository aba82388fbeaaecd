import type { NetQueueError } from '../errors/errors.ts'

/** Whoever made a request that a peer certainly has not begun, and will not: it can be made elsewhere. */
export interface Again {
  /** When its time is over, on the clock of `env`; `undefined`: it does not run yet. */
  readonly deadline: number | undefined
  /** Has somebody else asked, and gives what comes of it; `undefined`: nobody is, and the request fails with the cause. */
  elsewhere(cause: NetQueueError, deadline: number | undefined): Promise<unknown> | undefined
}
