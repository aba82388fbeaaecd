import type { Delivery } from '../delivery/delivery.ts'
import type { Standing } from '../delivery/demand.ts'
import type { Inbox } from '../delivery/inbox.ts'
import type { Settlement } from '../delivery/settlement.ts'
import { SETTLED } from '../delivery/settlement.ts'
import type { Env, Timer } from '../env/env.ts'
import type { NetQueueError } from '../errors/errors.ts'
import { decodeWith, encodeWithin } from '../message/codec.ts'
import type { Codec } from '../message/codec.ts'
import { Passage } from './passage.ts'
import type { Side } from './passage.ts'
import { DROP, runStage } from './stage.ts'
import type { Stage } from './stage.ts'

/** So long nobody takes anything before what waits goes back. */
const LEAVE_MS = 50
/** Items in a row, before what was passed on has a chance to leave: whoever gets it begins while this side goes on. */
const PASSED_IN_A_ROW = 512

export interface FlowInit {
  env: Env
  /** Where the items come in. */
  inbox: Inbox
  codec: Codec<unknown>
  maxItemBytes: number
  /** What is made of each. @default nothing: it goes on as it came */
  stage: Stage<unknown> | undefined
  warn: (error: NetQueueError) => void
}

/**
 * Items through a relay, one way. It takes as many as can go on at once, so that what waits, waits where it is, and asks for nothing where
 * nobody takes anything. Without a stage an item is bytes here, and with one or without costs no promise.
 */
export abstract class Flow implements Standing, Side {
  readonly #init: FlowInit
  #isStanding = false
  #isOver = false
  /** Runs while nobody takes anything. */
  #leaving: Timer | undefined
  /** {@link room} without what is in the stage, while it is known. */
  #room = 0
  #isKnown = false
  /** What the other side was last told of it, less what came since. */
  #told = 0
  #isDue = false
  readonly #look = (): void => this.#looked()

  /** What the stage works on. */
  protected readonly staged: Set<Delivery<unknown>> = new Set()

  constructor(init: FlowInit) {
    this.#init = init
    init.inbox.attend()
  }

  get demand(): number {
    if (this.#isOver) return 0
    if (!this.#isKnown) this.#room = this.room - this.staged.size
    this.#isKnown = true
    return Math.max(0, this.#room)
  }

  offer(): void {
    const { inbox, stage } = this.#init
    for (let passed = 0; this.demand > 0; passed += 1) {
      if (passed === PASSED_IN_A_ROW) return this.changed()
      const delivery = stage === undefined ? inbox.takeUnread() : inbox.take()
      if (delivery === undefined) return
      this.#room -= 1
      this.#told -= 1
      if (stage === undefined) this.#pass(delivery)
      else this.#work(stage, delivery)
    }
  }

  /** More can go on, or less, than before. */
  changed(): void {
    this.#isKnown = false
    if (this.#isDue || this.#isOver) return
    this.#isDue = true
    this.#init.env.afterTurn(this.#look)
  }

  /** Takes nothing more. */
  stop(): void {
    this.#isOver = true
    this.#stand(false)
  }

  decode(payload: Uint8Array): unknown {
    return decodeWith(this.#init.codec, payload)
  }

  ended(passage: Passage, how: Settlement): void {
    passage.settle(how)
  }

  recalls(_passage: Passage): boolean {
    return false
  }

  revoked(passage: Passage): void {
    if (passage.isGone) return
    this.abandon(passage)
    // Whoever has it is to say that it dropped it.
    if (passage.isGone) passage.settle(SETTLED.cancelled)
  }

  /** Items that can go on now; below 0 where more wait than can. */
  protected abstract readonly room: number
  /** Whether anybody takes something, be it later. */
  protected abstract readonly isTaken: boolean
  /** Whether nobody will, any more. */
  protected abstract readonly isEnding: boolean
  protected abstract send(passage: Passage): void
  protected abstract abandon(passage: Passage): void

  /** Sees to it that no more is here than can go on. */
  protected trim(): void {}

  /** Whoever sends may send more than before, or is to send less. */
  protected regrant(_change: { isMore: boolean }): void {}

  /** Items have gone on, or back. */
  protected moved(): void {}

  /** The bytes go on as they came, where both sides have the same; text of an original is no such thing. */
  #pass(delivery: Delivery<unknown>): void {
    const { payload } = delivery
    if (payload === undefined) this.#passOn(delivery, () => delivery.item)
    else this.send(new Passage(delivery, payload, this))
  }

  #passOn(delivery: Delivery<unknown>, make: () => unknown): void {
    try {
      const { codec, maxItemBytes } = this.#init
      this.send(new Passage(delivery, encodeWithin(codec, make(), maxItemBytes), this))
    } catch (error) {
      this.refuse(delivery, error as NetQueueError)
    }
  }

  #work(stage: Stage<unknown>, delivery: Delivery<unknown>): void {
    this.staged.add(delivery)
    runStage(stage, delivery.item, contextOf(delivery), {
      made: (item) => this.#made(delivery, item),
      failed: (error) => {
        this.#left(delivery)
        if (delivery.isHeld) delivery.failed(error)
      },
    })
  }

  /** Done with by the stage; whoever it came from may have it back by now. */
  #made(delivery: Delivery<unknown>, item: unknown): void {
    this.#left(delivery)
    if (!delivery.isHeld) return
    if (!delivery.isOpen) return void delivery.release()
    if (this.#isOver) return void delivery.giveBack()
    if (item === DROP) return void delivery.done()
    this.#passOn(delivery, () => item)
  }

  #left(delivery: Delivery<unknown>): void {
    this.staged.delete(delivery)
    this.changed()
  }

  /** It can go nowhere: whoever sent it is told. */
  protected refuse(delivery: Delivery<unknown>, error: NetQueueError): void {
    this.#init.warn(error)
    delivery.source.pass(delivery, { type: 'reject', code: error.code, reason: '' })
  }

  #looked(): void {
    this.#isDue = false
    if (this.#isOver) return
    this.trim()
    if (this.isTaken) this.#stand(true)
    else if (this.isEnding) this.#stand(false)
    else this.#leaveLater()
    if (this.#isStanding) this.#tell(this.demand)
    if (this.#isStanding) this.offer()
    this.moved()
  }

  /** Whoever sends is to know. What came meanwhile has used what was granted for it. */
  #tell(demand: number): void {
    if (demand !== this.#told) this.regrant({ isMore: demand > this.#told })
    this.#told = demand
  }

  /** Whoever takes items may give no credit for a moment, as when it has asked for some back. */
  #leaveLater(): void {
    if (!this.#isStanding || this.#leaving !== undefined) return
    this.#leaving = this.#init.env.setTimer(() => this.#stand(false), LEAVE_MS, { background: true })
  }

  #stand(isTaken: boolean): void {
    this.#leaving?.cancel()
    this.#leaving = undefined
    if (this.#isStanding === isTaken) return
    this.#isStanding = isTaken
    if (isTaken) this.#init.inbox.stand(this)
    else this.#init.inbox.unstand(this)
    if (!isTaken) this.moved()
  }
}

/** A signal costs far more than an item: it is made for those who ask for it. */
export function contextOf(delivery: Delivery<unknown>): { readonly signal: AbortSignal } {
  return {
    get signal() {
      return delivery.signal
    },
  }
}
