import { Internet } from './internet.ts'
import type { InternetOptions } from './internet.ts'
import type { Handshakes } from './tls-handshakes.ts'
import type { TlsOptions } from './tls-options.ts'
import type { ByteDuplex, DialOptions, Listener, ListenOptions, Transport } from './transport.ts'

export interface TlsTransportOptions extends InternetOptions, TlsOptions {}

/**
 * TLS over TCP by `tls://host:port`, in all else like {@link tcp}. The options of `node:tls` are given here, for all addresses, or to
 * `listen` and `connect` as `tls`, for one. TLS 1.3 unless `minVersion` says otherwise; both sides must speak `netqueue/1` (ALPN). A client
 * verifies the certificate and the name of the server, always. A listener begins the handshake of a connection when that is first read from.
 */
export function tls(options: TlsTransportOptions = {}): Transport {
  return new TlsTransport(options)
}

class TlsTransport implements Transport {
  readonly form: string
  readonly isSecure = true
  readonly #internet: Internet
  readonly #options: TlsOptions
  #handshakes: Promise<Handshakes> | undefined

  constructor({ lookup, backlog, maxWaiting, ...options }: TlsTransportOptions) {
    this.#internet = new Internet('tls', {
      ...(lookup !== undefined && { lookup }),
      ...(backlog !== undefined && { backlog }),
      ...(maxWaiting !== undefined && { maxWaiting }),
    })
    this.form = this.#internet.form
    this.#options = options
  }

  accepts(address: string): boolean {
    return this.#internet.accepts(address)
  }

  async connect(address: string, options: DialOptions = {}): Promise<ByteDuplex> {
    return (await this.#loaded()).connect(address, options)
  }

  async listen(address: string, options: ListenOptions = {}): Promise<Listener> {
    return (await this.#loaded()).listen(address, options)
  }

  exposed(address: string): boolean {
    return this.#internet.exposed(address)
  }

  /** The authorities that a system trusts vouch for anybody: they do not count. */
  identifies({ tls: own }: ListenOptions = {}): boolean {
    const { requestCert, rejectUnauthorized, ca } = { ...this.#options, ...own }
    return requestCert === true && rejectUnauthorized !== false && ca !== undefined
  }

  #loaded(): Promise<Handshakes> {
    this.#handshakes ??= import('./tls-handshakes.ts').then(
      (loaded) => new loaded.Handshakes(this.#internet, this.#options),
    )
    return this.#handshakes
  }
}
