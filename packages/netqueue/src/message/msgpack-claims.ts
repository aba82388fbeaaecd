/**
 * Throws for msgpack that claims more values than its bytes can hold, or than `maxNodes`, or has one inside more than `maxDepth` arrays
 * and maps. The decoder makes room for an array when it reads its length, so that 60 nested ones that claim 2^25 values each, 300 bytes,
 * would take all memory there is. Every value has a byte at least: where the claims of all containers together stay below the bytes, so
 * does what they take.
 */
export function checkClaims(data: Uint8Array, maxDepth: number, maxNodes: number): void {
  // Too short to break either limit, and what so few containers can claim is little.
  const { length } = data
  if (length <= Math.min(maxDepth, maxNodes)) return
  const view = new DataView(data.buffer, data.byteOffset, data.length)
  /** Values that each open container still lacks; one whose last value is open itself lacks none. */
  const open: number[] = []
  let due = 1
  let nodes = 0
  for (let at = 0; due > 0;) {
    if (due > length - at) throw new RangeError(`Expected ${due} more values in ${length - at} bytes`)
    const type = view.getUint8(at)
    const values = valuesIn(type, view, at)
    at += lengthOf(type, view, at)
    due += values - 1
    nodes += values
    if (nodes > maxNodes) throw new RangeError(`Expected at most ${maxNodes} values and keys (maxNodes)`)
    if (open.length > 0) (open[open.length - 1] as number)--
    if (values === 0) while (open.at(-1) === 0) open.pop()
    else if (open.push(values) > maxDepth)
      throw new RangeError(`Expected at most ${maxDepth} levels of arrays and objects (maxDepth)`)
  }
}

/** The values that a container claims to hold; keys are values too. */
export function valuesIn(type: number, view: DataView, at: number): number {
  if (type >= 0x80 && type <= 0x8f) return (type & 0x0f) * 2
  if (type >= 0x90 && type <= 0x9f) return type & 0x0f
  if (type === 0xdc) return view.getUint16(at + 1)
  if (type === 0xdd) return view.getUint32(at + 1)
  if (type === 0xde) return view.getUint16(at + 1) * 2
  return type === 0xdf ? view.getUint32(at + 1) * 2 : 0
}

/** Bytes from 0xc0 on: the header, and what it says has a fixed length. */
// prettier-ignore
const FIXED = [
  1, 1, 1, 1, 2, 3, 5, 3, 4, 6, 5, 9, 2, 3, 5, 9,
  2, 3, 5, 9, 3, 4, 6, 10, 18, 2, 3, 5, 3, 5, 3, 5,
]

/** The bytes of a value, those of what it contains aside. */
export function lengthOf(type: number, view: DataView, at: number): number {
  if (type >= 0xa0 && type <= 0xbf) return 1 + (type & 0x1f)
  if (type < 0xc0 || type > 0xdf) return 1
  const fixed = FIXED[type - 0xc0] as number
  if (type === 0xc4 || type === 0xc7 || type === 0xd9) return fixed + view.getUint8(at + 1)
  if (type === 0xc5 || type === 0xc8 || type === 0xda) return fixed + view.getUint16(at + 1)
  if (type === 0xc6 || type === 0xc9 || type === 0xdb) return fixed + view.getUint32(at + 1)
  return fixed
}
