import { unlink } from './linked-list.ts'
import type { Linked } from './linked-list.ts'
import { Pending } from './pending.ts'
import type { PendingInit } from './pending.ts'

/** A call that waits in line, in a {@link LinkedList}. Called off, it leaves the line, unless `withdrawn` says otherwise. */
export class Waiter<T> extends Pending<T> implements Linked {
  before: Linked = this
  after: Linked = this

  constructor(init: PendingInit) {
    super({ withdrawn: () => unlink(this), ...init })
  }
}
