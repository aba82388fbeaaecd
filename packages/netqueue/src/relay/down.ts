import type { Settlement } from '../delivery/settlement.ts'
import { SETTLED } from '../delivery/settlement.ts'
import type { DeliverySource } from '../delivery/delivery.ts'
import type { Entry } from '../delivery/entry.ts'
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
import type { Lengths } from './lengths.ts'
import { DROP, runStage } from './stage.ts'
import type { Stage } from './stage.ts'

/** Results that the stage may work on before they count against what children take: it may take longer than they do, and is nobody's to wait for then. */
const RESULTS_ASIDE = 64

/** What a relay needs of the backlog of its server. */
export interface Children extends Pick<Backlog<unknown, never>, 'pass' | 'abandon' | 'withdraw' | 'recall'> {
  readonly dispatcher: Pick<
    Dispatcher<unknown, ServerClient>,
    'room' | 'isTaken' | 'isClosed' | 'capacity' | 'unclaimed' | 'waiting' | 'watch' | 'clients'
  >
}

export interface DownInit extends FlowInit {
  backlog: Children
  clientele: Pick<Clientele<unknown>, 'objection'>
  order: Order
  lengths: Lengths
  /** What results are, and what is made of each. @default nothing */
  resultCodec: Codec<unknown>
  resultStage: Stage<unknown> | undefined
}

/** What parents send, on its way to whichever child is free. */
export class Down extends Flow {
  readonly #init: DownInit
  readonly #backlog: Children
  /** Results in the stage. */
  #results = 0
  /** Where parents that leave have put their items. */
  readonly #leaving: Set<DeliverySource> = new Set()

  constructor(init: DownInit) {
    super(init)
    this.#init = init
    this.#backlog = init.backlog
    init.backlog.dispatcher.watch(() => this.changed())
    init.lengths.watch(() => this.changed())
    this.changed()
  }

  override ended(passage: Passage, how: Settlement): void {
    const { resultStage } = this.#init
    if (resultStage !== undefined && how.type === 'result') this.#work(resultStage, passage, how.value)
    else this.#settle(passage, how)
  }

  protected get room(): number {
    return this.#backlog.dispatcher.room - Math.max(0, this.#results - RESULTS_ASIDE)
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
    if (code !== undefined) passage.settle({ type: 'reject', code, reason: '' })
    else if (to === undefined && this.#isTooLong(passage)) this.#giveBack(passage)
    else this.#pass(passage)
    // The place that was meant for it is free as it was, where it went back, or waits for one child.
    if (passage.state === 'waiting') this.changed()
  }

  /** One of a parent that leaves waits for nobody here; it may have been in the stage when that said so. */
  #pass(passage: Passage): void {
    this.#backlog.pass(passage)
    if (passage.isRecalled) this.#sendBack(passage)
  }

  /** For the child at the beginning of its path, or for the node below that to which it leads; tells why it cannot go there, if so. */
  #address(passage: Passage, [id, ...way]: Path): string | undefined {
    const child = this.#backlog.dispatcher.clients.find((client) => client.id === id)
    passage.target = child
    passage.node = way.length > 0 && child instanceof ConnectedClient ? child.below.find(way) : undefined
    if (child === undefined || (way.length > 0 && passage.node === undefined)) return 'CLIENT_GONE'
    return this.#init.clientele.objection(child, passage, passage.delivery)?.code
  }

  /** Whether no child takes it for that, and whom it came from may know somebody else. */
  #isTooLong(passage: Passage): boolean {
    return !this.#init.lengths.takes(passage) && !passage.delivery.source.isKept
  }

  /** One that the stage has made so long counts as tried: it would be as long again. */
  #giveBack(passage: Passage): void {
    passage.settle(this.#init.stage === undefined ? SETTLED.returned : SETTLED.released)
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
    let item: unknown
    try {
      item = result && decodeWith(this.#init.resultCodec, result, 'a result')
    } catch (error) {
      return fail(error)
    }
    this.#results += 1
    runStage(stage, item, contextOf(delivery), {
      made: (made) => {
        this.#resultLeft()
        this.#answer(passage, made)
      },
      failed: (error) => {
        this.#resultLeft()
        fail(error)
      },
    })
  }

  #resultLeft(): void {
    this.#results -= 1
    if (this.#results >= RESULTS_ASIDE) this.changed()
  }

  #answer(passage: Passage, result: unknown): void {
    const { delivery } = passage
    const settle = (): void => {
      if (!delivery.isOpen || result === DROP) passage.settle(delivery.isOpen ? SETTLED.done : SETTLED.cancelled)
      else delivery.done(result)
    }
    this.#inOrder(passage, settle)
  }

  /** A parent leaves: what no child has goes back to it, as from any of its clients, be it for one child alone; and so does what comes back from children. */
  handBack(source: DeliverySource): void {
    for (const other of this.#leaving) if (other.isKept) this.#leaving.delete(other) // gone by now
    this.#leaving.add(source)
    for (const passage of passagesOf(this.#backlog.dispatcher.waiting)) if (passage.isRecalled) this.#sendBack(passage)
    this.#backlog.recall()
  }

  override recalls({ delivery: { source } }: Passage): boolean {
    return this.#leaving.has(source)
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
    this.#init.lengths.look()
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
    if (this.#init.lengths.isLess)
      for (const passage of this.#waiting())
        if (this.#isTooLong(passage) && this.#backlog.withdraw(passage)) this.#giveBack(passage)
    const excess = -this.room
    if (excess <= 0) return
    for (const passage of this.#waiting().slice(0, excess)) this.#sendBack(passage)
  }

  /** Those that wait for whoever is free, the newest first. */
  #waiting(): Passage[] {
    return passagesOf(this.#backlog.dispatcher.unclaimed)
  }

  /** Unless a child has it by now: to take out one may have made room for another. */
  #sendBack(passage: Passage): void {
    if (this.#backlog.withdraw(passage)) passage.settle(SETTLED.returned)
  }
}

/** Those that came from above: the relay's user may put some as well. */
const passagesOf = (entries: readonly Entry[]): Passage[] => entries.filter((entry) => entry instanceof Passage)

/** Whom it was for is gone: nobody says so whose puts would go up before. */
const isLoss = (how: Settlement): boolean => how.type === 'reject' && how.code === 'CLIENT_GONE'
