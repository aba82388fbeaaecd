import type { Outcome } from '../protocol/message.ts'
import type { Delivery } from './delivery.ts'
import type { Settles } from './settles.ts'

/** What was given back to a peer that may not have heard of it yet: if it is lost before, the items are here and nowhere else. */
export class GivenBack {
  #deliveries: Map<number, Delivery<unknown>> | undefined

  add(delivery: Delivery<unknown>, outcome: Outcome): void {
    if (outcome !== 'released' && outcome !== 'returned') return
    this.#deliveries ??= new Map()
    this.#deliveries.set(delivery.seq, delivery)
  }

  /** All settles have been written: the peer hears of them, or the items are lost with the connection as any other would be. */
  written(): void {
    if (this.#deliveries !== undefined && this.#deliveries.size > 0) this.#deliveries.clear()
  }

  /** The next delivery of each item that a settle is not written for. */
  take(settles: Settles): Delivery<unknown>[] {
    const again: Delivery<unknown>[] = []
    for (const { seq, wasStarted } of settles.givenBack()) {
      const delivery = this.#deliveries?.get(seq)
      if (delivery !== undefined) again.push(delivery.again(delivery.attempt + (wasStarted ? 1 : 0)))
    }
    this.#deliveries?.clear()
    return again
  }
}
