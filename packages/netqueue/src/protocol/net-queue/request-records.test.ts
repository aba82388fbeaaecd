import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { headersOf } from '../../message/headers.ts'
import type { Headers } from '../../message/headers.ts'
import type { Direction, Message, Writer } from '../message.ts'
import { newReader, newWriter, outcome, recordsOf } from '../../../test/support/records.ts'
import { ByteWriter } from './bytes.ts'
import { MAX_WHOLE_BYTES } from './record-kinds.ts'

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

const id = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).map((text) => text.replaceAll(/\p{Cc}/gu, '-'))
const path = fc.array(id, { minLength: 1, maxLength: 8 })
const named = fc.record({ name: id, codec: fc.constantFrom('msgpack', 'json') })
const called = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 70_000 }) }, { weight: 1, arbitrary: named })
/** How a message is called, and where it goes. */
const bound = (keys: { to?: typeof path; except?: fc.Arbitrary<string[][]> }) =>
  fc.tuple(called, fc.record(keys, { requiredKeys: [] })).map(([by, way]) => {
    const route = typeof by === 'number' ? way : { named: by, ...way }
    const name = typeof by === 'number' ? by : 0
    return Object.keys(route).length === 0 ? { name } : { name, route }
  })

const call: fc.Arbitrary<Call> = fc.oneof(
  fc
    .record({
      channel,
      tag,
      bound: bound({ to: path }),
      deadlineMs: fc.option(number, { nil: undefined }),
      headers,
      hasBody: fc.boolean(),
      payload,
    })
    .map(({ bound: way, ...request }) => ({ ...request, ...way }))
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
  fc
    .tuple(bound({ to: path, except: fc.array(path, { maxLength: 4 }) }), fc.record({ headers, payload }))
    .map(([way, said]) => ({ ...said, ...way }))
    .map((message) => ({
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
      .filter(([key, value]) => key !== 'route' || value !== undefined)
      .map(([key, value]: [string, unknown]) => [
        key,
        value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
      ])
      .toSorted(([a], [b]) => String(a).localeCompare(String(b))),
  )

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

describe('P7: what a reader is given', () => {
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
