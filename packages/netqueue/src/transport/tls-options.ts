import { checkServerIdentity as checkName } from 'node:tls'
import type {
  CommonConnectionOptions,
  ConnectionOptions,
  SecureContextOptions,
  TlsOptions as ServerOptions,
} from 'node:tls'

/** The name by which TLS knows our protocol (ALPN): a peer that does not offer it is none of ours. */
const ALPN_PROTOCOL = 'netqueue/1'

/**
 * The options of `node:tls`, unchanged but for their defaults: `minVersion` is `'TLSv1.3'`, `ALPNProtocols` is `['netqueue/1']`, of which
 * one must be agreed upon, and a client always verifies. A server needs `cert` and `key` (or `pfx`, or an `SNICallback`); a client needs
 * `ca` where the server's certificate comes from an authority of one's own. With `requestCert: true` and a `ca`, a server takes only
 * clients with a certificate of that authority, which they give as `cert` and `key`.
 */
export interface TlsOptions
  extends
    SecureContextOptions,
    CommonConnectionOptions,
    Pick<ServerOptions, 'ALPNCallback' | 'handshakeTimeout' | 'sessionTimeout' | 'ticketKeys'>,
    Pick<ConnectionOptions, 'servername' | 'checkServerIdentity' | 'session' | 'minDHSize'> {}

/** What a server is made of. Throws a `TypeError` where it would have no certificate. */
export function serverOptions(options: TlsOptions): ServerOptions {
  const { cert, key, pfx, SNICallback, ALPNCallback } = options
  if (pfx === undefined && SNICallback === undefined && (cert === undefined || key === undefined))
    throw new TypeError(
      'Expected `tls` of a server to have `cert` and `key`, or `pfx`, or an `SNICallback`: it has to show a certificate',
    )
  return {
    ...options,
    minVersion: options.minVersion ?? 'TLSv1.3',
    ...(SNICallback !== undefined && { SNICallback: careful(SNICallback) }),
    ...(ALPNCallback === undefined
      ? { ALPNProtocols: options.ALPNProtocols ?? [ALPN_PROTOCOL] }
      : { ALPNCallback: choosing(ALPNCallback) }),
  }
}

/** What a client connects with. Throws a `TypeError` for one that is not to verify. */
export function clientOptions(options: TlsOptions): ConnectionOptions {
  const { checkServerIdentity = checkName } = options
  if (options.rejectUnauthorized === false)
    throw new TypeError(
      'Expected `rejectUnauthorized` not to be false in a client: it would talk to anybody; give the authority of the server as `ca`',
    )
  return {
    ...options,
    minVersion: options.minVersion ?? 'TLSv1.3',
    ALPNProtocols: options.ALPNProtocols ?? [ALPN_PROTOCOL],
    // Whatever the environment says (NODE_TLS_REJECT_UNAUTHORIZED).
    rejectUnauthorized: true,
    checkServerIdentity: checking(checkServerIdentity),
  }
}

type SelectContext = NonNullable<TlsOptions['SNICallback']>
type ChooseProtocol = NonNullable<TlsOptions['ALPNCallback']>
type CheckIdentity = NonNullable<TlsOptions['checkServerIdentity']>

// What a user's function throws in the midst of a handshake, nobody catches: it would end the process. It ends the handshake instead.

function careful(select: SelectContext): SelectContext {
  return (servername, done) => {
    const fail = (cause: unknown): void => done(asError(cause))
    try {
      // One that is asynchronous, and rejects.
      Promise.resolve(select(servername, done) as unknown).catch(fail)
    } catch (cause) {
      fail(cause)
    }
  }
}

function choosing(choose: ChooseProtocol): ChooseProtocol {
  return (offer) => {
    try {
      const choice = choose(offer)
      return choice !== undefined && offer.protocols.includes(choice) ? choice : undefined
    } catch {
      return undefined
    }
  }
}

function checking(check: CheckIdentity): CheckIdentity {
  return (hostname, certificate) => {
    try {
      return check(hostname, certificate)
    } catch (cause) {
      return asError(cause)
    }
  }
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error('A callback of TLS failed', { cause })
}
