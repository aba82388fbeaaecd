import type { Attempt, Entry } from './entry.ts'

/** An item that was given up, with what was tried. */
export interface DeadLetter<T> {
  /** Names the letter in `requeue` and `drop`. */
  readonly id: number
  readonly item: T
  /** How many deliveries failed. */
  readonly attempts: number
  readonly history: readonly Attempt[]
}

/** Letters that are kept; beyond that the oldest goes, and is reported. */
export const MAX_DEAD_LETTERS = 10_000
/** The same in bytes of their items. */
export const MAX_DEAD_LETTER_BYTES = 67_108_864

/** Items that failed too often or that a receiver refused. They wait here for someone to look at them. */
export class DeadLetters<T> {
  readonly #letters: Map<number, Entry> = new Map()
  readonly #revive: (entry: Entry) => boolean
  #lastId = 0
  #bytes = 0

  /** @internal */
  constructor(revive: (entry: Entry) => boolean) {
    this.#revive = revive
  }

  get size(): number {
    return this.#letters.size
  }

  /** All letters, the oldest first. */
  list(): DeadLetter<T>[] {
    return [...this.#letters].map(([id, { item, attempt, history = [] }]) => ({
      id,
      item: item as T,
      attempts: attempt - 1,
      history,
    }))
  }

  /**
   * Puts a letter, or all of them, back to the end of the backlog with `attempt` 1. Returns how many: one for a client that is gone stays.
   * Throws `CLOSED`, and `QUEUE_FULL` where too many items wait; the letters that had no place then stay here too.
   */
  requeue(id?: number): number {
    let count = 0
    for (const [key, entry] of this.#find(id)) {
      if (!this.#letters.has(key) || !this.#revive(entry.anew())) continue
      this.#forget(key, entry)
      count += 1
    }
    return count
  }

  /** Forgets a letter, or all of them. Returns how many. */
  drop(id?: number): number {
    const entries = this.#find(id)
    for (const [key, entry] of entries) this.#forget(key, entry)
    return entries.length
  }

  /** @internal Takes a letter in, and says which ones had to go for it. */
  add(entry: Entry): Entry[] {
    const gone: Entry[] = []
    this.#lastId += 1
    this.#letters.set(this.#lastId, entry)
    this.#bytes += entry.payload.length
    for (const [key, oldest] of this.#letters) {
      if (this.#letters.size <= MAX_DEAD_LETTERS && this.#bytes <= MAX_DEAD_LETTER_BYTES) break
      this.#forget(key, oldest)
      gone.push(oldest)
    }
    return gone
  }

  #forget(key: number, { payload }: Entry): void {
    if (this.#letters.delete(key)) this.#bytes -= payload.length
  }

  #find(id: number | undefined): [id: number, entry: Entry][] {
    if (id === undefined) return [...this.#letters]
    const entry = this.#letters.get(id)
    return entry === undefined ? [] : [[id, entry]]
  }
}
