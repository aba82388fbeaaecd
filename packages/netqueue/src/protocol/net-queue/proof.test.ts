import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { base64Of, isBase64, isProof, prove } from './proof.ts'

const secret = base64Of(new Uint8Array(32).fill(5))
const transcript = { client: Uint8Array.of(1, 2, 3), server: Uint8Array.of(4, 5) }

test("a proof is what node's HMAC-SHA256 makes of the context and both HELLOs with their lengths", () => {
  const message = Buffer.concat([
    Buffer.from('netqueue/1 resume'),
    Buffer.of(0, 0, 0, 3, 1, 2, 3),
    Buffer.of(0, 0, 0, 2, 4, 5),
  ])
  expect(prove(secret, transcript)).toBe(createHmac('sha256', Buffer.alloc(32, 5)).update(message).digest('base64'))
})

test('it is right for its secret and its connection alone', () => {
  const proof = prove(secret, transcript)
  expect(isProof(proof, secret, transcript)).toBe(true)
  expect(isProof(proof, base64Of(new Uint8Array(32).fill(6)), transcript)).toBe(false)
  expect(isProof(proof, secret, { ...transcript, server: Uint8Array.of(4, 6) })).toBe(false)
  expect(isProof(proof, secret, { client: transcript.server, server: transcript.client })).toBe(false)
  // The same bytes, cut elsewhere.
  expect(isProof(proof, secret, { client: Uint8Array.of(1, 2), server: Uint8Array.of(3, 4, 5) })).toBe(false)
})

test('one bit that is wrong makes it wrong, wherever it is', () => {
  const right = Buffer.from(prove(secret, transcript), 'base64')
  for (let bit = 0; bit < 256; bit += 1) {
    const wrong = Buffer.from(right)
    wrong[bit >> 3] = (wrong[bit >> 3] as number) ^ (1 << (bit & 7))
    expect(isProof(wrong.toString('base64'), secret, transcript)).toBe(false)
  }
})

test('base64 of 32 bytes is taken for a secret, and nothing else', () => {
  expect(isBase64(secret)).toBe(true)
  for (const text of [undefined, 7, '', secret.slice(0, -1), `${secret}=`, `${secret}\n`, base64Of(new Uint8Array(31))])
    expect(isBase64(text)).toBe(false)
})
