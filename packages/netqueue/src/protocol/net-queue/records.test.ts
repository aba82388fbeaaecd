import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { NetQueueError } from '../../errors/errors.ts'
import { plain } from '../../../test/support/plain.ts'
import type { Plain } from '../../../test/support/plain.ts'
import type { Outcome, Writer } from '../message.ts'
import { CUT_BYTES, newOut } from './batch.ts'
import { ByteWriter } from './bytes.ts'
import { MAX_WHOLE_BYTES } from './record-kinds.ts'
import { RecordReader } from './record-reader.ts'
import { RecordWriter } from './record-writer.ts'

const allocated = vi.hoisted((): number[] => [])
vi.mock('../../env/unfilled.ts', () => ({
  unfilled: (bytes: number) => {
    allocated.push(bytes)
    return new Uint8Array(bytes)
  },
}))

const MAX_ITEM_BYTES = 1_048_576
/** As it leaves: with the 4 bytes of its length. */
const MAX_FRAME_BYTES = 61_440

/** Both ends of one direction; the writer's batches end up as the reader's messages. */
class Pair {
  readonly frames: Uint8Array[] = []
  readonly messages: Plain[] = []
  readonly writer = new RecordWriter(newOut(), { ordered: 0 })
  readonly reader = new RecordReader({ maxItemBytes: MAX_ITEM_BYTES, sentRecords: 0 })

  /** Builds one frame and reads it; `false` when there was none. */
  frame(fill: (writer: Writer) => void = () => {}): boolean {
    const frame = this.writer.build(fill)?.subarray()
    if (frame === undefined) return false
    this.frames.push(frame)
    this.reader.read(frame.subarray(2), (message) => this.messages.push(plain(message)))
    return true
  }

  /** Makes each call as often as it says that the frame is full. */
  write(calls: readonly Call[]): void {
    const due = [...calls]
    const fill = (writer: Writer): void => {
      while (due[0]?.write(writer) === true) due.shift()
    }
    while (this.frame(fill) || due.length > 0);
  }
}

/** One call of a writer, and what the other end makes of it. */
interface Call {
  write(writer: Writer): boolean
  messages: Plain[]
}

const seq = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 1 }))
const number = fc.oneof(fc.nat(300), fc.maxSafeNat())
/** Mostly small; now and then around the longest that goes whole, and beyond. */
const payload = fc
  .oneof(
    { weight: 8, arbitrary: fc.nat(300) },
    { weight: 2, arbitrary: fc.integer({ min: MAX_WHOLE_BYTES - 3, max: MAX_WHOLE_BYTES + 3 }) },
    { weight: 1, arbitrary: fc.integer({ min: 61_000, max: 200_000 }) },
  )
  .chain((length) => fc.nat(255).map((seed) => new Uint8Array(length).map((_, index) => (index * 7 + seed) & 0xff)))
const reason = fc.record({ code: fc.string({ maxLength: 20 }), reason: fc.string({ maxLength: 60 }) })

const call = (messages: Plain[], write: (writer: Writer) => boolean): Call => ({ messages, write })

const ordered: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .record({ seq, payload, attempt: fc.integer({ min: 1, max: 9 }), wantsResult: fc.boolean() })
      .map((item) =>
        call(
          [
            {
              type: 'items',
              first: item.seq,
              attempt: item.attempt,
              wantsResult: item.wantsResult,
              payloads: [item.payload],
            },
          ],
          (writer) => writer.item(item.seq, item.payload, item.attempt, item.wantsResult),
        ),
      ),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ seq, value: fc.option(payload, { nil: undefined }) })
      .map((result) => call([{ type: 'result', ...result }], (writer) => writer.result(result.seq, result.value))),
  },
  fc
    .record({
      outcome: fc.constantFrom<Outcome>('done', 'released', 'returned', 'cancelled'),
      ranges: fc.array(
        fc.tuple(
          fc.nat(1_000_000).map((n) => n + 1),
          fc.integer({ min: 1, max: 500 }),
        ),
        { minLength: 1, maxLength: 6 },
      ),
    })
    .map(({ outcome, ranges }) => {
      const left = ranges.flat()
      return call(
        ranges.map(([first, length]) => ({ type: 'settle', outcome, first, length })),
        (writer) => writer.settle(outcome, left),
      )
    }),
  fc
    .tuple(seq, reason)
    .map(([at, why]) =>
      call([{ type: 'failed', seq: at, ...why }], (writer) => writer.failed(at, why.code, why.reason)),
    ),
  fc
    .tuple(seq, reason)
    .map(([at, why]) =>
      call([{ type: 'reject', seq: at, ...why }], (writer) => writer.reject(at, why.code, why.reason)),
    ),
  reason.map((why) => call([{ type: 'goaway', ...why }], (writer) => writer.goaway(why.code, why.reason))),
  seq.map((at) => call([{ type: 'extend', seq: at }], (writer) => writer.extend(at))),
  fc
    .tuple(seq, fc.nat(99), number)
    .map(([first, more, bytes]) =>
      call(
        [{ type: 'released', first, last: first + Math.min(more, Number.MAX_SAFE_INTEGER - first), bytes }],
        (writer) => writer.released(first, first + Math.min(more, Number.MAX_SAFE_INTEGER - first), bytes),
      ),
    ),
  fc
    .jsonValue()
    .map((value) =>
      call([{ type: 'status', value: JSON.parse(JSON.stringify(value)) as unknown }], (writer) => writer.status(value)),
    ),
)

const control: fc.Arbitrary<Call> = fc.oneof(
  fc
    .tuple(number, number, number)
    .map(([limit, byteLimit, received]) =>
      call(
        [{ type: 'credit', limit, byteLimit, received, records: 0 }],
        (writer) => (writer.credit(limit, byteLimit, received), true),
      ),
    ),
  number.map((token) => call([{ type: 'ping', token }], (writer) => (writer.ping(token), true))),
  number.map((token) => call([{ type: 'pong', token }], (writer) => (writer.pong(token), true))),
  seq.map((at) => call([{ type: 'cancel', seq: at }], (writer) => (writer.cancel(at), true))),
  fc.constant(call([{ type: 'reclaim' }], (writer) => (writer.reclaim(), true))),
)

/** Items in a row may come as one message or as many. */
function flat(messages: readonly Plain[]): unknown[] {
  return messages.flatMap((message): unknown =>
    message.type === 'items'
      ? message.payloads.map((bytes, index) => ({
          ...message,
          first: message.first + index,
          payloads: [Buffer.from(bytes).toString('base64')],
        }))
      : message.type === 'result'
        ? [{ ...message, value: message.value && Buffer.from(message.value).toString('base64') }]
        : [message],
  )
}

const CONTROL: ReadonlySet<string> = new Set(['credit', 'ping', 'pong', 'cancel', 'reclaim'])

describe('what a writer writes, a reader reads', () => {
  test('any calls are read back, in order, and no frame is longer than 61,440 bytes', () => {
    fc.assert(
      fc.property(fc.array(ordered, { maxLength: 25 }), (calls) => {
        const pair = new Pair()
        pair.write(calls)
        expect(flat(pair.messages)).toEqual(flat(calls.flatMap(({ messages }) => messages)))
        for (const frame of pair.frames) expect(frame.byteLength + 4).toBeLessThanOrEqual(MAX_FRAME_BYTES)
        expect(pair.reader.ordered).toBe(pair.writer.sentRecords)
      }),
      { numRuns: 300 },
    )
  })

  test('a frame that came in two pieces is read as it is in one, wherever it was cut', () => {
    const cuts = fc.array(fc.oneof(fc.nat(40), fc.nat(MAX_FRAME_BYTES)), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(fc.array(ordered, { minLength: 1, maxLength: 25 }), cuts, (calls, places) => {
        const pair = new Pair()
        pair.write(calls)
        const reader = new RecordReader({ maxItemBytes: MAX_ITEM_BYTES, sentRecords: 0 })
        const messages: Plain[] = []
        pair.frames.forEach((frame, index) => {
          const data = frame.subarray(2)
          const at = (places[index % places.length] as number) % (data.length + 1)
          reader.read(data.subarray(0, at), (message) => messages.push(plain(message)), data.subarray(at))
        })
        expect(flat(messages)).toEqual(flat(pair.messages))
      }),
      { numRuns: 300 },
    )
  })

  test('P6: control records overtake a record in pieces, and neither loses its order', () => {
    fc.assert(
      fc.property(
        fc.array(ordered, { minLength: 1, maxLength: 12 }),
        fc.array(fc.array(control, { maxLength: 4 }), { maxLength: 12 }),
        (calls, controls) => {
          const pair = new Pair()
          const due = [...calls]
          const turns = [...controls]
          const fill = (writer: Writer): void => {
            for (const { write } of turns.shift() ?? []) write(writer)
            while (due[0]?.write(writer) === true) due.shift()
          }
          while (pair.frame(fill) || due.length > 0 || turns.length > 0);
          const isControl = ({ type }: Plain): boolean => CONTROL.has(type)
          expect(flat(pair.messages.filter((message) => !isControl(message)))).toEqual(
            flat(calls.flatMap(({ messages }) => messages)),
          )
          expect(pair.messages.filter((message) => isControl(message) && message.type !== 'cancel')).toEqual(
            controls.flat().flatMap(({ messages }) => messages.filter(({ type }) => type !== 'cancel')),
          )
          for (const frame of pair.frames) expect(frame.byteLength + 4).toBeLessThanOrEqual(MAX_FRAME_BYTES)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('P6: control records fit behind whatever is in the frame: as many as a session writes at once', () => {
    const most = (writer: Writer): void => {
      const max = Number.MAX_SAFE_INTEGER
      writer.reclaim()
      writer.credit(max, max, max)
      for (let index = 0; index < 8; index += 1) writer.cancel(max)
      writer.ping(max)
      writer.pong(max)
    }
    for (let length = 0; length <= MAX_WHOLE_BYTES + 1_000; length += 500) {
      const pair = new Pair()
      let isWritten = false
      pair.frame((writer) => {
        isWritten = writer.item(1, new Uint8Array(length), 1, false)
        most(writer)
      })
      while (pair.frame());
      expect([length, isWritten, pair.messages.length]).toEqual([length, true, 13])
    }
  })

  test('a payload of 60,800 bytes goes whole even behind all control records; one byte more goes in pieces', () => {
    for (const [length, pieces] of [
      [MAX_WHOLE_BYTES, 0],
      [MAX_WHOLE_BYTES + 1, 1],
    ] as const) {
      const pair = new Pair()
      pair.frame((writer) => {
        for (let index = 0; index < 20; index += 1) writer.pong(2 ** 52)
        expect(writer.item(2 ** 52, new Uint8Array(length), 1, true)).toBe(true)
      })
      const [frame] = pair.frames
      expect(frame?.[2 + 20 * 9]).toBe(pieces === 0 ? 1 : 10)
    }
  })

  test('items in a row that share attempt and flags make one record in each frame', () => {
    const pair = new Pair()
    let next = 1
    const fill = (writer: Writer): void => {
      while (next <= 70_000 && writer.item(next, new Uint8Array(0), 1, false)) next += 1
    }
    while (pair.frame(fill));
    const counts = pair.messages.map((message) => (message.type === 'items' ? message.payloads.length : 0))
    expect(counts).toHaveLength(2)
    expect(counts.reduce((sum, count) => sum + count)).toBe(70_000)
    expect(pair.frames[0]?.byteLength).toBeLessThan(CUT_BYTES)
  })

  test('more control records than a frame has room for are an error of ours, not a broken frame', () => {
    const flood = (writer: Writer): void => {
      for (let index = 0; index < 10_000; index += 1) writer.pong(2 ** 52)
    }
    expect(() => new Pair().frame(flood)).toThrow(RangeError)
  })

  test('a long settle goes on in the next frame', () => {
    const ranges = Array.from({ length: 20_000 }, (_, index) => index * 2 + 1).flatMap((first) => [first, 1])
    const left = [...ranges]
    const pair = new Pair()
    let isDone = false
    const fill = (writer: Writer): void => void (isDone ||= writer.settle('returned', left))
    while (pair.frame(fill));
    expect(pair.frames.length).toBeGreaterThan(1)
    expect(
      pair.messages.flatMap((message) => (message.type === 'settle' ? [message.first, message.length] : [])),
    ).toEqual(ranges)
  })

  test('CANCEL of an item in pieces follows its last piece', () => {
    const pair = new Pair()
    pair.frame((writer) => writer.item(1, new Uint8Array(200_000), 1, true))
    pair.frame((writer) => writer.cancel(1))
    pair.frame((writer) => writer.cancel(7))
    while (pair.frame());
    expect(pair.messages.map((message) => [message.type, 'seq' in message && message.seq])).toEqual([
      ['cancel', 7],
      ['items', false],
      ['cancel', 1],
    ])
  })

  test('a record in pieces counts as sent with its last byte', () => {
    const pair = new Pair()
    pair.frame((writer) => writer.result(1, new Uint8Array(100_000)))
    expect([pair.writer.sentRecords, pair.reader.ordered]).toEqual([0, 0])
    pair.frame()
    expect([pair.writer.sentRecords, pair.reader.ordered]).toEqual([1, 1])
  })

  test('code and reason are cut between two characters', () => {
    const pair = new Pair()
    pair.frame((writer) => writer.failed(1, 'C'.repeat(63) + 'é', 'r'.repeat(1_023) + '😀'))
    expect(pair.messages).toEqual([{ type: 'failed', seq: 1, code: 'C'.repeat(63), reason: 'r'.repeat(1_023) }])
  })
})

describe('P7: what a reader is given', () => {
  const limits = { maxItemBytes: 1_000, sentRecords: 0 }

  test('random bytes are messages or a coded error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (bytes) => {
        expect(outcome(bytes)).toMatch(/^(ok|BAD_MESSAGE|UNKNOWN_TYPE|ITEM_TOO_LARGE)$/)
      }),
      { numRuns: 3_000 },
    )
  })

  test('records with bytes changed are messages or a coded error', () => {
    const changes = fc.array(fc.tuple(fc.nat(5_000), fc.nat(255)), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(fc.array(ordered, { minLength: 1, maxLength: 6 }), changes, (calls, at) => {
        const pair = new Pair()
        pair.write(calls)
        for (const frame of pair.frames) {
          const bytes = frame.slice(2)
          for (const [place, value] of at) bytes[place % bytes.byteLength] = value
          expect(outcome(bytes)).toMatch(/^(ok|BAD_MESSAGE|UNKNOWN_TYPE|ITEM_TOO_LARGE)$/)
        }
      }),
    )
  })

  test('a record cut at any byte is BAD_MESSAGE', () => {
    fc.assert(
      fc.property(ordered, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (one, where) => {
        const frame = new RecordWriter(newOut(), { ordered: 0 }).build((writer) => void one.write(writer))
        const bytes = (frame as Uint8Array).subarray(2)
        const at = 1 + Math.floor((bytes.byteLength - 1) * where)
        fc.pre(at < bytes.byteLength)
        const reader = new RecordReader({ ...limits, maxItemBytes: MAX_ITEM_BYTES })
        expect(() => reader.read(bytes.subarray(0, at), () => {})).toThrow(
          expect.objectContaining({ code: 'BAD_MESSAGE' }),
        )
      }),
    )
  })

  test('memory for a record in pieces is taken as they arrive, at most twice what is there', () => {
    const reader = new RecordReader({ ...limits, maxItemBytes: MAX_ITEM_BYTES })
    allocated.length = 0
    const out = new ByteWriter(new Uint8Array(4_000))
    for (const value of [10, 1, 1]) out.u8(value)
    out.varint(MAX_ITEM_BYTES)
    out.bytes(Object.assign(new Uint8Array(1_024), { 0: 1 }))
    reader.read(out.take().subarray(), () => {})
    expect(allocated).toEqual([2_048])
  })

  function outcome(bytes: Uint8Array): string {
    const reader = new RecordReader(limits)
    let messages = 0
    try {
      reader.read(bytes, () => (messages += 1))
      expect(messages).toBeLessThanOrEqual(bytes.byteLength)
      return 'ok'
    } catch (error) {
      return error instanceof NetQueueError ? error.code : String(error)
    }
  }
})
