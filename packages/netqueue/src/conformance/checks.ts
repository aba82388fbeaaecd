import { host } from '../env/host.ts'
import { NetQueueError } from '../errors/errors.ts'

/** Throws unless it is so. */
export function check(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Error(`Expected ${what}`)
}

/** Throws unless two values are the same, as JSON has them. */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [is, shall] = [show(actual), show(expected)]
  if (is !== shall) throw new Error(`Expected ${what} to be ${shall}, got ${is}`)
}

/** What a promise rejects with; it is listened to at once, so the answer can be awaited later. Fails where it resolves. */
export function rejection(promise: Promise<unknown>, what: string): Promise<unknown> {
  const failure = promise.then(
    (value: unknown) => {
      throw new Error(`Expected ${what} to reject, it resolved with ${show(value)}`)
    },
    (error: unknown) => error,
  )
  failure.catch(() => {}) // a test that has failed before does not come to this
  return failure
}

/** Throws unless an error is one of ours, with this code. */
export function coded(error: unknown, code: string, what: string): void {
  if (error instanceof NetQueueError && error.code === code) return
  const got = error instanceof NetQueueError ? error.code : String(error)
  throw new Error(`Expected ${what} to fail with ${code}, got ${got}`, { cause: error })
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => host.afterPoll(resolve))
}

/** Turns of the event loop after which a number that has not changed is taken for steady. */
const STEADY_TURNS = 300

/** Waits until a number has not changed for many turns, and returns it. */
export async function steady(read: () => number): Promise<number> {
  let last = read()
  for (let unchanged = 0; unchanged < STEADY_TURNS; unchanged += 1) {
    await turn()
    if (read() !== last) unchanged = 0
    last = read()
  }
  return last
}

function show(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes ${[...value.subarray(0, 32)].join(' ')}`
  if (value instanceof Error) return String(value)
  return JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? [...part] : part)) ?? String(value)
}
