import type { ClientOptions } from './client-options.ts'
import { NetQueueError } from '../errors/errors.ts'
import { limitsFrom } from '../options/limits.ts'
import { isPrivate } from '../transport/origin.ts'
import type { Evidence } from '../protocol/handshake.ts'
import { tokenFrom } from '../protocol/token.ts'
import type { ByteDuplex } from '../transport/index.ts'

/** What a client shows at the other end of a duplex. Throws `AUTH_FAILED` where others would read it. */
export type ShownTo = (duplex: ByteDuplex) => Evidence

type EvidenceOptions = Pick<
  ClientOptions<unknown, unknown>,
  'token' | 'credentials' | 'insecure' | 'protocol' | 'limits'
>

/** Bytes of a frame of credentials that are none. */
const AROUND = 3

/** Throws for options by which nobody can show who it is. */
export function checkEvidence({ token, credentials, protocol }: EvidenceOptions): void {
  if (token !== undefined) void tokenFrom('token', token)
  if (token !== undefined && credentials !== undefined)
    throw new TypeError('Expected `token` or `credentials`, got both: a server takes one of them')
  if (protocol !== undefined && protocol.authenticates !== true && (token ?? credentials) !== undefined)
    throw new TypeError(
      `Expected no \`token\` and no \`credentials\` with the protocol ${protocol.name}, which carries neither`,
    )
}

/**
 * Gives what is shown at the next connection; none where there is nothing to show. The function that it is asks the user anew each time, and
 * rejects with `CONNECT_FAILED` where that failed, and with `ENCODE_FAILED` for what JSON does not carry.
 */
export function evidenceFrom(options: EvidenceOptions): (() => Promise<ShownTo | undefined>) | undefined {
  const { token: given, credentials, insecure = false } = options
  const { maxHelloBytes } = limitsFrom(options.limits)
  if (given !== undefined) {
    const token = tokenFrom('token', given)
    return async () => () => ({ token })
  }
  if (credentials === undefined) return undefined
  return async () => {
    const encoded = encode(await ask(credentials), maxHelloBytes - AROUND)
    return encoded && ((duplex) => shown(encoded, duplex, insecure))
  }
}

async function ask(credentials: unknown): Promise<unknown> {
  if (typeof credentials !== 'function') return credentials
  try {
    return await (credentials as () => unknown)()
  } catch (cause) {
    throw new NetQueueError('CONNECT_FAILED', 'The function given as `credentials` failed', { cause })
  }
}

/** No error shows what it is about. */
function encode(credentials: unknown, maxBytes: number): Uint8Array | undefined {
  if (credentials === undefined) return undefined
  const bytes = new TextEncoder().encode(jsonOf(credentials))
  if (bytes.length <= maxBytes) return bytes
  const message = `Expected \`credentials\` of at most ${maxBytes} bytes of JSON (maxHelloBytes, of both sides), got ${bytes.length}`
  throw new NetQueueError('ENCODE_FAILED', message, { limit: 'maxHelloBytes', value: bytes.length })
}

function jsonOf(credentials: unknown): string {
  try {
    const text = JSON.stringify(credentials) as string | undefined
    if (text !== undefined) return text
  } catch {
    // What it says may quote a part.
  }
  throw new NetQueueError('ENCODE_FAILED', 'Expected `credentials` to be a value that JSON carries')
}

function shown(credentials: Uint8Array, duplex: ByteDuplex, insecure: boolean): Evidence {
  if (insecure || isPrivate(duplex)) return { credentials }
  const where = duplex.remoteAddress ?? 'a duplex that says nothing of encryption'
  const message = `\`credentials\` are not sent to ${where}, for others can read them on the way; use TLS, or set \`insecure: true\``
  throw new NetQueueError('AUTH_FAILED', message, { limit: 'insecure' })
}
