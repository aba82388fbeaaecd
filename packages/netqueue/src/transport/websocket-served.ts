import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { connectionLost } from './failures.ts'
import { LateDuplex } from './late-duplex.ts'
import { certificateOf, closing, reset } from './socket.ts'
import type { TlsServer } from './tls-server.ts'
import type { ByteDuplex, Security } from './transport.ts'
import { upgraded } from './websocket-upgrades.ts'
import type { Upgrade, Upgrades } from './websocket-upgrades.ts'
import { WsDuplex } from './websocket-ws.ts'

/** Whoever reads is told what has happened. */
const ignore = (): void => {}

/** A connection on a socket that was accepted: nothing of it is read, and no request answered, before somebody reads. */
abstract class Served extends LateDuplex {
  readonly remoteAddress?: string
  protected readonly socket: Socket

  constructor(socket: Socket, remoteAddress: string | undefined) {
    super()
    this.socket = socket
    if (remoteAddress !== undefined) this.remoteAddress = remoteAddress
    socket.on('error', ignore)
  }

  get closed(): Promise<void> {
    return this.duplex?.closed ?? closing(this.socket)
  }

  get security(): Security | undefined {
    return this.duplex?.security
  }

  protected async begin(): Promise<ByteDuplex> {
    const { socket, remoteAddress } = this
    try {
      const upgrade = await this.asked()
      const webSocket = await upgraded(upgrade)
      upgrade.socket.resume()
      return new WsDuplex(webSocket, { socket, remoteAddress, security: trustIn(upgrade.socket) })
    } catch (cause) {
      this.cut()
      throw connectionLost(remoteAddress, cause)
    }
  }

  protected cut(): void {
    // A socket of TLS that somebody else has made: what is under it is out of reach.
    if (this.socket instanceof TLSSocket) this.socket.destroy()
    else reset(this.socket)
  }

  /** What the other side asks for, once it does. */
  protected abstract asked(): Promise<Upgrade>
}

export interface ServedSocketInit {
  remoteAddress: string | undefined
  upgrades: Upgrades
  /** For `wss:`. */
  tls: TlsServer | undefined
}

/** On a port of our own. */
export class ServedSocket extends Served {
  readonly #upgrades: Upgrades
  readonly #tls: TlsServer | undefined

  constructor(socket: Socket, { remoteAddress, upgrades, tls }: ServedSocketInit) {
    super(socket, remoteAddress)
    this.#upgrades = upgrades
    this.#tls = tls
  }

  protected async asked(): Promise<Upgrade> {
    return this.#upgrades.next((await this.#tls?.secure(this.socket)) ?? this.socket)
  }
}

/** On a server that somebody else has made, and that has read the request. */
export class ServedUpgrade extends Served {
  /** Until it is answered. */
  #upgrade: Upgrade | undefined

  constructor(upgrade: Upgrade, remoteAddress: string | undefined) {
    super(upgrade.request.socket, remoteAddress)
    this.#upgrade = upgrade
    upgrade.socket.pause()
  }

  protected async asked(): Promise<Upgrade> {
    const upgrade = this.#upgrade as Upgrade
    this.#upgrade = undefined
    return upgrade
  }
}

/** What is known of the other end, by the socket on which it speaks HTTP. */
export function trustIn(socket: Duplex): Security {
  if (!(socket instanceof TLSSocket)) return { encrypted: false }
  return {
    encrypted: true,
    get certificate() {
      return certificateOf(socket)
    },
  }
}
