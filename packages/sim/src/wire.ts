import { Reader } from './byte-reader.ts'
import { keyOf } from './ledger.ts'
import { readTalk } from './talk/records.ts'
import type { TalkRecord } from './talk/records.ts'

/** What the simulator wants to know of a record; a reading of docs/protocol.md §6 that shares no code with the library. */
export type WireRecord =
  | { kind: 'items'; attempt: number; first: number; wantsResult: boolean; texts: string[]; bytes: number[] }
  | { kind: 'credit'; limit: number; byteLimit: number; received: number }
  | { kind: 'settle'; outcome: (typeof OUTCOMES)[number]; ranges: [first: number, length: number][] }
  | { kind: 'result' | 'failed' | 'reject' | 'cancel' | 'extend'; seq: number }
  | { kind: 'released'; last: number; bytes: number }
  | { kind: 'reclaim' | 'goaway' | 'other' }
  /** Who there is, or is no more. */
  | { kind: 'tree'; nodes: string[] }
  | TalkRecord

const OUTCOMES = ['done', 'released', 'returned', 'cancelled'] as const
const text = new TextDecoder()

/** One frame, and the byte of the stream at which it ends. */
export interface Frame {
  readonly end: number
  readonly type: number
  readonly data: Uint8Array
}

export const DISCONN = 2
export const WELCOME = 17
export const ERROR = 18
export const BATCH = 19
export const ACK = 20

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array(0)
  #offset = 0

  push(bytes: Uint8Array): Frame[] {
    this.#rest = this.#rest.byteLength === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    const frames: Frame[] = []
    for (;;) {
      if (this.#rest.byteLength < 4) return frames
      const length = new DataView(this.#rest.buffer, this.#rest.byteOffset).getUint32(0)
      if (this.#rest.byteLength < 4 + length) return frames
      const frame = this.#rest.subarray(4, 4 + length)
      this.#rest = this.#rest.subarray(4 + length)
      this.#offset += 4 + length
      frames.push({ end: this.#offset, type: new Reader(frame).u16(), data: frame.subarray(2) })
    }
  }
}

/** What a WELCOME says of sessions. */
export interface Welcome {
  session: string | undefined
  resumeMs: number
  resumed: boolean
  batches: number
  resume: { session: string; batches: number } | undefined
}

export function readWelcome(data: Uint8Array): Welcome {
  const {
    session,
    resumeMs = 0,
    resumed = false,
    batches = 0,
    resume,
  } = JSON.parse(text.decode(data)) as Partial<Welcome>
  return { session, resumeMs, resumed, batches, resume }
}

export const readAck = (data: Uint8Array): number => new Reader(data).varint()
export const readError = (data: Uint8Array): string => text.decode(data)

/** Reads the records of one side's batches, over all connections of a session. */
export class RecordReader {
  /** Pieces of the record that is half sent, by lane. */
  readonly #pieces: Map<number, Uint8Array[]> = new Map()

  read(batch: Uint8Array): WireRecord[] {
    const reader = new Reader(batch)
    const records: WireRecord[] = []
    while (!reader.isAtEnd) records.push(...this.#record(reader))
    return records
  }

  #record(reader: Reader): WireRecord[] {
    const kind = reader.u8()
    switch (kind) {
      case 1:
        return [items(reader)]
      case 2: {
        const [limit, byteLimit, received] = [reader.varint(), reader.varint(), reader.varint()]
        reader.varint()
        return [{ kind: 'credit', limit, byteLimit, received }]
      }
      case 3:
        return [settle(reader)]
      case 4:
        return [result(reader)]
      case 5: {
        const seq = reader.varint()
        reader.block()
        reader.block()
        return [{ kind: 'reject', seq }]
      }
      case 6:
        return reader.u8() === 0
          ? [{ kind: 'cancel', seq: reader.varint() }]
          : [{ kind: 'cancelRequest', tag: reader.varint() }]
      case 8:
        return [{ kind: 'reclaim' }]
      case 9:
        reader.varint()
        return [{ kind: 'released', last: reader.varint(), bytes: reader.varint() }]
      case 10:
        return this.#fragment(reader)
      case 7:
        return [{ kind: 'extend', seq: reader.varint() }]
      case 12:
      case 13:
        reader.varint()
        return [{ kind: 'other' }]
      case 11:
        reader.block()
        return [{ kind: 'other' }]
      case 14:
        reader.block()
        reader.block()
        return [{ kind: 'goaway' }]
      case 15:
      case 16:
      case 17:
        return [{ kind: 'tree', nodes: tree(kind, reader) }]
      case 18:
        reader.varint()
        reader.varint()
        return [{ kind: 'other' }]
      default:
        return [readTalk(kind, reader)]
    }
  }

  #fragment(reader: Reader): WireRecord[] {
    const lane = reader.varint()
    const flags = reader.u8()
    if ((flags & 1) !== 0) reader.varint()
    const pieces = this.#pieces.get(lane) ?? []
    this.#pieces.set(lane, pieces)
    pieces.push(reader.block())
    if ((flags & 2) === 0) return []
    this.#pieces.delete(lane)
    return this.#record(new Reader(Buffer.concat(pieces)))
  }
}

function items(reader: Reader): WireRecord {
  const flags = reader.u8()
  const attempt = reader.varint()
  const first = reader.varint()
  if ((flags & 4) !== 0) reader.path()
  const payloads = Array.from({ length: reader.u16() }, () => reader.block())
  return {
    kind: 'items',
    attempt,
    first,
    wantsResult: (flags & 1) !== 0,
    texts: payloads.map((payload) => text.decode(payload)),
    bytes: payloads.map(({ byteLength }) => byteLength),
  }
}

/** Who there is in a tree, or which names (§19.1); those that are gone with a minus. */
function tree(kind: 15 | 16 | 17, reader: Reader): string[] {
  return Array.from({ length: reader.varint() }, () => {
    const isThere = kind === 15 || reader.u8() === 1
    const name = kind === 16 ? reader.path().join('/') : text.decode(reader.block())
    if (kind === 16 && isThere) reader.block()
    return isThere ? name : `-${name}`
  })
}

function settle(reader: Reader): WireRecord {
  const outcome = OUTCOMES[reader.u8()]
  if (outcome === undefined) throw new Error('A settle with an unknown outcome')
  const ranges = Array.from({ length: reader.varint() }, (): [number, number] => [reader.varint(), reader.varint()])
  return { kind: 'settle', outcome, ranges }
}

function result(reader: Reader): WireRecord {
  const seq = reader.varint()
  const what = reader.u8()
  if (what !== 2) reader.block()
  if (what === 1) reader.block()
  return { kind: what === 1 ? 'failed' : 'result', seq }
}

/** For people. */
export function describe(record: WireRecord): string {
  const { kind, ...rest } = record
  if (record.kind === 'items')
    return `items ${record.first} attempt ${record.attempt}: ${record.texts.map(keyOf).join(' ')}`
  return `${kind} ${JSON.stringify(rest)}`
}
