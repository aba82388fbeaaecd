import { NetQueueError } from '../errors/errors.ts'
import { isThenable } from '../queue/thenable.ts'

/** Called with what happened; it may return a promise. */
export type Listener<E> = (event: E) => unknown

/**
 * Calls a listener; what it throws, or its promise rejects with, goes to `failed`. Never to the host, where it would end the process: what
 * happens is often what a peer said, and a peer says what it likes.
 */
export function callListener<E>(listener: Listener<E>, event: E, failed: (cause: unknown, event: E) => void): void {
  try {
    const returned = listener(event)
    if (isThenable(returned)) Promise.resolve(returned).catch((cause: unknown) => failed(cause, event))
  } catch (cause) {
    failed(cause, event)
  }
}

/** The warning about a listener that failed; `value` is the name of what it listens to. */
export function listenerFailed(name: string, cause: unknown): NetQueueError {
  return new NetQueueError('HANDLER_FAILED', `A listener of ${JSON.stringify(name)} failed`, { value: name, cause })
}
