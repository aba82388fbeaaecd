import { Internet } from './internet.ts'
import type { InternetOptions } from './internet.ts'
import { sharedReads, withSharedReads } from './shared-reads.ts'
import { fromSocket } from './socket.ts'
import type { ByteDuplex, DialOptions, Listener, Transport } from './transport.ts'

export type TcpOptions = InternetOptions

/**
 * TCP by `tcp://host:port`; IPv6 hosts in brackets, port 0 for one that the system chooses, an empty host to listen on every interface,
 * and the name of a network interface, such as `eth0`, to listen at its first address, of IPv4 where it has one.
 * A host with several addresses is connected to at the first one that answers: each is tried in turn, 250 ms after the one before or when
 * that has failed; from a `localPort` only one at a time.
 */
export function tcp(options: TcpOptions = {}): Transport {
  return new TcpTransport(options)
}

class TcpTransport implements Transport {
  readonly form: string
  readonly #internet: Internet

  constructor(options: TcpOptions) {
    this.#internet = new Internet('tcp', options)
    this.form = this.#internet.form
  }

  accepts(address: string): boolean {
    return this.#internet.accepts(address)
  }

  async connect(address: string, options: DialOptions = {}): Promise<ByteDuplex> {
    const socket = await this.#internet.dial(address, options, sharedReads)
    return fromSocket(socket, { remoteAddress: this.#internet.remoteAddress(socket) })
  }

  async listen(address: string): Promise<Listener> {
    const internet = this.#internet
    return internet.serve(address, (accepted) => {
      const socket = withSharedReads(accepted)
      return fromSocket(socket, { remoteAddress: internet.remoteAddress(socket) })
    })
  }

  exposed(address: string): boolean {
    return this.#internet.exposed(address)
  }
}
