import type { Env } from '../env/env.ts'

export interface BucketInit {
  env: Env
  /** What it holds, and begins with. */
  burst: number
  /** What flows in. */
  perSecond: number
}

/** A token bucket: so much at once, and so much in a second after that. */
export class Bucket {
  readonly #init: BucketInit
  #tokens: number
  #at: number

  constructor(init: BucketInit) {
    this.#init = init
    this.#tokens = init.burst
    this.#at = init.env.now()
  }

  /** Takes one token; `false` when there is none. */
  take(): boolean {
    this.#refill()
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** Milliseconds until there is a token. */
  get waitMs(): number {
    this.#refill()
    return Math.max(0, ((1 - this.#tokens) * 1_000) / this.#init.perSecond)
  }

  #refill(): void {
    const { env, burst, perSecond } = this.#init
    const now = env.now()
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) * perSecond) / 1_000)
    this.#at = now
  }
}
