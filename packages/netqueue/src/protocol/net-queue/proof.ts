import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { encodeText } from './bytes.ts'

/** Bytes of the secret of a session. */
export const SECRET_BYTES = 32
/** Base64 of that many bytes, as of the proof, which is as long. */
const BASE64 = /^[A-Za-z0-9+/]{43}=$/

const CONTEXT = encodeText('netqueue/1 resume')
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
  const [given, right] = [bytesOf(proof), macOf(secret, transcript)]
  let difference = given.length ^ right.length
  for (const [index, byte] of right.entries()) difference |= byte ^ (given[index] ?? 0)
  return difference === 0
}

function macOf(secret: string, { client, server }: Transcript): Uint8Array {
  const parts = [CONTEXT, lengthOf(client), client, lengthOf(server), server]
  const mac = hmac.create(sha256, bytesOf(secret))
  for (const part of parts) mac.update(part)
  return mac.digest()
}

function lengthOf(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(LENGTH_BYTES)
  new DataView(bytes.buffer).setUint32(0, data.length)
  return bytes
}

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
