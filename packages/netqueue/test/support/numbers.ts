/** A source of numbers as text: counts how many were taken, and knows whether it was left. */
export class Numbers implements AsyncIterable<string> {
  taken = 0
  isLeft = false
  readonly #end: number

  constructor(end: number) {
    this.#end = end
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    try {
      while (this.taken < this.#end) yield String(this.taken++)
    } finally {
      this.isLeft = true
    }
  }
}
