/** Chance from a seed: the same seed gives the same numbers on every machine. Good enough to vary tests, and nothing else. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** From 0 up to, not including, 1: steps of the golden ratio, stirred until neighbours have nothing in common. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    let bits = Math.imul(this.#state ^ (this.#state >>> 16), 0x85ebca6b)
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
    return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 up to, not including, `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }
}
