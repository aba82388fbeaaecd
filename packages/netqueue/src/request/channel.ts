import { LinkedList, unlink } from '../queue/linked-list.ts'
import type { Linked } from '../queue/linked-list.ts'
import { Unsettled } from '../delivery/unsettled.ts'
import type { Slot } from './slot.ts'

/** A request that was not begun. */
export interface Unbegun extends Linked {
  /** Its place at its handler. */
  readonly slot: Slot
  begin(): void
}

/** The requests of one channel, in order: each begins when those before it have begun and its handler has a place. */
export class Channel<R extends Unbegun = Unbegun> {
  /** The highest tag that came. */
  lastTag = 0
  /** All that are not over, by tag. Not a `Map`: of one that is used as a queue, each table that it outgrew keeps the next one, and all in it, from being collected. */
  readonly open: Unsettled<R> = new Unsettled()
  readonly #line: LinkedList<Unbegun> = new LinkedList()
  /** The first in line, when it has asked for its place. */
  #asking: Unbegun | undefined
  #isAdvancing = false

  add(request: Unbegun): void {
    if (this.#line.first === undefined && request.slot.tryEnter()) return request.begin()
    this.#line.push(request)
    this.advance()
  }

  /** Begins what can be begun; the first one may have left. A loop, as a request may be over as soon as it begins. */
  advance(): void {
    if (this.#isAdvancing) return
    this.#isAdvancing = true
    for (let head = this.#line.first; head !== undefined; head = this.#line.first) {
      if (head !== this.#asking) this.#ask(head)
      if (this.#line.first === head) break
    }
    this.#isAdvancing = false
  }

  #ask(head: Unbegun): void {
    this.#asking = head
    head.slot.enter(() => {
      this.#asking = undefined
      unlink(head)
      head.begin()
      this.advance()
    })
  }
}
