import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { NetQueueError } from '../errors/errors.ts'
import { framingOf } from './framing.ts'
import { eachRead } from './layout.ts'
import type { Layout } from './layout.ts'

/** A header of eight bytes, which belongs to its frame and ends with the length of what follows. */
const HEADED: Layout = {
  minBytes: 8,
  measure: (bytes, at) => (bytes.length - at < 8 ? undefined : 8 + (bytes[at + 7] as number)),
}
/** A length of seven bits in each byte, the last one without the eighth: at most three of them, prefix of its frame. */
const NUMBERED: Layout = {
  measure: (bytes, at) => {
    let length = 0
    for (let index = at; index < bytes.length; index += 1) {
      length = length * 128 + ((bytes[index] as number) & 127)
      if ((bytes[index] as number) < 128) return index + 1 - at + length
      if (index - at === 2) throw new NetQueueError('BAD_MESSAGE', 'a length without end')
    }
    return undefined
  },
}

interface Read {
  frames: number[][]
  begun: number
  done: number
  code?: string
}

async function read(layout: Layout, chunks: readonly Uint8Array[], bytes = 1_000): Promise<Read> {
  const received = { begun: 0, done: 0 }
  const frames: number[][] = []
  const framing = framingOf(layout, { received, limit: () => ({ name: 'maxFrameBytes', bytes }) })
  const source = (async function* () {
    yield* chunks
  })()
  try {
    for await (const frame of framing.decode(source)) frames.push(Array.from(frame.subarray()))
    return { frames, ...received }
  } catch (error) {
    return { frames, ...received, code: (error as NetQueueError).code }
  }
}

const bytewise = (bytes: Uint8Array): Uint8Array[] => Array.from(bytes, (byte) => Uint8Array.of(byte))

describe.each([
  ['a header that belongs to the frame', HEADED, (body: number[]) => [1, 2, 3, 4, 5, 6, 7, body.length, ...body]],
  [
    'a header of any length',
    NUMBERED,
    (body: number[]) => [...(body.length < 128 ? [] : [128 + (body.length >> 7)]), body.length & 127, ...body],
  ],
])('%s', (_, layout, framed) => {
  const body = fc.array(fc.nat(255), { maxLength: 200 })

  test('is read with what follows, however the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(body, { maxLength: 5 }), fc.array(fc.nat(1_000)), async (bodies, places) => {
        const frames = bodies.map(framed)
        const stream = Uint8Array.from(frames.flat())
        const ends = [...new Set([0, ...places.filter((at) => at < stream.length), stream.length])]
        const sorted = ends.toSorted((a, b) => a - b)
        const chunks = sorted.slice(1).map((end, index) => stream.subarray(sorted[index], end))
        const expected = { frames, begun: frames.length, done: frames.length }
        expect(await read(layout, chunks)).toEqual(expected)
        expect(await read(layout, bytewise(stream))).toEqual(expected)
      }),
    )
  })

  test('above the limit is FRAME_TOO_LARGE as soon as it is known, and at its limit is not', async () => {
    const frame = Uint8Array.from(framed(Array<number>(100).fill(9)))
    const { length } = frame
    expect(await read(layout, [frame], length)).toMatchObject({ done: 1 })
    expect(await read(layout, [frame.subarray(0, length - 90)], length - 1)).toMatchObject({ code: 'FRAME_TOO_LARGE' })
    expect(await read(layout, bytewise(frame), length - 1)).toMatchObject({ code: 'FRAME_TOO_LARGE', done: 0 })
  })

  test('that the stream ends in is FRAME_TRUNCATED, wherever', async () => {
    const frame = Uint8Array.from(framed(Array<number>(150).fill(9)))
    for (let end = 1; end < frame.length; end += 1)
      expect(await read(layout, bytewise(frame.subarray(0, end)))).toMatchObject({ code: 'FRAME_TRUNCATED', begun: 1 })
  })
})

test('a header that never ends is what its layout says, and no more of it is kept', async () => {
  for (const chunks of [[new Uint8Array(10).fill(200)], bytewise(new Uint8Array(10).fill(200))])
    expect(await read(NUMBERED, chunks)).toMatchObject({ code: 'BAD_MESSAGE', done: 0 })
})

test('a layout that never answers has BAD_MESSAGE after 256 bytes, however they come', async () => {
  const layout: Layout = { measure: () => undefined }
  for (const chunks of [
    [new Uint8Array(256)],
    bytewise(new Uint8Array(256)),
    [new Uint8Array(200), new Uint8Array(56)],
  ])
    expect(await read(layout, chunks)).toMatchObject({ code: 'BAD_MESSAGE', begun: 1 })
  expect(await read(layout, [new Uint8Array(255)])).toMatchObject({ code: 'FRAME_TRUNCATED' })
})

test('a frame below the least is FRAME_TOO_SHORT', async () => {
  const layout = { ...HEADED, minBytes: 9 }
  expect(await read(layout, [Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0)])).toMatchObject({ code: 'FRAME_TOO_SHORT' })
})

describe('where each read is a frame', () => {
  test('frames are what came, and an empty chunk is none', async () => {
    const chunks = [[1, 2, 3], [], [4], [5, 6]].map((bytes) => Uint8Array.from(bytes))
    expect(await read(eachRead, chunks)).toEqual({ frames: [[1, 2, 3], [4], [5, 6]], begun: 3, done: 3 })
  })

  test('one above the limit is FRAME_TOO_LARGE', async () => {
    expect(await read(eachRead, [new Uint8Array(5)], 5)).toMatchObject({ done: 1 })
    expect(await read(eachRead, [new Uint8Array(6)], 5)).toMatchObject({ code: 'FRAME_TOO_LARGE', done: 0 })
  })
})

test('frames leave as they are where their layout puts nothing in front', async () => {
  const sent: Uint8Array[] = []
  const frames = (async function* () {
    yield Uint8Array.of(1, 2)
  })()
  const framing = framingOf(HEADED, { limit: () => ({ name: 'maxFrameBytes', bytes: 100 }) })
  for await (const chunk of framing.encode(frames)) sent.push(chunk.slice())
  expect(sent).toEqual([Uint8Array.of(1, 2)])
})
