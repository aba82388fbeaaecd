import type { Bytes } from '../../src/transport/transport.ts'

/** Deterministic bytes: what stands at a place tells the place. */
export function pattern(length: number, offset: number = 0): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let index = 0; index < length; index += 1)
    bytes[index] = ((offset + index) * 31 + ((offset + index) >> 8)) & 0xff
  return bytes
}

/** All that a source gives, as one array. */
export async function collect(source: AsyncIterable<Bytes>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece.slice())
  return Buffer.concat(pieces)
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

/** How a source comes to its end; other errors than that of a broken connection are thrown. */
export async function ending(source: AsyncIterable<Bytes>): Promise<'ended' | 'broken'> {
  try {
    await collect(source)
    return 'ended'
  } catch (error) {
    if ((error as { code?: string }).code === 'CONNECTION_LOST') return 'broken'
    throw error
  }
}
