import { unlink } from './linked-list.ts'
import type { Linked } from './linked-list.ts'
import { Pending } from './pending.ts'

/** A call that waits in line, in a {@link LinkedList}. Called off, it leaves the line. */
export class Waiter<T> extends Pending<T> implements Linked {
  before: Linked = this
  after: Linked = this

  protected override withdrawn(): void {
    super.withdrawn()
    unlink(this)
  }
}
