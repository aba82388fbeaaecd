import { NetQueueError } from '../errors/errors.ts'
import { onAbort } from '../queue/on-abort.ts'
import { connectFailed } from './failures.ts'
import type { ByteDuplex, DialOptions, Listener, Transport } from './transport.ts'
import { isWebSocket, parseWebSocket, SUBPROTOCOL, WEBSOCKET_FORM } from './websocket-address.ts'
import type { WebSocketAddress } from './websocket-address.ts'
import { CLOSE, WebSocketDuplex } from './websocket-duplex.ts'

/** What a browser calls a WebSocket, as far as it is used here. */
interface PlatformSocket {
  binaryType: string
  readonly bufferedAmount: number
  readonly protocol: string
  addEventListener(type: 'open', listener: () => void): void
  addEventListener(type: 'close', listener: (event: { code: number }) => void): void
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
  send(message: Uint8Array): void
  close(code?: number): void
}

type Platform = new (url: string, protocols: string[]) => PlatformSocket

/** WebSockets by `ws://host:port/path` and `wss://host:port/path`, as the platform has them: for clients alone. */
export function websocket(): Transport {
  return new BrowserTransport()
}

class BrowserTransport implements Transport {
  readonly form = WEBSOCKET_FORM

  accepts(address: string): boolean {
    return isWebSocket(address)
  }

  async connect(address: string, { signal, tls }: DialOptions = {}): Promise<ByteDuplex> {
    const target = parseWebSocket(address)
    if (tls !== undefined) throw new TypeError('Expected no `tls`: a browser sees to its certificates itself')
    signal?.throwIfAborted()
    return open(address, target, signal)
  }

  async listen(address: string): Promise<Listener> {
    throw new NetQueueError('UNSUPPORTED', `Nobody can listen at ${address} in a browser: ws: servers need Node`)
  }

  exposed(): boolean {
    return false
  }
}

function open(address: string, target: WebSocketAddress, signal: AbortSignal | undefined): Promise<ByteDuplex> {
  return new Promise((resolve, reject) => {
    const { WebSocket } = globalThis as unknown as { WebSocket: Platform }
    const socket = new WebSocket(target.url, [SUBPROTOCOL])
    socket.binaryType = 'arraybuffer'
    const fail = (reason: unknown): void => {
      callOff?.()
      socket.close()
      reject(reason)
    }
    const callOff = signal && onAbort(signal, () => fail(signal.reason))
    // A page is not told why, so that it cannot look around in the network.
    const failed = (code: string): void => fail(connectFailed(address, failure(code)))
    socket.addEventListener('close', ({ code }) => failed(`WEBSOCKET_${code}`))
    socket.addEventListener('open', () => {
      callOff?.()
      if (socket.protocol === SUBPROTOCOL) resolve(new PlatformDuplex(socket, address, target.isSecure))
      else failed('NO_SUBPROTOCOL')
    })
  })
}

/** What is sent, and not taken by the system yet, may be so much: there is no event for less than all of it, so we have to ask. */
const MAX_BUFFERED_BYTES = 262_144
const ASK_AGAIN_MS = 4
/**
 * What may wait unread. A browser cannot be told to read no more; but whoever has a connection reads all the time, and its peer sends no
 * more than it was given credit for.
 */
const MAX_UNREAD_BYTES = 16_777_216

/** A WebSocket of the platform, which is open. */
class PlatformDuplex extends WebSocketDuplex {
  readonly closed: Promise<void>
  readonly #socket: PlatformSocket
  #release!: () => void
  /** What the system has not taken is asked for again and again. */
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(socket: PlatformSocket, remoteAddress: string, encrypted: boolean) {
    super({ remoteAddress, security: { encrypted } })
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => this.#took(data))
    this.closed = new Promise((resolve) => (this.#release = resolve))
    socket.addEventListener('close', ({ code }) => {
      this.gone(failure(`WEBSOCKET_${code}`))
      this.#over()
    })
  }

  protected isSent(): boolean {
    if (this.#socket.bufferedAmount <= MAX_BUFFERED_BYTES) return true
    this.#timer ??= setTimeout(this.#ask, ASK_AGAIN_MS)
    return false
  }

  protected send(message: Uint8Array): void {
    this.#socket.send(message)
  }

  protected sendLast(message: Uint8Array): void {
    this.#socket.send(message)
    this.ended()
  }

  protected close(code: number): void {
    // Pages may give no other reasons than their own.
    this.#socket.close(code === CLOSE.normal ? code : 4_000 + (code % 1_000))
  }

  protected cut(): void {
    this.#socket.close()
    // An answer may take many seconds, where there is nobody; the browser waits for it alone.
    this.#over()
  }

  protected wasRead(): void {} // nothing could be resumed

  #took(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return this.violated(CLOSE.textMessage, 'TEXT_MESSAGE')
    this.received(new Uint8Array(data))
    if (this.source.bytes > MAX_UNREAD_BYTES) this.violated(CLOSE.protocolError, 'UNREAD')
  }

  #over(): void {
    clearTimeout(this.#timer)
    this.#release()
  }

  readonly #ask = (): void => {
    this.#timer = undefined
    if (this.isSent()) this.taken()
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code })
}
