import { describe, expect, test, vi } from 'vitest'
import { bytes, field, filled, newReader, outcome, varint } from '../../../test/support/records.ts'

const allocated = vi.hoisted((): number[] => [])
vi.mock('../../env/unfilled.ts', () => ({
  unfilled: (bytes: number) => {
    allocated.push(bytes)
    return new Uint8Array(bytes)
  },
}))

describe('P7: records in pieces', () => {
  const request = (tagNumber: number, in_: number, length: number): Uint8Array =>
    bytes(20, varint(tagNumber), varint(in_), 0, 1, filled(length))
  const fragment = (lane: number, flags: number, total: number | undefined, piece: Uint8Array): Uint8Array =>
    bytes(10, varint(lane), flags, total === undefined ? [] : varint(total), field(piece))
  const first = (lane: number, record: Uint8Array, length = 1_024): Uint8Array =>
    fragment(lane, 1, record.byteLength, record.subarray(0, length))
  const last = (lane: number, record: Uint8Array, from = 1_024): Uint8Array =>
    fragment(lane, 2, undefined, record.subarray(from))
  const message = (length: number): Uint8Array => bytes(22, 1, 0, filled(length))
  const items = (length: number): Uint8Array => bytes(1, 0, 1, 1, 0, 1, filled(length))
  const long = request(1, 0, 3_000)

  test.each([
    ['a request in the lane of its channel', fragment(3, 3, long.byteLength, long), 'request'],
    ['a request in the lane of another channel', first(4, long), 'BAD_MESSAGE'],
    ['a request in the lane of items', first(1, long), 'BAD_MESSAGE'],
    ['a request in the lane of messages', first(2, long), 'BAD_MESSAGE'],
    ['items in the lane of a channel', first(3, items(3_000)), 'BAD_MESSAGE'],
    ['a message in its lane', bytes(first(2, message(2_000)), last(2, message(2_000))), 'message'],
    ['a message in the lane of items', first(1, message(2_000)), 'BAD_MESSAGE'],
    ['a message in the lane of a channel', first(3, message(2_000)), 'BAD_MESSAGE'],
    ['the end of requests in the lane of channel 0', fragment(3, 3, 1, bytes(26)), 'endRequests'],
    ['the end of requests in another lane', fragment(4, 3, 1, bytes(26)), 'BAD_MESSAGE'],
    ['a response in lane 2', first(2, bytes(21, 1, 0, filled(2_000))), 'BAD_MESSAGE'],
    ['a response in lane 3', first(3, bytes(21, 1, 0, filled(2_000))), ''],
    ['a response in lane 258', first(258, bytes(21, 1, 0, filled(2_000))), ''],
    ['a response in lane 259', first(259, bytes(21, 1, 0, filled(2_000))), 'BAD_MESSAGE'],
    ['a request in channel 256', first(259, request(1, 256, 2_000)), 'BAD_MESSAGE'],
    ['a chunk in the last lane', first(258, bytes(23, 1, 0, filled(2_000))), ''],
    ['an unknown kind', first(3, bytes(27, new Uint8Array(2_000))), 'UNKNOWN_TYPE'],
    ['lane 0', first(0, long), 'BAD_MESSAGE'],
  ])('%s', (_, records, expected) => {
    expect(outcome(records)).toBe(expected)
  })

  test.each([
    ['a request of the same channel', bytes(first(3, long), request(2, 0, 1))],
    ['the first piece of another one', bytes(first(3, long), first(3, request(2, 0, 3_000)))],
    ['END_REQUESTS inside one of channel 0', bytes(first(3, long), 26)],
    ['a message inside a message', bytes(first(2, message(3_000)), message(1))],
    ['a chunk of the same request', bytes(first(3, long), 23, 1, 0, filled(1))],
    ['a chunk inside a chunk of the same stream', bytes(first(3, bytes(23, 1, 1, filled(2_000))), 23, 1, 1, filled(1))],
    ['a response behind part of a chunk of its reply', bytes(first(3, bytes(23, 1, 1, filled(2_000))), 21, 1, 0, 0)],
    ['credit for the body inside the response', bytes(first(3, bytes(21, 1, 0, filled(2_000))), 24, 1, 0, 1, 1)],
    [
      'a chunk in pieces in another lane than its request',
      bytes(first(3, long), first(4, bytes(23, 1, 0, filled(2_000)))),
    ],
    ['the next piece where none has begun', last(3, long)],
    ['the next piece of another lane', bytes(first(3, long), last(4, long))],
    ['two records', bytes(fragment(3, 3, 12, bytes(request(1, 0, 0), request(2, 0, 0))))],
  ])('%s is BAD_MESSAGE', (_, records) => {
    expect(outcome(records)).toBe('BAD_MESSAGE')
  })

  test.each([
    ['a request of another channel', bytes(first(3, long), request(2, 1, 1), last(3, long)), 'request request'],
    ['a message', bytes(first(3, long), message(1), last(3, long)), 'message request'],
    ['items', bytes(first(3, long), items(1), last(3, long)), 'items request'],
    [
      'a chunk of a request of ours with the same tag',
      bytes(first(3, long), 23, 1, 1, 0, last(3, long)),
      'chunk request',
    ],
    [
      'a response to one of ours with the same tag',
      bytes(first(3, long), 21, 1, 0, 0, last(3, long)),
      'response request',
    ],
    ['END_REQUESTS inside one of channel 1', bytes(first(4, request(1, 1, 3_000)), 26), 'endRequests'],
    ['a control record', bytes(first(3, long), 6, 1, 7, last(3, long)), 'cancelRequest request'],
  ])('%s may stand between two pieces', (_, records, expected) => {
    expect(outcome(records)).toBe(expected)
  })

  test.each([0, 1, 3, 4, 5])('of %i records open at a time, at most four are taken', (count) => {
    const records = Array.from({ length: count }, (_, index) => request(index + 1, index, 3_000))
    const open = records.map((record, index) => first(index + 3, record))
    const closed = records.map((record, index) => last(index + 3, record)).toReversed()
    const expected = count > 4 ? 'BAD_MESSAGE' : Array.from({ length: count + 1 }, () => 'request').join(' ')
    expect(outcome(bytes(...open, ...closed, request(9, 0, 0)))).toBe(expected)
  })

  test('a record that is whole makes room for another one', () => {
    const records = Array.from({ length: 5 }, (_, index) => request(index + 1, index, 3_000))
    const open = records.slice(0, 4).map((record, index) => first(index + 3, record))
    expect(outcome(bytes(...open, last(4, records[1] as Uint8Array), first(7, records[4] as Uint8Array)))).toBe(
      'request',
    )
  })

  test.each([
    [0, 'BAD_MESSAGE'],
    [1, 'BAD_MESSAGE'],
    [1_023, 'BAD_MESSAGE'],
    [1_024, 'request'],
    [1_025, 'request'],
  ])('a first piece of %i bytes', (length, expected) => {
    expect(outcome(bytes(first(5, request(1, 2, 3_000), length), last(5, request(1, 2, 3_000), length)))).toBe(expected)
  })

  test.each([
    [2_000, ''],
    [2_001, ''],
    [2_063, ''],
    [2_064, ''],
    [2_065, 'ITEM_TOO_LARGE'],
  ])('a record of %i bytes in pieces, where an item has at most 2,000', (total, expected) => {
    const record = request(1, 0, total - 7)
    const piece = fragment(3, 1, total, record.subarray(0, 1_024))
    expect(outcome(piece, 2_000)).toBe(expected)
  })

  test('memory is taken as pieces arrive, at most twice what is there, in each lane', () => {
    allocated.length = 0
    const reader = newReader()
    const records = [0, 1, 2, 3].map((in_) => first(in_ + 3, request(in_ + 1, in_, 900_000)))
    for (const record of records) reader.read(record, () => {})
    expect(allocated).toEqual([2_048, 2_048, 2_048, 2_048])
  })
})
