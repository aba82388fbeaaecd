import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { withRoom } from '../../framing/roomy.ts'
import { newOut } from './batch.ts'
import { ByteReader, ByteWriter, decodeJson, decodeText, encodeText } from './bytes.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const reader = (text: string): ByteReader => new ByteReader(Buffer.from(text, 'hex'))
const bad = expect.objectContaining({ code: 'BAD_MESSAGE' })

function varint(value: number): Uint8Array {
  const out = new ByteWriter(new Uint8Array(16))
  out.varint(value)
  return out.take().subarray()
}

describe('varints', () => {
  test('around every border of length, the shortest form is written and read back', () => {
    for (let bits = 7; bits <= 49; bits += 7) {
      for (const value of [2 ** bits - 2, 2 ** bits - 1, 2 ** bits, 2 ** bits + 1]) {
        expect(varint(value).byteLength).toBe(value < 2 ** bits ? bits / 7 : bits / 7 + 1)
        expect(new ByteReader(varint(value)).varint()).toBe(value)
      }
    }
    expect(hex(varint(Number.MAX_SAFE_INTEGER))).toBe('ffffffffffffff0f')
  })

  test('any number from 0 to 2^53 - 1 is read back', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const read = new ByteReader(varint(value))
        expect(read.varint()).toBe(value)
        expect(read.left).toBe(0)
      }),
    )
  })

  test.each(['8080808080808010', 'ffffffffffffff1f', 'ffffffffffffff7f', 'ffffffffffffffff', '808080808080808001'])(
    '%s, beyond 2^53 - 1 or beyond 8 bytes, is BAD_MESSAGE',
    (text) => expect(() => reader(text).varint()).toThrow(bad),
  )
})

describe('fields', () => {
  test('a length beyond what is left is BAD_MESSAGE, and nothing is allocated for it', () => {
    expect(() => reader('ffffffffffffff0f61').bytes()).toThrow(bad)
    expect(() => reader('0261').bytes()).toThrow(bad)
    expect(hex(reader('026162').bytes())).toBe('6162')
  })

  test.each([
    ['an overlong form', 'c080'],
    ['a surrogate', 'eda080'],
    ['half a character', 'c3'],
    ['a stray continuation', '80'],
    ['beyond U+10FFFF', 'f4908080'],
    ['latin-1', 'e4'],
  ])('%s is no UTF-8: BAD_MESSAGE', (_name, text) => {
    expect(() => decodeText(Buffer.from(text, 'hex'), 'a text')).toThrow(bad)
  })

  test('a byte order mark is part of the text', () => {
    expect(decodeText(Buffer.from('efbbbf61', 'hex'), 'a text')).toBe('\uFEFFa')
  })

  test('any text without lone surrogates is read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(decodeText(encodeText(text), 'a text')).toBe(text)
      }),
    )
  })

  test('what is no JSON is BAD_MESSAGE', () => {
    for (const text of ['', '{', '{"a":1}x', "{'a':1}", 'NaN'])
      expect(() => decodeJson(encodeText(text), 'JSON')).toThrow(bad)
  })
})

describe('frames', () => {
  const LENGTHS = [1, 2_000, 50_000, 53_757, 60_000, 61_436]

  test('what was given away stays what it is, whatever is written next, and has room for its length', () => {
    const out = newOut()
    const frames = [...LENGTHS, ...LENGTHS.toReversed()].map((length, index) => {
      out.restart()
      for (let at = 0; at < length; at += 1) out.u8(index + 1)
      const frame = out.takeFrame().subarray()
      expect(withRoom(frame)?.length).toBe(length + 4)
      withRoom(frame)?.fill(0xff, 0, 4)
      return { frame, length, value: index + 1 }
    })
    for (const { frame, length, value } of frames) expect(hex(frame)).toBe(hex(new Uint8Array(length).fill(value)))
  })

  test('only one that fills most of the buffer takes that along', () => {
    const out = newOut()
    const memories = LENGTHS.map((length) => {
      out.restart()
      out.raw(new Uint8Array(4_000))
      while (out.at < length) out.u8(0)
      return [length, out.takeFrame().subarray().buffer.byteLength]
    })
    expect(memories).toEqual([
      [1, 4_004],
      [2_000, 4_004],
      [50_000, 50_004],
      [53_757, 61_440],
      [60_000, 61_440],
      [61_436, 61_440],
    ])
  })

  test('long data between the fields of one that fills most of the buffer stays where it is', () => {
    const out = newOut()
    const long = new Uint8Array(5_000).fill(7)
    out.restart()
    for (let at = 0; at < 1_000; at += 1) out.u8(1)
    out.bytes(long)
    for (let at = 0; at < 54_000; at += 1) out.u8(2)
    const parts = [...(out.takeFrame() as Iterable<Uint8Array>)]
    expect(parts.map(({ length }) => length)).toEqual([1_002, 5_000, 54_000])
    expect(parts[1]).toBe(long)
    out.u8(9)
    expect(parts[0]?.[0]).toBe(1)
  })
})
