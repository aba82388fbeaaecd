import { checkInteger, checkMs } from '../errors/check.ts'

export interface RetryOptions {
  /** Deliveries of one item before it becomes a dead letter. @default 20 (RabbitMQ's quorum queues have the same) */
  maxAttempts?: number
  /** Milliseconds until an item whose handler failed is tried again; doubles with each attempt. @default 10 */
  retryDelayMs?: number
  /** The longest such delay. @default 10_000 */
  maxRetryDelayMs?: number
}

/** 2^30 times any delay is beyond every limit, and larger powers are no numbers for long. */
const MAX_DOUBLINGS = 30

/** How often an item is tried, and how long it waits in between. */
export class Retry {
  readonly maxAttempts: number
  readonly #delayMs: number
  readonly #maxDelayMs: number

  constructor({ maxAttempts = 20, retryDelayMs = 10, maxRetryDelayMs = 10_000 }: RetryOptions) {
    checkInteger('maxAttempts', maxAttempts, 1)
    checkMs('retryDelayMs', retryDelayMs)
    checkMs('maxRetryDelayMs', maxRetryDelayMs)
    this.maxAttempts = maxAttempts
    this.#delayMs = retryDelayMs
    this.#maxDelayMs = maxRetryDelayMs
  }

  /** Milliseconds before an attempt, which is the second or a later one. */
  delayBefore(attempt: number): number {
    return Math.min(this.#delayMs * 2 ** Math.min(attempt - 2, MAX_DOUBLINGS), this.#maxDelayMs)
  }
}
