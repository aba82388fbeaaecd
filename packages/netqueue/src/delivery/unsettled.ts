import { Ring } from '../queue/ring.ts'

/** What is on the wire and not settled, by its ever-growing number. Settling from the front, the usual case, takes one step. */
export class Unsettled<T> {
  readonly #numbers: Ring<number> = new Ring()
  readonly #values: Ring<T | undefined> = new Ring()
  #size = 0

  get size(): number {
    return this.#size
  }

  push(seq: number, value: T): void {
    this.#numbers.push(seq)
    this.#values.push(value)
    this.#size += 1
  }

  get(seq: number): T | undefined {
    const index = this.#lowerBound(seq)
    return this.#numbers.at(index) === seq ? this.#values.at(index) : undefined
  }

  /** Removes one; `undefined` when it was not there. */
  take(seq: number): T | undefined {
    const index = this.#lowerBound(seq)
    return this.#numbers.at(index) === seq ? this.#takeAt(index) : undefined
  }

  /** Removes all from `first` to `last`, in order, and says how many there were. */
  takeRange(first: number, last: number, each: (value: T) => void): number {
    const taken: T[] = []
    for (let index = this.#lowerBound(first); ; index += 1) {
      const seq = this.#numbers.at(index)
      if (seq === undefined || seq > last) break
      const value = this.#values.at(index)
      if (value === undefined) continue
      this.#values.replace(index, undefined)
      taken.push(value)
    }
    this.#size -= taken.length
    this.#dropSettled()
    for (const value of taken) each(value)
    return taken.length
  }

  *[Symbol.iterator](): Generator<T> {
    for (const value of this.#values) if (value !== undefined) yield value
  }

  #takeAt(index: number): T | undefined {
    const value = this.#values.at(index)
    if (value === undefined) return undefined
    this.#values.replace(index, undefined)
    this.#size -= 1
    this.#dropSettled()
    return value
  }

  #dropSettled(): void {
    while (this.#numbers.size > 0 && this.#values.at(0) === undefined) {
      this.#numbers.shift()
      this.#values.shift()
    }
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
