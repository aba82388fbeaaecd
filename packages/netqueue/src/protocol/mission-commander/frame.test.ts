import { describe, expect, test } from 'vitest'

import { bodyOf, fits, frameOf, HEADER_BYTES, headerOf, idOf, negotiation, shutdown } from './frame.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (data: Uint8Array): string => new TextDecoder().decode(data)
const padded = (header: string, pad = '\0'): Uint8Array => bytes(header.padEnd(HEADER_BYTES, pad))

describe('a frame is written as the original writes it:', () => {
  test('64 bytes of JSON with its spaces, padded with NUL, and the body behind them', () => {
    const frame = frameOf('echo', bytes('{"a":1}'))
    expect(text(frame)).toBe(`{"length": 7, "subject": "echo"}${'\0'.repeat(32)}{"a":1}`)
  })

  test.each([
    [
      'a negotiation',
      negotiation('peer1'),
      '7b226c656e677468223a2031352c20227375626a656374223a20226e65676f74696174696f6e227d0000000000000000000000000000000000000000000000007b226964223a20227065657231227d',
    ],
    [
      'a shutdown',
      shutdown(),
      '7b226c656e677468223a20322c20227375626a656374223a202273687574646f776e227d000000000000000000000000000000000000000000000000000000007b7d',
    ],
  ])('%s, byte for byte', (_, frame, hex) => {
    expect(Buffer.from(frame).toString('hex')).toBe(hex)
  })

  test('a subject beyond ASCII travels as UTF-8, and one with quotes as JSON has it', () => {
    for (const subject of ['grüße', '"quoted"', 'a\\b']) {
      const frame = frameOf(subject, bytes('{}'))
      expect(headerOf(frame)).toEqual({ length: 2, subject })
    }
  })
})

describe('a subject', () => {
  test('of 37 less the digits of the length fits, one byte more does not', () => {
    for (const length of [2, 15, 999, 1_048_576]) {
      const most = 37 - String(length).length
      expect([fits('s'.repeat(most), length), fits('s'.repeat(most + 1), length)]).toEqual([true, false])
    }
  })

  test('is measured in bytes, and with its escapes', () => {
    expect([fits('é'.repeat(18), 2), fits('é'.repeat(19), 2)]).toEqual([true, false])
    expect([fits('"'.repeat(18), 2), fits('"'.repeat(19), 2)]).toEqual([true, false])
  })
})

describe('a header is read', () => {
  test.each([
    ['with the spaces of the original', padded('{"length": 5, "subject": "echo"}')],
    ['without any', padded('{"length":5,"subject":"echo"}')],
    ['with its keys the other way round', padded('{"subject": "echo", "length": 5}')],
    ['padded with blanks', padded('{"length": 5, "subject": "echo"}', ' ')],
    ['padded in front', bytes('{"length": 5, "subject": "echo"}'.padStart(HEADER_BYTES, '\0'))],
    ['with NULs between and within its words', padded('{"len\0gth": 5\0, "subject"\0: "ec\0ho"}')],
    ['with escapes', padded(String.raw`{"length": 5, "subject": "\u0065cho"}`)],
    ['with keys that nobody knows', padded('{"length": 5, "subject": "echo", "v": [1]}')],
    ['with a key twice, of which the last one holds', padded('{"length": 9, "subject": "echo", "length": 5}')],
    ['with what stands behind it', frameOf('echo', bytes('12345'))],
  ])('%s', (_, frame) => {
    expect(headerOf(frame)).toEqual({ length: 5, subject: 'echo' })
  })

  test('with raw UTF-8', () => {
    expect(headerOf(bytes(`{"length": 5, "subject": "grüße"}`.padEnd(HEADER_BYTES - 2, '\0')))).toEqual({
      length: 5,
      subject: 'grüße',
    })
  })

  test.each([
    ['is no JSON', padded('GET / HTTP/1.1')],
    ['is empty', padded('')],
    ['is cut off', bytes('{"length": 5, "subject": "'.padEnd(HEADER_BYTES, 'x'))],
    ['is no UTF-8', padded('{"length": 5, "subject": "x"}').fill(0xff, 40)],
    ['is no object', padded('[5, "echo"]')],
    ['is null', padded('null')],
    ['has no length', padded('{"subject": "echo"}')],
    ['has a negative length', padded('{"length": -1, "subject": "echo"}')],
    ['has half a byte', padded('{"length": 1.5, "subject": "echo"}')],
    ['has a length as text', padded('{"length": "5", "subject": "echo"}')],
    ['has a length beyond numbers', padded('{"length": 1e999, "subject": "echo"}')],
    ['has no subject', padded('{"length": 5}')],
    ['has a subject that is no text', padded('{"length": 5, "subject": 5}')],
    ['has its fields in a prototype', padded('{"__proto__": {"length": 5, "subject": "x"}}')],
  ])('and one that %s is BAD_MESSAGE', (_, frame) => {
    expect(() => headerOf(frame)).toThrow(expect.objectContaining({ code: 'BAD_MESSAGE' }))
  })
})

describe('the id of a negotiation', () => {
  const id = (body: string): string => idOf(bytes(body))

  test('is read from compact and from spaced JSON, whatever stands beside it', () => {
    expect(id('{"id":"peer1"}')).toBe('peer1')
    expect(id('{ "v": 2, "id" : "peer1" }')).toBe('peer1')
    expect(idOf(bodyOf(negotiation('naïve "☃"')))).toBe('naïve "☃"')
  })

  test.each([
    ['none', '{}'],
    ['an empty one', '{"id":""}'],
    ['a number', '{"id":5}'],
    ['one with control characters', String.raw`{"id":"a\u0007"}`],
    ['one of 129 bytes', `{"id":"${'x'.repeat(129)}"}`],
    ['no JSON', 'id'],
    ['no object', '["id"]'],
  ])('%s is BAD_MESSAGE', (_, body) => {
    expect(() => id(body)).toThrow(expect.objectContaining({ code: 'BAD_MESSAGE' }))
  })

  test('has up to 128 bytes', () => {
    expect(id(`{"id":"${'x'.repeat(128)}"}`)).toHaveLength(128)
  })
})
