import * as fc from 'fast-check'
import { Uint8ArrayList } from 'uint8arraylist'
import { describe, expect, test } from 'vitest'
import { NetQueueError } from '../errors/errors.ts'
import { ToldInlet } from '../transport/inlet.ts'
import type { Bytes } from '../transport/transport.ts'
import { heldBytes } from '../../test/support/memory.ts'
import { framingOf } from './framing.ts'
import { lengthPrefix } from './length-prefix.ts'
import { roomyFrame } from './roomy.ts'

const LIMIT = 1_048_576
const framing = (bytes: number = LIMIT) =>
  framingOf(lengthPrefix(2), { limit: () => ({ name: 'maxFrameBytes', bytes }) })

async function* from(chunks: Iterable<Bytes>): AsyncGenerator<Bytes> {
  yield* chunks
}

interface Decoded {
  frames: Uint8Array[]
  error?: NetQueueError
}

/** Everything that the chunks give, and the error at the end of it. */
async function decode(chunks: Iterable<Bytes> | AsyncIterable<Bytes>, limit?: number): Promise<Decoded> {
  const frames: Uint8Array[] = []
  const source = Symbol.asyncIterator in chunks ? chunks : from(chunks)
  try {
    for await (const frame of framing(limit).decode(source)) frames.push(frame.slice())
    return { frames }
  } catch (error) {
    if (error instanceof NetQueueError) return { frames, error }
    throw error
  }
}

function framed(...frames: Uint8Array[]): Uint8Array {
  return Buffer.concat(frames.map((frame) => Buffer.concat([header(frame.byteLength), frame])))
}

function header(length: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(length)
  return bytes
}

/** Cuts bytes at the places given. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...new Set(places)].filter((at) => at <= bytes.byteLength).toSorted((a, b) => a - b)
  return [...ends, bytes.byteLength].map((end, index) =>
    bytes.subarray(index === 0 ? 0 : (ends[index - 1] as number), end),
  )
}

const plain = (frames: Uint8Array[]): string[] => frames.map((frame) => Buffer.from(frame).toString('hex'))
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

describe('frames in pieces', () => {
  const frames = [
    text('ab'),
    text('a longer frame, in which there is some room to cut'),
    text('cd'),
    new Uint8Array(3_000).fill(7),
  ]
  const whole = framed(...frames)

  test('a stream split in two at any byte gives the same frames', async () => {
    for (let at = 0; at <= whole.byteLength; at += 1)
      expect(plain((await decode(cut(whole, [at]))).frames)).toEqual(plain(frames))
  })

  test('a stream of single bytes gives the same frames', async () => {
    expect(plain((await decode(cut(whole, [...whole.keys()]))).frames)).toEqual(plain(frames))
  })

  test('any frames in any chunks, of one array or of lists, equal the whole', async () => {
    const someFrames = fc.array(fc.uint8Array({ minLength: 2, maxLength: 3_000 }), { maxLength: 8 })
    const places = fc.array(fc.nat(12_000), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(someFrames, places, fc.boolean(), async (sent, at, asLists) => {
        const chunks = cut(framed(...sent), at)
        const received = await decode(
          asLists ? chunks.map((chunk) => new Uint8ArrayList(chunk, new Uint8Array(0))) : chunks,
        )
        expect(received.error).toBeUndefined()
        expect(plain(received.frames)).toEqual(plain(sent))
      }),
      { numRuns: 300 },
    )
  })

  test('what encode writes, decode reads, each frame in one chunk with its length', async () => {
    async function* source(): AsyncGenerator<Uint8Array> {
      yield* frames
    }
    const chunks: Bytes[] = []
    for await (const chunk of framing().encode(source())) chunks.push(chunk)
    expect(chunks).toHaveLength(frames.length)
    expect(Buffer.concat(chunks.map((chunk) => chunk.slice())).equals(whole)).toBe(true)
    expect(plain((await decode(chunks)).frames)).toEqual(plain(frames))
  })

  test('the length of a frame that has room for it is written there, and into no other frame', async () => {
    const sizes = [2, 100, 1_020, 1_021, 5_000, ...Array.from({ length: 30 }, () => 700)]
    const roomy = sizes.map((size, index) => roomyFrame(size).fill(index))
    async function* source(): AsyncGenerator<Uint8Array> {
      for (const [index, size] of sizes.entries())
        yield index % 2 === 0 ? roomyFrame(size).fill(index) : (roomy[index] as Uint8Array)
    }
    const chunks: Bytes[] = []
    for await (const chunk of framing().encode(source())) chunks.push(chunk)
    expect(plain((await decode(chunks)).frames)).toEqual(plain(roomy))
    expect(chunks[0]).toBeInstanceOf(Uint8Array)
  })

  test('short frames keep no more than 8 KiB', () => {
    for (const size of [2, 500, 1_020]) expect(roomyFrame(size).buffer.byteLength).toBe(8_192)
    expect(roomyFrame(1_021).buffer.byteLength).toBe(1_025)
  })

  test('a frame is handed on when its last byte is there, although no other follows', async () => {
    for (const size of [1, 100, 5_000]) {
      const wanted = framed(new Uint8Array(4_000).fill(1))
      const frame = framing().decode(
        waitsAfter(
          cut(
            wanted,
            [...wanted.keys()].filter((at) => at % size === 0),
          ),
        ),
      )
      expect((await frame[Symbol.asyncIterator]().next()).value?.byteLength).toBe(4_000)
    }
  })
})

describe('P7: after an error', () => {
  test.each([
    ['a length that is refused', [header(1), text('more')]],
    ['a piece that is no bytes', [framed(text('ab')), 'text' as unknown as Uint8Array]],
  ])('%s, decoding is over, and nothing of the rest is kept', async (_what, chunks) => {
    const frames = framing().decode(from(chunks))[Symbol.asyncIterator]()
    const outcomes: unknown[] = []
    for (let calls = 0; calls < 4; calls += 1) outcomes.push(await frames.next().catch((error: Error) => error.name))
    expect(outcomes.slice(-2)).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ])
    expect(outcomes.some((outcome) => typeof outcome === 'string')).toBe(true)
  })
})

/** A stream that gives these pieces and then stays open without a word. */
async function* waitsAfter(chunks: Iterable<Bytes>): AsyncGenerator<Bytes> {
  yield* chunks
  await new Promise(() => {})
}

describe('P7: lengths are checked at their fourth byte', () => {
  const cases: [name: string, length: number, code: string | undefined][] = [
    ['0', 0, 'FRAME_TOO_SHORT'],
    ['1', 1, 'FRAME_TOO_SHORT'],
    ['the maximum', LIMIT, undefined],
    ['the maximum + 1', LIMIT + 1, 'FRAME_TOO_LARGE'],
    ['0x7fffffff', 0x7fffffff, 'FRAME_TOO_LARGE'],
    ['0x80000000', 0x80000000, 'FRAME_TOO_LARGE'],
    ['0xffffffff', 0xffffffff, 'FRAME_TOO_LARGE'],
  ]

  for (const [name, length, code] of cases.filter(([, , expected]) => expected !== undefined)) {
    test(`length ${name} with its body withheld is ${code}, and names the value`, async () => {
      for (const chunks of [[header(length)], cut(header(length), [1, 2, 3])]) {
        const { error } = await decode(waitsAfter(chunks))
        expect(error).toMatchObject({ code, value: length })
        expect(error?.message).toContain(length < 2 ? 'at least 2 bytes' : `at most ${LIMIT} bytes (maxFrameBytes)`)
      }
    })
  }

  test('the maximum itself is taken', async () => {
    const { frames, error } = await decode([header(LIMIT), new Uint8Array(LIMIT)])
    expect(error).toBeUndefined()
    expect(frames[0]?.byteLength).toBe(LIMIT)
  })

  test('a frame that is too large is refused before its body is read', async () => {
    let read = 0
    async function* endless(): AsyncGenerator<Bytes> {
      yield header(0x7fffffff)
      for (;;) {
        read += 1
        yield new Uint8Array(65_536)
      }
    }
    expect((await decode(endless())).error?.code).toBe('FRAME_TOO_LARGE')
    expect(read).toBe(0)
  })

  test('the limit is asked for each frame', async () => {
    let limit = 10
    const decoded = framingOf(lengthPrefix(2), { limit: () => ({ name: 'maxHelloBytes', bytes: limit }) }).decode(
      from([framed(new Uint8Array(10), new Uint8Array(100))]),
    )
    const frames = decoded[Symbol.asyncIterator]()
    await frames.next()
    limit = 100
    expect((await frames.next()).value?.byteLength).toBe(100)
  })

  test('withheld bodies of the longest frame take no memory', async () => {
    const count = 2_000
    const before = heldBytes()
    const waiting = Array.from({ length: count }, () => {
      const frames = framing().decode(waitsAfter([header(LIMIT)]))
      return frames[Symbol.asyncIterator]().next()
    })
    await new Promise(setImmediate)
    expect(heldBytes() - before).toBeLessThan(count * 8_192)
    expect(waiting).toHaveLength(count)
  })

  test('a frame that comes byte by byte costs little more than its bytes', async () => {
    const size = 400_000
    async function* bytewise(): AsyncGenerator<Bytes> {
      yield header(size + 1)
      for (let at = 0; at < size; at += 1) yield new Uint8Array(1)
      at_end()
      await new Promise(() => {})
    }
    let at_end = (): void => {}
    const reached = new Promise<void>((resolve) => (at_end = resolve))
    const before = heldBytes()
    const frame = framing().decode(bytewise())[Symbol.asyncIterator]().next()
    await reached
    expect(heldBytes() - before).toBeLessThan(size * 4)
    expect(frame).toBeInstanceOf(Promise)
  })
})

test('chunks that are lent: what stands behind a frame that takes its time is kept as a copy', async () => {
  const inlet = new ToldInlet(() => {})
  const taken: string[] = []
  let goOn: (isWanted: boolean) => void = () => {}
  const pause = new Promise<boolean>((resolve) => (goOn = resolve))
  let done = (): void => {}
  const all = new Promise<void>((resolve) => (done = resolve))
  framingOf(lengthPrefix(2), { limit: () => ({ name: 'maxFrameBytes', bytes: LIMIT }), borrows: true })
    .decode(inlet)
    .each({
      take: (frame) => {
        taken.push(new TextDecoder().decode(frame.slice()))
        return taken.length === 1 ? pause : true
      },
      ended: done,
      broke: done,
    })
  const memory = framed(text('first'), text('second'), text('third'))
  inlet.lend(memory.subarray(0, 22))
  memory.fill(0, 0, 22)
  goOn(true)
  await pause
  inlet.lend(memory.subarray(22))
  inlet.end()
  await all
  expect(taken).toEqual(['first', 'second', 'third'])
})

describe('the end of a stream', () => {
  const whole = framed(text('ab'), text('a second frame'))

  test('inside a frame, at any byte, is FRAME_TRUNCATED; the frames before it count', async () => {
    const ends = [0, 6, whole.byteLength]
    for (let at = 0; at <= whole.byteLength; at += 1) {
      const { frames, error } = await decode([whole.subarray(0, at)])
      expect([at, error?.code]).toEqual([at, ends.includes(at) ? undefined : 'FRAME_TRUNCATED'])
      expect(frames).toHaveLength(ends.filter((end) => end > 0 && end <= at).length)
    }
  })

  test('right behind a complete header is FRAME_TRUNCATED, which it-length-prefixed lets pass', async () => {
    const { error } = await decode([header(5)])
    expect(error?.code).toBe('FRAME_TRUNCATED')
    expect(error?.message).toBe('The stream ended inside a frame of 5 bytes')
  })

  test('an error of the stream itself comes through as it is', async () => {
    async function* broken(): AsyncGenerator<Bytes> {
      yield header(5)
      throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
    }
    await expect(decode(broken())).rejects.toThrow('reset')
  })
})

describe('other protocols on the port', () => {
  test.each([
    ['TLS', Buffer.from('16030100f8010000', 'hex')],
    ['TLS', Buffer.from('1603010005010000', 'hex')],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
    ['HTTP', Buffer.from('POST / HTTP/1.1\r\n')],
    ['SSH', Buffer.from('SSH-2.0-OpenSSH_9.6\r\n')],
    ['MissionCommander', Buffer.from('{"length": 15, "subject": "negotiation"}')],
  ])('a greeting of %s is FRAME_TOO_LARGE, with a hint', async (name, bytes) => {
    const { error } = await decode([bytes])
    expect(error?.code).toBe('FRAME_TOO_LARGE')
    expect(error?.message).toContain(`the peer seems to speak ${name}`)
  })

  test('garbage is a coded error or frames, never anything else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
        const { error } = await decode([bytes], 64)
        expect([undefined, 'FRAME_TOO_LARGE', 'FRAME_TOO_SHORT', 'FRAME_TRUNCATED']).toContain(error?.code)
      }),
    )
  })
})
