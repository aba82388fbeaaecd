import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'

/** Fewest bytes of a token: 128 bits are out of reach of those who try them all. */
const MIN_TOKEN_BYTES = 16

/** A secret that both sides know. What prints or serialises whatever has it finds nothing. */
export class Token {
  readonly #key: Uint8Array

  /** Takes a copy: what its owner does with the bytes later changes nothing here. */
  constructor(token: string | Uint8Array) {
    this.#key = typeof token === 'string' ? new TextEncoder().encode(token) : token.slice()
  }

  /** HMAC-SHA256 over all parts: 32 bytes that tell nothing of the token. */
  macOf(parts: readonly Uint8Array[]): Uint8Array {
    const mac = hmac.create(sha256, this.#key)
    for (const part of parts) mac.update(part)
    return mac.digest()
  }
}

/** Throws a `TypeError` or `RangeError`, which never shows it, for what is no token. */
export function tokenFrom(option: string, value: unknown): Token {
  const rule = `Expected \`${option}\` to be text or bytes, at least ${MIN_TOKEN_BYTES} bytes long`
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) throw new TypeError(`${rule}, got ${kindOf(value)}`)
  const { length } = typeof value === 'string' ? new TextEncoder().encode(value) : value
  if (length >= MIN_TOKEN_BYTES) return new Token(value)
  throw new RangeError(`${rule}, got ${length} bytes`)
}

/** One, or several of which each is good, so that they can be changed one after the other. Throws as {@link tokenFrom} does. */
export function tokensFrom(option: string, value: unknown): readonly Token[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) return [tokenFrom(option, value)]
  if (value.length > 0) return value.map((each) => tokenFrom(option, each))
  throw new TypeError(`Expected \`${option}\` to be a token or a list of tokens, got an empty list`)
}

const kindOf = (value: unknown): string => (value === null ? 'null' : `a value of type ${typeof value}`)
