import { NetQueueError } from '../errors/errors.ts'

/** Throws `QUEUE_FULL` when so many calls wait that one more may not: what waits is memory, and callers need not wait for their calls. */
export function checkWaiting(size: number, maxWaiting: number): void {
  if (size < maxWaiting) return
  const message = `${size} items wait already; at most ${maxWaiting} may (maxWaiting)`
  throw new NetQueueError('QUEUE_FULL', message, { limit: 'maxWaiting', value: size + 1, delivered: 'no' })
}

/** The error of a `put` whose time was up before anybody had credit for its item; `who` begins the sentence, such as `No client had`. */
export function nobodyFree(who: string, timeout: number | undefined): NetQueueError {
  const message = `${who} credit for the item within ${timeout} ms (timeout)`
  return new NetQueueError('QUEUE_FULL', message, { limit: 'timeout', value: timeout, delivered: 'no' })
}
