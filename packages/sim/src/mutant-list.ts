/** A bug that can be planted: one place in a built file of the library, and what stands there instead. */
export interface Mutant {
  name: string
  /** What goes wrong, as a clause. */
  why: string
  /** The file, from the library's `dist`. */
  file: string
  /** What stands there once, in the built file as in its source. */
  find: string
  replace: string
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'settle-overtakes-put',
    why: 'a settle is written before an item that its side put earlier',
    file: 'delivery/link.js',
    find: 'Math.min(this.outbox.oldestOrdinal, this.#init.shared.oldestWaiting())',
    replace: 'Number.POSITIVE_INFINITY',
  },
  {
    name: 'settle-by-id-only',
    why: 'a delivery that is over settles the item all the same',
    file: 'delivery/intake.js',
    find: 'if (delivery.isHeld)',
    replace: 'if (delivery.seq > 0)',
  },
  {
    name: 'settle-counted-twice',
    why: 'each item that ends is counted as two',
    file: 'dispatch/backlog.js',
    find: 'this.#open -= 1',
    replace: 'this.#open -= 2',
  },
  {
    name: 'requeue-at-tail',
    why: 'an item that came back waits behind all others',
    file: 'dispatch/backlog.js',
    find: 'this.dispatcher.requeue(entry)',
    replace: 'this.dispatcher.put(entry)',
  },
  {
    name: 'credit-not-restored',
    why: 'what was settled makes no room for more',
    file: 'delivery/credit.js',
    find: 'Math.max(this.#limit, this.#received + items)',
    replace: 'Math.max(this.#limit, items)',
  },
  {
    name: 'credit-exceeded',
    why: 'a sender sends one item more than it was granted',
    file: 'delivery/outbox.js',
    find: 'this.#limit - this.#seq',
    replace: 'this.#limit + 1 - this.#seq',
  },
  {
    name: 'prefetch-off-by-one',
    why: 'a client asks for one item more than it has room for',
    file: 'delivery/inbox.js',
    find: '+ prefetch - 1',
    replace: '+ prefetch',
  },
  {
    name: 'attempt-not-counted',
    why: 'a redelivery has the attempt of the delivery before it',
    file: 'delivery/redelivery.js',
    find: 'entry.attempt += 1',
    replace: 'entry.attempt += 0',
  },
  {
    name: 'lost-items-forgotten',
    why: 'what a lost client had is not delivered again',
    file: 'delivery/redelivery.js',
    find: "if (this.#count(entry, { peer, outcome: 'lost' }))",
    replace: "if (this.#count(entry, { peer, outcome: 'lost' }) && false)",
  },
  {
    name: 'lost-puts-dropped',
    why: 'what the server had received from a client is dropped when that is lost',
    file: 'delivery/intake.js',
    find: 'if (keep)',
    replace: 'if (keep && this.isSettled)',
  },
  {
    name: 'returned-forgotten',
    why: 'an item that was handed back unstarted is not delivered again',
    file: 'delivery/redelivery.js',
    find: "if (settlement.outcome === 'returned')",
    replace: "if (settlement.outcome === 'returned' && entry.attempt > 0) return this.#end(entry); if (false)",
  },
  {
    name: 'released-forgotten',
    why: 'an item that was released is not delivered again',
    file: 'delivery/redelivery.js',
    find: 'if (!this.#count(entry, attempt))',
    replace: 'if (!this.#count(entry, attempt) || true)',
  },
  {
    name: 'cancel-ignored',
    why: 'a handler is not told that its item was cancelled',
    file: 'delivery/link.js',
    find: 'return this.intake.cancel(message.seq)',
    replace: 'return undefined',
  },
  {
    name: 'withdrawn-delivered',
    why: 'a put that timed out or was aborted leaves its item in the backlog',
    file: 'dispatch/backlog.js',
    find: 'withdrawn: () => this.#withdraw(entry)',
    replace: 'withdrawn: () => this.#gone()',
  },
  {
    name: 'leaving-settles',
    why: 'leaving a loop settles the current item',
    file: 'delivery/loop.js',
    find: 'current.release()',
    replace: 'current.done()',
  },
  // What follows was found here, and is fixed; regressions.json has the seeds.
  {
    name: 'bytes-without-number',
    why: 'a sender gives back bytes of credit where no number is left, which its receiver refuses',
    file: 'delivery/outbox.js',
    find: 'last === this.#seq ? 0 : ',
    replace: '',
  },
  {
    name: 'reclaimed-credit-spent',
    why: 'an item is assigned to a client that asks its credit back, and waits there for ever',
    file: 'delivery/outbox.js',
    find: 'if (this.#isReclaimed)',
    replace: 'if (this.#isReclaimed && false)',
  },
  {
    name: 'polling-counted-twice',
    why: 'a client that asks without waiting gets room for one item more when it waits',
    file: 'delivery/demand.js',
    find: 'Math.max(items, this.#isPolled ? 1 : 0)',
    replace: '(items + (this.#isPolled ? 1 : 0))',
  },
  {
    name: 'cancelled-never-settled',
    why: 'a loop does not settle an item that was cancelled meanwhile',
    file: 'delivery/loop.js',
    find: 'current?.done()',
    replace: 'if (current?.isOpen) current.done()',
  },
  {
    name: 'given-back-forgotten',
    why: 'what was given back to a client that is lost before it is told is gone',
    file: 'delivery/intake.js',
    find: 'return this.#keepGivenBack()',
    replace: 'return undefined',
  },
]
