import { msgpack } from '../../message/codec.ts'
import { MAX_MESSAGE_ID, MAX_MESSAGES } from '../../message/definition.ts'
import { isName, isPlain, utf8Bytes } from '../../message/names.ts'
import { badMessage } from '../failures.ts'
import { DEFAULT_PACKETS, packetData, packetOf, PacketType } from './frame.ts'
import { UNKNOWN_REASON } from './reasons.ts'
import { firstValue } from './value.ts'

/** The only one there is. */
export const VERSION = 1
/** The longest reason that is sent, or kept, in bytes. */
const MAX_REASON_BYTES = 1_024

/** The packets of a side by their names, and whose numbers it wants. */
export interface PublicIds {
  /** Whether it takes over the numbers of the other side. */
  readonly adapt: boolean
  readonly ids: ReadonlyMap<string, number>
}

/** A PUBIDS with as many packets as a side can have is 2 maps, and a key and a value for each. */
const codec = msgpack({ maxDepth: 4, maxNodes: 2 * (MAX_MESSAGES + DEFAULT_PACKETS.size) + 64 })
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const encodeInit = (): Uint8Array => packetOf(PacketType.HANDSHAKE_INIT, codec.encode({ version: VERSION }))
export const encodeFinish = (): Uint8Array => packetOf(PacketType.HANDSHAKE_FINISH, codec.encode(null))

/** In the order of `ids`, for an original compares it. */
export function encodePublicIds({ adapt, ids }: PublicIds): Uint8Array {
  return packetOf(PacketType.HANDSHAKE_PUBIDS, codec.encode({ adapt, idmap: Object.fromEntries(ids) }))
}

export function encodeSoftquit(reason: string): Uint8Array {
  return packetOf(PacketType.SOFTQUIT, codec.encode({ reason }))
}

export function decodeVersion(frame: Uint8Array): unknown {
  return fieldsOf(frame, 'a handshake_init')['version']
}

/** Throws `BAD_MESSAGE`. */
export function decodePublicIds(frame: Uint8Array): PublicIds {
  const what = 'a handshake_pubids'
  const { adapt, idmap } = fieldsOf(frame, what)
  if (typeof adapt !== 'boolean') throw badMessage(`${what} that does not say whether it adapts`)
  if (!isObject(idmap)) throw badMessage(`${what} without ids`)
  const named = Object.entries(idmap)
  if (named.length > MAX_MESSAGES + DEFAULT_PACKETS.size) throw badMessage(`${what} with ${named.length} packets`)
  for (const [name, id] of named) if (!isName(name) || !isId(id)) throw badMessage(`${what} with what is no name or id`)
  const ids = new Map(named as [string, number][])
  if (new Set(ids.values()).size < ids.size) throw badMessage(`${what} with one id for two packets`)
  return { adapt, ids }
}

/** What a peer gives as its reason, in whatever shape: an end is understood without one, too. */
export function decodeReason(frame: Uint8Array): string {
  try {
    const reason = textOf(fieldsOf(frame, 'a softquit')['reason']) ?? ''
    const isFit = reason !== '' && isPlain(reason) && utf8Bytes(reason) <= MAX_REASON_BYTES
    return isFit ? reason : UNKNOWN_REASON
  } catch {
    return UNKNOWN_REASON
  }
}

/** A map with keys that are text or bytes. Throws `BAD_MESSAGE` for anything else. */
function fieldsOf(frame: Uint8Array, what: string): Readonly<Record<string, unknown>> {
  const fields = valueOf(frame, what)
  if (isObject(fields)) return fields
  throw badMessage(`${what} that is no map`)
}

function valueOf(frame: Uint8Array, what: string): unknown {
  try {
    return codec.decode(firstValue(packetData(frame)))
  } catch (cause) {
    throw badMessage(`${what} that is no msgpack of its form`, undefined, cause)
  }
}

function textOf(value: unknown): string | undefined {
  if (value instanceof Uint8Array) return decoder.decode(value)
  return typeof value === 'string' ? value : undefined
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
const isId = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_MESSAGE_ID
