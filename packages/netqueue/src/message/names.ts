/** The longest name of a message or a codec, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 128

// Of a surrogate pair, half of which arrives as another character, so that two names would become one.
// oxlint-disable-next-line no-control-regex
const UNFIT = /[\u0000-\u001f\u007f-\u009f]|\p{Surrogate}/u

const encoder = new TextEncoder()

/** Whether a text arrives as it is, and does not move a cursor or end a line where people read it. */
export const isPlain = (text: string): boolean => !UNFIT.test(text)

/** Most are ASCII, which need not be encoded to be counted. */
export function utf8Bytes(text: string): number {
  return isAscii(text) ? text.length : encoder.encode(text).length
}

export function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 0x7f) return false
  return true
}

/** Whether a value can be the name of a message: 1 to 128 bytes of UTF-8 without control characters. */
export function isName(value: unknown): value is string {
  if (typeof value !== 'string' || value === '' || value.length > MAX_NAME_BYTES) return false
  return isPlain(value) && utf8Bytes(value) <= MAX_NAME_BYTES
}

/** Bytes as a name that is plain wherever it goes. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
