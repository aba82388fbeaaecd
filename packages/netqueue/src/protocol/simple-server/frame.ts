import { headersOf, MAX_HEADERS } from '../../message/headers.ts'
import type { Headers } from '../../message/headers.ts'
import { badMessage } from '../failures.ts'

/** What an original reads at a time; more is not one message to it. */
export const MAX_MESSAGE_BYTES = 1_024
/** What is neither headers nor body. */
export const AROUND_BYTES = 2

const DOLLAR = 0x24
const PERCENT = 0x25
const NONE: Headers = headersOf([])

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A message: `$`, `name:value|` for each header, `%`, and the body. */
export interface Parts {
  /** `undefined`: there are none. */
  headers: Headers | undefined
  body: Uint8Array
}

export function frameOf({ headers, body }: Parts): Uint8Array {
  const head = encoder.encode(`$${textOf(headers ?? NONE)}%`)
  const frame = new Uint8Array(head.length + body.length)
  frame.set(head)
  frame.set(body, head.length)
  return frame
}

const textOf = (headers: Headers): string =>
  Object.entries(headers)
    .map(([name, value]) => `${name}:${value ?? ''}|`)
    .join('')

/**
 * What is no such message is a body alone, as bytes that somebody sent without the library. A body has all that stands behind the first `%`,
 * a value all that stands behind the first `:`; a header without a value, or with an empty one, has none. Throws `BAD_MESSAGE`.
 */
export function partsOf(frame: Uint8Array): Parts {
  const end = frame[0] === DOLLAR ? frame.indexOf(PERCENT) : -1
  if (end < 0) return { headers: undefined, body: frame.slice() }
  const pairs = decode(frame.subarray(1, end)).split('|').filter(isSome).map(pairOf)
  if (pairs.length > MAX_HEADERS) throw badMessage(`${pairs.length} headers; at most ${MAX_HEADERS} are taken`)
  return { headers: pairs.length === 0 ? undefined : headersOf(pairs), body: frame.slice(end + 1) }
}

const isSome = (text: string): boolean => text !== ''

function pairOf(text: string): [name: string, value: string | null] {
  const at = text.indexOf(':')
  if (at < 0) return [text, null]
  const value = text.slice(at + 1)
  return [text.slice(0, at), value === '' ? null : value]
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw badMessage('headers that are not valid UTF-8')
  }
}

/** What the format has no place for. A `:` in a value, and a `%` in a body, arrive whole here; an original drops what follows them. */
export function headerFault(name: string, value: string | null): string | undefined {
  if (name === '') return 'an empty name'
  if (/[:|%]/.test(name)) return 'a name with ":", "|" or "%", which end it'
  if (value === '') return 'an empty value, which is none there: null'
  if (value !== null && /[|%]/.test(value)) return 'a value with "|" or "%", which end it'
  return undefined
}
