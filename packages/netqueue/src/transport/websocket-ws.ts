import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { CLOSE, MAX_MESSAGE_BYTES, WebSocketDuplex } from './websocket-duplex.ts'
import type { WebSocketInit } from './websocket-duplex.ts'
import { closing } from './socket.ts'

/**
 * What `ws` takes from anybody. Nothing is compressed, so that nothing can unfold. A message may come in so many fragments, and in so many
 * pieces from the system: a flood of tiny ones would cost far more memory than it has bytes, some 300 for each. Networks make pieces of 536
 * bytes at least, which is 123 for the longest message. For an answer to our close, 2 s.
 * Pings are answered by `ws` itself, past our sink: whoever lets so many answers wait is cut.
 */
export const WS_LIMITS: WsLimits = {
  perMessageDeflate: false,
  maxPayload: MAX_MESSAGE_BYTES,
  maxFragments: 1_024,
  maxBufferedChunks: 384,
  closeTimeout: 2_000,
  maxPendingAutoPongs: 60,
}

interface WsLimits {
  perMessageDeflate: false
  maxPayload: number
  maxFragments: number
  maxBufferedChunks: number
  closeTimeout: number
  maxPendingAutoPongs: number
}

/** What may wait to be read is less than elsewhere, for `ws` itself may hold a message, with all that its pieces cost. */
const MAX_UNREAD_BYTES = MAX_MESSAGE_BYTES

/** Where a socket of `ws` has its connection: all share their listeners, for closures of its own would cost each a kilobyte. */
const DUPLEX: unique symbol = Symbol('duplex')

interface Connected extends WebSocket {
  [DUPLEX]?: WsDuplex
}

export interface WsInit extends WebSocketInit {
  /** What `ws` reads from. */
  socket: Socket
}

/** A WebSocket of `ws`, which is open. */
export class WsDuplex extends WebSocketDuplex {
  readonly #ws: Connected
  readonly #socket: Socket
  /** The system has not taken all that was sent. */
  #isWaiting = false

  constructor(ws: WebSocket, { socket, ...init }: WsInit) {
    super(init)
    this.#ws = ws
    this.#socket = socket
    this.#ws[DUPLEX] = this
    ws.on('message', onMessage)
    ws.on('error', onError)
    ws.on('close', onClose)
  }

  get closed(): Promise<void> {
    return closing(this.#socket)
  }

  /** @internal */
  took(message: Uint8Array): void {
    this.received(message)
    if (this.source.full || this.source.bytes >= MAX_UNREAD_BYTES) this.#ws.pause()
  }

  protected isSent(): boolean {
    this.#isWaiting = this.#ws.bufferedAmount > 0
    return !this.#isWaiting
  }

  protected send(message: Uint8Array): void {
    this.#ws.send(message, this.#onSent)
  }

  protected sendLast(message: Uint8Array): void {
    this.#ws.send(message, (error?: Error | null) => (error ? this.gone(error) : this.ended()))
  }

  protected close(code: number): void {
    this.#ws.close(code)
    // The answer has to be read, be it behind what nobody wants.
    this.#ws.resume()
  }

  protected cut(): void {
    this.#ws.terminate()
  }

  protected wasRead(): void {
    if (this.#ws.isPaused && this.source.low && this.source.bytes <= MAX_UNREAD_BYTES / 2) this.#ws.resume()
  }

  readonly #onSent = (error?: Error | null): void => {
    if (error) return this.gone(error)
    if (this.#isWaiting && this.isSent()) this.taken()
  }
}

function onMessage(this: Connected, data: unknown, isBinary: boolean): void {
  if (isBinary) this[DUPLEX]?.took(data as Uint8Array)
  else this[DUPLEX]?.violated(CLOSE.textMessage, 'TEXT_MESSAGE')
}

function onError(this: Connected, error: Error): void {
  this[DUPLEX]?.gone(error)
}

function onClose(this: Connected): void {
  this[DUPLEX]?.gone()
}
