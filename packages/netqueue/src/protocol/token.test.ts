import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { Token, tokenFrom, tokensFrom } from './token.ts'

const SECRET = 'a token that nobody else knows'
const mac = (token: Token | undefined): string => Buffer.from(token?.macOf([Uint8Array.of(1)]) ?? []).toString('hex')

test('a token shows nothing of itself', () => {
  const token = new Token(SECRET)
  const shown = [inspect(token, { showHidden: true }), JSON.stringify(token), ...Object.keys(token)]
  expect(shown).toEqual(['Token {}', '{}'])
})

test('text is its UTF-8; bytes are copied', () => {
  const bytes = new TextEncoder().encode(`${SECRET} é`)
  const token = new Token(bytes)
  const before = mac(token)
  bytes.fill(0)
  expect([mac(token), mac(new Token(`${SECRET} é`))]).toEqual([before, before])
})

test('a token has 16 bytes at least, and no error shows it', () => {
  expect(mac(tokenFrom('token', 'é'.repeat(8)))).toMatch(/^[\da-f]{64}$/)
  expect(() => tokenFrom('token', 'secret of 15 b.')).toThrow(
    new RangeError('Expected `token` to be text or bytes, at least 16 bytes long, got 15 bytes'),
  )
  expect(() => tokenFrom('token', null)).toThrow(TypeError)
  expect(tokensFrom('token', undefined)).toEqual([])
  expect(tokensFrom('token', [SECRET, Buffer.from(SECRET)]).map(mac)).toEqual([
    mac(new Token(SECRET)),
    mac(new Token(SECRET)),
  ])
})
