/** Why a request was not answered with a value. */
interface Failure {
  /** A short name for programs. */
  readonly code: string
  /** For people; empty where none is told. */
  readonly reason: string
}

/** A refusal, as those above the wire know it. */
export interface Refusal extends Failure {
  /** No handler was called. */
  readonly isUnbegun: boolean
}

/** What the original says, and understands. */
const HANDLER_FAILED = 'exception during handler'
export const NO_HANDLER = 'no request handler'
export const AFTER_END = 'requests no longer allowed'
const LEAVING = 'rejecting request: runstate.cancelled'
/** Literally: the original does not fill it in. */
export const UNKNOWN_CHANNEL = 'unknown channel %d'
export const tagInUse = (channel: number, tag: number): string => `channel ${channel}: tag already in use: ${tag}`

/** What a handler said that failed: a code, and a text where it is told. */
const FAILED = /^exception during handler: ([\w.:-]{1,64}?)(?:: (.*))?$/s
/** What sides of this library say beside the original's texts, as a bare code, of what no handler has seen. */
const UNBEGUN: ReadonlySet<string> = new Set(['CANCELLED', 'NOT_AUTHORIZED', 'TOO_MANY_REQUESTS', 'UNSUPPORTED'])
/** The longest text of a peer that is kept, in characters. */
const MAX_REASON = 1_024

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** The payload of a response that is not ok. What an original would not say begins as it would, or is a code. */
export function refusalPayload(refusal: Refusal): Uint8Array {
  return encoder.encode(refusal.isUnbegun ? unbegunText(refusal) : failedText(refusal))
}

/** What the payload of a response that is not ok says. Texts that only an original has are the reason of a handler that failed. */
export function readRefusal(payload: Uint8Array): Refusal {
  const text = decoder.decode(payload)
  return known(text) ?? failed(text) ?? { code: 'HANDLER_FAILED', reason: cut(text), isUnbegun: false }
}

function unbegunText({ code, reason }: Failure): string {
  if (code === 'UNKNOWN_REQUEST') return NO_HANDLER
  if (code === 'CLOSED') return LEAVING
  return UNBEGUN.has(code) ? code : failedText({ code, reason })
}

function failedText({ code, reason }: Failure): string {
  if (reason !== '') return `${HANDLER_FAILED}: ${code}: ${reason}`
  return code === 'HANDLER_FAILED' ? HANDLER_FAILED : `${HANDLER_FAILED}: ${code}`
}

function known(text: string): Refusal | undefined {
  if (text === HANDLER_FAILED) return { code: 'HANDLER_FAILED', reason: '', isUnbegun: false }
  if (text === NO_HANDLER) return unbegun('UNKNOWN_REQUEST')
  if (text === AFTER_END || text === LEAVING) return unbegun('CLOSED')
  if (UNBEGUN.has(text)) return unbegun(text)
  if (text.startsWith('unknown channel ')) return unbegun('UNKNOWN_CHANNEL')
  return /^channel \d+: tag already in use: \d+$/.test(text) ? unbegun('TAG_IN_USE') : undefined
}

function failed(text: string): Refusal | undefined {
  const [, code, reason = ''] = FAILED.exec(text) ?? []
  return code === undefined ? undefined : { code, reason: cut(reason), isUnbegun: false }
}

const unbegun = (code: string): Refusal => ({ code, reason: '', isUnbegun: true })
const cut = (text: string): string => text.slice(0, MAX_REASON)
