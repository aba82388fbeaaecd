import { lookup as systemLookup } from 'node:dns/promises'
import { BlockList, createServer, isIP, isIPv6 } from 'node:net'
import type { AddressInfo, ConnectOpts, Socket } from 'node:net'
import { checkFunction, checkInteger } from '../errors/check.ts'
import { onAbort } from '../queue/on-abort.ts'
import { badAddress, formatHostPort, parseHostPort } from './address.ts'
import type { HostPort } from './address.ts'
import { dialAll } from './dial.ts'
import { connectFailed } from './failures.ts'
import { boundHost, reachedFrom } from './interfaces.ts'
import { listenerOptionsFrom, serve } from './listener.ts'
import type { ListenerOptions } from './listener.ts'
import type { ByteDuplex, DialOptions, Listener } from './transport.ts'

/**
 * Delay off: we batch ourselves, and Nagle would hold back every lone answer. Keep-alive on, after 30 s of silence: the only
 * thing that notices a dead peer whose protocol has no heartbeat.
 */
const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 } as const

/** The IP addresses of a host, in the order in which they are to be tried. */
export type Lookup = (host: string) => Promise<readonly string[]>

export interface InternetOptions extends ListenerOptions {
  /** Asked for each attempt anew, as hosts move. Its error becomes the `cause` of a `CONNECT_FAILED`. @default the system's resolver */
  lookup?: Lookup
}

const system: Lookup = async (host) => {
  const found = await systemLookup(host, { all: true })
  return found.map(({ address }) => address)
}

/** Hosts and ports, and the sockets between them: what tcp and tls have in common. */
export class Internet {
  readonly form: string
  readonly #scheme: string
  readonly #options: Required<ListenerOptions>
  readonly #lookup: Lookup

  constructor(scheme: 'tcp' | 'tls', { lookup = system, ...options }: InternetOptions) {
    checkFunction('lookup', lookup)
    this.#scheme = `${scheme}://`
    this.form = `${scheme}://host:port`
    this.#options = listenerOptionsFrom(options)
    this.#lookup = lookup
  }

  accepts(address: string): boolean {
    return address.startsWith(this.#scheme)
  }

  /** The host of an address, as it is called here: an empty one is this machine. */
  hostOf(address: string): string {
    return this.#parse(address).host || 'localhost'
  }

  /** A socket that is connected. */
  async dial(
    address: string,
    { signal, localAddress, localPort }: DialOptions,
    reads: Pick<ConnectOpts, 'onread'> = {},
  ): Promise<Socket> {
    const { port } = this.#parse(address)
    checkLocal(localAddress, localPort)
    const hosts = await this.#find(address, this.hostOf(address), signal)
    const ways = localAddress === undefined ? hosts.map((host) => ({ host })) : reachedFrom(hosts, localAddress)
    const local = localPort === undefined ? {} : { localPort }
    const places = ways.map((way) => ({ ...SOCKET_OPTIONS, ...reads, ...local, ...way, port }))
    if (places.length === 0 && hosts.length > 0) throw connectFailed(address, noWayFrom(localAddress))
    return dialAll({ address, places, signal, isPatient: localPort !== undefined })
  }

  /** A listener, which has each socket made a connection. */
  serve(address: string, wrap: (socket: Socket) => ByteDuplex): Promise<Listener> {
    const { host: named, port } = this.#parse(address)
    const host = boundHost(named)
    const { backlog, maxWaiting } = this.#options
    const server = createServer({ ...SOCKET_OPTIONS, pauseOnConnect: true })
    const bound = (): string => this.#format({ host, port: (server.address() as AddressInfo).port })
    const listen = host === '' ? { port, backlog } : { host, port, backlog }
    return serve(server, { address, listen, maxWaiting, bound, wrap })
  }

  exposed(address: string): boolean {
    const { host } = this.#parse(address)
    return host.toLowerCase() !== 'localhost' && !isLoopback(boundHost(host))
  }

  /** Where the other end of a socket is. */
  remoteAddress({ remoteAddress: host, remotePort: port }: Socket): string | undefined {
    if (host === undefined || port === undefined) return undefined
    // A listener on `::` sees IPv4 peers in this dress; people look for them without it.
    return this.#format({ host: host.replace(/^::ffff:(?=\d+\.)/i, ''), port })
  }

  /** A resolver cannot be called off; whoever waits for it can. */
  async #find(address: string, host: string, signal: AbortSignal | undefined): Promise<readonly string[]> {
    if (isIP(host) !== 0) return [host]
    signal?.throwIfAborted()
    let callOff: (() => void) | undefined
    const found = this.#lookup(host)
    const aborted = new Promise<never>((_, reject) => {
      callOff = signal && onAbort(signal, () => reject(signal.reason as Error))
    })
    try {
      return await Promise.race([found, aborted])
    } catch (cause) {
      throw signal?.aborted === true ? cause : connectFailed(address, cause)
    } finally {
      callOff?.()
    }
  }

  #parse(address: string): HostPort {
    const parts = this.accepts(address) ? parseHostPort(address.slice(this.#scheme.length)) : undefined
    if (parts === undefined || (parts.host.includes(':') && !isIPv6(parts.host)))
      throw badAddress(address, [this.form, `${this.#scheme}[::1]:port`])
    return parts
  }

  #format(parts: HostPort): string {
    return this.#scheme + formatHostPort(parts)
  }
}

const loopback: BlockList = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Only literals: what a name stands for is decided elsewhere, and may change. */
function isLoopback(host: string): boolean {
  const version = isIP(host)
  return version !== 0 && loopback.check(host, version === 6 ? 'ipv6' : 'ipv4')
}

function checkLocal(localAddress: string | undefined, localPort: number | undefined): void {
  if (localPort !== undefined) checkInteger('localPort', localPort, 0, 65_535)
  if (localAddress === undefined || /^[^\s/]+$/.test(localAddress)) return
  throw new TypeError(
    `Expected \`localAddress\` to be an IP address or the name of a network interface, got \`${JSON.stringify(localAddress)}\``,
  )
}

/** An interface that is not there, or has no address of the family that is to be reached, may have one later. */
function noWayFrom(localAddress: string | undefined): Error {
  return Object.assign(new Error(`No address of ${String(localAddress)} reaches there`), { code: 'EADDRNOTAVAIL' })
}
