import { headerFault, headersOf, MAX_HEADER_BYTES, MAX_HEADERS } from '../../message/headers.ts'
import type { Headers } from '../../message/headers.ts'
import { decodeText, encodeText } from './bytes.ts'
import { badMessage } from '../failures.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'

/** Writes headers as records hold them; they take `headerBytes`. */
export function writeHeaders(out: ByteWriter, headers: Headers): void {
  const pairs = Object.entries(headers)
  out.varint(pairs.length)
  for (const [name, value] of pairs) {
    out.bytes(encodeText(name))
    out.u8(value === null ? 0 : 1)
    if (value !== null) out.bytes(encodeText(value))
  }
}

/** Throws `BAD_MESSAGE` for what breaks a limit, a name that is none, and one that comes twice. */
export function readHeaders(reader: ByteReader): Headers {
  const from = reader.at
  const count = reader.varint()
  if (count > MAX_HEADERS) throw badMessage(`${count} headers; at most ${MAX_HEADERS} are allowed`, count)
  const pairs = new Map<string, string | null>()
  for (let index = 0; index < count; index += 1) {
    const name = text(reader, from)
    const value = hasValue(reader) ? text(reader, from) : null
    const fault = headerFault(name, value)
    if (fault !== undefined) throw badMessage(`headers with ${fault}`)
    if (pairs.has(name)) throw badMessage('a header twice')
    pairs.set(name, value)
  }
  checkBytes(reader.at - from)
  return headersOf(pairs)
}

/** Looks at the length first: what is too long is not decoded. */
function text(reader: ByteReader, from: number): string {
  const data = reader.bytes()
  checkBytes(reader.at - from)
  return decodeText(data, 'a header')
}

function checkBytes(bytes: number): void {
  if (bytes > MAX_HEADER_BYTES)
    throw badMessage(`headers of ${bytes} bytes; at most ${MAX_HEADER_BYTES} are allowed`, bytes)
}

function hasValue(reader: ByteReader): boolean {
  const flag = reader.u8()
  if (flag <= 1) return flag === 1
  throw badMessage('a header whose value is neither there nor not', flag)
}
