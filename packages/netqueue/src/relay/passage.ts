import { Entry } from '../delivery/entry.ts'
import type { NodeBelow, ResultSlot } from '../delivery/entry.ts'
import type { Delivery, Revocable } from '../delivery/delivery.ts'
import type { Settlement } from '../delivery/settlement.ts'
import type { Path } from '../message/route.ts'

/** The side of a relay on which a passage goes on. */
export interface Side {
  /** What the bytes of an item stand for. */
  decode(payload: Uint8Array): unknown
  /** It is over there. */
  ended(passage: Passage, how: Settlement): void
  /** Where it came from, it is wanted no more. */
  revoked(passage: Passage): void
  /** Whether it is to go back where nobody has it. */
  recalls(passage: Passage): boolean
}

/** Says that a result is wanted. What becomes of it is told by {@link Passage.ended}. */
const WANTED: ResultSlot = { resolve: () => {}, reject: () => {} }

/** An item on its way through a relay: what came in on one side and goes out on the other, so that both end in the same way. */
export class Passage extends Entry implements Revocable {
  readonly delivery: Delivery<unknown>
  /** Whom it is for, where that is a node below whoever gets it. */
  node: NodeBelow | undefined
  readonly #side: Side
  #decoded: { item: unknown } | undefined

  constructor(delivery: Delivery<unknown>, payload: Uint8Array, side: Side) {
    super(undefined, payload)
    this.delivery = delivery
    this.#side = side
    this.attempt = delivery.attempt
    if (delivery.wantsResult) this.result = WANTED
    delivery.hold(this)
  }

  /** What is left of its way below whoever gets it. */
  override get way(): Path | undefined {
    return this.node?.way
  }

  override get isLost(): boolean {
    return this.node?.isConnected === false
  }

  override get isRecalled(): boolean {
    return this.#side.recalls(this)
  }

  /** Made for those who ask; the bytes, where they stand for nothing. */
  override get item(): unknown {
    this.#decoded ??= { item: this.#decode() }
    return this.#decoded.item
  }

  /** It goes no further: it ended, or nobody has it any more. */
  get isGone(): boolean {
    return this.state === 'gone'
  }

  override ended(how: Settlement): boolean {
    // Whoever is gone, or has no word for it, takes nothing back.
    const isElsewhere = !this.delivery.source.isKept
    this.#side.ended(this, how)
    return isElsewhere
  }

  override extended(): void {
    this.delivery.source.extend(this.delivery)
  }

  abort(): void {
    this.#side.revoked(this)
  }

  /** Ends the delivery as the passage has ended; what was tried in vain is no longer unstarted. */
  settle(how: Settlement): void {
    const { delivery } = this
    if (!delivery.isHeld) return
    if (how.type !== 'settle' || how.outcome === 'done') delivery.source.pass(delivery, how)
    else if (how.outcome === 'returned' && this.attempt === delivery.attempt) delivery.giveBack()
    else delivery.release()
  }

  #decode(): unknown {
    try {
      return this.#side.decode(this.payload)
    } catch {
      return this.payload
    }
  }
}
