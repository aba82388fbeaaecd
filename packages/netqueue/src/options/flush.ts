import { checkInteger } from '../errors/check.ts'

/** Longer than that, and who is not heard looks lost. */
const MAX_DELAY_MS = 1_000

export interface FlushOptions {
  /**
   * Milliseconds, up to 1,000, for which what is to be sent waits for more to share its frame with: fewer and longer writes, and later ones.
   * Full frames, introductions and last words do not wait.
   * @default 0: what one turn of the event loop writes shares a frame, and leaves at its end
   */
  flushDelayMs?: number
}

/** Fills in the default and throws for what is no delay. */
export function flushDelayFrom({ flushDelayMs = 0 }: FlushOptions): number {
  checkInteger('flushDelayMs', flushDelayMs, 0, MAX_DELAY_MS)
  return flushDelayMs
}
