import { Uint8ArrayList } from 'uint8arraylist'
import { unfilled } from '../../env/unfilled.ts'
import { copyTo, viewOf } from '../../env/views.ts'
import { beginningOf, roomyFrame } from '../../framing/roomy.ts'
import type { NetQueueError } from '../../errors/errors.ts'
import type { Bytes } from '../../transport/transport.ts'
import { badMessage } from '../failures.ts'
import type { Shelf } from '../payloads.ts'

const fatal = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

export const MAX_VARINT_BYTES = 8
/** From this length on, copying costs more than one more piece in a write. */
const REFERRED_BYTES = 4_096
/** A frame that fills so much of the buffer in which it was built takes that along: to copy it costs more than what is left over. */
const MOST = 7 / 8

export function encodeText(value: string): Uint8Array {
  return encoder.encode(value)
}

/** Throws `BAD_MESSAGE` for what is not UTF-8: two different names must never become the same one. */
export function decodeText(data: Uint8Array, what: string): string {
  try {
    return fatal.decode(data)
  } catch {
    throw badMessage(`${what} that is not valid UTF-8`)
  }
}

/** Throws `BAD_MESSAGE` for what is not JSON. */
export function decodeJson(data: Uint8Array, what: string): unknown {
  const text = decodeText(data, what)
  try {
    return JSON.parse(text)
  } catch {
    throw badMessage(`${what} that is not valid JSON`)
  }
}

/**
 * Reads a record's fields one after the other; running past the end is `BAD_MESSAGE`. What is read may go on in a second piece: numbers and
 * {@link parts} run over the end of the first, for all other fields the two are to be joined before.
 */
export class ByteReader {
  #data: Uint8Array
  #at: number
  #next: Uint8Array | undefined

  constructor(data: Uint8Array, at = 0, next?: Uint8Array) {
    this.#data = data
    this.#at = at
    this.#next = next
  }

  get at(): number {
    return this.#at
  }

  get left(): number {
    return this.#data.length - this.#at + (this.#next?.length ?? 0)
  }

  /** A second reader at the same place: what it reads is not read here. */
  ahead(): ByteReader {
    return new ByteReader(this.#data, this.#at, this.#next)
  }

  u8(): number {
    if (this.#at >= this.#data.length) this.#goOn()
    return this.#data[this.#at++] as number
  }

  u16(): number {
    return this.u8() * 0x100 + this.u8()
  }

  /** Unsigned LEB128 up to 2⁵³ − 1. */
  varint(): number {
    const first = this.u8()
    if (first < 0x80) return first
    let value = first & 0x7f
    let scale = 0x80
    for (let count = 2; count <= MAX_VARINT_BYTES; count += 1) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (Number.isSafeInteger(value)) return value
        break
      }
      scale *= 0x80
    }
    throw badMessage('a number beyond 2^53 - 1')
  }

  bytes(): Uint8Array {
    const length = this.skip()
    return this.#data.subarray(this.#at - length, this.#at)
  }

  /** A field of bytes where it lies, be it in two places. */
  parts(): Uint8Array[] {
    const length = this.varint()
    if (length > this.left) throw this.#cut(length)
    const first = this.#data.subarray(this.#at, this.#at + length)
    this.#at += first.length
    if (first.length === length) return [first]
    this.#goOn()
    this.#at = length - first.length
    return [first, this.#data.subarray(0, this.#at)]
  }

  /** Whether the next field of bytes lies in this piece, as each does where there is no second one; this runs for each item. */
  get hasWhole(): boolean {
    return this.#next === undefined || this.#isWhole()
  }

  #isWhole(): boolean {
    const start = this.#at
    // A length that ends so near to the end is taken for one that goes on.
    if (this.#data.length - start < MAX_VARINT_BYTES) return false
    const length = this.varint()
    const isWhole = length <= this.#data.length - this.#at
    this.#at = start
    return isWhole
  }

  /** Puts what is left into one piece. */
  join(): void {
    if (this.#next === undefined) return
    this.#data = joined([this.#data.subarray(this.#at), this.#next])
    this.#at = 0
    this.#next = undefined
  }

  /** Passes over a field of bytes; returns its length. This runs for each item. */
  skip(): number {
    const length = this.varint()
    if (length > this.#data.length - this.#at) throw this.#cut(length)
    this.#at += length
    return length
  }

  /** The last bytes that were read, as a piece that whoever gets it may keep. */
  last(length: number, shelf: Shelf): Uint8Array {
    return shelf.cut(this.#data, this.#at - length, this.#at)
  }

  /** What was read since a place. */
  since(start: number): Uint8Array {
    return this.#data.subarray(start, this.#at)
  }

  text(what: string): string {
    return decodeText(this.bytes(), what)
  }

  rest(): Uint8Array {
    const rest = this.#data.subarray(this.#at)
    this.#at = this.#data.length
    return rest
  }

  /** To the second piece. */
  #goOn(): void {
    const next = this.#next
    if (next === undefined || next.length === 0) throw badMessage('a record that ends too early')
    this.#data = next
    this.#at = 0
    this.#next = undefined
  }

  #cut(length: number): NetQueueError {
    return badMessage(`a field of ${length} bytes where ${this.left} are left`, length)
  }
}

/** The pieces in one. */
export function joined(pieces: Iterable<Uint8Array>): Uint8Array {
  const list = [...pieces]
  const whole = unfilled(list.reduce((total, { length }) => total + length, 0))
  let at = 0
  for (const piece of list) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/** Writes fields into a buffer that is long enough: whoever calls has asked `left` first. */
export class ByteWriter {
  #buffer: Uint8Array
  #view: Uint8Array
  #at = 0
  /** What stands between the fields and was not copied, with its place. */
  #referred: { at: number; data: Uint8Array }[] = []
  #referredBytes = 0

  constructor(buffer: Uint8Array) {
    this.#buffer = buffer
    this.#view = buffer
  }

  /** Where the next field stands in the buffer. */
  get at(): number {
    return this.#at
  }

  get left(): number {
    return this.#buffer.length - this.#at - this.#referredBytes
  }

  restart(): void {
    this.#at = 0
    if (this.#referredBytes === 0) return
    this.#referred = []
    this.#referredBytes = 0
  }

  u8(value: number): void {
    this.#buffer[this.#at++] = value
  }

  u16(value: number): void {
    this.u16At(this.#at, value)
    this.#at += 2
  }

  u16At(at: number, value: number): void {
    this.#buffer[at] = value >>> 8
    this.#buffer[at + 1] = value
  }

  varint(value: number): void {
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#buffer[this.#at++] = (rest % 0x80) | 0x80
    this.#buffer[this.#at++] = rest
  }

  /** Short data is copied; long data stays where it is, and must not change until the frame has left. */
  raw(data: Uint8Array): void {
    if (data.length >= REFERRED_BYTES) return this.#refer(data)
    copyTo(this.#buffer, data, this.#at)
    this.#at += data.length
  }

  bytes(data: Uint8Array): void {
    this.varint(data.length)
    this.raw(data)
  }

  /** What was written: a copy, with the long data between its parts. */
  take(memory: Uint8Array = new Uint8Array(this.#at)): Bytes {
    copyTo(memory, this.#written(), 0)
    return this.#withReferred(memory)
  }

  /** The same, as a frame; not always a copy, where the buffer is one of {@link roomyFrame}. */
  takeFrame(): Bytes {
    const isMost = this.#at >= this.#buffer.length * MOST
    return isMost ? this.#withReferred(this.#giveAway()) : this.take(roomyFrame(this.#at))
  }

  /** Leaves what was written where it is; what follows is written into another buffer. */
  #giveAway(): Uint8Array {
    const frame = beginningOf(this.#buffer, this.#at)
    this.#buffer = roomyFrame(this.#buffer.length)
    this.#view = this.#buffer
    return frame
  }

  /** A frame is often as long as the one before: then it is the same view. */
  #written(): Uint8Array {
    if (this.#view.length !== this.#at) this.#view = viewOf(this.#buffer, 0, this.#at)
    return this.#view
  }

  #refer(data: Uint8Array): void {
    this.#referred.push({ at: this.#at, data })
    this.#referredBytes += data.length
  }

  #withReferred(fields: Uint8Array): Bytes {
    return this.#referredBytes === 0 ? fields : this.#around(fields)
  }

  #around(fields: Uint8Array): Uint8ArrayList {
    const parts = new Uint8ArrayList()
    let from = 0
    for (const { at, data } of this.#referred) {
      if (at > from) parts.append(fields.subarray(from, at))
      parts.append(data)
      from = at
    }
    if (from < fields.length) parts.append(fields.subarray(from))
    this.restart() // and let go of what others own
    return parts
  }
}
