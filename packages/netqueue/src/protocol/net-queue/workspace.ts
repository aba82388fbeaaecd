import type { Bytes } from '../../transport/transport.ts'
import { ByteWriter } from './bytes.ts'
import { TYPE_BYTES } from './frame-types.ts'
import { Kind } from './record-kinds.ts'
import { CUT_BYTES } from './batch.ts'

/** One byte more than a frame of ours: nothing that was read is ever the rest of this memory, and would be kept as it is. */
const JOINED_BYTES = CUT_BYTES + 1

/** Memory that connections share, as each frame is read, or built, in one go. */
export class Workspace {
  /** Where frames are built. */
  readonly out: ByteWriter = new ByteWriter(new Uint8Array(CUT_BYTES))
  #joined: Uint8Array | undefined

  /**
   * A frame in one piece. One that begins with a fragment is to be read before the next one is: it is put together where the one before was,
   * for what it holds is copied to its record at once.
   */
  join(frame: Bytes): Uint8Array {
    if (frame instanceof Uint8Array) return frame
    if (frame.byteLength > CUT_BYTES || frame.get(TYPE_BYTES) !== Kind.FRAGMENT) return frame.subarray()
    this.#joined ??= new Uint8Array(JOINED_BYTES)
    let at = 0
    for (const piece of frame) {
      this.#joined.set(piece, at)
      at += piece.byteLength
    }
    return this.#joined.subarray(0, at)
  }
}
