import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

import { testProtocol } from '../../conformance/index.ts'
import { json, text } from '../../message/codec.ts'
import { type } from '../../message/definition.ts'
import { defineMessages } from '../../message/messages.ts'
import type { Messages } from '../../message/messages.ts'
import { ownMessages } from '../../message/registry.ts'
import { limitsFrom } from '../../options/limits.ts'
import { frameOf, headerFault, partsOf } from './frame.ts'
import { simpleServer } from './simple-server.ts'

interface Vectors {
  messages: { name: string; headers: Record<string, string | null>; body: string; hex: string; canonical: boolean }[]
  invalid: { name: string; hex: string; code: string }[]
}

const { messages: vectors, invalid } = JSON.parse(
  readFileSync(new URL('../../../../../docs/simple-server-vectors.json', import.meta.url), 'utf8'),
) as Vectors

const payload = type<string>()
const messages = defineMessages({ message: { payload, codec: text() } })

testProtocol(
  {
    name: 'SimpleServer',
    create: simpleServer,
    messages,
    headers: { Lang: 'en: GB', flag: null },
    vectors: [
      ...vectors.map(({ name, hex }) => ({ name, to: 'server' as const, hex, hears: ['message' as const] })),
      ...invalid.map((vector) => ({ to: 'client' as const, ...vector })),
    ],
  },
  { describe, test },
)

describe('a message', () => {
  const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

  test.each(vectors)('$name: is read with its headers and its body', ({ hex, headers, body }) => {
    const parts = partsOf(bytes(hex))
    expect(Object.entries(parts.headers ?? {})).toEqual(Object.entries(headers))
    expect(new TextDecoder().decode(parts.body)).toBe(body)
  })

  test.each(vectors.filter(({ canonical }) => canonical))('$name: is written so', ({ hex, headers, body }) => {
    expect(Buffer.from(frameOf({ headers, body: new TextEncoder().encode(body) })).toString('hex')).toBe(hex)
  })

  test('is copied out of what it came in', () => {
    const frame = bytes('24613a317c2568656c6c6f')
    const { body } = partsOf(frame)
    frame.fill(0)
    expect(new TextDecoder().decode(body)).toBe('hello')
  })
})

describe('a header', () => {
  test.each([
    ['', null, 'an empty name'],
    ['a:b', null, 'a name with ":", "|" or "%", which end it'],
    ['a|b', 'x', 'a name with ":", "|" or "%", which end it'],
    ['a%b', 'x', 'a name with ":", "|" or "%", which end it'],
    ['a', '', 'an empty value, which is none there: null'],
    ['a', 'b|c', 'a value with "|" or "%", which end it'],
    ['a', '100%', 'a value with "|" or "%", which end it'],
  ])('%j: %j is refused', (name, value, fault) => {
    expect(headerFault(name, value)).toBe(fault)
  })

  test.each([
    ['a', null],
    ['Größe mit Leerzeichen', 'http://host:1/$'],
  ])('%j: %j is not', (name, value) => {
    expect(headerFault(name, value)).toBeUndefined()
  })
})

describe('messages that it does not carry are a TypeError that names them', () => {
  const check = (own: Messages, options = {}): void => {
    const introduction = () => ({ ...SELF, messages: ownMessages({ messages: own }) })
    simpleServer(options).check?.({ role: 'server', introduction, limits: limitsFrom() })
  }
  const codec = text()

  test.each<[string, Messages, string]>([
    ['none', defineMessages({}), 'Expected `messages` to define "message", the one message of SimpleServer, got none'],
    [
      'others',
      defineMessages({ a: { payload, codec }, b: { payload, codec } }),
      'Expected `messages` to define "message", the one message of SimpleServer, got "a", "b"',
    ],
    [
      'one more',
      messages.extend({ other: { payload, codec } }),
      'Expected `messages` to have nothing but "message", the one message of SimpleServer, got "other"',
    ],
    [
      'a request',
      defineMessages({ message: { payload, reply: payload, codec } }),
      'Expected "message", the one message of SimpleServer, to have no reply',
    ],
    [
      'another codec',
      defineMessages({ message: { payload, codec: json() } }),
      'Expected "message", the one message of SimpleServer, to have the codec text(), got json',
    ],
  ])('%s', (_, own, message) => {
    expect(() => check(own)).toThrow(new TypeError(message))
  })

  test('the one that there is may have another name', () => {
    check(defineMessages({ 'app:said': { payload, codec } }), { message: 'app:said' })
    expect(() => check(messages, { message: 'app:said' })).toThrow(TypeError)
  })
})

test.each([
  [{ message: 7 }, TypeError],
  [{ gapMs: '1' }, TypeError],
  [{ gapMs: -1 }, RangeError],
  [{ gapMs: 1_001 }, RangeError],
])('options that it cannot have are refused: %j', (options, error) => {
  expect(() => simpleServer(options as never)).toThrow(error)
})

const SELF = { id: 'server', item: 'text', result: 'text', tags: [], status: undefined, nonce: new Uint8Array(16) }
