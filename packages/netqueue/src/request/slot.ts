import { FairLine } from '../queue/fair-line.ts'
import { isLinked } from '../queue/linked-list.ts'
import type { Linked } from '../queue/linked-list.ts'

/** Places that are taken, of several {@link Slots} together. */
export interface Tally {
  taken: number
  /** Called when there may be fewer. */
  left: () => void
}

/** So many may do something at once, whoever they are; the others wait in line, where parties take turns. */
export class Slots {
  readonly #size: number
  readonly #tally: Tally
  readonly #line: FairLine<Slot> = new FairLine()
  #taken = 0
  #isServing = false

  constructor(size: number, tally: Tally = { taken: 0, left: () => {} }) {
    this.#size = size
    this.#tally = tally
  }

  /** @internal A place, if there is one and nobody waits: while the line is served there may be a place and a line. */
  enter(): boolean {
    if (this.#taken >= this.#size || !this.#line.isEmpty) return false
    this.#take(1)
    return true
  }

  /** @internal */
  wait(slot: Slot): void {
    this.#line.push(slot, slot.party)
  }

  /** @internal A place, be there one or not. */
  force(): void {
    this.#take(1)
  }

  /** @internal */
  leave(): void {
    this.#take(-1)
    // Whoever begins may be done at once: a loop, as calls within calls would overflow the stack.
    if (this.#isServing) return
    this.#isServing = true
    while (this.#taken < this.#size) {
      const next = this.#line.shift()
      if (next === undefined) break
      this.#take(1)
      next.begin()
    }
    this.#isServing = false
    this.#tally.left()
  }

  /** @internal It waits no more. */
  forget(slot: Slot): void {
    this.#line.remove(slot, slot.party)
  }

  #take(count: 1 | -1): void {
    this.#taken += count
    this.#tally.taken += count
  }
}

/** One place among {@link Slots}: held while there is work to do, and left while it waits for somebody else. */
export class Slot implements Linked {
  before: Linked = this
  after: Linked = this
  /** @internal Whoever it is for: one with many slots does not hold up those with few. */
  readonly party: unknown
  readonly #slots: Slots
  #isHeld = false
  #waiting: (() => void)[] | undefined

  constructor(slots: Slots, party?: unknown) {
    this.#slots = slots
    this.party = party
  }

  /** Takes the place if it is there. */
  tryEnter(): boolean {
    if (!this.#isHeld && !isLinked(this) && this.#waiting === undefined) this.#isHeld = this.#slots.enter()
    return this.#isHeld
  }

  /** Calls back when the place is there, which may be at once. */
  enter(resume: () => void): void {
    if (this.tryEnter()) return resume()
    if (!isLinked(this)) this.#slots.wait(this)
    this.#waiting ??= []
    this.#waiting.push(resume)
  }

  /** Takes the place back at once, over the number if need be: what waited here goes on, and cannot be held up. */
  retake(): void {
    if (this.#isHeld) return
    if (isLinked(this)) this.#slots.forget(this)
    this.#slots.force()
    this.begin()
  }

  /** Gives the place up for now, if it is there. Who waits for it goes on waiting. */
  pause(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#slots.leave()
  }

  /** Gives the place up for good, or the wait for it. */
  leave(): void {
    this.#waiting = undefined
    if (isLinked(this)) this.#slots.forget(this)
    this.pause()
  }

  /** @internal */
  begin(): void {
    const waiting = this.#waiting
    this.#isHeld = true
    this.#waiting = undefined
    for (const resume of waiting ?? []) resume()
  }
}
