import type { Socket } from 'node:net'
import { isIP } from 'node:net'
import { connect, createSecureContext } from 'node:tls'
import type { ConnectionOptions, SecureContext, TLSSocket } from 'node:tls'
import { onAbort } from '../queue/on-abort.ts'
import { connectFailed, listenFailed, noProtocol, tlsFailed } from './failures.ts'
import type { Internet } from './internet.ts'
import { LateDuplex } from './late-duplex.ts'
import { carry, closing, fromTlsSocket, reset } from './socket.ts'
import { clientOptions } from './tls-options.ts'
import type { TlsOptions } from './tls-options.ts'
import { TlsServer } from './tls-server.ts'
import type { ByteDuplex, DialOptions, Listener, ListenOptions } from './transport.ts'

/** What `tls()` does with `node:tls`: a module of its own, for that is half a megabyte of code that most never need. */
export class Handshakes {
  readonly #internet: Internet
  readonly #options: TlsOptions
  /** Certificates and keys are read once for all connections with the same options. */
  readonly #ways: WeakMap<TlsOptions, ConnectionOptions> = new WeakMap()

  constructor(internet: Internet, options: TlsOptions) {
    this.#internet = internet
    this.#options = options
  }

  async connect(address: string, options: DialOptions): Promise<ByteDuplex> {
    const host = this.#internet.hostOf(address)
    const way = this.#way(address, options.tls)
    const socket = await this.#internet.dial(address, options)
    carry(socket, null)
    const name = { host, servername: way.servername ?? (isIP(host) === 0 ? host : '') }
    try {
      const secured = await handshake({ ...way, ...name, socket }, { address, signal: options.signal })
      return fromTlsSocket(secured, socket, { remoteAddress: this.#internet.remoteAddress(socket) })
    } catch (error) {
      reset(socket)
      throw error
    }
  }

  async listen(address: string, { tls: own }: ListenOptions): Promise<Listener> {
    const server = serverOf(address, { ...this.#options, ...own })
    return this.#internet.serve(address, (socket) => {
      const remoteAddress = this.#internet.remoteAddress(socket)
      return new Served(socket, server, remoteAddress)
    })
  }

  #way(address: string, own: TlsOptions = this.#options): ConnectionOptions {
    const known = this.#ways.get(own)
    if (known !== undefined) return known
    const options = clientOptions({ ...this.#options, ...own })
    const way = { ...options, secureContext: options.secureContext ?? contextOf(address, options) }
    this.#ways.set(own, way)
    return way
  }
}

function serverOf(address: string, options: TlsOptions): TlsServer {
  try {
    return new TlsServer(options)
  } catch (cause) {
    throw isMistake(cause) ? cause : listenFailed(address, cause)
  }
}

function contextOf(address: string, options: ConnectionOptions): SecureContext {
  try {
    return createSecureContext(options)
  } catch (cause) {
    throw isMistake(cause) ? cause : connectFailed(address, cause)
  }
}

/** Wrong arguments, rather than keys and certificates that cannot be read. */
const isMistake = (cause: unknown): boolean => cause instanceof TypeError || cause instanceof RangeError

interface HandshakeInit {
  address: string
  signal: AbortSignal | undefined
}

/** A client's side of a handshake. */
function handshake(options: ConnectionOptions, { address, signal }: HandshakeInit): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const secured = connect(options)
    const callOff = signal && onAbort(signal, () => reject(signal.reason as Error))
    const failed = (error: Error): void => {
      callOff?.()
      reject(connectFailed(address, error))
    }
    secured.once('error', failed)
    secured.once('secureConnect', () => {
      callOff?.()
      secured.off('error', failed)
      if (secured.alpnProtocol) resolve(secured)
      else reject(noProtocol(address))
    })
    // Stays: an error between here and the next listener must not crash the process.
    secured.on('error', ignore)
  })
}

/** A connection that was accepted; the handshake waits until somebody reads. */
class Served extends LateDuplex {
  readonly #socket: Socket
  readonly #server: TlsServer
  readonly remoteAddress?: string

  constructor(socket: Socket, server: TlsServer, remoteAddress: string | undefined) {
    super()
    this.#socket = socket
    this.#server = server
    if (remoteAddress !== undefined) this.remoteAddress = remoteAddress
    socket.on('error', ignore)
  }

  get closed(): Promise<void> {
    return this.duplex?.closed ?? closing(this.#socket)
  }

  get security(): ByteDuplex['security'] {
    return this.duplex?.security
  }

  protected async begin(): Promise<ByteDuplex> {
    const { remoteAddress } = this
    try {
      const secured = await this.#server.secure(this.#socket)
      return fromTlsSocket(secured, this.#socket, { remoteAddress })
    } catch (cause) {
      throw tlsFailed(remoteAddress, cause)
    }
  }

  protected cut(): void {
    reset(this.#socket)
  }
}

/** Whoever reads is told what has happened. */
const ignore = (): void => {}
