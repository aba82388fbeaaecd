import { Pending } from '../queue/pending.ts'
import type { PendingInit } from '../queue/pending.ts'
import type { Delivery } from './delivery.ts'
import type { Linked } from './linked-list.ts'

/** One call that waits for an item. */
export class Reader implements Linked {
  previous: Linked = this
  next: Linked = this
  readonly #pending: Pending<Delivery<unknown>>

  constructor(init: PendingInit) {
    this.#pending = new Pending(init)
  }

  get delivery(): Promise<Delivery<unknown>> {
    return this.#pending.promise
  }

  take(delivery: Delivery<unknown>): void {
    this.#pending.resolve(delivery)
  }

  reject(reason: unknown): void {
    this.#pending.reject(reason)
  }
}
