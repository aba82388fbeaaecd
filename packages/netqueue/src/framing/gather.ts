import { Uint8ArrayList } from 'uint8arraylist'
import type { Bytes } from '../transport/transport.ts'

/** Pieces shorter than this are joined while a frame waits for more than that: kept one by one, each costs some 200 bytes. */
const SMALL_BYTES = 1_024

/**
 * The bytes of a stream in front of a decoder that keeps the pieces of an unfinished frame. A peer that sends a large frame
 * byte by byte would have it keep a million of them; so small ones are copied together as long as they do not make the frame
 * whole. `frameEnd` is the position in the stream at which the frame that the decoder waits for ends, or the last one ended.
 * A decoder that is left there has been given more than that: `unread` gets the rest.
 */
export async function* gather(
  chunks: AsyncIterable<Bytes>,
  frameEnd: () => number,
  unread: (rest: Uint8Array) => void,
): AsyncGenerator<Bytes> {
  let given = 0
  let held: Uint8ArrayList | undefined
  for await (const chunk of chunks) {
    const bytes: Bytes = held === undefined ? chunk : held
    if (held !== undefined) held.append(chunk)
    if (bytes.byteLength < SMALL_BYTES && given + bytes.byteLength < frameEnd()) {
      held ??= new Uint8ArrayList(chunk)
      continue
    }
    given += bytes.byteLength
    let isLeft = true
    try {
      yield held === undefined ? chunk : held.slice()
      isLeft = false
    } finally {
      if (isLeft && given > frameEnd()) unread(bytes.slice(bytes.byteLength - (given - frameEnd())))
    }
    held = undefined
  }
  if (held !== undefined) yield held.slice()
}
