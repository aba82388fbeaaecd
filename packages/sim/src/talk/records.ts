import type { Reader } from '../byte-reader.ts'

const DIRECTIONS = ['body', 'reply'] as const

/** What is said beside items; of a payload only its first characters, up to `|`, which tell what it is. */
export type TalkRecord =
  | {
      kind: 'request'
      tag: number
      channel: number
      id: number
      deadlineMs: number | undefined
      headers: number
      hasBody: boolean
      key: string
    }
  | { kind: 'response'; tag: number; hasStream: boolean; key: string }
  | { kind: 'refusal'; tag: number; code: string }
  | { kind: 'message'; id: number; flags: number; key: string }
  | { kind: 'chunk'; tag: number; direction: Direction; bytes: number }
  | { kind: 'chunkCredit'; tag: number; direction: Direction; chunks: number; bytes: number }
  | { kind: 'chunkEnd'; tag: number; direction: Direction; code: string }
  | { kind: 'endRequests' }
  | { kind: 'cancelRequest'; tag: number }

export type Direction = (typeof DIRECTIONS)[number]

const text = new TextDecoder()

const KINDS: ReadonlySet<string> = new Set<TalkRecord['kind']>([
  'request',
  'response',
  'refusal',
  'message',
  'chunk',
  'chunkCredit',
  'chunkEnd',
  'endRequests',
  'cancelRequest',
])

export const isTalk = (record: { kind: string }): record is TalkRecord => KINDS.has(record.kind)

/** Whether a record is one of whoever asks; the others are those of whoever answers. */
export function fromAsker(record: TalkRecord): boolean {
  switch (record.kind) {
    case 'chunk':
    case 'chunkEnd':
      return record.direction === 'body'
    case 'chunkCredit':
      return record.direction === 'reply'
    case 'response':
    case 'refusal':
      return false
    default:
      return true
  }
}

/** A record of requests, streams or messages; a reading of docs/protocol.md §11.3 that shares no code with the library. */
export function readTalk(kind: number, reader: Reader): TalkRecord {
  switch (kind) {
    case 20:
      return request(reader)
    case 21:
      return response(reader)
    case 22: {
      const id = reader.varint()
      const flags = reader.u8()
      named(reader, id)
      if ((flags & 2) !== 0) reader.path()
      if ((flags & 4) !== 0) for (let left = reader.varint(); left > 0; left -= 1) reader.path()
      headers(reader, flags)
      return { kind: 'message', id, flags, key: keyAt(reader.block()) }
    }
    case 23:
      return { kind: 'chunk', ...strand(reader), bytes: reader.block().byteLength }
    case 24:
      return { kind: 'chunkCredit', ...strand(reader), chunks: reader.varint(), bytes: reader.varint() }
    case 25:
      return { kind: 'chunkEnd', ...strand(reader), ...failure(reader) }
    case 26:
      return { kind: 'endRequests' }
    default:
      throw new Error(`A record of the unknown kind ${kind}`)
  }
}

function request(reader: Reader): TalkRecord {
  const [tag, channel, flags, id] = [reader.varint(), reader.varint(), reader.u8(), reader.varint()]
  const deadlineMs = (flags & 4) === 0 ? undefined : reader.varint()
  named(reader, id)
  if ((flags & 8) !== 0) reader.path()
  const count = headers(reader, flags)
  const key = keyAt(reader.block())
  return { kind: 'request', tag, channel, id, deadlineMs, headers: count, hasBody: (flags & 2) !== 0, key }
}

function response(reader: Reader): TalkRecord {
  const [tag, flags] = [reader.varint(), reader.u8()]
  headers(reader, flags)
  if ((flags & 4) !== 0) return { kind: 'refusal', tag, ...failure(reader) }
  return { kind: 'response', tag, hasStream: (flags & 2) !== 0, key: keyAt(reader.block()) }
}

/** Reads over the name, where there is one instead of an id (§19.2). */
function named(reader: Reader, id: number): void {
  if (id !== 0) return
  reader.block()
  reader.block()
}

/** Reads over headers, where the lowest bit says that there are some, and counts them. */
function headers(reader: Reader, flags: number): number {
  if ((flags & 1) === 0) return 0
  const count = reader.varint()
  for (let left = count; left > 0; left -= 1) {
    reader.block()
    if (reader.u8() === 1) reader.block()
  }
  return count
}

function strand(reader: Reader): { tag: number; direction: Direction } {
  const tag = reader.varint()
  const direction = DIRECTIONS[reader.u8()]
  if (direction === undefined) throw new Error('A stream in an unknown direction')
  return { tag, direction }
}

function failure(reader: Reader): { code: string } {
  const code = text.decode(reader.block())
  reader.block()
  return { code }
}

/** Longer than every key, with the quote that JSON puts before it. */
const KEY_BYTES = 24

function keyAt(payload: Uint8Array): string {
  const [key = ''] = text.decode(payload.subarray(0, KEY_BYTES)).split('|')
  return key.replace('"', '')
}
