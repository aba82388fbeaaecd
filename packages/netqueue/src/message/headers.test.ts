import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { headerBytes, headerFault, headersFrom, headersOf, MAX_HEADER_BYTES, MAX_HEADERS } from './headers.ts'

const pairs = (count: number): Record<string, string | null> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`h${index}`, null]))

describe('headers that are given', () => {
  test('keep values, empty ones too, and names without a value', () => {
    expect(headersFrom({ lang: 'en', empty: '', flag: null, 'a.b_c-9': 'ä😀' })).toEqual({
      lang: 'en',
      empty: '',
      flag: null,
      'a.b_c-9': 'ä😀',
    })
  })

  test('that are none, or empty, are none', () => {
    expect([headersFrom(undefined), headersFrom({})]).toEqual([undefined, undefined])
  })

  test('are copied: what happens to them afterwards happens to nobody else', () => {
    const given: Record<string, string> = { lang: 'en' }
    const headers = headersFrom(given)
    given['lang'] = 'de'
    expect(headers).toEqual({ lang: 'en' })
    expect(Object.isFrozen(headers)).toBe(true)
  })

  test.each([
    [{ lang: 1 }, 'Expected `headers` to hold strings and null, got number for "lang"'],
    [{ lang: undefined }, 'Expected `headers` to hold strings and null, got undefined for "lang"'],
    ['lang: en', 'Expected `headers` to be an object of strings and null, got `"lang: en"`'],
    [[['lang', 'en']], 'Expected `headers` to be an object of strings and null, got `[["lang","en"]]`'],
    [new Map(), 'Expected `headers` to be an object of strings and null, got `{}`'],
    [null, 'Expected `headers` to be an object of strings and null, got `null`'],
  ])('%j is a TypeError', (given, message) => {
    expect(() => headersFrom(given as never)).toThrow(new TypeError(message))
  })
})

describe('P7: names and values', () => {
  test.each(['', 'Lang', 'a b', 'a:b', 'ä', 'a\n', 'a'.repeat(65)])('%j is no name', (name) => {
    expect(headerFault(name, null)).toContain('a name of anything but')
    expect(() => headersFrom({ [name]: 'x' })).toThrow(RangeError)
  })

  test('a name of 1 and of 64 is one', () => {
    expect([headerFault('a', null), headerFault('a'.repeat(64), null)]).toEqual([undefined, undefined])
  })

  test.each(['\n', 'x\r\nack: 1', '\0', '\t', '\u001f', '\u007f', '\u0080', '\u009f', '\ud800', 'a\udc00b'])(
    '%j is no value',
    (value) => {
      expect(headerFault('a', value)).toBe('a value with control characters')
      expect(() => headersFrom({ a: value })).toThrow(RangeError)
    },
  )

  test.each([' ', '~', '\u00a0', 'a|b%c:d', '\u{1f600}'])('%j is a value', (value) => {
    expect(headerFault('a', value)).toBeUndefined()
  })

  test('a name is never more than a name', () => {
    const headers = headersOf([
      ['__proto__', 'x'],
      ['constructor', null],
    ])
    expect(Object.entries(headers)).toEqual([
      ['__proto__', 'x'],
      ['constructor', null],
    ])
    expect([Object.getPrototypeOf(headers), headers['tostring'], 'toString' in headers]).toEqual([
      null,
      undefined,
      false,
    ])
    expect(Object.entries(headersFrom(JSON.parse('{"__proto__":"x"}') as Record<string, string>) ?? {})).toEqual([
      ['__proto__', 'x'],
    ])
  })
})

describe('P7: limits', () => {
  test.each([0, 1, MAX_HEADERS - 1, MAX_HEADERS])('%i pairs are taken', (count) => {
    expect(Object.keys(headersFrom(pairs(count)) ?? {})).toHaveLength(count)
  })

  test('one pair more is refused', () => {
    expect(() => headersFrom(pairs(MAX_HEADERS + 1))).toThrow(
      new RangeError('Expected `headers` to have at most 64 pairs, got 65'),
    )
  })

  // A count, a length and the name, a flag, and two bytes of length before the value.
  const longest = MAX_HEADER_BYTES - 1 - 2 - 1 - 2

  test.each([longest - 1, longest])('a value of %i bytes is taken', (length) => {
    expect(headerBytes(headersFrom({ a: 'x'.repeat(length) }))).toBe(length + 6)
  })

  test('a byte more is refused, and a letter may have several', () => {
    const message = 'Expected `headers` to have at most 8192 bytes, got 8193'
    expect(() => headersFrom({ a: 'x'.repeat(longest + 1) })).toThrow(new RangeError(message))
    expect(() => headersFrom({ a: `${'x'.repeat(longest - 1)}ä` })).toThrow(new RangeError(message))
  })

  test('bytes are those of the block on the wire', () => {
    expect([headerBytes(undefined), headerBytes({ a: 'x'.repeat(127) }), headerBytes({ a: 'x'.repeat(128) })]).toEqual([
      0, 132, 134,
    ])
    const value = fc.option(fc.string({ unit: 'grapheme-ascii', maxLength: 200 }))
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z0-9._-]{1,64}$/), value, { maxKeys: 9 }), (given) => {
        const texts = Object.entries(given).flatMap(([name, text]) => (text === null ? [name] : [name, text]))
        const lengths = texts.map((text) => text.length + (text.length < 128 ? 1 : 2))
        expect(headerBytes(given)).toBe(lengths.reduce((sum, length) => sum + length, 1 + Object.keys(given).length))
      }),
    )
  })
})
