import type { Intake } from '../delivery/intake.ts'

/** What waits until all is handed out that came before it. */
interface Held {
  upTo: number
  settle: () => void
}

/** Keeps the settles of a child behind what it put before them, as long as that waits here: what was made of an item goes first. */
export class Order {
  readonly #held: Map<Intake, Held[]> = new Map()

  /** Keeps a settle if something waits that came before it; tells whether it did. */
  hold(intake: Intake, settle: () => void): boolean {
    const held = this.#held.get(intake)
    const upTo = intake.received
    if (held === undefined && !intake.hasWaiting(upTo)) return false
    if (held === undefined) this.#held.set(intake, [{ upTo, settle }])
    else held.push({ upTo, settle })
    return true
  }

  /** Some that waited do not any more. */
  check(): void {
    for (const [intake, held] of this.#held) {
      const waiting = held.findIndex(({ upTo }) => intake.hasWaiting(upTo))
      const free = held.splice(0, waiting < 0 ? held.length : waiting)
      if (held.length === 0) this.#held.delete(intake)
      for (const { settle } of free) settle()
    }
  }
}
