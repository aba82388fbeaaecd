import type { Delivery } from '../delivery/delivery.ts'
import type { Intake } from '../delivery/intake.ts'

/** What waits until all has gone on that came before it. */
interface Held {
  upTo: number
  settle: () => void
}

const NOTHING: ReadonlySet<Delivery<unknown>> = new Set()

/** Keeps the settles of a child behind what it put before them, as long as that is here: what was made of an item goes first. */
export class Order {
  readonly #held: Map<Intake, Held[]> = new Map()
  #staged: ReadonlySet<Delivery<unknown>> = NOTHING

  /** What was put, and is in a stage. */
  watch(staged: ReadonlySet<Delivery<unknown>>): void {
    this.#staged = staged
  }

  /** Whether nothing that came so far is here, as is most of the time. */
  isClear(intake: Intake): boolean {
    return !this.#held.has(intake) && !this.#isHere(intake, intake.received)
  }

  /** Keeps a settle until all has gone on that is here now. */
  hold(intake: Intake, settle: () => void): void {
    const held = this.#held.get(intake)
    const upTo = intake.received
    if (held === undefined) this.#held.set(intake, [{ upTo, settle }])
    else held.push({ upTo, settle })
  }

  /** Something has gone on. */
  check(): void {
    for (const [intake, held] of this.#held) {
      const first = held.findIndex(({ upTo }) => this.#isHere(intake, upTo))
      const free = held.splice(0, first < 0 ? held.length : first)
      if (held.length === 0) this.#held.delete(intake)
      for (const { settle } of free) settle()
    }
  }

  /** Whether something that was put up to a number is here. */
  #isHere(intake: Intake, upTo: number): boolean {
    if (intake.hasWaiting(upTo)) return true
    for (const { source, seq } of this.#staged) if (source === intake && seq <= upTo) return true
    return false
  }
}
