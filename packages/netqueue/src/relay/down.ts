import type { Settlement } from '../delivery/settlement.ts'
import { SETTLED } from '../delivery/settlement.ts'
import type { Link } from '../delivery/link.ts'
import type { Backlog } from '../dispatch/backlog.ts'
import type { Dispatcher } from '../dispatch/dispatcher.ts'
import { decodeWith } from '../message/codec.ts'
import type { Codec } from '../message/codec.ts'
import type { Path } from '../message/route.ts'
import type { Clientele } from '../server/clientele.ts'
import { ConnectedClient } from '../server/server-client.ts'
import type { ServerClient } from '../server/server-client.ts'
import { contextOf, Flow } from './flow.ts'
import type { FlowInit } from './flow.ts'
import type { Order } from './order.ts'
import { Passage } from './passage.ts'
import { DROP, runStage } from './stage.ts'
import type { Stage } from './stage.ts'

/** What a relay needs of the backlog of its server. */
export interface Children extends Pick<Backlog<unknown, never>, 'pass' | 'abandon' | 'withdraw'> {
  readonly dispatcher: Pick<
    Dispatcher<unknown, ServerClient>,
    'room' | 'isTaken' | 'isClosed' | 'capacity' | 'unclaimed' | 'watch' | 'clients'
  >
}

export interface DownInit extends FlowInit {
  backlog: Children
  clientele: Pick<Clientele<unknown>, 'objection'>
  order: Order
  /** What results are, and what is made of each. @default nothing */
  resultCodec: Codec<unknown>
  resultStage: Stage<unknown> | undefined
}

/** What parents send, on its way to whichever child is free. */
export class Down extends Flow {
  readonly #init: DownInit
  readonly #backlog: Children

  constructor(init: DownInit) {
    super(init)
    this.#init = init
    this.#backlog = init.backlog
    init.backlog.dispatcher.watch(() => this.changed())
    this.changed()
  }

  override ended(passage: Passage, how: Settlement): void {
    const { resultStage } = this.#init
    if (resultStage !== undefined && how.type === 'result') this.#work(resultStage, passage, how.value)
    else this.#settle(passage, how)
  }

  protected get room(): number {
    return this.#backlog.dispatcher.room
  }

  protected get isTaken(): boolean {
    return this.#backlog.dispatcher.isTaken
  }

  protected get isEnding(): boolean {
    return this.#backlog.dispatcher.isClosed
  }

  protected send(passage: Passage): void {
    const { to } = passage.delivery
    const code = to && this.#address(passage, to)
    if (code === undefined) this.#backlog.pass(passage)
    else passage.settle({ type: 'reject', code, reason: '' })
    // The place that was meant for it is free as it was, where it went back, or waits for one child.
    if (passage.state === 'waiting') this.changed()
  }

  /** For the child at the beginning of its path, or for the node below that to which it leads; tells why it cannot go there, if so. */
  #address(passage: Passage, [id, ...way]: Path): string | undefined {
    const child = this.#backlog.dispatcher.clients.find((client) => client.id === id)
    passage.target = child
    passage.node = way.length > 0 && child instanceof ConnectedClient ? child.below.find(way) : undefined
    if (child === undefined || (way.length > 0 && passage.node === undefined)) return 'CLIENT_GONE'
    return this.#init.clientele.objection(child, passage, passage.delivery)?.code
  }

  protected abandon(passage: Passage): void {
    this.#backlog.abandon(passage)
  }

  /** Nearly always nothing is before it: no function is made then. */
  #settle(passage: Passage, how: Settlement): void {
    if (isLoss(how) || this.#isClear(passage)) passage.settle(how)
    else this.#inOrder(passage, () => passage.settle(how))
  }

  /** What a child has put before goes up before. */
  #inOrder(passage: Passage, settle: () => void): void {
    if (this.#isClear(passage)) settle()
    else this.#init.order.hold((passage.holder as Link).intake, settle)
  }

  /** Whether nothing is here that a child has put before what it says now. */
  #isClear({ holder }: Passage): boolean {
    return holder === undefined || this.#init.order.isClear((holder as Link).intake)
  }

  #work(stage: Stage<unknown>, passage: Passage, result: Uint8Array | undefined): void {
    const { delivery } = passage
    const fail = (error: unknown): void =>
      this.#inOrder(passage, () => {
        if (delivery.isHeld) delivery.failed(error)
      })
    if (!delivery.isOpen) return passage.settle(SETTLED.cancelled)
    try {
      const item = result && decodeWith(this.#init.resultCodec, result, 'a result')
      runStage(stage, item, contextOf(delivery), { made: (made) => this.#answer(passage, made), failed: fail })
    } catch (error) {
      fail(error)
    }
  }

  #answer(passage: Passage, result: unknown): void {
    const { delivery } = passage
    const settle = (): void => {
      if (!delivery.isOpen || result === DROP) passage.settle(delivery.isOpen ? SETTLED.done : SETTLED.cancelled)
      else delivery.done(result)
    }
    this.#inOrder(passage, settle)
  }

  protected override regrant({ isMore }: { isMore: boolean }): void {
    const { inbox } = this.#init
    if (isMore) inbox.demandGrew()
    else inbox.demandFell()
  }

  /** They may be for a child that takes nothing any more. */
  wait(): void {
    this.changed()
  }

  /** What no child takes any more goes back, the newest first. */
  protected override trim(): void {
    this.#trimBacklog()
    this.#trimInbox()
  }

  /** Each parent has credit for all that children take, and what comes from several at once waits here. */
  #trimInbox(): void {
    const { inbox } = this.#init
    if (inbox.surplus <= 0) return
    const more = (inbox.senders - 1) * this.#backlog.dispatcher.capacity
    inbox.shed(inbox.surplus - more)
  }

  #trimBacklog(): void {
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

/** Whom it was for is gone: nobody says so whose puts would go up before. */
const isLoss = (how: Settlement): boolean => how.type === 'reject' && how.code === 'CLIENT_GONE'
