import { lasting } from '../../env/views.ts'
import { itemTooLarge } from '../failures.ts'
import { apart, MAX_SHARED_BYTES, SHARED_BYTES } from '../payloads.ts'
import type { Payloads } from '../payloads.ts'
import { ByteReader, ByteWriter, joined, MAX_VARINT_BYTES } from './bytes.ts'

const NOTHING: Uint8Array = new Uint8Array(0)

interface Measures {
  count: number
  bytes: number
  lastBytes: number
}

/** Passes over so many items, each behind its length. They stay where they lie, but for one that goes on in a second piece. */
export function readPayloads(reader: ByteReader, count: number, maxItemBytes: number): RecordPayloads {
  const parts: Uint8Array[] = []
  let from = reader.at
  let bytes = 0
  let lastBytes = 0
  for (let index = 0; index < count; index += 1) {
    if (reader.hasWhole) lastBytes = reader.skip()
    else {
      parts.push(reader.since(from))
      lastBytes = bridge(reader, parts)
      from = reader.at
    }
    if (lastBytes > maxItemBytes) throw itemTooLarge(lastBytes, maxItemBytes)
    bytes += lastBytes
  }
  parts.push(reader.since(from))
  return new RecordPayloads(parts, { count, bytes, lastBytes })
}

/** One item, which stands apart from what it came in. */
export class LonePayload implements Payloads {
  readonly count = 1
  readonly #payload: Uint8Array

  constructor(payload: Uint8Array) {
    this.#payload = payload
  }

  get bytes(): number {
    return this.#payload.length
  }

  get lastBytes(): number {
    return this.#payload.length
  }

  next(): Uint8Array {
    return this.#payload
  }
}

/** Puts an item that lies in two places, with its length, into one; returns its length. */
function bridge(reader: ByteReader, parts: Uint8Array[]): number {
  const places = reader.parts()
  const bytes = places.reduce((sum, { length }) => sum + length, 0)
  const prefix = new ByteWriter(new Uint8Array(MAX_VARINT_BYTES))
  prefix.varint(bytes)
  parts.push(joined([prefix.take().subarray(), ...places]))
  return bytes
}

/**
 * The items of an ITEMS record, each behind its length. They wait as they came and are cut out when asked for: what waits costs
 * no objects. Short ones are copied out together.
 */
export class RecordPayloads implements Payloads {
  readonly count: number
  readonly bytes: number
  readonly lastBytes: number
  /** What follows the part that is cut now, the last first. */
  readonly #later: Uint8Array[]
  #data = NOTHING
  #at = 0
  /** Where it ends. Not its `length`, which is 0 once whoever got its last item has transferred that to another thread. */
  #end = 0
  /** A copy of the part that begins at `#sharedFrom`, and where its bytes are: views are made of that, as a shelf does. */
  #shared = NOTHING
  #memory: ArrayBufferLike = NOTHING.buffer
  #sharedFrom = 0

  /** Each part holds whole items and nothing else. */
  constructor(parts: readonly Uint8Array[], { count, bytes, lastBytes }: Measures) {
    this.count = count
    this.bytes = bytes
    this.lastBytes = lastBytes
    this.#later = parts.map(lasting).toReversed()
  }

  next(): Uint8Array {
    while (this.#at === this.#end) this.#goOn()
    const length = this.#length()
    const end = this.#at + length
    this.#at = end
    if (length > MAX_SHARED_BYTES) return apart(this.#data.subarray(end - length, end))
    if (end > this.#sharedFrom + this.#shared.length) this.#share(end - length)
    return new Uint8Array(this.#memory, end - length - this.#sharedFrom, length)
  }

  #goOn(): void {
    this.#data = this.#later.pop() as Uint8Array
    this.#at = 0
    this.#end = this.#data.length
    this.#shared = NOTHING
    this.#memory = NOTHING.buffer
    this.#sharedFrom = 0
  }

  /** Of the next item. Most lengths are one byte or two; this runs for each item. */
  #length(): number {
    const first = this.#data[this.#at] as number
    if (first < 0x80) {
      this.#at += 1
      return first
    }
    const second = this.#data[this.#at + 1] as number
    if (second < 0x80) {
      this.#at += 2
      return (first & 0x7f) | (second << 7)
    }
    const reader = new ByteReader(this.#data, this.#at)
    const length = reader.varint()
    this.#at = reader.at
    return length
  }

  #share(start: number): void {
    this.#sharedFrom = start
    this.#shared = this.#data.slice(start, start + SHARED_BYTES)
    this.#memory = this.#shared.buffer
  }
}
