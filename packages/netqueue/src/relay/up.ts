import type { NetQueueError } from '../errors/errors.ts'
import type { Puts } from '../delivery/puts.ts'
import { Flow } from './flow.ts'
import type { FlowInit } from './flow.ts'
import type { Order } from './order.ts'
import type { Passage } from './passage.ts'

/** What a relay needs of the puts of its client. */
export type Parents = Pick<Puts<unknown>, 'pass' | 'abandon' | 'room' | 'isTaken' | 'isOpen' | 'watch'>

export interface UpInit extends FlowInit {
  puts: Parents
  order: Order
}

/** What children put, on its way to a parent. */
export class Up extends Flow {
  readonly #puts: Parents
  readonly #order: Order

  constructor(init: UpInit) {
    super(init)
    this.#puts = init.puts
    this.#order = init.order
    init.puts.watch(() => this.changed())
    init.order.watch(this.staged)
    this.changed()
  }

  override offer(): void {
    super.offer()
    this.moved()
  }

  /** Where time is only up here, the parent may go on with what it has. */
  override revoked(passage: Passage): void {
    if (!passage.delivery.isOpen) super.revoked(passage)
  }

  protected override moved(): void {
    this.#order.check()
  }

  protected get room(): number {
    return this.#puts.room
  }

  protected get isTaken(): boolean {
    return this.#puts.isTaken
  }

  protected get isEnding(): boolean {
    return !this.#puts.isOpen
  }

  protected send(passage: Passage): void {
    try {
      this.#puts.pass(passage)
    } catch (error) {
      this.refuse(passage.delivery, error as NetQueueError)
    }
  }

  protected abandon(passage: Passage): void {
    this.#puts.abandon(passage)
  }
}
