import type { Role } from '../handshake.ts'
import { Token } from '../token.ts'
import { encodeText } from './bytes.ts'

/** Base64 of that many bytes, as of the proof, which is as long. */
const BASE64 = /^[A-Za-z0-9+/]{43}=$/

const RESUME = encodeText('netqueue/1 resume')
const AUTH = encodeText('netqueue/1 auth')
/** What is sent back to where it came from proves nothing. */
const ROLES: Readonly<Record<Role, Uint8Array>> = { client: Uint8Array.of(1), server: Uint8Array.of(2) }
const LENGTH_BYTES = 4

/** The two HELLOs of a connection: each has a nonce, so that a proof is worth nothing on another one. */
export interface Transcript {
  /** Data of the client's CONN. */
  readonly client: Uint8Array
  /** Data of the server's CONN. */
  readonly server: Uint8Array
}

/** Whether a text is the base64 of a secret or of a proof. */
export const isBase64 = (text: unknown): text is string => typeof text === 'string' && BASE64.test(text)

export function base64Of(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

/** The proof, in base64, that its sender knows the secret of a session. */
export function prove(secret: string, transcript: Transcript): string {
  return base64Of(macOf(secret, transcript))
}

/** Whether a proof is right. Takes the same time wherever it is wrong. */
export function isProof(proof: string, secret: string, transcript: Transcript): boolean {
  return isEqual(bytesOf(proof), macOf(secret, transcript))
}

/** The proof that its sender knows a token. */
export function proveToken(token: Token, sender: Role, transcript: Transcript): Uint8Array {
  return token.macOf([AUTH, ROLES[sender], ...partsOf(transcript)])
}

/** The token of which a proof shows that its sender knows it. Takes the same time whichever that is, and if it is none. */
export function provenToken(
  proof: Uint8Array,
  tokens: readonly Token[],
  sender: Role,
  transcript: Transcript,
): Token | undefined {
  const proven = tokens.filter((token) => isEqual(proof, proveToken(token, sender, transcript)))
  return proven[0]
}

/** Takes the same time wherever the two differ; how long they are is no secret. */
export function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false
  let difference = 0
  for (let index = 0; index < one.length; index += 1) difference |= (one[index] as number) ^ (other[index] as number)
  return difference === 0
}

function macOf(secret: string, transcript: Transcript): Uint8Array {
  return new Token(bytesOf(secret)).macOf([RESUME, ...partsOf(transcript)])
}

const partsOf = ({ client, server }: Transcript): Uint8Array[] => [lengthOf(client), client, lengthOf(server), server]

function lengthOf(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(LENGTH_BYTES)
  new DataView(bytes.buffer).setUint32(0, data.length)
  return bytes
}

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
