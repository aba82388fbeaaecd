import type {
  CommonConnectionOptions,
  ConnectionOptions,
  SecureContextOptions,
  TlsOptions as ServerOptions,
} from 'node:tls'

/** The name by which TLS knows our protocol (ALPN): a peer that does not offer it is none of ours. */
export const ALPN_PROTOCOL = 'netqueue/1'

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
    Pick<ServerOptions, 'sessionTimeout' | 'ticketKeys'>,
    Pick<ConnectionOptions, 'servername' | 'checkServerIdentity' | 'session' | 'minDHSize'> {}
