import type { Delivery } from '../delivery/delivery.ts'
import type { Standing } from '../delivery/demand.ts'
import type { Inbox } from '../delivery/inbox.ts'
import type { Settlement } from '../delivery/settlement.ts'
import { SETTLED } from '../delivery/settlement.ts'
import type { Env } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { decodeWith, encodeWithin } from '../message/codec.ts'
import type { Codec } from '../message/codec.ts'
import { Passage } from './passage.ts'
import type { Way } from './passage.ts'

export interface FlowInit {
  env: Env
  /** Where the items come in. */
  inbox: Inbox
  codec: Codec<unknown>
  maxItemBytes: number
  warn: (error: NetQueueError) => void
}

/**
 * Items through a relay, one way. It takes as many as can go on at once, so that what waits, waits where it is, and asks for nothing where
 * nobody takes anything. An item is bytes here, and costs no promise.
 */
export abstract class Flow implements Standing, Way {
  readonly #init: FlowInit
  #isStanding = false
  #isOver = false
  /** {@link room}, while it is known. */
  #room = 0
  #isKnown = false
  /** What the other side was last told of it, less what came since. */
  #told = 0
  #isDue = false
  readonly #look = (): void => this.#looked()

  constructor(init: FlowInit) {
    this.#init = init
  }

  get demand(): number {
    if (this.#isOver) return 0
    if (!this.#isKnown) this.#room = this.room
    this.#isKnown = true
    return Math.max(0, this.#room)
  }

  offer(): void {
    const { inbox } = this.#init
    while (this.demand > 0) {
      const delivery = inbox.takeUnread()
      if (delivery === undefined) return
      this.#room -= 1
      this.#told -= 1
      this.#pass(delivery)
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
  protected abstract send(passage: Passage): void
  protected abstract abandon(passage: Passage): void

  /** Sees to it that no more is here than can go on. */
  protected trim(): void {}

  #pass(delivery: Delivery<unknown>): void {
    try {
      this.send(new Passage(delivery, this.#payloadOf(delivery), this))
    } catch (error) {
      this.#init.warn(error as NetQueueError)
      const code = error instanceof NetQueueError ? error.code : 'REJECTED'
      delivery.source.pass(delivery, { type: 'reject', code, reason: '' })
    }
  }

  /** The bytes as they came, where both sides have the same; text of an original is no such thing. */
  #payloadOf(delivery: Delivery<unknown>): Uint8Array {
    const { codec, maxItemBytes } = this.#init
    return delivery.payload ?? encodeWithin(codec, delivery.item, maxItemBytes)
  }

  #looked(): void {
    const { inbox } = this.#init
    this.#isDue = false
    if (this.#isOver) return
    this.trim()
    this.#stand(this.isTaken)
    const { demand } = this
    if (demand > this.#told) inbox.demandGrew()
    if (demand < this.#told) inbox.demandFell()
    this.#told = demand
    this.offer()
  }

  #stand(isTaken: boolean): void {
    if (this.#isStanding === isTaken) return
    this.#isStanding = isTaken
    if (isTaken) this.#init.inbox.stand(this)
    else this.#init.inbox.unstand(this)
  }
}
