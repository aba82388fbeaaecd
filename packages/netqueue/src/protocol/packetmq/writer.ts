import { MuteWriter } from '../mute-writer.ts'
import type { Said, Writer } from '../protocol.ts'
import { frameOf } from './frame.ts'
import { RESTART_REASON, UNKNOWN_REASON } from './reasons.ts'

/** What stands for a payload that says nothing: a packet without a value breaks an original. */
const NIL = Uint8Array.of(0xc0)

/** One packet for each frame; what the wire has no words for is left unsaid. */
export class PacketmqWriter extends MuteWriter {
  /** The number of packets that are items. */
  readonly #itemType: number | undefined
  #frame: Uint8Array | undefined
  #items = 0
  #isLeaving = false
  #reason = UNKNOWN_REASON

  constructor(itemType: number | undefined) {
    super()
    this.#itemType = itemType
  }

  /** Items written so far. */
  get items(): number {
    return this.#items
  }

  /** Why this side leaves. */
  get reason(): string {
    return this.#reason
  }

  /** No more items: nobody would work on them. */
  leave(): void {
    this.#isLeaving = true
  }

  next(fill: (writer: Writer) => void): Uint8Array | undefined {
    this.#frame = undefined
    fill(this)
    return this.#frame
  }

  override message({ name, payload }: Said<'message'>): boolean {
    if (this.#frame !== undefined) return false
    this.#frame = frameOf(name, payload.length === 0 ? NIL : payload)
    return true
  }

  override item(_seq: number, payload: Uint8Array): boolean {
    if (this.#frame !== undefined || this.#itemType === undefined || this.#isLeaving) return false
    this.#items += 1
    this.#frame = frameOf(this.#itemType, payload)
    return true
  }

  /** A side that leaves says why in its last packet, and nothing before it. */
  override goaway(code: string, reason: string): boolean {
    if (code === 'RESTART') this.#reason = RESTART_REASON
    else if (reason !== '') this.#reason = reason
    return true
  }
}
