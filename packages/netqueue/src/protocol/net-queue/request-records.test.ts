import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { headersOf } from '../../message/headers.ts'
import type { Headers } from '../../message/headers.ts'
import { NetQueueError } from '../../errors/errors.ts'
import type { Direction, Message, Writer } from '../protocol.ts'
import { CUT_BYTES } from './batch.ts'
import { ByteWriter, encodeText } from './bytes.ts'
import { MAX_WHOLE_BYTES } from './record-kinds.ts'
import { RecordReader } from './record-reader.ts'
import { RecordWriter } from './record-writer.ts'

const MAX_ITEM_BYTES = 1_048_576

/** A call of a writer, the channel in whose lane it goes, and what the other end makes of it. */
interface Call {
  lane: number
  message: Message
  write(writer: Writer): boolean
}

const nameChars = 'abcdefghijklmnopqrstuvwxyz0123456789._-'.split('')
const headerName = fc.string({ unit: fc.constantFrom(...nameChars), minLength: 1, maxLength: 64 })
const headerValue = fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => text.replaceAll(/\p{Cc}/gu, ''))
const headers: fc.Arbitrary<Headers | undefined> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc
      .uniqueArray(fc.tuple(headerName, fc.option(headerValue)), { maxLength: 8, selector: ([name]) => name })
      .map((pairs) => headersOf(pairs)),
  },
)
const payload = fc
  .oneof(
    { weight: 8, arbitrary: fc.nat(3_000) },
    { weight: 1, arbitrary: fc.integer({ min: MAX_WHOLE_BYTES - 100, max: MAX_WHOLE_BYTES + 3 }) },
    { weight: 1, arbitrary: fc.integer({ min: 61_000, max: 150_000 }) },
  )
  .chain((length) => fc.nat(255).map((seed) => new Uint8Array(length).map((_, index) => (index * 7 + seed) & 0xff)))
const channel = fc.oneof(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 255 }))
const number = fc.oneof(fc.nat(300), fc.maxSafeNat())
const tag = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const why = fc.record({ code: fc.string({ maxLength: 20 }), reason: fc.string({ maxLength: 60 }) })
const direction = fc.constantFrom<Direction>('body', 'reply')

const call: fc.Arbitrary<Call> = fc.oneof(
  fc
    .record({
      channel,
      tag,
      name: number,
      deadlineMs: fc.option(number, { nil: undefined }),
      headers,
      hasBody: fc.boolean(),
      payload,
    })
    .map((request) => ({
      lane: 3 + request.channel,
      message: { type: 'request' as const, ...request },
      write: (writer: Writer) => writer.request(request),
    })),
  fc.record({ channel, tag, headers, hasStream: fc.boolean(), payload }).map(({ channel: in_, ...response }) => ({
    lane: 3 + in_,
    message: { type: 'response' as const, ...response },
    write: (writer: Writer) => writer.response({ ...response, channel: in_ }),
  })),
  fc.tuple(channel, fc.record({ tag, headers }), why).map(([in_, one, failure]) => ({
    lane: 3 + in_,
    message: { type: 'refusal' as const, ...one, ...failure },
    write: (writer: Writer) => writer.refusal({ ...one, ...failure, channel: in_ }),
  })),
  fc.record({ name: number, headers, payload }).map((message) => ({
    lane: 2,
    message: { type: 'message' as const, ...message },
    write: (writer: Writer) => writer.message(message),
  })),
  fc.tuple(channel, fc.record({ tag, direction, payload })).map(([in_, chunk]) => ({
    lane: 3 + in_,
    message: { type: 'chunk' as const, ...chunk },
    write: (writer: Writer) => writer.chunk({ ...chunk, channel: in_ }),
  })),
  fc.tuple(channel, fc.record({ tag, direction, chunks: number, bytes: number })).map(([in_, credit]) => ({
    lane: 3 + in_,
    message: { type: 'chunkCredit' as const, ...credit },
    write: (writer: Writer) => writer.chunkCredit({ ...credit, channel: in_ }),
  })),
  fc.tuple(channel, fc.record({ tag, direction }), why).map(([in_, of, end]) => ({
    lane: 3 + in_,
    message: { type: 'chunkEnd' as const, ...of, ...end },
    write: (writer: Writer) => writer.chunkEnd({ ...of, ...end, channel: in_ }),
  })),
)

/** A message as a text, which is the same for the same message. */
const textOf = (message: Message): string =>
  JSON.stringify(
    Object.entries(message)
      .map(([key, value]: [string, unknown]) => [
        key,
        value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
      ])
      .toSorted(([a], [b]) => String(a).localeCompare(String(b))),
  )

const newWriter = (): RecordWriter => new RecordWriter(new ByteWriter(new Uint8Array(CUT_BYTES)), () => 0)
/** The records of the frame that a call makes, or of the first one. */
function recordsOf(fill: (writer: Writer) => void): Uint8Array {
  const frame = newWriter().build(fill)
  if (frame === undefined) throw new Error('Expected a frame, got none')
  return frame.subarray().subarray(2)
}
const newReader = (maxItemBytes: number = MAX_ITEM_BYTES): RecordReader =>
  new RecordReader({ maxItemBytes, sentRecords: () => 0 })

function byLane(calls: readonly Call[]): Map<number, Call[]> {
  const lanes = new Map<number, Call[]>()
  for (const one of calls) lanes.set(one.lane, [...(lanes.get(one.lane) ?? []), one])
  return lanes
}

/** Tags that no two channels share: what is about one request goes in one lane. */
function apart(calls: readonly Call[]): Call[] {
  const lanes = new Map<number, number>()
  return calls.filter(({ lane, message }) => {
    if (!('tag' in message)) return true
    const known = lanes.get(message.tag)
    lanes.set(message.tag, known ?? lane)
    return known === undefined || known === lane
  })
}

describe('what a writer writes, a reader reads', () => {
  test('any calls, in any lanes, are read back: in order within a lane, and counted', () => {
    fc.assert(
      fc.property(fc.array(call, { maxLength: 20 }).map(apart), (calls) => {
        const [writer, reader] = [newWriter(), newReader()]
        const lanes = byLane(calls)
        const due = [...lanes.values()].map((of) => [...of])
        const messages: Message[] = []
        const fill = (): void => {
          for (const lane of due) while (lane[0]?.write(writer) === true) lane.shift()
        }
        for (let frame = writer.build(fill); frame !== undefined; frame = writer.build(fill)) {
          reader.read(frame.subarray().subarray(2), (message) => messages.push(message))
          expect(frame.byteLength + 4).toBeLessThanOrEqual(61_440)
        }
        expect(due.flat()).toEqual([])
        for (const of of lanes.values()) {
          const expected = of.map(({ message }) => textOf(message))
          expect(messages.map(textOf).filter((text) => expected.includes(text))).toEqual(expected)
        }
        expect(messages).toHaveLength(calls.length)
        expect([reader.ordered, writer.sentRecords]).toEqual([calls.length, calls.length])
      }),
      { numRuns: 200 },
    )
  })

  test('records that another sender cuts as it likes, with up to four open, are read alike', () => {
    const cuts = fc.array(fc.tuple(fc.nat(7), fc.integer({ min: 1_024, max: 40_000 }), fc.boolean()), { minLength: 1 })
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 8 }).map(apart), cuts, (calls, how) => {
        const reader = newReader()
        const messages: Message[] = []
        for (const frame of cutFrames(calls, how)) reader.read(frame, (message) => messages.push(message))
        const sorted = (all: readonly Message[]): string[] => all.map(textOf).toSorted()
        expect(sorted(messages)).toEqual(sorted(calls.map(({ message }) => message)))
        expect(reader.ordered).toBe(calls.length)
      }),
    )
  })

  /** The records of some calls in pieces: which lane goes on, how long its piece is, and whether the frame ends there. */
  function cutFrames(calls: readonly Call[], how: [number, number, boolean][]): Uint8Array[] {
    const lanes = [...byLane(calls)].map(([lane, of]) => ({
      lane,
      sent: 0,
      records: of.map(wholeRecord),
    }))
    const frames: Uint8Array[] = []
    let out = new ByteWriter(new Uint8Array(3_000_000))
    for (let turn = 0; lanes.some(({ records }) => records.length > 0); turn += 1) {
      const [pick, length, isEnd] = how[turn % how.length] as [number, number, boolean]
      const waiting = lanes.filter(({ records }) => records.length > 0)
      const open = waiting.filter(({ sent }) => sent > 0)
      const from = open.length === 4 ? open : waiting
      const lane = from[pick % from.length] as (typeof lanes)[number]
      const record = lane.records[0] as Uint8Array
      const end = Math.min(record.byteLength, lane.sent + length)
      out.u8(10)
      out.varint(lane.lane)
      out.u8((lane.sent === 0 ? 1 : 0) | (end === record.byteLength ? 2 : 0))
      if (lane.sent === 0) out.varint(record.byteLength)
      out.bytes(record.slice(lane.sent, end))
      lane.sent = end
      if (end === record.byteLength) {
        lane.records.shift()
        lane.sent = 0
      }
      if (!isEnd) continue
      frames.push(out.take().subarray())
      out = new ByteWriter(new Uint8Array(3_000_000))
    }
    if (out.at > 0) frames.push(out.take().subarray())
    return frames
  }

  /** The bytes of a record, put together again where the writer cuts it. */
  function wholeRecord({ write }: Call): Uint8Array {
    const parts: Uint8Array[] = []
    const writer = newWriter()
    let isWritten = false
    const fill = (): void => void (isWritten ||= write(writer))
    for (let frame = writer.build(fill); frame !== undefined; frame = writer.build(fill)) {
      const bytes = frame.subarray().subarray(2)
      if (bytes[0] !== 10) return bytes.slice()
      parts.push(pieceOf(bytes))
    }
    return Buffer.concat(parts)
  }

  function pieceOf(bytes: Uint8Array): Uint8Array {
    let at = 1
    const varint = (): number => {
      let value = 0
      for (let scale = 1; ; scale *= 128) {
        const byte = bytes[at++] as number
        value += (byte & 0x7f) * scale
        if (byte < 0x80) return value
      }
    }
    varint()
    const flags = bytes[at++] as number
    if ((flags & 1) !== 0) varint()
    const length = varint()
    expect(at + length).toBe(bytes.byteLength)
    return bytes.slice(at)
  }

  test('a payload is no view into its frame', () => {
    const records = recordsOf((to) => {
      to.chunk({ tag: 1, channel: 0, direction: 'body', payload: new Uint8Array(3_000).fill(1) })
      to.message({ name: 1, headers: undefined, payload: new Uint8Array(10).fill(1) })
    })
    const payloads: Uint8Array[] = []
    newReader().read(records, (message) => 'payload' in message && payloads.push(message.payload))
    records.fill(9)
    expect(payloads.map((one) => [one.byteLength, ...new Set(one)])).toEqual([
      [3_000, 1],
      [10, 1],
    ])
  })

  test('a header named as a property of every object is a header', () => {
    const given = headersOf([
      ['__proto__', 'x'],
      ['constructor', null],
    ])
    const records = recordsOf((to) => void to.message({ name: 1, headers: given, payload: new Uint8Array(0) }))
    const messages: Message[] = []
    newReader().read(records, (message) => messages.push(message))
    const [message] = messages as [Extract<Message, { type: 'message' }>]
    expect(Object.getPrototypeOf(message.headers)).toBeNull()
    expect(Object.entries(message.headers as Headers)).toEqual([
      ['__proto__', 'x'],
      ['constructor', null],
    ])
  })

  test('code and reason of a refusal and of the end of a stream are cut between two characters', () => {
    const said = { tag: 1, channel: 0, code: 'C'.repeat(63) + 'é', reason: 'r'.repeat(1_023) + '😀' }
    const records = recordsOf((to) => {
      to.refusal({ ...said, headers: undefined })
      to.chunkEnd({ ...said, direction: 'reply' })
    })
    const cut = { code: 'C'.repeat(63), reason: 'r'.repeat(1_023) }
    const messages: Message[] = []
    newReader().read(records, (message) => messages.push(message))
    expect(messages).toEqual([
      { type: 'refusal', tag: 1, headers: undefined, ...cut },
      { type: 'chunkEnd', tag: 1, direction: 'reply', ...cut },
    ])
  })
})

const bytes = (...parts: (number | string | Uint8Array | number[])[]): Uint8Array =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === 'number' ? Uint8Array.of(part) : typeof part === 'string' ? encodeText(part) : Buffer.from(part),
    ),
  )

const varint = (value: number): Uint8Array => {
  const out = new ByteWriter(new Uint8Array(8))
  out.varint(value)
  return out.take().subarray()
}
const field = (data: Uint8Array | string): Uint8Array => bytes(varint(Buffer.byteLength(data)), data)
const filled = (length: number): Uint8Array => field(new Uint8Array(length))

/** The code of the error that records lead to, or the types of their messages. */
function outcome(records: Uint8Array, maxItemBytes: number = MAX_ITEM_BYTES): string {
  const types: string[] = []
  try {
    newReader(maxItemBytes).read(records, ({ type }) => types.push(type))
    return types.join(' ')
  } catch (error) {
    return error instanceof NetQueueError ? error.code : String(error)
  }
}

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
    ['RESPONSE with flag bit 3', whole(21, 1, 8, 0), 'BAD_MESSAGE'],
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

  test('a record cut at any byte is BAD_MESSAGE', () => {
    fc.assert(
      fc.property(call, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), ({ write }, where) => {
        const record = recordsOf((writer) => void write(writer))
        const at = 1 + Math.floor((record.byteLength - 1) * where)
        fc.pre(at < record.byteLength)
        expect(outcome(record.subarray(0, at))).toBe('BAD_MESSAGE')
      }),
    )
  })

  test('records with bytes changed are messages or a coded error', () => {
    const changes = fc.array(fc.tuple(fc.nat(5_000), fc.nat(255)), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 6 }), changes, (calls, at) => {
        const data = recordsOf((writer) => calls.every(({ write }) => write(writer))).slice()
        for (const [place, value] of at) data[place % data.byteLength] = value
        expect(outcome(data, 1_000)).toMatch(/^([a-zA-Z ]*|BAD_MESSAGE|UNKNOWN_TYPE|ITEM_TOO_LARGE)$/)
      }),
    )
  })
})

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
    const allocated: number[] = []
    const Original = globalThis.Uint8Array
    const reader = newReader()
    const records = [0, 1, 2, 3].map((in_) => first(in_ + 3, request(in_ + 1, in_, 900_000)))
    globalThis.Uint8Array = new Proxy(Original, {
      construct(target, args: [number]) {
        if (typeof args[0] === 'number') allocated.push(args[0])
        return Reflect.construct(target, args) as object
      },
    })
    try {
      for (const record of records) reader.read(record, () => {})
    } finally {
      globalThis.Uint8Array = Original
    }
    expect(allocated).toEqual([2_048, 2_048, 2_048, 2_048])
  })

  test.each([
    [MAX_WHOLE_BYTES - 1, 'request', 'whole'],
    [MAX_WHOLE_BYTES, 'request', 'whole'],
    [MAX_WHOLE_BYTES + 1, 'request', 'in pieces'],
    [MAX_WHOLE_BYTES, 'message', 'whole'],
    [MAX_WHOLE_BYTES + 1, 'message', 'in pieces'],
    [MAX_WHOLE_BYTES, 'chunk', 'whole'],
    [MAX_WHOLE_BYTES + 1, 'chunk', 'in pieces'],
    [MAX_WHOLE_BYTES, 'response', 'whole'],
    [MAX_WHOLE_BYTES + 1, 'response', 'in pieces'],
  ] as const)('headers and payload of %i bytes, as a %s, go %s', (length, type, how) => {
    const given = headersOf([['a', 'b']])
    const body = { payload: new Uint8Array(type === 'chunk' ? length : length - 6) }
    const say = {
      request: (to: Writer) =>
        to.request({ tag: 1, channel: 255, name: 1, deadlineMs: 1, headers: given, hasBody: true, ...body }),
      response: (to: Writer) => to.response({ tag: 1, channel: 255, headers: given, hasStream: true, ...body }),
      message: (to: Writer) => to.message({ name: 1, headers: given, ...body }),
      chunk: (to: Writer) => to.chunk({ tag: 1, channel: 255, direction: 'reply', ...body }),
    }[type]
    expect(recordsOf((to) => void say(to))[0] === 10 ? 'in pieces' : 'whole').toBe(how)
  })
})
