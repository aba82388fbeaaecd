import type { Socket } from 'node:net'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import { StreamDuplex } from './streams.ts'
import type { ByteDuplex, Security } from './transport.ts'

export interface SocketInit {
  remoteAddress: string | undefined
}

/**
 * A connected socket, made with `allowHalfOpen`, as a connection. It is closed by the system when both sides have ended,
 * or by `abort`. An abort resets TCP, so that the other side sees an error; the system has no such thing for unix sockets, where
 * the other side sees an end, and cannot always tell it when unread bytes wait there: only a frame that is cut short is sure to show it.
 */
export function fromSocket(socket: Socket, { remoteAddress }: SocketInit): ByteDuplex {
  return new SocketDuplex({ readable: socket, writable: socket, remoteAddress })
}

/** The same for TLS, whose handshake is over, on a socket of TCP. */
export function fromTlsSocket(secured: TLSSocket, socket: Socket, { remoteAddress }: SocketInit): ByteDuplex {
  return new TlsDuplex(secured, socket, remoteAddress)
}

/** Resolves when the system has released a socket. */
export function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => void (socket.closed ? resolve() : socket.once('close', () => resolve())))
}

/** Where a socket has the one of TLS that it carries; `null` while nobody has that, for its handshake is not over. */
const CARRIED: unique symbol = Symbol('carried')

interface Carrier extends Socket {
  [CARRIED]?: TLSSocket | null
}

/** From now on, a socket carries TLS: whether it is ending is known there alone. */
export function carry(socket: Socket, secured: TLSSocket | null): void {
  const carrier: Carrier = socket
  carrier[CARRIED] = secured
}

/** Cuts a connection, so that the other side sees an error, where the system has a way to say so. */
export function reset(socket: Socket): void {
  if (socket.destroyed) return
  const isTcp = socket.remoteFamily !== undefined
  if (isTcp && !mayBeEnding(socket)) socket.resetAndDestroy()
  else socket.destroy()
}

/** Node loses the descriptor of a socket that is reset while its FIN is on the way (EINVAL). */
function mayBeEnding(carrier: Carrier): boolean {
  const { [CARRIED]: socket = carrier } = carrier
  return socket === null || (socket.writableEnded && !socket.writableFinished && socket.writableLength === 0)
}

class SocketDuplex extends StreamDuplex {
  declare protected readonly readable: Socket

  get closed(): Promise<void> {
    return closing(this.readable)
  }

  protected override cut(): void {
    reset(this.readable)
  }
}

class TlsDuplex extends StreamDuplex {
  declare protected readonly readable: TLSSocket
  readonly #socket: Socket

  constructor(secured: TLSSocket, socket: Socket, remoteAddress: string | undefined) {
    super({ readable: secured, writable: secured, remoteAddress })
    this.#socket = socket
    carry(socket, secured)
  }

  get closed(): Promise<void> {
    return closing(this.#socket)
  }

  get security(): Security {
    const socket = this.readable
    return {
      encrypted: true,
      get certificate() {
        return certificateOf(socket)
      },
    }
  }

  /** The end of the one socket is that of the other. Node dies (SIGSEGV) of a TLS socket that is destroyed between the two. */
  protected override cut(): void {
    reset(this.#socket)
  }
}

/** One that resumed a session in which it had shown none passes for authorized, too. */
export function certificateOf(socket: TLSSocket): PeerCertificate | undefined {
  if (!socket.authorized) return undefined
  const certificate = socket.getPeerCertificate() as Partial<PeerCertificate> | null
  return certificate?.raw === undefined ? undefined : (certificate as PeerCertificate)
}
