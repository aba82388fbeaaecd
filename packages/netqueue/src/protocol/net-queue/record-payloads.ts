import { apart, MAX_SHARED_BYTES, SHARED_BYTES } from '../payloads.ts'
import type { Payloads } from '../payloads.ts'
import { ByteReader } from './bytes.ts'

const NOTHING: Uint8Array = new Uint8Array(0)

/**
 * The items of an ITEMS record, each behind its length. They wait as they came and are cut out when asked for: what waits costs
 * no objects. Short ones are copied out together.
 */
export class RecordPayloads implements Payloads {
  readonly count: number
  readonly bytes: number
  readonly lastBytes: number
  readonly #data: Uint8Array
  #at = 0
  /** A copy of the part that begins at `#sharedFrom`. */
  #shared = NOTHING
  #sharedFrom = 0

  /** `data` holds whole items and nothing else. */
  constructor(data: Uint8Array, { count, bytes, lastBytes }: { count: number; bytes: number; lastBytes: number }) {
    this.count = count
    this.bytes = bytes
    this.lastBytes = lastBytes
    this.#data = apart(data)
  }

  next(): Uint8Array {
    const length = this.#length()
    const end = this.#at + length
    this.#at = end
    if (length > MAX_SHARED_BYTES) return apart(this.#data.subarray(end - length, end))
    if (end > this.#sharedFrom + this.#shared.length) this.#share(end - length)
    return this.#shared.subarray(end - length - this.#sharedFrom, end - this.#sharedFrom)
  }

  /** Of the next item. Most lengths are one byte; this runs for each item. */
  #length(): number {
    const first = this.#data[this.#at] as number
    if (first < 0x80) {
      this.#at += 1
      return first
    }
    const reader = new ByteReader(this.#data, this.#at)
    const length = reader.varint()
    this.#at = reader.at
    return length
  }

  #share(start: number): void {
    this.#sharedFrom = start
    this.#shared = this.#data.slice(start, start + SHARED_BYTES)
  }
}
