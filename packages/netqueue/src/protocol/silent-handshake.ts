import type { Handshake, HandshakeStep } from './handshake.ts'

/** An introduction in which this side sends nothing unasked, and whoever is refused, or gives up, goes without a word. */
export abstract class SilentHandshake implements Handshake {
  abstract take(frame: Uint8Array): HandshakeStep

  start(): Uint8Array[] {
    return []
  }

  error(): undefined {
    return undefined
  }

  disconnect(): undefined {
    return undefined
  }
}
