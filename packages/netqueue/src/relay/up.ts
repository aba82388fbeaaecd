import { Drain } from '../endpoint/drain.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { Delivery } from '../delivery/delivery.ts'
import type { Inbox } from '../delivery/inbox.ts'
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
  readonly #inbox: Inbox
  readonly #drain: Drain

  constructor(init: UpInit) {
    super(init)
    this.#puts = init.puts
    this.#order = init.order
    this.#inbox = init.inbox
    this.#drain = new Drain(init.env, () => this.#isDone())
    init.puts.watch(() => this.changed())
    init.order.watch(this.staged)
    this.changed()
  }

  /** Resolves when all that is here has gone up, or time is up, or nothing can go up any more. */
  finish(timeout: number): Promise<void> {
    return this.#drain.run(timeout, () => this.#drain.end())
  }

  override stop(): void {
    super.stop()
    this.#drain.end()
  }

  /** From now on that takes no longer than this. */
  limit(timeout: number): void {
    this.#drain.limit(timeout)
  }

  /** Takes out what is here: it waits, or is in the stage. */
  takeAll(): Delivery<unknown>[] {
    const all = [...this.staged].filter(({ isOpen }) => isOpen)
    for (let delivery = this.#inbox.take(); delivery !== undefined; delivery = this.#inbox.take()) all.push(delivery)
    return all
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
    this.#drain.check()
  }

  #isDone(): boolean {
    return !this.#puts.isOpen || (this.staged.size === 0 && this.#inbox.size === 0)
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
