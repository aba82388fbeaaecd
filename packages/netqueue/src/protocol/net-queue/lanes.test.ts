import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Message, Writer } from '../message.ts'
import { newOut } from './batch.ts'
import { MAX_WHOLE_BYTES } from './record-kinds.ts'
import { RecordReader } from './record-reader.ts'
import { RecordWriter } from './record-writer.ts'

const MAX_FRAME_BYTES = 61_440
const MAX_ITEM_BYTES = 1_048_576

/** A record that a lane has to send: a mark that tells it from others, and a length. */
interface Due {
  lane: number
  mark: number
  length: number
}

/** What a lane's record is here: an item, a message or a request. */
function say(writer: Writer, { lane, mark, length }: Due): boolean {
  const payload = new Uint8Array(length).fill(mark)
  if (lane === 1) return writer.item(mark, payload, 1, false)
  if (lane === 2) return writer.message({ name: mark, headers: undefined, payload })
  return writer.request({
    tag: mark,
    channel: lane - 3,
    name: 16,
    deadlineMs: undefined,
    headers: undefined,
    hasBody: false,
    payload,
  })
}

function dueOf(message: Message): Due[] {
  switch (message.type) {
    case 'items':
      return Array.from({ length: message.payloads.count }, (_, index) => ({
        lane: 1,
        mark: message.first + index,
        length: message.payloads.next().byteLength,
      }))
    case 'message':
      return [{ lane: 2, mark: message.name, length: message.payload.byteLength }]
    case 'request':
      return [{ lane: message.channel + 3, mark: message.tag, length: message.payload.byteLength }]
    default:
      return []
  }
}

/** Lanes with something to send, and the other end, frame by frame. */
class Line {
  readonly writer = new RecordWriter(newOut(), { ordered: 0 })
  readonly reader = new RecordReader({ maxItemBytes: MAX_ITEM_BYTES, sentRecords: 0 })
  readonly arrived: Due[] = []
  readonly lanes: Due[][]
  frames = 0
  longest = 0

  constructor(...lanes: Due[][]) {
    this.lanes = lanes.map((due) => [...due])
  }

  /** Builds one frame, in which the lanes are asked in this order; returns what has arrived with it, or nothing without a frame. */
  frame(order: readonly Due[][] = this.lanes, most: number = Number.POSITIVE_INFINITY): Due[] | undefined {
    const frame = this.writer
      .build((writer) => {
        let calls = 0
        for (const lane of order)
          while (lane[0] !== undefined && calls < most && say(writer, lane[0])) {
            lane.shift()
            calls += 1
          }
      })
      ?.subarray()
    if (frame === undefined) return undefined
    this.longest = Math.max(this.longest, frame.byteLength + 4)
    this.frames += 1
    const arrived: Due[] = []
    this.reader.read(frame.subarray(2), (message) => arrived.push(...dueOf(message)))
    this.arrived.push(...arrived)
    return arrived
  }

  /** As many frames as it takes. */
  finish(): void {
    while (this.frame() !== undefined);
  }
}

/** Records of a lane, one behind the other; no two requests have the same tag. */
const records = (lane: number, lengths: number[]): Due[] =>
  lengths.map((length, index) => ({ lane, mark: (lane < 3 ? 0 : lane * 1_000) + index + 1, length }))

const repeated = (lane: number, count: number, length: number): Due[] =>
  records(
    lane,
    Array.from({ length: count }, () => length),
  )

describe('lanes share frames', () => {
  const length = fc.oneof(
    { weight: 6, arbitrary: fc.nat(400) },
    { weight: 2, arbitrary: fc.integer({ min: 10_000, max: 50_000 }) },
    { weight: 2, arbitrary: fc.integer({ min: MAX_WHOLE_BYTES - 2, max: MAX_WHOLE_BYTES + 2 }) },
    { weight: 1, arbitrary: fc.integer({ min: 61_000, max: 200_000 }) },
  )
  const lanes = fc
    .uniqueArray(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 258 })), {
      minLength: 1,
      maxLength: 8,
    })
    .chain((ids) =>
      fc.tuple(...ids.map((id) => fc.array(length, { maxLength: 6 }).map((lengths) => records(id, lengths)))),
    )

  test('any records of any lanes arrive, each lane in order, however often and in whatever order lanes are asked', () => {
    fc.assert(
      fc.property(lanes, fc.array(fc.tuple(fc.nat(7), fc.nat(4)), { maxLength: 30 }), (due, turns) => {
        const line = new Line(...due)
        const expected = due.map((lane) => [...lane])
        for (const [turn, most] of turns)
          line.frame([...line.lanes.slice(turn % due.length), ...line.lanes.slice(0, turn % due.length)], most)
        line.finish()
        expect(expected.map((lane) => line.arrived.filter((one) => one.lane === lane[0]?.lane))).toEqual(expected)
        expect(line.longest).toBeLessThanOrEqual(MAX_FRAME_BYTES)
        expect(line.reader.ordered).toBe(line.writer.sentRecords)
        expect(line.writer.sentRecords).toBe(line.arrived.filter((one) => one.lane > 1).length)
      }),
      { numRuns: 300 },
    )
  })

  test('no lane waits much longer than one record of each other lane takes, in whatever order lanes are asked', () => {
    const all = fc.uniqueArray(fc.record({ lane: fc.integer({ min: 1, max: 258 }), length }), {
      minLength: 2,
      maxLength: 8,
      selector: ({ lane }) => lane,
    })
    fc.assert(
      fc.property(all, (endless) => {
        const due = endless.map((one) => repeated(one.lane, 400, one.length))
        const line = new Line(...due)
        const frames = endless.reduce((sum, one) => sum + Math.ceil(one.length / 61_000), 0)
        const waits = due.map(() => 0)
        for (let count = 0; count < 60; count += 1) {
          const before = line.lanes.map((lane) => lane.length)
          line.frame()
          line.lanes.forEach((lane, index) => {
            const isWaiting = lane.length === before[index] && lane.length > 0
            waits[index] = isWaiting ? (waits[index] as number) + 1 : 0
            expect(waits[index]).toBeLessThanOrEqual(3 * (frames + due.length))
          })
        }
      }),
    )
  })

  test('a long record does not keep short ones of other lanes out of a frame', () => {
    const line = new Line(repeated(3, 3, 1_000_000), repeated(1, 200, 50), repeated(4, 200, 50))
    const [long, items, short] = line.lanes as [Due[], Due[], Due[]]
    line.frame([long])
    const arrived = line.frame([items.splice(0, 10), short.splice(0, 10)])
    expect(arrived).toHaveLength(20)
    expect(line.frame([items.splice(0, 10), short.splice(0, 10)])).toHaveLength(20)
  })

  test('a lane that is asked last, behind one that could fill every frame, is in the next frame', () => {
    const line = new Line(repeated(1, 20_000, 50), repeated(4, 1, 50))
    line.frame()
    expect(line.lanes[1]).toHaveLength(1)
    expect(line.frame()).toContainEqual({ lane: 4, mark: 4_001, length: 50 })
  })

  test('two lanes of records that fill a frame take turns', () => {
    const line = new Line(repeated(1, 10, MAX_WHOLE_BYTES), repeated(3, 10, MAX_WHOLE_BYTES))
    line.finish()
    expect(line.arrived.slice(0, 8).map(({ lane }) => lane)).toEqual([1, 3, 1, 3, 1, 3, 1, 3])
  })

  test('a long record and records that fill a frame take turns', () => {
    const line = new Line(repeated(3, 1, 900_000), repeated(1, 30, MAX_WHOLE_BYTES))
    line.finish()
    const before = line.arrived.findIndex(({ lane }) => lane === 3)
    expect(before).toBeGreaterThanOrEqual(900_000 / 61_000 - 2)
    expect(before).toBeLessThanOrEqual(900_000 / 61_000 + 2)
  })

  test('long records in four lanes get on at the same pace', () => {
    const line = new Line(...[1, 2, 3, 4].map((lane) => repeated(lane, 1, 900_000)))
    const ends: number[] = []
    while (line.frame()?.forEach(() => ends.push(line.frames)) ?? line.arrived.length < 4);
    line.finish()
    expect(line.arrived).toHaveLength(4)
    expect(ends.every((end) => Math.abs(end - line.frames) <= 2)).toBe(true)
  })

  test('a lane alone has the whole frame', () => {
    const line = new Line(repeated(1, 10, 100_000))
    line.finish()
    expect(line.frames).toBe(Math.ceil((10 * 100_000) / 61_000))
  })

  test('at most four records are in pieces; a fifth waits, and comes before one that begins later', () => {
    const line = new Line(...[1, 2, 3, 4].map((lane) => repeated(lane, 4, 100_000)), repeated(5, 1, 100_000))
    line.finish()
    const at = line.arrived.findIndex(({ lane }) => lane === 5)
    expect(line.arrived.slice(0, at).filter(({ mark }) => mark % 1_000 > 2)).toEqual([])
    expect(line.arrived).toHaveLength(17)
  })

  test('room that was kept for a record that never comes goes to those who do', () => {
    const line = new Line(repeated(1, 3, MAX_WHOLE_BYTES), repeated(3, 1, MAX_WHOLE_BYTES))
    const [items, withdrawn] = line.lanes as [Due[], Due[]]
    line.frame()
    expect(withdrawn).toHaveLength(1)
    withdrawn.length = 0
    expect(line.frame([items])).toHaveLength(1)
    expect(line.frame([items])).toHaveLength(1)
    expect(line.frame()).toBeUndefined()
  })

  test('records of one lane in a row are not parted by pieces of another', () => {
    const line = new Line(repeated(3, 1, 80_000), repeated(1, 2, 10), repeated(4, 2, 10))
    const [long, items] = line.lanes as [Due[], Due[]]
    line.frame([long])
    const messages: string[] = []
    const frame = line.writer.build((writer) => {
      say(writer, items.shift() as Due)
      say(writer, { lane: 3, mark: 9, length: 5 }) // behind the rest of the long one
      say(writer, items.shift() as Due)
    })
    line.reader.read((frame as Uint8Array).subarray().subarray(2), ({ type }) => messages.push(type))
    expect(messages).toEqual(['items', 'request', 'request', 'items'])
  })
})

describe('what follows a long record', () => {
  const request = (tag: number, channel: number, length: number) => ({
    tag,
    channel,
    name: 16,
    deadlineMs: undefined,
    headers: undefined,
    hasBody: false,
    payload: new Uint8Array(length),
  })

  function play(...fills: ((writer: Writer) => void)[]): Message[][] {
    const { writer, reader } = new Line()
    const frames: Message[][] = []
    for (let index = 0; ; index += 1) {
      const frame = writer.build(fills[index] ?? (() => {}))?.subarray()
      if (frame === undefined && index >= fills.length) return frames
      const messages: Message[] = []
      if (frame !== undefined) reader.read(frame.subarray(2), (message) => messages.push(message))
      frames.push(messages)
    }
  }

  test('CANCEL of a request in pieces follows its last piece, that of another goes at once', () => {
    const frames = play(
      (writer) => writer.request(request(5, 0, 200_000)),
      (writer) => (writer.cancelRequest({ tag: 5 }), writer.cancelRequest({ tag: 4 }), writer.cancel(5)),
    )
    expect(frames.flat().map((message) => [message.type, 'tag' in message && message.tag])).toEqual([
      ['cancelRequest', 4],
      ['cancel', false],
      ['request', 5],
      ['cancelRequest', 5],
    ])
  })

  test('P6: cancels of requests always fit: those without room in this frame go first in the next', () => {
    const frames = play((writer) => {
      for (let tag = 1; tag <= 10; tag += 1) writer.request(request(tag, 0, 6_050))
      for (let tag = 1; tag <= 256; tag += 1) writer.cancelRequest({ tag })
    })
    const tags = frames.map((frame) =>
      frame.flatMap((message) => (message.type === 'cancelRequest' ? [message.tag] : [])),
    )
    expect(tags.map((some) => some.length > 0)).toEqual([true, true])
    expect(tags.flat()).toEqual(Array.from({ length: 256 }, (_, index) => index + 1))
  })

  test('END_REQUESTS waits for the last piece of a request of whatever channel, not for that of a response', () => {
    const said: boolean[] = []
    const end = (writer: Writer): void => void (said.at(-1) === true || said.push(writer.endRequests()))
    const frames = play(
      (writer) => {
        writer.request(request(1, 7, 100_000))
        writer.response({ tag: 1, channel: 1, headers: undefined, hasStream: false, payload: new Uint8Array(200_000) })
        end(writer)
      },
      ...Array.from({ length: 4 }, () => end),
    )
    expect(said).toEqual([false, false, false, false, true])
    const types = frames.flat().map(({ type }) => type)
    expect(types).toEqual(['request', 'endRequests', 'response'])
  })

  test('a record in pieces counts as sent with its last byte, whatever its lane', () => {
    const line = new Line(repeated(2, 1, 100_000), repeated(3, 1, 10))
    line.frame()
    expect([line.writer.sentRecords, line.reader.ordered]).toEqual([1, 1])
    line.frame()
    expect([line.writer.sentRecords, line.reader.ordered]).toEqual([2, 2])
  })

  test('a frame in which nothing is said is none', () => {
    expect(play(() => {})).toEqual([[]])
  })
})
