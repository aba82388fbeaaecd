import * as lengthPrefixed from 'it-length-prefixed'
import type { Bytes } from '../transport/transport.ts'

type Result = IteratorResult<Bytes, undefined>

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
export class Encoded implements AsyncIterableIterator<Bytes, undefined> {
  readonly #frames: AsyncIterator<Bytes>

  constructor(frames: AsyncIterable<Bytes>) {
    this.#frames = frames[Symbol.asyncIterator]()
  }

  next(): Promise<Result> {
    return this.#frames.next().then(encoded)
  }

  async return(): Promise<Result> {
    await this.#frames.return?.()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

function encoded({ done, value }: IteratorResult<Bytes>): Result {
  return done === true
    ? { done: true, value: undefined }
    : { done: false, value: lengthPrefixed.encode.single(value, options) }
}
