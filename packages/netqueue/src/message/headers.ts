import { isPlain, utf8Bytes } from './names.ts'

/** Names and values that travel beside a payload; `null`: the name has no value. */
export type Headers = Readonly<Record<string, string | null>>

/** Most pairs of one message. */
export const MAX_HEADERS = 64
/** The longest headers of one message, in bytes: names, values, and what says how many and how long they are. */
export const MAX_HEADER_BYTES = 8_192

const NAME = /^[a-z0-9._-]{1,64}$/

/** What is wrong with a pair, without a word of it, for it may be a peer's; `undefined` where nothing is. */
export function headerFault(name: string, value: string | null): string | undefined {
  if (!NAME.test(name)) return 'a name of anything but 1 to 64 of a-z, 0-9, ".", "_" and "-"'
  if (value !== null && !isPlain(value)) return 'a value with control characters'
  return undefined
}

/** What is wrong with a pair where something is: by the rules of netqueue/1, or those of another protocol. */
export type HeaderFault = typeof headerFault

/** The headers of pairs; whatever a peer chose for a name is a name here and nothing else. Of a name that comes twice, the last value. */
export function headersOf(pairs: Iterable<readonly [name: string, value: string | null]>): Headers {
  const headers = Object.create(null) as Record<string, string | null>
  for (const [name, value] of pairs) headers[name] = value
  return Object.freeze(headers)
}

/**
 * What a user gave as headers, as a copy, so that it stays what it was when it was checked, and with its length: whoever says the same to
 * many does both once. Throws a `TypeError` for what is neither text nor `null`, and a `RangeError` for what breaks a limit.
 */
export class CheckedHeaders {
  /** `undefined` where there are none. */
  readonly headers: Headers | undefined
  /** What they take on the wire. */
  readonly bytes: number

  constructor(given: Headers | undefined, fault: HeaderFault = headerFault) {
    this.headers = given === undefined ? undefined : copyOf(given, fault)
    this.bytes = headerBytes(this.headers)
    if (this.bytes > MAX_HEADER_BYTES)
      throw new RangeError(`Expected \`headers\` to have at most ${MAX_HEADER_BYTES} bytes, got ${this.bytes}`)
  }
}

/** As {@link CheckedHeaders}, without their length. */
export function headersFrom(given: Headers | undefined, fault?: HeaderFault): Headers | undefined {
  return given === undefined ? undefined : new CheckedHeaders(given, fault).headers
}

function copyOf(given: Headers, fault: HeaderFault): Headers | undefined {
  if (typeof given !== 'object' || given === null || Symbol.iterator in given)
    throw new TypeError(`Expected \`headers\` to be an object of strings and null, got \`${JSON.stringify(given)}\``)
  const pairs = Object.entries(given)
  if (pairs.length === 0) return undefined
  if (pairs.length > MAX_HEADERS)
    throw new RangeError(`Expected \`headers\` to have at most ${MAX_HEADERS} pairs, got ${pairs.length}`)
  for (const [name, value] of pairs) checkPair(name, value, fault)
  return headersOf(pairs)
}

function checkPair(name: string, value: unknown, faultOf: HeaderFault): void {
  if (value !== null && typeof value !== 'string')
    throw new TypeError(
      `Expected \`headers\` to hold strings and null, got ${typeof value} for ${JSON.stringify(name)}`,
    )
  const fault = faultOf(name, value)
  if (fault !== undefined) throw new RangeError(`Expected no \`headers\` with ${fault}, got ${JSON.stringify(name)}`)
}

/** What headers take on the wire: a count, then for each the name, whether it has a value, and the value. */
export function headerBytes(headers: Headers | undefined): number {
  if (headers === undefined) return 0
  const pairs = Object.entries(headers)
  return pairs.reduce((sum, [name, value]) => sum + textBytes(name) + 1 + (value === null ? 0 : textBytes(value)), 1)
}

/** Of a text behind its length, a varint; no headers within the limit have one of 16,384 bytes. */
function textBytes(text: string): number {
  const bytes = utf8Bytes(text)
  return bytes + (bytes < 128 ? 1 : 2)
}
