import { Reader } from './byte-reader.ts'
import { readTalk } from './talk/records.ts'
import type { TalkRecord } from './talk/records.ts'

/** What the simulator wants to know of a record; a reading of docs/protocol.md §6 that shares no code with the library. */
export type WireRecord =
  | { kind: 'items'; attempt: number; first: number; wantsResult: boolean; texts: string[]; bytes: number[] }
  | { kind: 'credit'; limit: number; byteLimit: number; received: number }
  | { kind: 'settle'; outcome: (typeof OUTCOMES)[number]; ranges: [first: number, length: number][] }
  | { kind: 'result' | 'failed' | 'reject' | 'cancel'; seq: number }
  | { kind: 'released'; last: number; bytes: number }
  | { kind: 'error'; code: string }
  | { kind: 'reclaim' | 'goaway' | 'disconn' | 'welcome' | 'other' }
  | TalkRecord

const OUTCOMES = ['done', 'released', 'returned', 'cancelled'] as const
const text = new TextDecoder()

/** Cuts a stream of bytes into frames, and says at which byte of the stream each ends. */
export class WireReader {
  #rest: Uint8Array = new Uint8Array(0)
  #offset = 0
  /** Pieces of the record that is half sent, by lane. */
  readonly #pieces: Map<number, Uint8Array[]> = new Map()

  push(bytes: Uint8Array): { end: number; records: WireRecord[] }[] {
    this.#rest = this.#rest.byteLength === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    const frames: { end: number; records: WireRecord[] }[] = []
    for (;;) {
      if (this.#rest.byteLength < 4) return frames
      const length = new DataView(this.#rest.buffer, this.#rest.byteOffset).getUint32(0)
      if (this.#rest.byteLength < 4 + length) return frames
      const frame = this.#rest.subarray(4, 4 + length)
      this.#rest = this.#rest.subarray(4 + length)
      this.#offset += 4 + length
      frames.push({ end: this.#offset, records: this.#frame(frame) })
    }
  }

  #frame(frame: Uint8Array): WireRecord[] {
    const reader = new Reader(frame)
    const type = reader.u16()
    if (type === 2) return [{ kind: 'disconn' }]
    if (type === 17) return [{ kind: 'welcome' }]
    if (type === 18) return [{ kind: 'error', code: text.decode(frame.subarray(2)) }]
    const records: WireRecord[] = []
    if (type !== 19) return records
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
