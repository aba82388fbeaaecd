import { lookup as systemLookup } from 'node:dns/promises'
import { BlockList, createServer, isIP, isIPv6 } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { checkFunction, checkInteger } from '../errors/check.ts'
import { onAbort } from '../queue/on-abort.ts'
import { badAddress, formatHostPort, parseHostPort } from './address.ts'
import type { HostPort } from './address.ts'
import { dialAll } from './dial.ts'
import { connectFailed } from './failures.ts'
import { listenerOptionsFrom, serve } from './listener.ts'
import type { ListenerOptions } from './listener.ts'
import { fromSocket } from './socket.ts'
import type { ByteDuplex, DialOptions, Listener, Transport } from './transport.ts'

const SCHEME = 'tcp://'
const FORM = 'tcp://host:port'

/**
 * Delay off: we batch ourselves, and Nagle would hold back every lone answer. Keep-alive on, after 30 s of silence: the only
 * thing that notices a dead peer whose protocol has no heartbeat.
 */
const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 } as const

/** The IP addresses of a host, in the order in which they are to be tried. */
export type Lookup = (host: string) => Promise<readonly string[]>

export interface TcpOptions extends ListenerOptions {
  /** Asked for each attempt anew, as hosts move. Its error becomes the `cause` of a `CONNECT_FAILED`. @default the system's resolver */
  lookup?: Lookup
}

/**
 * TCP by `tcp://host:port`; IPv6 hosts in brackets, port 0 for one that the system chooses, an empty host to listen on every interface.
 * A host with several addresses is connected to at the first one that answers: each is tried in turn, 250 ms after the one before or when
 * that has failed; from a `localPort` only one at a time.
 */
export function tcp(options: TcpOptions = {}): Transport {
  return new TcpTransport(options)
}

const system: Lookup = async (host) => {
  const found = await systemLookup(host, { all: true })
  return found.map(({ address }) => address)
}

class TcpTransport implements Transport {
  readonly form = FORM
  readonly #options: Required<ListenerOptions>
  readonly #lookup: Lookup

  constructor({ lookup = system, ...options }: TcpOptions) {
    checkFunction('lookup', lookup)
    this.#options = listenerOptionsFrom(options)
    this.#lookup = lookup
  }

  accepts(address: string): boolean {
    return address.startsWith(SCHEME)
  }

  async connect(address: string, { signal, localAddress, localPort }: DialOptions = {}): Promise<ByteDuplex> {
    const { host, port } = parse(address)
    checkLocal(localAddress, localPort)
    const local = { ...(localAddress !== undefined && { localAddress }), ...(localPort !== undefined && { localPort }) }
    const places = await this.#find(address, host, signal)
    const options = places.map((place) => ({ ...SOCKET_OPTIONS, ...local, host: place, port }))
    return wrap(await dialAll({ address, places: options, signal, isPatient: localPort !== undefined }))
  }

  /** A resolver cannot be called off; whoever waits for it can. */
  async #find(address: string, host: string, signal: AbortSignal | undefined): Promise<readonly string[]> {
    if (isIP(host) !== 0) return [host]
    signal?.throwIfAborted()
    let callOff: (() => void) | undefined
    const found = this.#lookup(host === '' ? 'localhost' : host)
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

  async listen(address: string): Promise<Listener> {
    const { host, port } = parse(address)
    const { backlog, maxWaiting } = this.#options
    const server = createServer({ ...SOCKET_OPTIONS, pauseOnConnect: true })
    const bound = (): string => format({ host, port: (server.address() as AddressInfo).port })
    const listen = host === '' ? { port, backlog } : { host, port, backlog }
    return serve(server, { address, listen, maxWaiting, bound, wrap })
  }

  exposed(address: string): boolean {
    const { host } = parse(address)
    return host.toLowerCase() !== 'localhost' && !isLoopback(host)
  }
}

function parse(address: string): HostPort {
  const parts = address.startsWith(SCHEME) ? parseHostPort(address.slice(SCHEME.length)) : undefined
  if (parts === undefined || (parts.host.includes(':') && !isIPv6(parts.host)))
    throw badAddress(address, [FORM, 'tcp://[::1]:port'])
  return parts
}

function format(parts: HostPort): string {
  return SCHEME + formatHostPort(parts)
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
  if (localAddress === undefined || isIP(localAddress) !== 0) return
  throw new TypeError(`Expected \`localAddress\` to be an IP address, got \`${JSON.stringify(localAddress)}\``)
}

function wrap(socket: Socket): ByteDuplex {
  return fromSocket(socket, { remoteAddress: remoteAddress(socket) })
}

function remoteAddress({ remoteAddress: host, remotePort: port }: Socket): string | undefined {
  if (host === undefined || port === undefined) return undefined
  // A listener on `::` sees IPv4 peers in this dress; people look for them without it.
  return format({ host: host.replace(/^::ffff:(?=\d+\.)/i, ''), port })
}
