import * as lengthPrefixed from 'it-length-prefixed'
import { Pulled, pullFrom } from '../transport/pulled.ts'
import type { Puller } from '../transport/pulled.ts'
import type { Bytes } from '../transport/transport.ts'

export const PREFIX_BYTES = 4

const options = {
  lengthEncoder: Object.assign(
    (length: number): Uint8Array<ArrayBuffer> => {
      const prefix = new Uint8Array(PREFIX_BYTES)
      new DataView(prefix.buffer).setUint32(0, length)
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
