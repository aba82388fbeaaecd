import { lengthOf, valuesIn } from '../../message/msgpack-claims.ts'
import { apart } from '../payloads.ts'

/** From the first byte of bytes to that of text of the same length: the rest is alike. */
const TEXT_FROM_BYTES = 0xd9 - 0xc4

/**
 * The first value of a packet, for whoever keeps it: what follows it has no meaning. Keys that are bytes become text, as Python 2 writes
 * every text as bytes, and nothing in JavaScript is found by bytes. What is no msgpack stays as it is, for a codec to refuse.
 */
export function firstValue(data: Uint8Array): Uint8Array {
  const scan = scanned(data)
  if (scan === undefined) return apart(data)
  const { end, keys } = scan
  if (keys.length === 0) return apart(data.subarray(0, end))
  const value = data.slice(0, end)
  for (const at of keys) value[at] = (value[at] as number) + TEXT_FROM_BYTES
  return value
}

interface Scan {
  /** Where the first value ends. */
  end: number
  /** Where in it keys stand that are bytes. */
  keys: readonly number[]
}

/** `undefined`: the value does not end. */
function scanned(data: Uint8Array): Scan | undefined {
  try {
    const scan = scanOf(new DataView(data.buffer, data.byteOffset, data.length))
    return scan.end > data.length ? undefined : scan
  } catch {
    return undefined // a length that is cut off
  }
}

/** What an open container lacks: values, of which every second one of a map is a key. */
interface Open {
  left: number
  readonly isMap: boolean
}

/** However many values are claimed: each has a byte at least, and throws behind the last one. */
function scanOf(view: DataView): Scan {
  const open: Open[] = []
  const keys: number[] = []
  let at = 0
  do {
    const type = view.getUint8(at)
    if (isBytes(type) && isKeyNext(open.at(-1))) keys.push(at)
    count(open, { left: valuesIn(type, view, at), isMap: isMap(type) })
    at += lengthOf(type, view, at)
  } while (open.length > 0)
  return { end: at, keys }
}

function count(open: Open[], value: Open): void {
  const container = open.at(-1)
  if (container !== undefined) container.left -= 1
  open.push(value)
  while (open.at(-1)?.left === 0) open.pop()
}

const isKeyNext = (container: Open | undefined): boolean => container?.isMap === true && container.left % 2 === 0
const isBytes = (type: number): boolean => type >= 0xc4 && type <= 0xc6
const isMap = (type: number): boolean => (type >= 0x80 && type <= 0x8f) || type === 0xde || type === 0xdf
