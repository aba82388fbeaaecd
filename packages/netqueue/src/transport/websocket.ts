import type { IncomingMessage, Server } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import { isIP } from 'node:net'
import type { Socket } from 'node:net'
import { checkFunction, checkStrings } from '../errors/check.ts'
import { NetQueueError } from '../errors/errors.ts'
import { formatHostPort } from './address.ts'
import { connectFailed, listenFailed } from './failures.ts'
import { boundHost } from './interfaces.ts'
import { Internet } from './internet.ts'
import type { InternetOptions } from './internet.ts'
import { Accepting, listenerOptionsFrom } from './listener.ts'
import type { TlsOptions } from './tls-options.ts'
import { TlsServer } from './tls-server.ts'
import type { ByteDuplex, DialOptions, Listener, ListenOptions, Transport } from './transport.ts'
import { formatWebSocket, isWebSocket, parseWebSocket, WEBSOCKET_FORM } from './websocket-address.ts'
import type { WebSocketAddress } from './websocket-address.ts'
import type { Origins } from './websocket-admission.ts'
import { openWebSocket, secureWay } from './websocket-client.ts'
import { ServedSocket, ServedUpgrade } from './websocket-served.ts'
import { route, Upgrades } from './websocket-upgrades.ts'
import type { Upgrade } from './websocket-upgrades.ts'

export type { Origins } from './websocket-admission.ts'

export interface WebSocketOptions extends InternetOptions {
  /** Listens on a server that exists already, for the path of the address; whoever made it starts and closes it. @default a server of our own */
  server?: Server | SecureServer
  /**
   * Pages that may connect: their origins, such as `https://example.org`, or a function that says so. Programs send no origin, and are not
   * asked. @default pages of the host that they connect to; over loopback, where that is `localhost` or an IP address
   */
  origins?: Origins
  /** The IP address of a client, where a proxy tells it in a header: only with `server`, and only where nobody can get round the proxy. @default that of the socket */
  clientAddress?: (request: IncomingMessage) => string | undefined
  /** Options of `node:tls`, for `wss:` addresses that are given none of their own. A server of ours needs a `cert` and a `key`. */
  tls?: TlsOptions
}

/**
 * WebSockets by `ws://host:port/path` and `wss://host:port/path`, with the package `ws`. Port 0 is one that the system chooses; `0.0.0.0`
 * and `[::]` are every interface. Without a path it is `/`; a listener answers at its own alone. Nothing is compressed.
 */
export function websocket(options: WebSocketOptions = {}): Transport {
  return new WebSocketTransport(options)
}

class WebSocketTransport implements Transport {
  readonly form = WEBSOCKET_FORM
  readonly isSecure = true
  readonly #internet: Internet
  readonly #options: WebSocketOptions

  constructor(options: WebSocketOptions) {
    const { origins, clientAddress, server, tls: _, ...internet } = options
    if (typeof origins !== 'function' && origins !== undefined) checkStrings('origins', origins)
    if (clientAddress !== undefined) checkFunction('clientAddress', clientAddress)
    if (clientAddress !== undefined && server === undefined)
      throw new TypeError(
        'Expected `clientAddress` to come with `server`: a port of our own reads no request before its turn',
      )
    this.#internet = new Internet('tcp', internet)
    this.#options = options
  }

  accepts(address: string): boolean {
    return isWebSocket(address)
  }

  async connect(address: string, options: DialOptions = {}): Promise<ByteDuplex> {
    const target = parseWebSocket(address)
    const tls = this.#tlsFor(target, options.tls)
    const way = tls && secureWay(address, target, tls)
    const socket = await this.#dial(address, target, options)
    const remoteAddress = this.#addressOf(socket, target.isSecure)
    return openWebSocket(socket, { address, target, way, signal: options.signal, remoteAddress })
  }

  async listen(address: string, { tls: own }: ListenOptions = {}): Promise<Listener> {
    const target = parseWebSocket(address)
    if (target.url.includes('?'))
      throw new TypeError('Expected `address` of a listener to be without what follows a `?`: requests may have any')
    const tls = this.#tlsFor(target, own)
    const { server } = this.#options
    if (server === undefined) return this.#serve(address, target, tls)
    if (own !== undefined) throw new TypeError('Expected no `tls` beside `server`: that has options of its own')
    return this.#attach(server, address, target)
  }

  exposed(address: string): boolean {
    const { server } = this.#options
    const bound = server === undefined ? parseWebSocket(address) : placeOf(server)
    return bound !== undefined && this.#internet.exposed(tcp(bound))
  }

  /** The authorities that a system trusts vouch for anybody: they do not count. What a server of somebody else's asks for is not known. */
  identifies({ tls: own }: ListenOptions = {}, address: string = ''): boolean {
    if (this.#options.server !== undefined || !parseWebSocket(address).isSecure) return false
    const { requestCert, rejectUnauthorized, ca } = { ...this.#options.tls, ...own }
    return requestCert === true && rejectUnauthorized !== false && ca !== undefined
  }

  /** On a port of our own. */
  async #serve(address: string, target: WebSocketAddress, tls: TlsOptions | undefined): Promise<Listener> {
    const secure = tls && new TlsServer({ ALPNProtocols: ['http/1.1'], ...tls }, { isLenient: true })
    const upgrades = new Upgrades({ path: target.path, origins: this.#options.origins })
    const wrap = (socket: Socket): ByteDuplex =>
      new ServedSocket(socket, { upgrades, tls: secure, remoteAddress: this.#addressOf(socket, target.isSecure) })
    try {
      const listener = await this.#internet.serve(tcp(target), wrap)
      const { port } = new URL(listener.address)
      const place = { host: boundHost(target.host), port: Number(port) }
      return listenerAt(formatWebSocket({ ...target, ...place }), listener)
    } catch (error) {
      throw listenFailed(address, causeOf(error))
    }
  }

  /** On the server of somebody else. */
  async #attach(server: Server | SecureServer, address: string, target: WebSocketAddress): Promise<Listener> {
    const { maxWaiting } = listenerOptionsFrom(this.#options)
    const bound = target.port === 0 ? placeOf(server) : undefined
    const accept = (upgrade: Upgrade): void =>
      accepting.accept(new ServedUpgrade(upgrade, this.#clientOf(upgrade.request, target.isSecure)))
    const stop = route(server, target.path, { origins: this.#options.origins, take: accept })
    if (stop === undefined)
      throw listenFailed(address, Object.assign(new Error('The path is taken'), { code: 'EADDRINUSE' }))
    const shown = formatWebSocket({ ...target, port: bound?.port ?? target.port })
    const accepting: Accepting = new Accepting({ address: shown, maxWaiting, stop })
    return accepting
  }

  async #dial(address: string, target: WebSocketAddress, options: DialOptions): Promise<Socket> {
    try {
      return await this.#internet.dial(tcp(target), options)
    } catch (error) {
      if (error instanceof NetQueueError && error.code === 'CONNECT_FAILED') throw connectFailed(address, error.cause)
      throw error
    }
  }

  #tlsFor({ isSecure }: WebSocketAddress, own: TlsOptions | undefined): TlsOptions | undefined {
    if (isSecure) return { ...this.#options.tls, ...own }
    if (own === undefined) return undefined
    throw new TypeError('Expected `tls` to come with a `wss:` address, got a `ws:` address')
  }

  #clientOf(request: IncomingMessage, isSecure: boolean): string | undefined {
    const { socket } = request
    const told = toldBy(this.#options.clientAddress, request)
    if (told === undefined) return this.#addressOf(socket, isSecure)
    return `${isSecure ? 'wss' : 'ws'}://${formatHostPort({ host: told, port: socket.remotePort ?? 0 })}`
  }

  #addressOf(socket: Socket, isSecure: boolean): string | undefined {
    return this.#internet.remoteAddress(socket)?.replace('tcp:', isSecure ? 'wss:' : 'ws:')
  }
}

function tcp(place: { host: string; port: number }): string {
  return `tcp://${formatHostPort(place)}`
}

/** Where a server listens; `undefined` at a path of the file system. One that does not listen yet may do so anywhere. */
function placeOf(server: Server | SecureServer): { host: string; port: number } | undefined {
  const at = server.address()
  if (typeof at === 'string') return undefined
  return at === null ? { host: '0.0.0.0', port: 0 } : { host: at.address, port: at.port }
}

/** Whatever a header says, it is an IP address or nothing. */
function toldBy(clientAddress: WebSocketOptions['clientAddress'], request: IncomingMessage): string | undefined {
  try {
    const told = clientAddress?.(request)
    return told !== undefined && isIP(told) !== 0 ? told : undefined
  } catch {
    return undefined
  }
}

function listenerAt(address: string, listener: Listener): Listener {
  return { address, close: () => listener.close(), [Symbol.asyncIterator]: () => listener[Symbol.asyncIterator]() }
}

function causeOf(error: unknown): unknown {
  return error instanceof NetQueueError ? error.cause : error
}
