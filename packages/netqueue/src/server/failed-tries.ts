import type { Env } from '../env/env.ts'
import { originOf } from '../transport/origin.ts'

/** For so long the tries of one place are counted together. */
const WINDOW_MS = 60_000
/** Places that are remembered at once: who has more of them than that is not to be stopped by counting. */
const MAX_ORIGINS = 10_000

interface Tries {
  since: number
  count: number
}

/** How often those who come from one place were refused in the last minute, so that nobody tries on and on. */
export class FailedTries {
  readonly #env: Env
  readonly #max: number
  /** By place, the one whose minute began first in front. */
  readonly #byOrigin: Map<string, Tries> = new Map()

  /** So many are let pass in a minute. */
  constructor(env: Env, max: number) {
    this.#env = env
    this.#max = max
  }

  /** Places that are remembered. */
  get size(): number {
    return this.#byOrigin.size
  }

  /** Whether whoever comes from there is to be cut at once. */
  isShut(address: string | undefined): boolean {
    return (this.#triesOf(originOf(address))?.count ?? 0) >= this.#max
  }

  /** Somebody from there was refused; tells whether that was once too often. */
  add(address: string | undefined): boolean {
    const origin = originOf(address)
    if (origin === undefined) return false
    const tries = this.#triesOf(origin) ?? this.#begin(origin)
    tries.count += 1
    return tries.count === this.#max
  }

  #triesOf(origin: string | undefined): Tries | undefined {
    if (origin === undefined) return undefined
    const tries = this.#byOrigin.get(origin)
    return tries !== undefined && this.#isOver(tries) ? undefined : tries
  }

  #begin(origin: string): Tries {
    this.#forget()
    const tries = { since: this.#env.now(), count: 0 }
    this.#byOrigin.set(origin, tries)
    return tries
  }

  /** Those whose minute is over, and where there are too many all the same, the oldest. */
  #forget(): void {
    for (const [origin, tries] of this.#byOrigin) {
      if (!this.#isOver(tries) && this.#byOrigin.size < MAX_ORIGINS) return
      this.#byOrigin.delete(origin)
    }
  }

  #isOver({ since }: Tries): boolean {
    return this.#env.now() - since >= WINDOW_MS
  }
}
