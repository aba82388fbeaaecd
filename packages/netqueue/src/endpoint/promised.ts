/** Gives what a call throws as a rejection. An `async` function does that too, and costs each call a promise and turns of the microtask queue. */
export function promised<R>(call: () => Promise<R>): Promise<R> {
  try {
    return call()
  } catch (error) {
    return Promise.reject(error)
  }
}
