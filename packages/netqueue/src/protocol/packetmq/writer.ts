import { MuteWriter } from '../mute-writer.ts'
import type { Said, Writer } from '../message.ts'
import { packetOf } from './frame.ts'
import { RESTART_REASON, UNKNOWN_REASON } from './reasons.ts'

/** What stands for a payload that says nothing: a packet without a value breaks an original. */
const NIL = Uint8Array.of(0xc0)
/** Packets that leave together have so many bytes at most, or are one: longer writes fall into two segments on loopback. */
const CUT_BYTES = 61_440

/** Packet after packet; what the wire has no words for is left unsaid. */
export class PacketmqWriter extends MuteWriter {
  /** The number of packets that are items. */
  readonly #itemType: number | undefined
  #packets: Uint8Array[] = []
  #bytes = 0
  #hasItem = false
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

  /** What is said now, in one piece; `undefined` where that is nothing. */
  next(fill: (writer: Writer) => void): Uint8Array | undefined {
    this.#packets = []
    this.#bytes = 0
    this.#hasItem = false
    fill(this)
    return this.#packets.length > 1 ? this.#joined() : this.#packets[0]
  }

  override message({ name, payload }: Said<'message'>): boolean {
    return this.#add(packetOf(name, payload.length === 0 ? NIL : payload))
  }

  override item(_seq: number, payload: Uint8Array): boolean {
    if (this.#hasItem || this.#itemType === undefined || this.#isLeaving) return false
    this.#hasItem = this.#add(packetOf(this.#itemType, payload))
    if (this.#hasItem) this.#items += 1
    return this.#hasItem
  }

  /** A side that leaves says why in its last packet, and nothing before it. */
  override goaway(code: string, reason: string): boolean {
    if (code === 'RESTART') this.#reason = RESTART_REASON
    else if (reason !== '') this.#reason = reason
    return true
  }

  #add(packet: Uint8Array): boolean {
    if (this.#bytes > 0 && this.#bytes + packet.length > CUT_BYTES) return false
    this.#packets.push(packet)
    this.#bytes += packet.length
    return true
  }

  #joined(): Uint8Array {
    const all = new Uint8Array(this.#bytes)
    let at = 0
    for (const packet of this.#packets) {
      all.set(packet, at)
      at += packet.length
    }
    return all
  }
}
