import { describe, expect, test } from 'vitest'
import { bytes, field, filled, newReader, outcome, varint } from '../../../test/support/records.ts'

/** A MESSAGE with these headers, as they are on the wire. */
const withHeaders = (...block: Parameters<typeof bytes>): Uint8Array => bytes(22, 1, 1, ...block, 0)
const pair = (name: string, value: string): Uint8Array => bytes(field(name), 1, field(value))

describe('P7: each rule of the tables is checked', () => {
  const whole = (kind: number, ...rest: Parameters<typeof bytes>): Uint8Array => bytes(kind, ...rest)

  test.each([
    ['REQUEST with tag 0', whole(20, 0, 0, 0, 1, 0), 'BAD_MESSAGE'],
    ['REQUEST in channel 255', whole(20, 1, varint(255), 0, 1, 0), 'request'],
    ['REQUEST in channel 256', whole(20, 1, varint(256), 0, 1, 0), 'BAD_MESSAGE'],
    ['REQUEST with all flags', whole(20, 1, 0, 7, 1, 0, 0, 0), 'request'],
    ['REQUEST with flag bit 3', whole(20, 1, 0, 8, 1, 0), 'BAD_MESSAGE'],
    ['REQUEST with flag bit 7', whole(20, 1, 0, 128, 1, 0), 'BAD_MESSAGE'],
    ['RESPONSE to tag 0', whole(21, 0, 0, 0), 'BAD_MESSAGE'],
    ['RESPONSE with headers and a stream', whole(21, 1, 3, 0, 0), 'response'],
    ['RESPONSE that failed, with headers', whole(21, 1, 5, 0, 0, 0), 'refusal'],
    ['RESPONSE that failed and streams', whole(21, 1, 6, 0, 0), 'BAD_MESSAGE'],
    ['RESPONSE that failed before it was begun', whole(21, 1, 12, 0, 0), 'refusal'],
    ['RESPONSE that was not begun and has not failed', whole(21, 1, 8, 0), 'BAD_MESSAGE'],
    ['RESPONSE with flag bit 4', whole(21, 1, 16, 0), 'BAD_MESSAGE'],
    ['MESSAGE with flag bit 1', whole(22, 1, 2, 0), 'BAD_MESSAGE'],
    ['CHUNK of tag 0', whole(23, 0, 0, 0), 'BAD_MESSAGE'],
    ['CHUNK in direction 1', whole(23, 1, 1, 0), 'chunk'],
    ['CHUNK in direction 2', whole(23, 1, 2, 0), 'BAD_MESSAGE'],
    ['CHUNK_CREDIT of tag 0', whole(24, 0, 0, 0, 0), 'BAD_MESSAGE'],
    ['CHUNK_CREDIT in direction 2', whole(24, 1, 2, 0, 0), 'BAD_MESSAGE'],
    ['CHUNK_END of tag 0', whole(25, 0, 0, 0, 0), 'BAD_MESSAGE'],
    ['CHUNK_END in direction 2', whole(25, 1, 2, 0, 0), 'BAD_MESSAGE'],
    ['CHUNK_END with a code that is no UTF-8', whole(25, 1, 0, 1, 0xff, 0), 'BAD_MESSAGE'],
    ['END_REQUESTS', whole(26), 'endRequests'],
    ['CANCEL of request 0', whole(6, 1, 0), 'BAD_MESSAGE'],
    ['CANCEL of a request', whole(6, 1, 1), 'cancelRequest'],
    ['CANCEL of target 2', whole(6, 2, 1), 'BAD_MESSAGE'],
    ['kind 27', whole(27), 'UNKNOWN_TYPE'],
    ['kind 19', whole(19), 'UNKNOWN_TYPE'],
  ])('%s', (_, record, expected) => {
    expect(outcome(record)).toBe(expected)
  })

  const blocks: [string, Uint8Array, string][] = [
    ['no pair', bytes(0), 'message'],
    ['one pair', bytes(1, pair('a', 'b')), 'message'],
    ['a name without a value', bytes(1, field('a'), 0), 'message'],
    ['a value that is neither there nor not', bytes(1, field('a'), 2, field('b')), 'BAD_MESSAGE'],
    ['a name twice', bytes(2, pair('a', 'b'), pair('a', 'b')), 'BAD_MESSAGE'],
    ['a name in upper case', bytes(1, pair('A', '')), 'BAD_MESSAGE'],
    ['a name with a space', bytes(1, pair('a b', '')), 'BAD_MESSAGE'],
    ['a name that is no UTF-8', bytes(1, 1, 0xff, 0), 'BAD_MESSAGE'],
    ['a value that is no UTF-8', bytes(1, field('a'), 1, 2, 0xed, 0xa0), 'BAD_MESSAGE'],
    ['2^53 - 1 pairs', bytes(varint(Number.MAX_SAFE_INTEGER)), 'BAD_MESSAGE'],
  ]
  const control = ['\u0000', '\u001F', '\u007F', '\u009F'].map((char) => ({ char, expected: 'BAD_MESSAGE' }))
  const plain = ['\u0020', '\u007E', '\u00A0'].map((char) => ({ char, expected: 'message' }))

  test.each(blocks)('headers: %s', (_, block, expected) => {
    expect(outcome(withHeaders(block))).toBe(expected)
  })

  test.each([...control, ...plain])('headers: a value with $char: $expected', ({ char, expected }) => {
    expect(outcome(withHeaders(1, pair('a', `x${char}`)))).toBe(expected)
  })

  test.each([
    [1, 'message'],
    [63, 'message'],
    [64, 'message'],
    [65, 'BAD_MESSAGE'],
  ])('headers: %i pairs', (count, expected) => {
    const pairs = Array.from({ length: count }, (_, index) => pair(`h${index}`, ''))
    expect(outcome(withHeaders(varint(count), ...pairs))).toBe(expected)
  })

  test.each([
    [0, 'BAD_MESSAGE'],
    [1, 'message'],
    [63, 'message'],
    [64, 'message'],
    [65, 'BAD_MESSAGE'],
  ])('headers: a name of %i bytes', (length, expected) => {
    expect(outcome(withHeaders(1, pair('n'.repeat(length), '')))).toBe(expected)
  })

  test.each([
    [8_191, 'message'],
    [8_192, 'message'],
    [8_193, 'BAD_MESSAGE'],
    [1_000_000, 'BAD_MESSAGE'],
  ])('headers of %i bytes', (length, expected) => {
    // Count, length and name, whether there is a value, and the value's length come before the value.
    const value = 'v'.repeat(length - (length < 16_000 ? 6 : 7))
    expect(outcome(withHeaders(1, pair('a', value)))).toBe(expected)
    const last = bytes(2, pair('a', 'v'.repeat(length - (length < 16_000 ? 9 : 10))), field('b'), 0)
    expect([last.byteLength, outcome(withHeaders(last))]).toEqual([length, expected])
  })

  test('headers that are too long are not decoded', () => {
    const record = withHeaders(1, field('a'), 1, field(new Uint8Array(9_000).fill(0xff)))
    expect(() => newReader().read(record, () => {})).toThrow('headers of 9006 bytes; at most 8192 are allowed')
  })

  test.each(
    [0, 1, 15, 16, 17].flatMap((length) =>
      (
        [
          ['request', whole(20, 1, 0, 0, 1)],
          ['response', whole(21, 1, 0)],
          ['message', whole(22, 1, 0)],
          ['chunk', whole(23, 1, 0)],
        ] as const
      ).map(([type, head]) => ({ type, length, head, expected: length > 16 ? 'ITEM_TOO_LARGE' : type })),
    ),
  )('$type of $length bytes, where an item has at most 16', ({ head, length, expected }) => {
    expect(outcome(bytes(head, filled(length)), 16)).toBe(expected)
  })

  test.each([
    [0, 'message'],
    [1, 'message'],
    [9, 'message'],
    [10, 'message'],
    [11, 'ITEM_TOO_LARGE'],
  ])(
    'headers are a part of an item: 6 bytes of them and %i of payload, where an item has at most 16',
    (length, expected) => {
      const block = bytes(1, pair('a', 'b'))
      expect(block.byteLength).toBe(6)
      expect(outcome(bytes(22, 1, 1, block, filled(length)), 16)).toBe(expected)
    },
  )

  test('headers alone may be too large, and those of a failure are no exception', () => {
    expect(outcome(bytes(21, 1, 5, 1, pair('a', 'b'), 0, 0), 6)).toBe('refusal')
    expect(outcome(bytes(21, 1, 5, 1, pair('a', 'b'), 0, 0), 5)).toBe('ITEM_TOO_LARGE')
  })

  test.each([
    [0, 0, 'refusal chunkEnd'],
    [1, 1, 'refusal chunkEnd'],
    [63, 1_023, 'refusal chunkEnd'],
    [64, 1_024, 'refusal chunkEnd'],
    [65, 0, 'BAD_MESSAGE'],
    [0, 1_025, 'BAD_MESSAGE'],
  ])('a code of %i and a reason of %i bytes', (code, reason, expected) => {
    const why_ = bytes(field('c'.repeat(code)), field('r'.repeat(reason)))
    expect(outcome(bytes(21, 1, 4, why_, 25, 1, 0, why_))).toBe(expected)
    expect(outcome(bytes(25, 1, 0, why_))).toBe(expected === 'BAD_MESSAGE' ? expected : 'chunkEnd')
  })
})
