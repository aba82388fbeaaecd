import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
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
