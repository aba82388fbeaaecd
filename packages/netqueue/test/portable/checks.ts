/** Throws unless two values are the same, as JSON has them; bytes count as the list of them. */
export function equal(actual: unknown, expected: unknown, what = 'a value'): void {
  const [is, shall] = [shown(actual), shown(expected)]
  if (is !== shall) throw new Error(`Expected ${what} to be ${shall.slice(0, 500)}, got ${is.slice(0, 500)}`)
}

/** Throws unless it is so. */
export function check(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Error(`Expected ${what}`)
}

/** The code with which a promise rejects; fails where it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const outcome = await promise.then(
    (value: unknown) => ({ value }),
    (error: unknown) => ({ error }),
  )
  if ('value' in outcome) throw new Error(`Expected a rejection, got ${shown(outcome.value)}`)
  const { code } = outcome.error as { code?: unknown }
  if (typeof code !== 'string') throw outcome.error
  return code
}

/** The first so many values of a loop, which is then left. */
export async function first<T>(count: number, values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const value of values) if (found.push(value) === count) break
  return found
}

/** Bytes that tell their place. */
export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 0xff)
}

/** What stands for an item in an answer that it would not fit: of long bytes, their number and a sum over them. */
export function digest(item: unknown): unknown {
  if (!(item instanceof Uint8Array) || item.length <= 1_000) return item
  return { length: item.length, sum: item.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 0) }
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? [...part] : part)) ?? String(value)
}
