import * as lengthPrefixed from 'it-length-prefixed'
import type { Bytes } from '../transport/transport.ts'
import { HEADER_BYTES } from './decoded.ts'

type Result = IteratorResult<Bytes, undefined>

const options = {
  lengthEncoder: Object.assign(
    (length: number): Uint8Array<ArrayBuffer> => {
      const header = new Uint8Array(HEADER_BYTES)
      new DataView(header.buffer).setUint32(0, length)
      return header
    },
    { bytes: HEADER_BYTES },
  ),
  maxDataLength: 0xffffffff,
}

/** Frames with their lengths in front. Not an async generator, which costs an idle connection a kilobyte, and each frame a turn more. */
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
