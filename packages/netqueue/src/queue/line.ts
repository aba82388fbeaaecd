/** A place in a {@link Line}: what to give to `leave`. */
export interface Place<T> {
  readonly value: T | undefined
  before: Place<T>
  after: Place<T>
}

/**
 * Who waits, first come first served; anyone can leave at any time, and leaves nothing behind. A linked list rather than
 * a `Set`: taking the first of a `Set` walks over all who left before (10⁵ took 0.7 s).
 */
export class Line<T> {
  /** Stands between the last and the first. */
  readonly #end: Place<T>

  constructor() {
    const end = { value: undefined } as Place<T>
    end.before = end
    end.after = end
    this.#end = end
  }

  get empty(): boolean {
    return this.#end.after === this.#end
  }

  join(value: T): Place<T> {
    const place: Place<T> = { value, before: this.#end.before, after: this.#end }
    place.before.after = place
    this.#end.before = place
    return place
  }

  /** Does nothing where the place was left or served before. */
  leave(place: Place<T>): void {
    place.before.after = place.after
    place.after.before = place.before
    place.before = place
    place.after = place
  }

  /** Takes the first; `undefined` when nobody waits. */
  shift(): T | undefined {
    const first = this.#end.after
    if (first === this.#end) return undefined
    this.leave(first)
    return first.value
  }
}
