import { isPlain } from '../../message/names.ts'
import { badMessage } from '../failures.ts'

/** Every frame begins with JSON of so many bytes, padded with NUL; it says how long the body behind it is. */
export const HEADER_BYTES = 64
/** The subjects of the protocol itself. */
export const NEGOTIATION = 'negotiation'
export const SHUTDOWN = 'shutdown'

/** What a frame says before its body. */
export interface Header {
  readonly subject: string
  /** Bytes of the body. */
  readonly length: number
}

const encoder = new TextEncoder()
const fatal = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** With the spaces that the original writes, so that our limit for subjects is its own. */
const headerText = (subject: string, length: number): string =>
  `{"length": ${length}, "subject": ${JSON.stringify(subject)}}`

/** Whether a header has room for a subject in front of a body of so many bytes: about 30 bytes of UTF-8 for every body, 36 for the shortest. */
export function fits(subject: string, length: number): boolean {
  return encoder.encode(headerText(subject, length)).length <= HEADER_BYTES
}

/** Header and body in one piece, as the original waits a second for the rest of either, and no longer. */
export function frameOf(subject: string, body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + body.length)
  encoder.encodeInto(headerText(subject, body.length), frame.subarray(0, HEADER_BYTES))
  frame.set(body, HEADER_BYTES)
  return frame
}

/**
 * Reads the header of a frame, whichever way it is spelt: NULs count for nothing wherever they stand, and JSON may have blanks, escapes and
 * keys in any order. Throws `BAD_MESSAGE`.
 */
export function headerOf(frame: Uint8Array): Header {
  const { length, subject } = fieldsOf(frame.subarray(0, HEADER_BYTES))
  if (!Number.isSafeInteger(length) || (length as number) < 0) throw badMessage('a header whose length is no length')
  if (typeof subject !== 'string') throw badMessage('a header whose subject is no text')
  return { length: length as number, subject }
}

/** What stands behind the header; whoever gets it may keep it. */
export const bodyOf = (frame: Uint8Array): Uint8Array => frame.subarray(HEADER_BYTES)

/** Longest id of a client, in bytes of UTF-8. */
export const MAX_ID_BYTES = 128

export const isId = (id: unknown): id is string =>
  typeof id === 'string' && id !== '' && isPlain(id) && encoder.encode(id).length <= MAX_ID_BYTES

/** The client's id in the body of a negotiation. Throws `BAD_MESSAGE`; keys that we do not know are left alone. */
export function idOf(body: Uint8Array): string {
  const { id } = recordOf(parse(body, 'a negotiation'), 'a negotiation')
  if (isId(id)) return id
  throw badMessage(`an id that is not 1 to ${MAX_ID_BYTES} bytes without control characters`)
}

/** The first word of a client; spaced as the original does it. */
export const negotiation = (id: string): Uint8Array =>
  frameOf(NEGOTIATION, encoder.encode(`{"id": ${JSON.stringify(id)}}`))

/** The last word of either side. */
export const shutdown = (): Uint8Array => frameOf(SHUTDOWN, NOTHING)

/** What stands for no payload at all: the original reads no empty body. */
export const NOTHING: Uint8Array = encoder.encode('{}')

function fieldsOf(header: Uint8Array): Record<string, unknown> {
  const text = header.filter((byte) => byte !== 0)
  return recordOf(parse(text, 'a header'), 'a header')
}

function recordOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw badMessage(`${what} that is no object`)
}

function parse(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(fatal.decode(bytes))
  } catch {
    throw badMessage(`${what} that is no JSON`)
  }
}
