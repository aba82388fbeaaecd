import { Uint8ArrayList } from 'uint8arraylist'
import type { Bytes } from '../../transport/transport.ts'

/** What leaves in one write: on loopback, more than that falls into two segments and moves a quarter as much. */
const CUT_BYTES = 61_440

/** Packets on their way into one write. */
export class Batch {
  #pieces: Bytes[] = []
  #bytes = 0

  /** Whether there is room for a packet: the first always fits. */
  hasRoom(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= CUT_BYTES
  }

  add(packet: Bytes): void {
    this.#pieces.push(packet)
    this.#bytes += packet.byteLength
  }

  /** All that was added; `undefined` where nothing was. */
  take(): Bytes | undefined {
    const pieces = this.#pieces
    this.#pieces = []
    this.#bytes = 0
    return pieces.length < 2 ? pieces[0] : joined(pieces)
  }
}

/** Long payloads stay where they are. */
function joined(pieces: readonly Bytes[]): Bytes {
  const list = new Uint8ArrayList(...pieces)
  return list.length <= CUT_BYTES ? list.subarray() : list
}
