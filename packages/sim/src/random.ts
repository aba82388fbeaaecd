/** Chance from a seed: the same seed gives the same numbers, on every machine (sfc32). */
export class Random {
  readonly #state: Int32Array

  constructor(seed: number) {
    this.#state = Int32Array.of(seed, seed / 2 ** 32, 0x9e3779b9, 1)
    for (let round = 0; round < 15; round += 1) this.next()
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    const state = this.#state
    const [a, b, c, d] = state as unknown as [number, number, number, number]
    const sum = (a + b + d) | 0
    state[3] = d + 1
    state[0] = b ^ (b >>> 9)
    state[1] = c + (c << 3)
    state[2] = ((c << 21) | (c >>> 11)) + sum
    return (sum >>> 0) / 2 ** 32
  }

  /** A whole number from 0 up to, not including, `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  /** A whole number, both ends included. */
  integer(from: number, to: number): number {
    return from + this.below(to - from + 1)
  }

  between(from: number, to: number): number {
    return from + this.next() * (to - from)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  /** A generator of its own, so that what one part draws does not shift the others. */
  fork(): Random {
    return new Random(this.below(2 ** 32))
  }
}
