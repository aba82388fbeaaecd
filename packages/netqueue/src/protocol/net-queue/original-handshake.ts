import type { Handshake, HandshakeInit, HandshakeStep } from '../handshake.ts'
import { frameOf, frameType, FrameType, unexpected } from './frame-types.ts'
import { isOriginalType } from './handshake.ts'
import { OriginalWire, statusFrame } from './original-wire.ts'

/** A client of an original server: CONN, and whatever comes back. An original may send an item before its CONN. */
export class OriginalHandshake implements Handshake {
  readonly #init: HandshakeInit

  constructor(init: HandshakeInit) {
    this.#init = init
  }

  start(): Uint8Array[] {
    return [frameOf(FrameType.CONN)]
  }

  take(frame: Uint8Array): HandshakeStep {
    const type = frameType(frame)
    if (!isOriginalType(type)) throw unexpected(type)
    if (type === FrameType.DISCONN) return { send: [], end: { type: 'disconnect' } }
    const { introduction, identified, limits } = this.#init
    const { id, status } = introduction()
    identified?.(id)
    return {
      send: status === undefined ? [] : [statusFrame(status)],
      replay: true,
      wire: new OriginalWire('client', id, limits),
    }
  }

  error(): Uint8Array {
    return this.disconnect()
  }

  disconnect(): Uint8Array {
    return frameOf(FrameType.DISCONN)
  }
}
