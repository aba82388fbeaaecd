import { NetQueueError } from '../../errors/errors.ts'
import type { Announcement, OwnMessages, Registry } from '../../message/registry.ts'
import { isPlain } from '../../message/names.ts'
import { MIN_FRAME_BYTES } from '../../options/limits.ts'
import type { Limits } from '../../options/limits.ts'
import type { Introduction } from '../protocol.ts'
import { badMessage, decodeJson, encodeText } from './bytes.ts'
import { TYPE_BYTES } from './frame-types.ts'
import { MAX_ID_BYTES, VERSION } from './hello.ts'
import { decodeMessages, encodeMessages } from './welcome-messages.ts'

/** The terms that each side announces when both have said hello. */
export interface Welcome {
  item: string
  result: string
  tags: string[]
  status: unknown
  /** Client: it holds no more items than it works on in moments, however many it takes. */
  isPaced: boolean
  maxFrameBytes: number
  maxItemBytes: number
  maxUnsettled: number
  /** What the sender calls its messages. */
  announcement: Announcement
  /** Server: the id that the client has from now on. */
  yourId: string | undefined
}

/** The other side's terms, and what both made of their messages. */
export interface Agreement extends Welcome {
  registry: Registry
}

/**
 * `yourId` is what a server tells its client. Throws `ENCODE_FAILED` for an introduction longer than what this side takes itself: it cannot
 * know what the other one does.
 */
export function encodeWelcome(introduction: Introduction, limits: Limits, yourId: string | undefined): Uint8Array {
  const { id, item, result, tags, status, isPaced, messages, nonce } = introduction
  const { maxFrameBytes: frameBytes, maxItemBytes: itemBytes, maxUnsettled: unsettled } = limits
  const fromServer = yourId === undefined ? {} : { session: hex(nonce), you: { id: yourId } }
  const data = encodeText(
    JSON.stringify({
      version: VERSION,
      id,
      item,
      result,
      limits: { frameBytes, itemBytes, unsettled },
      tags: yourId === undefined ? tags : undefined,
      paced: isPaced || undefined,
      status,
      ...announced(messages),
      ...fromServer,
    }),
  )
  const value = data.length + TYPE_BYTES
  if (value <= limits.maxHelloBytes) return data
  const rule = `Expected messages, tags, status and codec names to make an introduction of at most ${limits.maxHelloBytes} bytes`
  throw new NetQueueError('ENCODE_FAILED', `${rule} (maxHelloBytes, of both sides), got ${value}`, {
    limit: 'maxHelloBytes',
    value,
  })
}

/** Throws {@link encodeWelcome}'s error for what a server could say to no client, before one comes. */
export function checkWelcome(introduction: Introduction, limits: Limits): void {
  encodeWelcome(introduction, limits, 'x'.repeat(MAX_ID_BYTES))
}

function announced(own: OwnMessages | undefined): object {
  if (own === undefined || own.table.size === 0) return {}
  return { messages: encodeMessages(own.table), ...(own.ids === 'adapt' && { adapt: true }) }
}

/** Throws `BAD_MESSAGE`; keys that we do not know are left alone. */
export function decodeWelcome(data: Uint8Array, from: 'client' | 'server'): Welcome {
  const fields = record(decodeJson(data, 'a WELCOME'), 'a WELCOME')
  if (fields['version'] !== VERSION) throw badMessage('a WELCOME of another version than agreed')
  const limits = record(fields['limits'], 'the limits of a WELCOME')
  name(fields['id'], 'id')
  return {
    item: name(fields['item'], 'item'),
    result: name(fields['result'], 'result'),
    tags: list(fields['tags']),
    status: fields['status'],
    isPaced: flag(fields['paced'], 'paced'),
    maxFrameBytes: count(limits['frameBytes'], 'frameBytes', MIN_FRAME_BYTES),
    maxItemBytes: count(limits['itemBytes'], 'itemBytes', 1),
    maxUnsettled: count(limits['unsettled'], 'unsettled', 1),
    announcement: { messages: decodeMessages(fields['messages']), adapts: flag(fields['adapt'], 'adapt') },
    yourId: from === 'server' ? yourIdOf(fields) : undefined,
  }
}

function yourIdOf(fields: Record<string, unknown>): string {
  name(fields['session'], 'session')
  return name(record(fields['you'], 'you in a WELCOME')['id'], 'you.id')
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw badMessage(`${what} that is no object`)
}

function name(value: unknown, field: string): string {
  if (typeof value === 'string' && encodeText(value).length <= MAX_ID_BYTES && isPlain(value)) return value
  throw badMessage(`a WELCOME whose ${field} is no name of at most ${MAX_ID_BYTES} bytes without control characters`)
}

function count(value: unknown, field: string, min: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= min) return value as number
  throw badMessage(`a WELCOME whose ${field} is no integer from ${min}`, value)
}

function flag(value: unknown, field: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value === true
  throw badMessage(`a WELCOME whose ${field} is neither true nor false`)
}

function list(value: unknown): string[] {
  if (value === undefined) return []
  if (Array.isArray(value) && value.every((tag) => typeof tag === 'string')) return value
  throw badMessage('a WELCOME whose tags are no list of names')
}

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
