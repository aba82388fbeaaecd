import { NetQueueError } from '../../errors/errors.ts'
import { isPlain } from '../../message/names.ts'
import type { Introduction } from '../handshake.ts'
import { decodeText, encodeText } from './bytes.ts'
import { badMessage } from '../failures.ts'

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
const FIXED_BYTES = MAGIC.length + 4 + NONCE_BYTES + 1
/** Longest id of a peer, in bytes of UTF-8. */
export const MAX_ID_BYTES = 128

/** Whether the data of a CONN is a HELLO of ours rather than an original's nothing. */
export function isHello(data: Uint8Array): boolean {
  return data.length >= MAGIC.length && MAGIC.every((byte, index) => data[index] === byte)
}

/** Throws a `RangeError` for an id that no peer would take. */
export function checkId(id: string): void {
  const bytes = encodeText(id).length
  if (bytes <= MAX_ID_BYTES && isPlain(id)) return
  const rule = `at most ${MAX_ID_BYTES} bytes of UTF-8 without control characters`
  throw new RangeError(`Expected \`id\` to have ${rule}, got ${JSON.stringify(id)} (${bytes} bytes)`)
}

export function encodeHello({ id, nonce }: Introduction): Uint8Array {
  checkId(id)
  const name = encodeText(id)
  const data = new Uint8Array(FIXED_BYTES + name.length)
  data.set(MAGIC)
  data.set([VERSION, VERSION, 0, 0], MAGIC.length)
  data.set(nonce, MAGIC.length + 4)
  data[FIXED_BYTES - 1] = name.length
  data.set(name, FIXED_BYTES)
  return data
}

/** Throws `BAD_MESSAGE` for a broken HELLO and `VERSION_MISMATCH` for one of another age. */
export function decodeHello(data: Uint8Array): Hello {
  if (data.length < FIXED_BYTES) throw badMessage('a HELLO that ends too early')
  const minVersion = data[MAGIC.length] as number
  const maxVersion = data[MAGIC.length + 1] as number
  checkVersion(minVersion, maxVersion)
  const idBytes = data[FIXED_BYTES - 1] as number
  if (idBytes > MAX_ID_BYTES || FIXED_BYTES + idBytes > data.length)
    throw badMessage(`a HELLO with an id of ${idBytes} bytes`, idBytes)
  const nonce = data.slice(MAGIC.length + 4, FIXED_BYTES - 1)
  const id = decodeText(data.subarray(FIXED_BYTES, FIXED_BYTES + idBytes), 'an id')
  if (!isPlain(id)) throw badMessage('an id with control characters')
  return { minVersion, maxVersion, nonce, id }
}

function checkVersion(min: number, max: number): void {
  const spoken = Math.min(max, VERSION)
  if (spoken >= min && spoken >= VERSION) return
  const range = min === max ? `${min}` : `${min} to ${max}`
  const message = `The peer speaks version ${range} of netqueue, this side version ${VERSION}`
  throw new NetQueueError('VERSION_MISMATCH', message, { value: max })
}
