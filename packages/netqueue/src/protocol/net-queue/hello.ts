import { NetQueueError } from '../../errors/errors.ts'
import type { Limits } from '../../options/limits.ts'
import type { Introduction } from '../protocol.ts'
import { badMessage, decodeJson, decodeText, encodeText } from './bytes.ts'

/** What CONN carries between two of us; an original sends and expects nothing there, and ignores it. */
export interface Hello {
  minVersion: number
  maxVersion: number
  nonce: Uint8Array
  id: string
}

/** The one version of netqueue/1 there is. */
export const VERSION = 1

const MAGIC = Uint8Array.of(0x6e, 0x65, 0x74, 0x71, 0x0d, 0x0a, 0x1a, 0x0a)
const NONCE_BYTES = 16
const FIXED_BYTES = MAGIC.byteLength + 4 + NONCE_BYTES + 1
export const MAX_HELLO_BYTES = 1_200
/** Longest id of a peer, in bytes of UTF-8. */
export const MAX_ID_BYTES = 128

/** Whether the data of a CONN is a HELLO of ours rather than an original's nothing. */
export function isHello(data: Uint8Array): boolean {
  return data.byteLength >= MAGIC.byteLength && MAGIC.every((byte, index) => data[index] === byte)
}

export function encodeHello({ id, nonce }: Introduction): Uint8Array {
  const name = encodeText(id)
  const data = new Uint8Array(FIXED_BYTES + name.byteLength)
  data.set(MAGIC)
  data.set([VERSION, VERSION, 0, 0], MAGIC.byteLength)
  data.set(nonce, MAGIC.byteLength + 4)
  data[FIXED_BYTES - 1] = name.byteLength
  data.set(name, FIXED_BYTES)
  return data
}

/** Throws `BAD_MESSAGE` for a broken HELLO and `VERSION_MISMATCH` for one of another age. */
export function decodeHello(data: Uint8Array): Hello {
  if (data.byteLength > MAX_HELLO_BYTES)
    throw badMessage(`a HELLO of ${data.byteLength} bytes; at most ${MAX_HELLO_BYTES} are allowed`, data.byteLength)
  if (data.byteLength < FIXED_BYTES) throw badMessage('a HELLO that ends too early')
  const minVersion = data[MAGIC.byteLength] as number
  const maxVersion = data[MAGIC.byteLength + 1] as number
  if (minVersion > VERSION || maxVersion < VERSION) {
    const range = minVersion === maxVersion ? `${minVersion}` : `${minVersion} to ${maxVersion}`
    throw new NetQueueError(
      'VERSION_MISMATCH',
      `The peer speaks version ${range} of netqueue, this side version ${VERSION}`,
      { value: maxVersion },
    )
  }
  const idBytes = data[FIXED_BYTES - 1] as number
  if (idBytes > MAX_ID_BYTES || FIXED_BYTES + idBytes > data.byteLength)
    throw badMessage(`a HELLO with an id of ${idBytes} bytes`, idBytes)
  const nonce = data.slice(MAGIC.byteLength + 4, FIXED_BYTES - 1)
  return { minVersion, maxVersion, nonce, id: decodeText(data.subarray(FIXED_BYTES, FIXED_BYTES + idBytes), 'an id') }
}

/** The terms that each side announces when both have said hello. */
export interface Welcome {
  id: string
  item: string
  result: string
  tags: string[]
  status: unknown
  maxFrameBytes: number
  maxItemBytes: number
  maxUnsettled: number
  /** Server: the id that the client has from now on. */
  yourId: string | undefined
}

export function encodeWelcome(introduction: Introduction, limits: Limits, yourId: string | undefined): Uint8Array {
  const { id, item, result, tags, status } = introduction
  const { maxFrameBytes: frameBytes, maxItemBytes: itemBytes, maxUnsettled: unsettled } = limits
  const you = yourId === undefined ? undefined : { id: yourId }
  return encodeText(
    JSON.stringify({
      version: VERSION,
      id,
      item,
      result,
      tags,
      status,
      limits: { frameBytes, itemBytes, unsettled },
      you,
    }),
  )
}

/** Throws `BAD_MESSAGE`; keys that we do not know are left alone. */
export function decodeWelcome(data: Uint8Array): Welcome {
  const fields = record(decodeJson(data, 'a WELCOME'), 'a WELCOME')
  const limits = record(fields['limits'], 'the limits of a WELCOME')
  return {
    id: name(fields['id'], 'id'),
    item: name(fields['item'], 'item'),
    result: name(fields['result'], 'result'),
    tags: list(fields['tags']),
    status: fields['status'],
    maxFrameBytes: count(limits['frameBytes'], 'frameBytes'),
    maxItemBytes: count(limits['itemBytes'], 'itemBytes'),
    maxUnsettled: count(limits['unsettled'], 'unsettled'),
    yourId: fields['you'] === undefined ? undefined : name(record(fields['you'], 'you in a WELCOME')['id'], 'you.id'),
  }
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw badMessage(`${what} that is no object`)
}

function name(value: unknown, field: string): string {
  if (typeof value === 'string' && value.length <= MAX_ID_BYTES) return value
  throw badMessage(`a WELCOME whose ${field} is no name of at most ${MAX_ID_BYTES} characters`)
}

function count(value: unknown, field: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number
  throw badMessage(`a WELCOME whose ${field} is no positive integer`, value)
}

function list(value: unknown): string[] {
  if (value === undefined) return []
  if (Array.isArray(value) && value.every((tag) => typeof tag === 'string')) return value
  throw badMessage('a WELCOME whose tags are no list of names')
}
