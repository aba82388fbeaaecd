import { NetQueueError } from '../errors/errors.ts'
import { joined } from '../testing/joined.ts'
import type { Bytes } from '../transport/transport.ts'

/** Deterministic bytes: what stands at a place tells the place. */
export function pattern(length: number, offset: number = 0): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let index = 0; index < length; index += 1)
    bytes[index] = ((offset + index) * 31 + ((offset + index) >> 8)) & 0xff
  return bytes
}

/** Whether bytes are those of the pattern, from its beginning. */
export function isPattern(bytes: Uint8Array, length: number): boolean {
  const expected = pattern(length)
  return bytes.length === length && bytes.every((byte, index) => byte === expected[index])
}

/** `total` bytes of the pattern in pieces of `size`. */
export async function* pieces(
  total: number,
  size: number,
  pulled: (bytes: number) => void = () => {},
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < total; at += size) {
    const length = Math.min(size, total - at)
    pulled(length)
    yield pattern(length, at)
  }
}

/** All that a source gives, as one array. */
export async function collect(source: AsyncIterable<Bytes>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part.slice())
  return joined(parts)
}

/** How a source comes to its end; other errors than that of a broken connection are thrown. */
export async function ending(source: AsyncIterable<Bytes>): Promise<'ended' | 'broken'> {
  try {
    await collect(source)
    return 'ended'
  } catch (error) {
    if (error instanceof NetQueueError && error.code === 'CONNECTION_LOST') return 'broken'
    throw error
  }
}
