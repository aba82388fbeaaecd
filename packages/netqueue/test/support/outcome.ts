/** The error that a promise rejects with, or `undefined`; it is listened to at once, so the answer can be awaited later. */
export function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}
