import * as lengthPrefixed from 'it-length-prefixed'
import type { Uint8ArrayList } from 'uint8arraylist'
import { NetQueueError } from '../errors/errors.ts'
import type { Bytes } from '../transport/transport.ts'
import { gather } from './gather.ts'

/** How a protocol cuts its stream of bytes into frames: two stages for a pipe, one for each way. */
export interface Framing {
  encode: (frames: AsyncIterable<Bytes>) => AsyncIterable<Bytes>
  /** Throws `FRAME_TOO_LARGE`, `FRAME_TOO_SHORT`, `FRAME_TRUNCATED`, each before more than the header was kept. */
  decode: (chunks: AsyncIterable<Bytes>) => AsyncIterable<Uint8ArrayList>
}

export interface LengthPrefixedOptions {
  /** Shortest frame that has a meaning, without its header. */
  minBytes: number
  /** Longest frame taken at this moment, and the option that says so. */
  limit: () => FrameLimit
  /** Gets what was read behind the frame at which decoding is left. */
  unread?: ((rest: Uint8Array) => void) | undefined
}

export interface FrameLimit {
  /** The option that sets it. */
  name: string
  bytes: number
}

const HEADER_BYTES = 4

const lengthEncoder = Object.assign(
  (length: number): Uint8Array<ArrayBuffer> => {
    const header = new Uint8Array(HEADER_BYTES)
    new DataView(header.buffer).setUint32(0, length)
    return header
  },
  { bytes: HEADER_BYTES },
)

/** Throws a `RangeError` on fewer than four bytes, which the library takes for "wait for more". */
const lengthDecoder = Object.assign((data: Uint8ArrayList): number => data.getUint32(0), { bytes: HEADER_BYTES })

/** Frames behind a 4-byte big-endian unsigned length that does not count itself. */
export function lengthPrefix({ minBytes, limit, unread = () => {} }: LengthPrefixedOptions): Framing {
  return {
    async *encode(frames) {
      for await (const frame of frames)
        yield lengthPrefixed.encode.single(frame, { lengthEncoder, maxDataLength: 0xffffffff })
    },

    async *decode(chunks) {
      let announced = 0
      let frameEnd = 0
      const onLength = (length: number): void => {
        checkLength(length, minBytes, limit())
        announced = length
        frameEnd += HEADER_BYTES + length
      }
      try {
        yield* lengthPrefixed.decode(
          gather(chunks, () => frameEnd, unread),
          {
            lengthDecoder,
            onLength,
            onData: () => void (announced = 0),
            maxDataLength: 0xffffffff,
            maxLengthLength: HEADER_BYTES,
          },
        )
      } catch (cause) {
        throw isUnexpectedEnd(cause) ? truncated(announced, cause) : cause
      }
      // The library takes an end right behind a complete header for a clean one.
      if (announced > 0) throw truncated(announced)
    },
  }
}

function checkLength(length: number, minBytes: number, { name, bytes }: FrameLimit): void {
  if (length < minBytes) {
    throw new NetQueueError('FRAME_TOO_SHORT', `Expected a frame of at least ${minBytes} bytes, got ${length}`, {
      value: length,
    })
  }
  if (length > bytes) {
    const hint = FOREIGN[length >>> 16 === TLS_HANDSHAKE ? TLS_HANDSHAKE : length]
    const message = `Expected a frame of at most ${bytes} bytes (${name}), got ${length}${hint === undefined ? '' : `: the peer seems to speak ${hint}`}`
    throw new NetQueueError('FRAME_TOO_LARGE', message, { limit: name, value: length })
  }
}

const TLS_HANDSHAKE = 0x1603

/** Other protocols' first bytes, read as a length. */
const FOREIGN: Readonly<Record<number, string>> = {
  [TLS_HANDSHAKE]: 'TLS',
  0x47455420: 'HTTP',
  0x504f5354: 'HTTP',
  0x48454144: 'HTTP',
  0x4f505449: 'HTTP',
  0x48545450: 'HTTP',
  0x5353482d: 'SSH',
}

const isUnexpectedEnd = (error: unknown): boolean => error instanceof Error && error.name === 'UnexpectedEOFError'

function truncated(announced: number, cause?: unknown): NetQueueError {
  const where = announced > 0 ? `inside a frame of ${announced} bytes` : 'inside the header of a frame'
  return new NetQueueError('FRAME_TRUNCATED', `The stream ended ${where}`, { cause })
}
