const refuse = (name: string) => (): never => {
  throw new Error(`${name} was called in a simulation: time and chance come from the Env`)
}

/**
 * Takes the host's clocks, timers and chance away while `body` runs, so that nothing in the library or below it depends on them.
 * `Date.now` stands still instead: p-queue notes when a task began, and looks at nothing but whether that is past zero.
 */
export async function withoutHost<T>(body: () => Promise<T>): Promise<T> {
  const taken: [object, string, unknown][] = [
    [globalThis, 'setTimeout', refuse('setTimeout')],
    [globalThis, 'setInterval', refuse('setInterval')],
    [globalThis, 'setImmediate', refuse('setImmediate')],
    [Date, 'now', () => 1],
    [Math, 'random', refuse('Math.random')],
    [performance, 'now', refuse('performance.now')],
    [crypto, 'getRandomValues', refuse('crypto.getRandomValues')],
    [AbortSignal, 'timeout', refuse('AbortSignal.timeout')],
  ]
  const kept = taken.map(([owner, name]) => Object.getOwnPropertyDescriptor(owner, name))
  for (const [owner, name, value] of taken)
    Object.defineProperty(owner, name, { value, configurable: true, writable: true })
  try {
    return await body()
  } finally {
    for (const [index, [owner, name]] of taken.entries()) {
      const descriptor = kept[index]
      if (descriptor === undefined) Reflect.deleteProperty(owner, name)
      else Object.defineProperty(owner, name, descriptor)
    }
  }
}
