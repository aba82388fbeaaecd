import { utf8Bytes } from './names.ts'

/** The longest status, in bytes of its JSON text: it has to fit the introduction, beside everything else there. */
export const MAX_STATUS_BYTES = 4_096

/**
 * The status as the other side will see it: a copy by JSON, so that it stays what it was when it was checked. Throws a `TypeError` for
 * what JSON cannot carry and a `RangeError` for what is too long.
 */
export function statusFrom(status: unknown): unknown {
  if (status === undefined) return undefined
  const text = jsonOf(status)
  const bytes = utf8Bytes(text)
  if (bytes <= MAX_STATUS_BYTES) return JSON.parse(text)
  throw new RangeError(`Expected \`status\` to have at most ${MAX_STATUS_BYTES} bytes as JSON, got ${bytes}`)
}

/**
 * Whether what a peer says of itself is as short as {@link statusFrom} has it. Its own text may have been shorter than what is made of it for
 * others: `1e20` is twenty-one digits. Nested too deeply, it is no text at all.
 */
export function isStatus(value: unknown): boolean {
  try {
    return utf8Bytes(JSON.stringify(value) ?? '') <= MAX_STATUS_BYTES
  } catch {
    return false
  }
}

function jsonOf(status: unknown): string {
  try {
    return JSON.stringify(status) ?? 'null'
  } catch (cause) {
    throw new TypeError('Expected `status` to be a value that JSON carries', { cause })
  }
}
