// @ts-check

/** Between the first look after a warm-up and the last one: how many a second? */
export class Stopwatch {
  #warmUpMs
  #first = Number.NaN
  /** @type {{ now: number, count: number } | undefined} */
  #start
  #last = { now: 0, count: 0 }

  /** @param {number} warmUpMs from the first look on */
  constructor(warmUpMs) {
    this.#warmUpMs = warmUpMs
  }

  /**
   * @param {number} now
   * @param {number} count so far
   */
  looked(now, count) {
    if (Number.isNaN(this.#first)) this.#first = now
    if (this.#start === undefined && now - this.#first >= this.#warmUpMs) this.#start = { now, count }
    this.#last = { now, count }
  }

  /** NaN when there were too few looks. */
  get perSecond() {
    if (this.#start === undefined) return Number.NaN
    return ((this.#last.count - this.#start.count) / (this.#last.now - this.#start.now)) * 1_000
  }
}
