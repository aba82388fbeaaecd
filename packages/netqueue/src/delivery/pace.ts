import type { Env, Timer } from '../env/env.ts'

export interface PaceInit {
  env: Env
  /** Milliseconds to the peer and back; `undefined` before it is known. */
  rtt: () => number | undefined
  /** Items that may be under way at most. */
  max: number
  /** Whether items are handed out and not settled. */
  isBusy: () => boolean
  /** Items that wait here. */
  waiting: () => number
  /** Whether several send. Each is asked for all that is wanted: then one waits in any case beside the one that is worked on. */
  hasMany: () => boolean
  /** Looks in a row, 10 ms apart, at which nothing was finished, or too much waits, before that says anything. @default 1 */
  patience?: number | undefined
  /** Has the round trip measured again, as it was when nothing else was known. */
  measureRtt: () => void
  /** What waits here waits too long: it goes back, for others to work on. */
  overdue: () => void
  /** Far less is wanted than before: credit that was given for it is to come back. */
  fell: () => void
}

/**
 * Work for at least so long is kept at hand: a batch takes its time on both sides, and where processes share a core, each waits for the
 * other. Two workers beside a server on two cores did 1.44 M items/s with 2, 0.82 to 1.19 M with 1, 1.40 M with 4, 1.52 M with a fixed 4,096.
 */
const MIN_AHEAD_MS = 2
/**
 * Of the quickest items, that is more than is worked on before either side is heard again: the next thousands only push each other out of the caches. Behind
 * a relay, on two cores, 1,024 did 1.29 M items/s with 0.53 µs of the relay's time for each, and 5,700 did 1.06 M with 0.63 µs.
 */
const MAX_AHEAD_ITEMS = 1_024
/** How much a new measurement counts. */
const SMOOTHING = 0.25
/** How often it is looked after items that wait. */
const CHECK_MS = 10
/** How often the round trip is measured again while there is work, or items wait. */
const RTT_MS = 1_000
/** A window that fell to less than this part of what it was asks credit back. */
const FALL = 4

/**
 * How many items to have at hand: as many as are worked on in two round trips, so that the next one is here when it is asked for, and
 * no more than that, so that none waits here while another client is free. One, as long as nothing is known.
 * Measured from settle to settle while there is work, by whoever works on the items, however many at once. Items that wait while
 * nothing is settled count as one that takes as long, so that nobody hoards what others could do.
 */
export class Pace {
  readonly #init: PaceInit
  #window = 1
  /** Milliseconds for an item. */
  #serviceMs: number | undefined
  /** When the measurement began; `undefined` while nobody works. */
  #since: number | undefined
  #finished = 0
  #timer: Timer | undefined
  /** Such looks. */
  #idleLooks = 0
  #lateLooks = 0
  #isOver = false
  /** The deepest window since credit was last asked back. */
  #deepest = 1
  #rttAt: number

  constructor(init: PaceInit) {
    this.#init = init
    this.#rttAt = init.env.now()
  }

  /** Items to have at hand, with the one that is worked on. */
  get window(): number {
    return this.#window
  }

  /** An item was handed out. */
  took(): void {
    this.#since ??= this.#init.env.now()
  }

  /** Items wait here. */
  watch(): void {
    if (this.#isOver || this.#timer !== undefined) return
    this.#since ??= this.#init.env.now()
    this.#timer = this.#init.env.setTimer(() => this.#checked(), CHECK_MS, { background: true })
  }

  /** One was settled. A look at the clock for each would cost more than a quick item. */
  finished(): void {
    this.#finished += 1
    if (this.#finished * 4 >= this.#window) this.#measure()
  }

  /** Somebody asks, and nothing is here. */
  starved(): void {
    if (this.#init.isBusy()) return
    this.#measure()
    this.#since = undefined
  }

  /** Nobody will ask any more. */
  end(): void {
    this.#isOver = true
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #measure(): void {
    const now = this.#init.env.now()
    if (this.#since === undefined || this.#finished === 0 || now === this.#since) return
    const ms = now - this.#since
    this.#learn(ms / this.#finished, ms < CHECK_MS ? typical : average)
    this.#since = now
    this.#finished = 0
    this.#measureRtt(now)
  }

  /** The least of all counts: one that was measured in a bad moment is worth nothing when there is another. */
  #measureRtt(now: number): void {
    if (now - this.#rttAt < RTT_MS) return
    this.#rttAt = now
    this.#init.measureRtt()
  }

  /** Nothing was finished since. */
  #learnIdle(now: number): void {
    this.#learn(now - (this.#since ?? now - CHECK_MS), average)
    this.#measureRtt(now)
  }

  #learn(ms: number, mean: Mean): void {
    // A clock that goes in steps; of no time there is no factor.
    if (ms === 0) return
    this.#serviceMs = mean(this.#serviceMs ?? ms, ms)
    const underWay = Math.ceil((2 * (this.#init.rtt() ?? 0)) / this.#serviceMs)
    const ahead = Math.min(MAX_AHEAD_ITEMS, Math.ceil(MIN_AHEAD_MS / this.#serviceMs))
    this.#window = Math.min(this.#init.max, Math.max(1, underWay, ahead))
    this.#deepest = Math.max(this.#deepest, this.#window)
    if (this.#window * FALL >= this.#deepest) return
    this.#deepest = this.#window
    this.#init.fell()
  }

  #restart(): void {
    this.#idleLooks = 0
    this.#lateLooks = 0
  }

  #checked(): void {
    const { env, waiting, isBusy, hasMany, overdue, patience = 1 } = this.#init
    this.#timer = undefined
    if (waiting() === 0) return this.#restart()
    this.#idleLooks = this.#finished > 0 ? 0 : this.#idleLooks + 1
    if (this.#finished > 0) this.#measure()
    else if (this.#idleLooks >= patience) this.#learnIdle(env.now())
    const isNext = isBusy() && !hasMany()
    this.#lateLooks = waiting() + (isNext ? 1 : 0) > this.#window ? this.#lateLooks + 1 : 0
    if (this.#lateLooks >= patience) {
      this.#restart()
      overdue()
    }
    if (waiting() > 0) this.watch()
  }
}

type Mean = (before: number, ms: number) => number

/** Where work stands still, or takes longer than from look to look, it is slow now, whatever it was before. */
const average: Mean = (before, ms) => before + SMOOTHING * (ms - before)

/** A moment in which others have the core makes an item take a hundred times as long, and says nothing of the next one: it counts by its factor. */
const typical: Mean = (before, ms) => before * (ms / before) ** SMOOTHING
