import type { Socket } from 'node:net'
import { createServer } from 'node:tls'
import type { Server, TLSSocket } from 'node:tls'
import { carry } from './socket.ts'
import { serverOptions } from './tls-options.ts'
import type { TlsOptions } from './tls-options.ts'

/** Where a handshake has those who wait for it. */
const WAITER: unique symbol = Symbol('waiter')

/** Where a server says that whoever names no protocol is taken all the same. */
const LENIENT: unique symbol = Symbol('lenient')

interface Waiter {
  resolve(socket: TLSSocket): void
  reject(error: unknown): void
}

interface Waited {
  [WAITER]?: Waiter | undefined
}

interface Handshake extends Server, Waited {
  [LENIENT]?: boolean
}

/** The server's side of handshakes, on sockets that others accept: `node:tls` would begin each at once, however many come. */
export class TlsServer {
  readonly #server: Handshake

  /** Throws for options that make no server, with the error of `node:tls` where that says so. `isLenient`: ALPN is no must. */
  constructor(options: TlsOptions, { isLenient = false }: { isLenient?: boolean } = {}) {
    this.#server = createServer(serverOptions(options))
    this.#server[LENIENT] = isLenient
    this.#server.on('secureConnection', onSecure)
    this.#server.on('tlsClientError', onFailed)
  }

  /** Begins a handshake. Rejects when it fails; does not settle when the socket is destroyed. */
  secure(socket: Socket): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      // Whoever ends its side before the handshake is over has hung up.
      socket.allowHalfOpen = false
      carry(socket, null)
      // What becomes of the socket is emitted where it was announced: here, on an object for it alone. All else is the server's.
      const handshake = Object.create(this.#server) as Handshake
      const waiter: Waiter = { resolve, reject }
      handshake[WAITER] = waiter
      // Bun emits it on the server itself.
      const waited: Socket & Waited = socket
      waited[WAITER] = waiter
      handshake.emit('connection', socket)
    })
  }
}

function onSecure(this: Handshake, socket: TLSSocket): void {
  const { alpnProtocol } = socket
  socket.allowHalfOpen = true
  const waiter = takeWaiter(this, socket)
  if (this[LENIENT] === true || (typeof alpnProtocol === 'string' && alpnProtocol !== ''))
    return waiter?.resolve(socket)
  waiter?.reject(failure('ERR_TLS_NO_ALPN'))
  socket.destroy()
}

function onFailed(this: Handshake, error: Error, socket: TLSSocket): void {
  const waiter = takeWaiter(this, socket)
  // One that was refused for its certificate looks as if it had hung up.
  const { authorizationError } = socket as { authorizationError?: unknown }
  waiter?.reject(typeof authorizationError === 'string' ? failure(authorizationError) : error)
  socket.destroy()
}

/** Whoever waits for a handshake, or for the one on the socket below. */
function takeWaiter(handshake: Handshake, { _parent: socket }: TLSSocket & { _parent?: Waited }): Waiter | undefined {
  const waiter = handshake[WAITER] ?? socket?.[WAITER]
  handshake[WAITER] = undefined
  if (socket !== undefined) socket[WAITER] = undefined
  return waiter
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code })
}
