import type { Env } from '../env/env.ts'
import { checkSignal } from '../errors/check.ts'
import { ManualTicks } from './manual-ticks.ts'
import { Metronome } from './metronome.ts'
import { TickLoop } from './tick-loop.ts'
import type { Beats, Tick, TickOptions } from './tick-loop.ts'

/** Timers count in milliseconds: a faster loop would only miss ticks. */
const MAX_HZ = 1_000

/** The loops over ticks of one server or client, which end when it begins to close. */
export class Ticks {
  readonly #env: Env
  readonly #waiting: Set<{ end(): void }> = new Set()
  #isOver = false

  constructor(env: Env) {
    this.#env = env
  }

  /** Throws a `RangeError` or `TypeError` that names the rule. */
  loop(rate: number | ManualTicks, { signal }: TickOptions = {}): AsyncIterableIterator<Tick, undefined> {
    if (signal !== undefined) checkSignal('signal', signal)
    return new TickLoop({
      env: this.#env,
      begin: this.#beginner(rate),
      waiting: this.#waiting,
      isOver: () => this.#isOver,
      signal,
    })
  }

  /** No more ticks. */
  end(): void {
    this.#isOver = true
    for (const loop of this.#waiting) loop.end()
  }

  #beginner(rate: number | ManualTicks): () => Beats {
    if (rate instanceof ManualTicks) return () => rate.begin()
    checkHz(rate)
    return () => new Metronome(this.#env, rate)
  }
}

function checkHz(hz: unknown): void {
  const rule = `Expected \`hz\` to be a number of ticks per second above 0 and up to ${MAX_HZ}`
  if (typeof hz !== 'number')
    throw new TypeError(`${rule}, or made by manualTicks(), got \`${String(hz)}\` (${typeof hz})`)
  if (!(hz > 0 && hz <= MAX_HZ)) throw new RangeError(`${rule}, got \`${hz}\``)
}
