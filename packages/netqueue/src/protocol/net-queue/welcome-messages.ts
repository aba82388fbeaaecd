import { isCodecName } from '../../message/codec.ts'
import { MAX_MESSAGE_ID, MAX_MESSAGES, MIN_MESSAGE_ID } from '../../message/definition.ts'
import type { MessageEntry } from '../../message/definition.ts'
import { isName } from '../../message/names.ts'
import type { Announced } from '../../message/registry.ts'
import { badMessage } from '../failures.ts'

/** The codec that needs no name. */
const USUAL_CODEC = 'msgpack'
const NONE: ReadonlyMap<string, Announced> = new Map()

/** A message as a WELCOME has it: id, 1 for one with a reply, and its codec unless that is the usual one. Short, so that hundreds fit. */
type Row = [id: number, isRequest?: 0 | 1, codec?: string]

export function encodeMessages(messages: Iterable<MessageEntry>): Record<string, Row> {
  return Object.fromEntries(Array.from(messages, (entry) => [entry.name, rowOf(entry)]))
}

function rowOf({ id, isRequest, codec }: MessageEntry): Row {
  if (codec !== USUAL_CODEC) return [id, isRequest ? 1 : 0, codec]
  return isRequest ? [id, 1] : [id]
}

/** Throws `BAD_MESSAGE`. */
export function decodeMessages(value: unknown): ReadonlyMap<string, Announced> {
  if (value === undefined) return NONE
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badMessage('messages that are no object')
  const rows = Object.entries(value)
  if (rows.length > MAX_MESSAGES) throw badMessage(`more than ${MAX_MESSAGES} messages`, rows.length)
  const messages = new Map(rows.map(([name, row]) => [checkedName(name), announcedBy(row)]))
  if (new Set(Array.from(messages.values(), ({ id }) => id)).size === messages.size) return messages
  throw badMessage('two messages with one id')
}

function checkedName(name: string): string {
  if (isName(name)) return name
  throw badMessage('a message whose name is none of 1 to 128 bytes without control characters')
}

/** What stands behind the codec is left alone: room to grow. */
function announcedBy(row: unknown): Announced {
  const [id, isRequest = 0, codec = USUAL_CODEC] = Array.isArray(row) ? (row as unknown[]) : []
  if (!Number.isInteger(id) || (id as number) < MIN_MESSAGE_ID || (id as number) > MAX_MESSAGE_ID)
    throw badMessage(`a message whose id is no integer from ${MIN_MESSAGE_ID} to ${MAX_MESSAGE_ID}`, id)
  if (isRequest !== 0 && isRequest !== 1) throw badMessage('a message that is neither with a reply nor without')
  if (typeof codec !== 'string' || !isCodecName(codec)) throw badMessage('a message whose codec has no name')
  return { id: id as number, isRequest: isRequest === 1, codec }
}
