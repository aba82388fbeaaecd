const show = (value: unknown): string => (typeof value === 'string' ? JSON.stringify(value) : String(value))

/** Throws a `RangeError` or `TypeError` that names the option, the rule and the value. */
export function checkInteger(option: string, value: unknown, min: number, max: number = Number.MAX_SAFE_INTEGER): void {
  // First, and without a word: many calls pass here.
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return
  const rule = `Expected \`${option}\` to be an integer from ${min}${max === Number.MAX_SAFE_INTEGER ? '' : ` to ${max}`}`
  if (typeof value !== 'number') throw new TypeError(`${rule}, got \`${show(value)}\` (${typeof value})`)
  throw new RangeError(`${rule}, got \`${value}\``)
}

/** A time in milliseconds: from 0, fractions allowed, `Infinity` where waiting for ever makes sense. */
export function checkMs(option: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0) return
  const rule = `Expected \`${option}\` to be a number of milliseconds from 0`
  if (typeof value !== 'number') throw new TypeError(`${rule}, got \`${show(value)}\` (${typeof value})`)
  throw new RangeError(`${rule}, got \`${value}\``)
}

export function checkOneOf<T extends string>(
  option: string,
  value: unknown,
  allowed: readonly T[],
): asserts value is T {
  if (allowed.includes(value as T)) return
  throw new TypeError(`Expected \`${option}\` to be one of ${allowed.map(show).join(', ')}, got \`${show(value)}\``)
}

export function checkFunction(option: string, value: unknown): void {
  if (typeof value !== 'function')
    throw new TypeError(`Expected \`${option}\` to be a function, got \`${show(value)}\` (${typeof value})`)
}

export function checkIterable(option: string, value: unknown): void {
  const { [Symbol.iterator]: sync, [Symbol.asyncIterator]: async } = Object(value) as Partial<
    Iterable<unknown> & AsyncIterable<unknown>
  >
  if (typeof sync === 'function' || typeof async === 'function') return
  throw new TypeError(`Expected \`${option}\` to be an iterable or an async iterable, got \`${show(value)}\``)
}

export function checkStrings(option: string, value: unknown): void {
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return
  throw new TypeError(`Expected \`${option}\` to be a list of strings, got \`${show(value)}\``)
}

export function checkString(option: string, value: unknown): void {
  if (typeof value !== 'string')
    throw new TypeError(`Expected \`${option}\` to be a string, got \`${show(value)}\` (${typeof value})`)
}

export function checkSignal(option: string, value: unknown): void {
  if (!(Object(value) instanceof AbortSignal))
    throw new TypeError(`Expected \`${option}\` to be an AbortSignal, got \`${show(value)}\``)
}
