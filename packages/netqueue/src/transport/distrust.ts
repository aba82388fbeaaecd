import { NetQueueError } from '../errors/errors.ts'

/** Why OpenSSL does not take a certificate, as Node names it. Source: "X509 certificate error codes" in Node's documentation of TLS */
const VERIFICATION: ReadonlySet<string> = new Set([
  'CERT_CHAIN_TOO_LONG',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'CRL_HAS_EXPIRED',
  'CRL_NOT_YET_VALID',
  'CRL_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERROR_IN_CERT_NOT_AFTER_FIELD',
  'ERROR_IN_CERT_NOT_BEFORE_FIELD',
  'ERROR_IN_CRL_LAST_UPDATE_FIELD',
  'ERROR_IN_CRL_NEXT_UPDATE_FIELD',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_DECRYPT_CRL_SIGNATURE',
  'UNABLE_TO_GET_CRL',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_FORMAT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

/** What the other side says of ours (or of the want of one), and of the versions that we speak. */
const ALERT =
  /^ERR_SSL_(?:SSL\/TLS|SSLV3|TLSV1|TLSV13)_ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_[A-Z]+|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|PROTOCOL_VERSION|INSUFFICIENT_SECURITY)$/

/** Keys and certificates of our own that are none. */
const OWN = /^ERR_(?:OSSL|CRYPTO)_/

/** Whether one side does not believe the other's certificate, or has none that it could show: so it will be at the next attempt. */
export function isDistrusted(error: NetQueueError): boolean {
  // Our errors stand in each other: that of the attempt, that of the connection, that of the system.
  for (let { cause } = error; cause !== undefined; cause = (Object(cause) as Partial<Error>).cause) {
    const { code } = Object(cause) as { code?: unknown }
    if (typeof code === 'string' && (VERIFICATION.has(code) || ALERT.test(code) || OWN.test(code))) return true
    if (!(cause instanceof NetQueueError)) return false
  }
  return false
}
