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

/** Items that failed too often or that a receiver refused. They wait here for someone to look at them. */
export class DeadLetters<T> {
  readonly #letters: Map<number, Entry> = new Map()
  readonly #requeue: (entry: Entry) => void
  #lastId = 0

  /** @internal */
  constructor(requeue: (entry: Entry) => void) {
    this.#requeue = requeue
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

  /** Puts a letter, or all of them, back to the end of the backlog with `attempt` 1. Returns how many. */
  requeue(id?: number): number {
    const entries = this.#take(id)
    for (const entry of entries) {
      entry.attempt = 1
      entry.history = undefined
      this.#requeue(entry)
    }
    return entries.length
  }

  /** Forgets a letter, or all of them. Returns how many. */
  drop(id?: number): number {
    return this.#take(id).length
  }

  /** @internal Takes a letter in, and says which one had to go for it. */
  add(entry: Entry): Entry | undefined {
    this.#lastId += 1
    this.#letters.set(this.#lastId, entry)
    if (this.#letters.size <= MAX_DEAD_LETTERS) return undefined
    const [oldest] = this.#letters.keys()
    return this.#take(oldest)[0]
  }

  #take(id: number | undefined): Entry[] {
    const ids = id === undefined ? [...this.#letters.keys()] : [id]
    const entries: Entry[] = []
    for (const key of ids) {
      const entry = this.#letters.get(key)
      if (entry !== undefined) entries.push(entry)
      this.#letters.delete(key)
    }
    return entries
  }
}
