const INITIAL_SLOTS = 16
/** What an unused ring has: a connection has many, and most are never used. */
const NONE: undefined[] = slotsOf(1)
/** A ring of up to this many slots is kept when it runs empty; making it anew in each turn would cost more than it holds. */
const KEPT_SLOTS = 4_096

/**
 * A first-in first-out buffer over an array whose length is a power of two. It grows by doubling, and frees what it
 * grew when it runs empty: a burst does not stay in memory.
 */
export class Ring<T> {
  #slots: (T | undefined)[] = NONE
  #mask = -1
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  push(value: T): void {
    if (this.#size > this.#mask) this.#grow()
    this.#slots[(this.#head + this.#size) & this.#mask] = value
    this.#size += 1
  }

  /** Takes the oldest value. `undefined` means empty only where `size` says so: `undefined` is a value too. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined
    const value = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & this.#mask
    this.#size -= 1
    if (this.#size === 0 && this.#mask >= KEPT_SLOTS) this.#reset()
    return value
  }

  /**
   * The value `index` places behind the oldest, which has index 0; `undefined` outside. Not even an empty ring looks at an index below 0: having
   * seen that once, V8 looks up all that any ring is asked for the slow way, for good.
   */
  at(index: number): T | undefined {
    return index >= 0 && index < this.#size ? this.#slots[(this.#head + index) & this.#mask] : undefined
  }

  /** Puts another value in the place of one that is there. */
  replace(index: number, value: T): void {
    this.#slots[(this.#head + index) & this.#mask] = value
  }

  clear(): void {
    this.#size = 0
    this.#reset()
  }

  *[Symbol.iterator](): Generator<T> {
    for (let index = 0; index < this.#size; index += 1) yield this.at(index) as T
  }

  #grow(): void {
    const slots = slotsOf<T>(Math.max(INITIAL_SLOTS, this.#slots.length * 2))
    for (let index = 0; index < this.#size; index += 1) slots[index] = this.at(index)
    this.#slots = slots
    this.#mask = slots.length - 1
    this.#head = 0
  }

  #reset(): void {
    this.#slots = NONE
    this.#mask = -1
    this.#head = 0
  }
}

/** Filled, so that V8 has one kind of them: an array of numbers would be another, and the same line reads both. */
function slotsOf<T>(length: number): (T | undefined)[] {
  return new Array<T | undefined>(length).fill(undefined)
}
