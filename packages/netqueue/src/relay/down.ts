import type { Settlement } from '../delivery/settlement.ts'
import { SETTLED } from '../delivery/settlement.ts'
import type { Link } from '../delivery/link.ts'
import type { Backlog } from '../dispatch/backlog.ts'
import type { Dispatcher } from '../dispatch/dispatcher.ts'
import { Flow } from './flow.ts'
import type { FlowInit } from './flow.ts'
import type { Order } from './order.ts'
import { Passage } from './passage.ts'

/** What a relay needs of the backlog of its server. */
export interface Children extends Pick<Backlog<unknown, never>, 'pass' | 'abandon' | 'withdraw'> {
  readonly dispatcher: Pick<Dispatcher<unknown, never>, 'room' | 'isTaken' | 'unclaimed' | 'watch'>
}

export interface DownInit extends FlowInit {
  backlog: Children
  order: Order
}

/** What parents send, on its way to whichever child is free. */
export class Down extends Flow {
  readonly #backlog: Children
  readonly #order: Order

  constructor(init: DownInit) {
    super(init)
    this.#backlog = init.backlog
    this.#order = init.order
    init.backlog.dispatcher.watch(() => this.changed())
    this.changed()
  }

  /** What a child has put before goes up before. */
  override ended(passage: Passage, how: Settlement): void {
    const intake = (passage.holder as Link | undefined)?.intake
    if (intake === undefined || !this.#order.hold(intake, () => passage.settle(how))) passage.settle(how)
  }

  protected get room(): number {
    return this.#backlog.dispatcher.room
  }

  protected get isTaken(): boolean {
    return this.#backlog.dispatcher.isTaken
  }

  protected send(passage: Passage): void {
    this.#backlog.pass(passage)
  }

  protected abandon(passage: Passage): void {
    this.#backlog.abandon(passage)
  }

  /** What no child takes any more goes back, the newest first. */
  protected override trim(): void {
    let excess = -this.room
    if (excess <= 0) return
    for (const entry of this.#backlog.dispatcher.unclaimed) {
      if (!(entry instanceof Passage)) continue
      this.#backlog.withdraw(entry)
      entry.settle(SETTLED.returned)
      excess -= 1
      if (excess === 0) return
    }
  }
}
