import { checkInteger } from '../../errors/check.ts'
import { badMessage } from '../failures.ts'

/** Digits that a number may have: those of 2⁵³ − 1, and as many zeros in front, which the original takes too. */
export const MAX_BSUINT_BYTES = 16

/** How many bytes {@link writeBsuint} writes. */
export function bsuintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += 1
  return bytes
}

/** Writes an integer from 0 to 2⁵³ − 1 in base 128, highest digit first, each but the last with its high bit set; gives where it ends. */
export function writeBsuint(out: Uint8Array, at: number, value: number): number {
  const end = at + bsuintBytes(value)
  let rest = value
  for (let index = end - 1; index >= at; index -= 1) {
    out[index] = (rest % 0x80) + (index === end - 1 ? 0 : 0x80)
    rest = Math.floor(rest / 0x80)
  }
  return end
}

/** A number and the bytes that it takes. */
export interface Bsuint {
  readonly value: number
  readonly bytes: number
}

/** The number that begins at `at`; `undefined` where it does not end here. Throws `BAD_MESSAGE` for one of too many digits. */
export function measureBsuint(data: Uint8Array, at: number): Bsuint | undefined {
  let value = 0
  for (let bytes = 1; bytes <= MAX_BSUINT_BYTES; bytes += 1) {
    const byte = data[at + bytes - 1]
    if (byte === undefined) return undefined
    value = value * 0x80 + (byte & 0x7f)
    if (byte < 0x80) return { value, bytes }
  }
  throw badMessage(`a number of more than ${MAX_BSUINT_BYTES} digits`)
}

/** An integer from 0 to 2⁵³ − 1 as a BSUInt: base 128, highest digit first. Throws a `RangeError` for others. */
export function encodeBsuint(value: number): Uint8Array {
  checkInteger('value', value, 0)
  const out = new Uint8Array(bsuintBytes(value))
  writeBsuint(out, 0, value)
  return out
}

/** The BSUInt that begins at `at`, and the bytes that it takes. Throws `BAD_MESSAGE` for what is none, or beyond 2⁵³ − 1. */
export function decodeBsuint(data: Uint8Array, at: number = 0): Bsuint {
  const read = measureBsuint(data, at)
  if (read === undefined) throw badMessage('a packet that ends inside a number')
  if (!Number.isSafeInteger(read.value)) throw badMessage('a number beyond 2^53 - 1')
  return read
}

/** Reads such numbers one after the other; throws `BAD_MESSAGE` for what is none. */
export class BsuintReader {
  readonly #data: Uint8Array
  #at = 0

  constructor(data: Uint8Array) {
    this.#data = data
  }

  next(): number {
    const { value, bytes } = decodeBsuint(this.#data, this.#at)
    this.#at += bytes
    return value
  }

  /** What stands behind the numbers. */
  rest(): Uint8Array {
    return this.#data.subarray(this.#at)
  }
}
