import * as lengthPrefixed from 'it-length-prefixed'
import { Pulled, pullFrom } from '../transport/pulled.ts'
import type { Puller } from '../transport/pulled.ts'
import type { Bytes } from '../transport/transport.ts'

export const PREFIX_BYTES = 4

const options = {
  lengthEncoder: Object.assign(
    (length: number): Uint8Array<ArrayBuffer> => {
      // Not by a DataView: so short an array needs no memory beside the heap, unless its buffer is asked for.
      const prefix = new Uint8Array(PREFIX_BYTES)
      for (let at = PREFIX_BYTES - 1, rest = length; at >= 0; at -= 1, rest >>>= 8) prefix[at] = rest
      return prefix
    },
    { bytes: PREFIX_BYTES },
  ),
  maxDataLength: 0xffffffff,
}

/** Frames with their lengths in front, of 4 bytes. Not an async generator, which costs an idle connection a kilobyte, and each frame a turn more. */
export class Encoded extends Pulled implements Puller {
  readonly #frames: AsyncIterator<Bytes>
  #puller: Puller | undefined

  constructor(frames: AsyncIterable<Bytes>) {
    super()
    this.#frames = frames[Symbol.asyncIterator]()
  }

  pull(puller: Puller): void {
    this.#puller = puller
    pullFrom(this.#frames, this)
  }

  async return(): Promise<IteratorResult<Bytes, undefined>> {
    await this.#frames.return?.()
    return { done: true, value: undefined }
  }

  /** @internal */
  onPiece(frame: Bytes): void {
    this.#puller?.onPiece(lengthPrefixed.encode.single(frame, options))
  }

  /** @internal */
  onEnd(): void {
    this.#puller?.onEnd()
  }

  /** @internal */
  onError(cause: unknown): void {
    this.#puller?.onError(cause)
  }
}
