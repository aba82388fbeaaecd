import { isLinked, unlink } from './linked-list.ts'
import type { Linked } from './linked-list.ts'
import { Pending } from './pending.ts'

/** A call that waits in line, in a {@link LinkedList}. Called off, it leaves the line; once it has left, that is none of the line's business. */
export class Waiter<T> extends Pending<T> implements Linked {
  before: Linked = this
  after: Linked = this

  protected override withdrawn(): void {
    if (!isLinked(this)) return
    super.withdrawn()
    unlink(this)
  }
}
