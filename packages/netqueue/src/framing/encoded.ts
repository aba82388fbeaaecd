import * as lengthPrefixed from 'it-length-prefixed'
import { Pulled, pullFrom } from '../transport/pulled.ts'
import type { Puller } from '../transport/pulled.ts'
import type { Bytes } from '../transport/transport.ts'
import { PREFIX_BYTES, withRoom } from './roomy.ts'

const options = {
  lengthEncoder: Object.assign(
    // Not by a DataView: so short an array needs no memory beside the heap, unless its buffer is asked for.
    (length: number) => writeLength(new Uint8Array(PREFIX_BYTES), length),
    { bytes: PREFIX_BYTES },
  ),
  maxDataLength: 0xffffffff,
}

/** Frames with their lengths in front, of 4 bytes: in their own memory, where they have room for it. Not an async generator, which costs an idle connection a kilobyte, and each frame a turn more. */
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
    this.#puller?.onPiece(prefixed(frame))
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

/** In one piece where that can be: a list of a short prefix and a frame would be joined, or written as such, on its way into the system's hands. */
function prefixed(frame: Bytes): Bytes {
  const whole = frame instanceof Uint8Array ? withRoom(frame) : undefined
  return whole === undefined ? lengthPrefixed.encode.single(frame, options) : writeLength(whole, frame.length)
}

function writeLength<A extends Uint8Array>(target: A, length: number): A {
  for (let at = PREFIX_BYTES - 1, rest = length; at >= 0; at -= 1, rest >>>= 8) target[at] = rest
  return target
}
