import { connectionLost } from './failures.ts'
import { ToldInlet } from './inlet.ts'
import type { Inlet } from './inlet.ts'
import { Outlet } from './outlet.ts'
import type { ByteDuplex, Bytes, Security } from './transport.ts'

/** A message has at most so many bytes: what is longer leaves in several. Source: docs/protocol.md, "Over WebSocket" */
export const MAX_MESSAGE_BYTES = 65_536

/** What closes a WebSocket, and why. Source: RFC 6455 §7.4.1 */
export const CLOSE = { normal: 1000, protocolError: 1002, textMessage: 1003 } as const

/** Of a WebSocket there is one end, of a connection two: an empty message ends the side of whoever sends it. */
const END: Uint8Array = new Uint8Array(0)

export interface WebSocketInit {
  remoteAddress: string | undefined
  security: Security
}

/**
 * Bytes over messages, the boundaries of which mean nothing. What is sent and received is counted by whoever has the socket, `ws` or a
 * browser; what the messages mean is here. A close before both sides have ended is a break, whatever reason it gives.
 */
export abstract class WebSocketDuplex extends Outlet implements ByteDuplex {
  readonly source: Inlet
  readonly security: Security
  readonly remoteAddress?: string
  #hasSaidEnd = false
  #hasHeardEnd = false
  /** Nothing more is sent or taken. */
  #isOver = false
  /** Both sides have ended, and what is left is to close. */
  #isClosing = false

  constructor({ remoteAddress, security }: WebSocketInit) {
    super()
    if (remoteAddress !== undefined) this.remoteAddress = remoteAddress
    this.security = security
    this.source = new ToldInlet(() => this.wasRead())
  }

  abstract get closed(): Promise<void>

  abort(reason: unknown): void {
    if (this.#isClosing) return
    this.#isOver = true
    this.source.cut(reason)
    this.fail(reason)
    this.cut()
  }

  /** Hands over one message; the next ones too, where nothing says that it waits. */
  protected abstract send(message: Uint8Array): void

  /** Whether the system has taken what was sent. Where it has not, {@link taken} follows. */
  protected abstract isSent(): boolean

  /** The last message is to be sent: {@link ended} tells when the system has taken it. */
  protected abstract sendLast(message: Uint8Array): void

  /** Begins to close; the other side answers. */
  protected abstract close(code: number): void

  /** Ends the socket at once. */
  protected abstract cut(): void

  /** Something was taken from what had arrived, or is waited for. */
  protected abstract wasRead(): void

  protected write(bytes: Bytes): boolean {
    for (let at = 0; at < bytes.length; at += MAX_MESSAGE_BYTES)
      this.send(bytes.subarray(at, Math.min(at + MAX_MESSAGE_BYTES, bytes.length)))
    return this.isSent()
  }

  protected end(): void {
    this.sendLast(END)
  }

  protected override ended(): void {
    this.#hasSaidEnd = true
    super.ended()
    this.#leave()
  }

  /** @internal */
  received(message: Uint8Array): void {
    if (this.#isOver) return
    if (this.#hasHeardEnd) return this.violated(CLOSE.protocolError, 'MESSAGE_AFTER_END')
    if (message.length > 0) return this.source.push(message)
    this.#hasHeardEnd = true
    this.source.end()
    this.#leave()
  }

  /** @internal The other side sent what no peer of ours sends. */
  violated(code: number, why: string): void {
    if (this.#isOver) return
    this.#broke(Object.assign(new Error(why), { code: why }))
    this.close(code)
  }

  /** @internal The socket is gone. */
  gone(cause?: unknown): void {
    if (!this.#isOver) this.#broke(cause)
  }

  #broke(cause: unknown): void {
    this.#isOver = true
    const reason = connectionLost(this.remoteAddress, cause)
    this.source.fail(reason)
    this.fail(reason)
  }

  /** Closes when both sides have ended; one of them is soon enough for that. */
  #leave(): void {
    if (!this.#hasSaidEnd || !this.#hasHeardEnd || this.#isOver) return
    this.#isOver = true
    this.#isClosing = true
    this.close(CLOSE.normal)
  }
}
