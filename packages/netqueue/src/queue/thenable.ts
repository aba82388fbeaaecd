/** Whether a value is a promise, whoever made it. Throws where looking at it does: it is the user's, and may be anything. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
