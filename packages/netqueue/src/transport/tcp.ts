import { BlockList, createServer, isIP, isIPv6 } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { checkInteger } from '../errors/check.ts'
import { badAddress, formatHostPort, parseHostPort } from './address.ts'
import type { HostPort } from './address.ts'
import { dial } from './dial.ts'
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

/** TCP by `tcp://host:port`; IPv6 hosts in brackets, port 0 for one that the system chooses, an empty host to listen on every interface. */
export function tcp(options: ListenerOptions = {}): Transport {
  return new TcpTransport(options)
}

class TcpTransport implements Transport {
  readonly form = FORM
  readonly #options: Required<ListenerOptions>

  constructor(options: ListenerOptions) {
    this.#options = listenerOptionsFrom(options)
  }

  accepts(address: string): boolean {
    return address.startsWith(SCHEME)
  }

  async connect(address: string, { signal, localAddress, localPort }: DialOptions = {}): Promise<ByteDuplex> {
    const { host, port } = parse(address)
    checkLocal(localAddress, localPort)
    const local = { ...(localAddress !== undefined && { localAddress }), ...(localPort !== undefined && { localPort }) }
    return wrap(await dial(address, { ...SOCKET_OPTIONS, ...local, host, port }, signal))
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
