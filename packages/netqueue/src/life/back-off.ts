import type { Env } from '../env/env.ts'
import { checkInteger, checkMs } from '../errors/check.ts'

/** How a client looks for a server that it lost. */
export interface ReconnectOptions {
  /** The first attempt begins within so many milliseconds; each later one may take twice as long to begin. @default 100 */
  minDelayMs?: number
  /** The longest time until an attempt begins. @default 10_000 */
  maxDelayMs?: number
  /** Attempts that may fail, one after the other, before the client fails. @default Infinity */
  attempts?: number
  /** Whether each time is a random part of that, so that a thousand clients do not come at once; otherwise it is all of it. @default true */
  jitter?: boolean
}

export type Reconnect = ReconnectOptions & Required<Omit<ReconnectOptions, 'jitter'>>

export const reconnectDefaults: Reconnect = { minDelayMs: 100, maxDelayMs: 10_000, attempts: Number.POSITIVE_INFINITY }

/** 2^30 times any delay is beyond every limit, and larger powers are no numbers for long. */
const MAX_DOUBLINGS = 30

/** Fills in the defaults and throws for what is no option, by its name; `undefined` where what is lost is to stay lost. */
export function reconnectFrom(
  options: boolean | ReconnectOptions,
  name: string = 'reconnect',
  defaults: Reconnect = reconnectDefaults,
): Reconnect | undefined {
  if (options === false) return undefined
  if (options !== true && (typeof options !== 'object' || options === null))
    throw new TypeError(`Expected \`${name}\` to be true, false or an object, got \`${String(options)}\``)
  const { minDelayMs, maxDelayMs, attempts, jitter } = { ...defaults, ...(options === true ? {} : options) }
  checkMs(`${name}.minDelayMs`, minDelayMs)
  checkMs(`${name}.maxDelayMs`, maxDelayMs)
  if (minDelayMs < 1 || minDelayMs > maxDelayMs) {
    const rule = `Expected \`${name}.minDelayMs\` to be from 1 to \`${name}.maxDelayMs\` (${maxDelayMs})`
    throw new RangeError(`${rule}, got \`${minDelayMs}\``)
  }
  if (attempts !== Number.POSITIVE_INFINITY) checkInteger(`${name}.attempts`, attempts, 1)
  return { minDelayMs, maxDelayMs, attempts, ...(jitter === false && { jitter }) }
}

/**
 * How long to wait before the next attempt: a random part of a time that doubles ("full jitter"), so that a thousand clients of a server
 * that comes back do not come all at once; or all of that time, where peers are used to it. It begins anew after a connection that lasted for `maxDelayMs`: a server that takes
 * connections and drops them is knocked at no more often than one that takes none.
 */
export class BackOff {
  readonly #env: Env
  readonly #options: Reconnect
  #doublings = 0
  #connectedAt: number | undefined

  constructor(env: Env, options: Reconnect) {
    this.#env = env
    this.#options = options
  }

  connected(): void {
    this.#connectedAt = this.#env.now()
  }

  /** Whether there is, or was just now, a connection that has lasted. */
  get hasLasted(): boolean {
    return this.#connectedAt !== undefined && this.#env.now() - this.#connectedAt >= this.#options.maxDelayMs
  }

  /** Milliseconds. */
  next(): number {
    const { minDelayMs, maxDelayMs, jitter = true } = this.#options
    if (this.hasLasted) this.#doublings = 0
    this.#connectedAt = undefined
    const longest = Math.min(minDelayMs * 2 ** this.#doublings, maxDelayMs)
    this.#doublings = Math.min(this.#doublings + 1, MAX_DOUBLINGS)
    return jitter ? this.#env.random() * longest : longest
  }
}
