import type { Check } from '../invariants.ts'

/** What its receiver says that became of a copy of an item. */
export type Ending = 'done' | 'failed' | 'reject' | 'released' | 'returned' | 'cancelled'

/** The place of an item among what came, or among what one session had left here. */
export interface Order {
  readonly among: string
  readonly place: number
}

interface Holding {
  /** Copies that this process was given, or has put itself, and that are open towards whoever gave them. */
  held: number
  /** Copies that it has given on, and has neither cancelled nor heard of again. */
  given: number
  /** What it was told of copies that it had given on, and has not told yet. */
  told: Record<'done' | 'failed' | 'reject', number>
  /** Copies that whoever gave them does not wait for any more, and of which it may be that something was told, while others are here. */
  unsure: number
  /** How often it was told so at all, less how often it has said so: of which copy each was, nobody else knows, as copies come and go. */
  unsaid: Record<'done' | 'failed' | 'reject', number>
  /** The lowest attempt with which one of them came. */
  attempt: number
  /** The highest attempt with which it was given on. */
  lastAttempt: number
  /** When it said first that it is done. */
  saidDoneAt: number | undefined
  /** Somebody gave it back as tried, or was lost with it. */
  hasFailed: boolean
  /** `undefined` once others may have gone before it. */
  order: Order | undefined
}

export interface CustodyInit {
  name: string
  maxAttempts: number
  /** Whether it can fail at an item only by having given it on. */
  failsBelow: () => boolean
  now: () => number
  check: Check
  /** How many copies are with those who are away. */
  away: (key: string) => number
  /** It was told that the item ended. */
  heard: (key: string, ending: Ending) => void
  /** It gives the item back. */
  returned: (key: string) => void
}

/**
 * What one process has of the items that go one way, as the wire shows it. It can give on no more copies than it has, and can say of none
 * what it was not told.
 */
export class Custody {
  readonly name: string
  readonly #init: CustodyInit
  readonly #holdings: Map<string, Holding> = new Map()
  #order = 0
  /** Keys of which less is here than before, and since when. */
  readonly #changed: Map<string, number> = new Map()

  constructor(init: CustodyInit) {
    this.name = init.name
    this.#init = init
  }

  /** Items that are here, and were not given on. */
  get waiting(): number {
    let waiting = 0
    for (const holding of this.#holdings.values()) waiting += Math.max(0, openOf(holding) - holding.given)
    return waiting
  }

  /** Keys of items that are here, given on or not. */
  get keys(): string[] {
    return [...this.#holdings].filter(([, holding]) => openOf(holding) > 0).map(([key]) => key)
  }

  /** An item came, or was put. */
  took(key: string, attempt = 1): void {
    const holding = this.#holding(key)
    if (holding.held === 0) holding.unsure = 0
    const isAlone = mostOpenOf(holding) <= 0
    if (isAlone) holding.hasFailed = false
    holding.attempt = isAlone ? attempt : Math.min(holding.attempt, attempt)
    holding.held += 1
    // What is for one waits for that one alone, and what is to be alone until somebody has nothing else.
    if (key.startsWith('to') || attempt >= ALONE_FROM_ATTEMPT) holding.order = undefined
  }

  /**
   * Whoever gave it is gone, and it stays. It may have been given back, which nobody was told: then others have gone before it, but not of
   * those that this one left here as well.
   */
  kept(key: string, session: string): void {
    const holding = this.#holding(key)
    if (holding.order !== undefined) holding.order = { ...holding.order, among: session }
  }

  /** Whoever had given it does not wait for it any more: it was cancelled there, or the connection was lost. */
  dropped(key: string): void {
    const holding = this.#holding(key)
    holding.held -= 1
    holding.order = undefined
    for (const ending of ['done', 'failed', 'reject'] as const)
      holding.told[ending] = Math.min(holding.told[ending], holding.held)
    if (holding.held > 0 && toldOf(holding) > holding.unsure) holding.unsure += 1
    this.#changed.set(key, this.#init.now())
  }

  /** It gives an item up that it was told to reject, and has nobody to tell. */
  gaveUp(key: string): void {
    const holding = this.#holding(key)
    holding.told.reject = Math.max(0, holding.told.reject - 1)
    this.dropped(key)
  }

  /** Whoever was to have something is not there: what was meant for them goes to others, when it may be late. */
  disturb(): void {
    for (const holding of this.#holdings.values()) holding.order = undefined
  }

  /** The place of an item that was not given on before. */
  orderOf(key: string): Order | undefined {
    const { order, lastAttempt } = this.#holding(key)
    return lastAttempt === 0 ? order : undefined
  }

  /** Whether it was given on at all. */
  hasGiven(key: string): boolean {
    return this.#holding(key).lastAttempt > 0
  }

  /** When it said first of an item that it is done. */
  saidDoneAt(key: string): number | undefined {
    return this.#holdings.get(key)?.saidDoneAt
  }

  /** It is given on. */
  gave(key: string, attempt: number): void {
    const holding = this.#holding(key)
    holding.given += 1
    // Whoever is away cannot be told that it is cancelled.
    const given = holding.given - (holding.given > openOf(holding) ? this.#init.away(key) : 0)
    // Who has a copy that is dropped now hears of that when it is their turn to be written to; it is looked after that then.
    const isChanging = this.#changed.get(key) === this.#init.now()
    this.#check(
      given <= mostOpenOf(holding) || isChanging,
      'I4',
      `gave ${key} on, of which it has ${openOf(holding)} open, and had given ${given - 1}`,
    )
    this.#check(
      attempt >= holding.attempt,
      'I9',
      `gave ${key} on with attempt ${attempt}, which came with ${holding.attempt}`,
    )
    holding.lastAttempt = Math.max(holding.lastAttempt, attempt)
  }

  /** It cancelled what it had given on. */
  tookBack(key: string): void {
    this.#holding(key).given -= 1
  }

  /** Whoever had it is gone. */
  lost(key: string): void {
    this.#holding(key).hasFailed = true
    this.tookBack(key)
  }

  /** Whoever has it said goodbye, and had said that it received it: it is that one's, and done as far as anybody here can know. */
  keptAbove(key: string): void {
    // Whoever it came from may be gone, so that nobody is told.
    this.earned(key, 'done')
  }

  /** It was told what became of what it had given on. */
  heard(key: string, ending: Ending): void {
    this.#holding(key).given -= 1
    if (ending === 'released') this.#holding(key).hasFailed = true
    if (ending === 'done' || ending === 'failed' || ending === 'reject') this.earned(key, ending)
    this.#init.heard(key, ending)
  }

  /** It has settled the item itself. */
  earned(key: string, ending: 'done' | 'failed' | 'reject'): void {
    const holding = this.#holding(key)
    // What is said of a copy that was lost meanwhile says nothing of another, and less than what is said of that later.
    if (openOf(holding) <= 0) Object.assign(holding, { told: { done: 0, failed: 0, reject: 0 }, unsure: 0 })
    if (holding.held > 0) holding.told[ending] += 1
    holding.unsaid[ending] += 1
    this.#changed.set(key, this.#init.now())
  }

  /** It tells whoever gave it what became of it. */
  tells(key: string, ending: Ending): void {
    const holding = this.#holding(key)
    holding.held -= 1
    holding.order = undefined
    this.#changed.set(key, this.#init.now())
    if (ending === 'returned' || ending === 'released') this.#init.returned(key)
    const isUntried = ending === 'released' && !holding.hasFailed && this.#init.failsBelow()
    this.#check(!isUntried, 'I9', `said of ${key} that it failed, which nobody had tried in vain`)
    if (ending === 'released' || ending === 'returned' || ending === 'cancelled') return
    if (ending === 'done') holding.saidDoneAt ??= this.#init.now()
    holding.told[ending] = Math.max(0, holding.told[ending] - 1)
    holding.unsaid[ending] -= 1
    if (holding.unsaid[ending] >= 0) return
    holding.unsaid[ending] = 0
    // Or whom it is for is not there.
    const isGivenUp = ending === 'reject' && (holding.lastAttempt >= this.#init.maxAttempts || key.startsWith('to'))
    this.#check(isGivenUp, 'I30', `said of ${key} that it is ${ending}, which nobody had told it`)
  }

  /** To be called now and then: what it does not have any more it has not left with anybody since, unless that is away. */
  checkChanged(): void {
    if (this.#changed.size === 0) return
    const now = this.#init.now()
    for (const [key, since] of this.#changed) {
      if (since === now) continue
      const holding = this.#holding(key)
      const open = Math.max(0, mostOpenOf(holding))
      const isAway = holding.given > open && this.#init.away(key) > 0
      if (isAway || (holding.given > open && since === AWAY)) {
        this.#changed.set(key, isAway ? AWAY : now)
        continue
      }
      this.#changed.delete(key)
      this.#check(holding.given <= open, 'I31', `left ${key} with ${holding.given}, of which it has ${open} open`)
    }
  }

  /** Somebody is back: what it is to be told takes its time. */
  postpone(): void {
    for (const key of this.#changed.keys()) this.#changed.set(key, this.#init.now())
  }

  #holding(key: string): Holding {
    let holding = this.#holdings.get(key)
    if (holding !== undefined) return holding
    holding = {
      held: 0,
      given: 0,
      told: { done: 0, failed: 0, reject: 0 },
      unsure: 0,
      unsaid: { done: 0, failed: 0, reject: 0 },
      attempt: 1,
      hasFailed: false,
      lastAttempt: 0,
      saidDoneAt: undefined,
      order: { among: '', place: (this.#order += 1) },
    }
    this.#holdings.set(key, holding)
    return holding
  }

  #check(isTrue: boolean, invariant: 'I4' | 'I9' | 'I30' | 'I31', message: string): void {
    this.#init.check(isTrue, invariant, `${this.name} ${message}`)
  }
}

/** From this attempt on a leaf is given an item alone, and others may go before it. */
const ALONE_FROM_ATTEMPT = 3

/** Whoever has it is to be told when it is back. */
const AWAY = Number.NEGATIVE_INFINITY

const toldOf = ({ told: { done, failed, reject } }: Holding): number => done + failed + reject
const openOf = (holding: Holding): number => holding.held - toldOf(holding)
const mostOpenOf = (holding: Holding): number => openOf(holding) + Math.min(holding.unsure, toldOf(holding))
