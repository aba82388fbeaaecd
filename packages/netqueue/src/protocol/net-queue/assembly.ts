import { unfilled } from '../../env/unfilled.ts'
import type { NetQueueError } from '../../errors/errors.ts'
import { badMessage } from '../failures.ts'
import { MIN_FRAGMENT_BYTES } from './record-kinds.ts'

/** One FRAGMENT, its header taken apart. */
export interface Piece {
  lane: number
  isFirst: boolean
  isLast: boolean
  total: number
  /** Where its bytes lie, and how many there are. */
  parts: readonly Uint8Array[]
  length: number
}

/** Joins the pieces of a long record. Takes memory as they arrive, not when their total is announced. */
export class Assembly {
  readonly #maxBytes: number
  readonly #tooLarge: (bytes: number) => NetQueueError
  #record: Uint8Array = EMPTY
  #filled = 0
  #total = 0

  constructor(maxBytes: number, tooLarge: (bytes: number) => NetQueueError) {
    this.#maxBytes = maxBytes
    this.#tooLarge = tooLarge
  }

  /** Takes the next piece; returns the record that it makes whole. */
  take(piece: Piece): Uint8Array | undefined {
    if (piece.isFirst) this.#begin(piece)
    if (!piece.isLast && piece.length < MIN_FRAGMENT_BYTES)
      throw badMessage(`a FRAGMENT of less than ${MIN_FRAGMENT_BYTES} bytes`, piece.length)
    const filled = this.#filled + piece.length
    if (filled > this.#total || piece.isLast !== (filled === this.#total))
      throw badMessage('fragments that do not add up to their record')
    this.#makeRoom(filled)
    for (const part of piece.parts) this.#append(part)
    return piece.isLast ? this.#finish() : undefined
  }

  #begin({ total }: Piece): void {
    if (total > this.#maxBytes) throw this.#tooLarge(total)
    if (total === 0) throw badMessage('fragments of a record without a byte')
    this.#total = total
  }

  #makeRoom(filled: number): void {
    if (filled <= this.#record.length) return
    const grown = unfilled(Math.min(this.#total, Math.max(filled * 2, this.#record.length * 2)))
    grown.set(this.#record.subarray(0, this.#filled))
    this.#record = grown
  }

  #append(part: Uint8Array): void {
    this.#record.set(part, this.#filled)
    this.#filled += part.length
  }

  #finish(): Uint8Array {
    const record = this.#record
    this.#record = EMPTY
    this.#filled = 0
    this.#total = 0
    return record
  }
}

const EMPTY = new Uint8Array(0)
