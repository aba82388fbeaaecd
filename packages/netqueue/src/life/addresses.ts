/**
 * The addresses that one server has, or that stand in for each other: where it is looked for now, and where next. Each has its turn before
 * the first one has another. Those that have ended are passed over: their servers have closed, or let this client in at no time.
 */
export class Addresses {
  readonly #all: readonly string[]
  readonly #ended: Set<string> = new Set()
  #index = 0
  /** How many of those that have not ended had their turn in this round. */
  #turns = 0

  constructor(all: readonly string[]) {
    this.#all = all
  }

  get count(): number {
    return this.#all.length
  }

  /** Where the server is that is there, or looked for now. */
  get present(): string {
    return this.#all[this.#index] ?? ''
  }

  /** Whether there is another one that has not ended. */
  get hasOther(): boolean {
    return this.#all.some((address) => address !== this.present && !this.#ended.has(address))
  }

  get hasEnded(): boolean {
    return this.#ended.has(this.present)
  }

  /** Nobody is to be looked for at the present one. */
  end(): void {
    this.#ended.add(this.present)
  }

  /** All are worth another try, and a round begins with the present one. */
  renew(): void {
    this.#ended.clear()
    this.#turns = 0
  }

  /** Goes on to the next one, if there is one; whether all have had their turn. */
  next(): boolean {
    if (!this.hasEnded) this.#turns += 1
    if (this.hasOther) this.#step()
    if (this.#turns < this.#all.length - this.#ended.size) return false
    this.#turns = 0
    return true
  }

  #step(): void {
    do this.#index = (this.#index + 1) % this.#all.length
    while (this.hasEnded)
  }
}
