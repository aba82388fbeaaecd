import { Ring } from '../queue/ring.ts'

/** Settled places behind one that is still open are kept up to this many, and up to as many as there are open ones. */
const MAX_GAPS = 64
/** For those that have had nothing yet: most of the links of a server are idle. */
const NO_NUMBERS: Ring<number> = new Ring()
const NO_VALUES: Ring<never> = new Ring()

/**
 * What is on the wire and not settled, by its ever-growing number. Settling from the front, the usual case, takes one step; what
 * is settled behind an open one leaves a gap, and gaps are closed up before they outnumber what is open: one item that is
 * worked on for an hour costs no memory for those that pass it.
 */
export class Unsettled<T> {
  #numbers: Ring<number> = NO_NUMBERS
  #values: Ring<T | undefined> = NO_VALUES
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Places taken, gaps included. */
  get places(): number {
    return this.#numbers.size
  }

  push(seq: number, value: T): void {
    if (this.#numbers === NO_NUMBERS) this.#begin()
    const last = this.#numbers.at(this.#numbers.size - 1) ?? 0
    this.#numbers.push(seq)
    this.#values.push(value)
    this.#size += 1
    if (seq < last) this.#sink(seq, value)
  }

  get(seq: number): T | undefined {
    const index = this.#lowerBound(seq)
    return this.#numbers.at(index) === seq ? this.#values.at(index) : undefined
  }

  /** The one with the highest number up to `seq`; `undefined` when it is gone. */
  upTo(seq: number): T | undefined {
    const index = this.#lowerBound(seq + 1) - 1
    return index < 0 ? undefined : this.#values.at(index)
  }

  /** Puts another value in the place of one that is open. */
  replace(seq: number, value: T): void {
    const index = this.#lowerBound(seq)
    if (this.#numbers.at(index) === seq) this.#values.replace(index, value)
  }

  /** Removes one; `undefined` when it was not there. */
  take(seq: number): T | undefined {
    const index = this.#lowerBound(seq)
    const value = this.#numbers.at(index) === seq ? this.#values.at(index) : undefined
    if (value === undefined) return undefined
    this.#values.replace(index, undefined)
    this.#removed(1)
    return value
  }

  /**
   * Removes what is open from `first` to `last`, and returns it in order. Walks over what is open, however wide the range, and over
   * many gaps only once.
   */
  takeRange(first: number, last: number): T[] {
    const taken: T[] = []
    let gaps = 0
    for (let index = this.#lowerBound(first); this.#isUpTo(last, index); index += 1) {
      const value = this.#values.at(index)
      if (value === undefined) {
        gaps += 1
        continue
      }
      this.#values.replace(index, undefined)
      taken.push(value)
    }
    this.#removed(taken.length)
    if (gaps > MAX_GAPS) this.#closeUp()
    return taken
  }

  /** What is open from `first` to `last`, in order. */
  *within(first: number, last: number): Generator<T> {
    for (let index = this.#lowerBound(first); this.#isUpTo(last, index); index += 1) {
      const value = this.#values.at(index)
      if (value !== undefined) yield value
    }
  }

  takeAll(): T[] {
    const all = [...this]
    this.#numbers.clear()
    this.#values.clear()
    this.#size = 0
    return all
  }

  *[Symbol.iterator](): Generator<T> {
    for (const value of this.#values) if (value !== undefined) yield value
  }

  #begin(): void {
    this.#numbers = new Ring()
    this.#values = new Ring()
  }

  /** Moves the last one to its place: what came after it was given back before it was handed out. */
  #sink(seq: number, value: T): void {
    let index = this.#numbers.size - 1
    for (; index > 0 && (this.#numbers.at(index - 1) as number) > seq; index -= 1) {
      this.#numbers.replace(index, this.#numbers.at(index - 1) as number)
      this.#values.replace(index, this.#values.at(index - 1))
    }
    this.#numbers.replace(index, seq)
    this.#values.replace(index, value)
  }

  #isUpTo(last: number, index: number): boolean {
    const seq = this.#numbers.at(index)
    return seq !== undefined && seq <= last
  }

  #removed(count: number): void {
    this.#size -= count
    while (this.#numbers.size > 0 && this.#values.at(0) === undefined) {
      this.#numbers.shift()
      this.#values.shift()
    }
    if (this.#numbers.size - this.#size > Math.max(MAX_GAPS, this.#size)) this.#closeUp()
  }

  #closeUp(): void {
    const numbers: Ring<number> = new Ring()
    const values: Ring<T | undefined> = new Ring()
    for (let index = 0; index < this.#numbers.size; index += 1) {
      const value = this.#values.at(index)
      if (value === undefined) continue
      numbers.push(this.#numbers.at(index) as number)
      values.push(value)
    }
    this.#numbers = numbers
    this.#values = values
  }

  /** The index of the first number that is not below `seq`. */
  #lowerBound(seq: number): number {
    const head = this.#numbers.at(0)
    if (head === undefined || seq <= head) return 0
    // Without gaps, numbers and indices run side by side.
    if (this.#numbers.at(seq - head) === seq) return seq - head
    let low = 0
    let high = this.#numbers.size
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#numbers.at(middle) as number) < seq) low = middle + 1
      else high = middle
    }
    return low
  }
}
