import { describe, expect, test } from 'vitest'
import { json, text } from '../../message/codec.ts'
import { type } from '../../message/definition.ts'
import { defineMessages } from '../../message/messages.ts'
import type { Messages } from '../../message/messages.ts'
import { ownMessages } from '../../message/registry.ts'
import type { MessagesOptions } from '../../message/registry.ts'
import { limitsFrom } from '../../options/limits.ts'
import type { Introduction } from '../handshake.ts'
import { checkWelcome, decodeWelcome, encodeWelcome, grantOf } from './welcome.ts'

const any = { payload: type<unknown>() }
const request = { ...any, reply: type<unknown>() }
const encoder = new TextEncoder()

const introduction = (options: MessagesOptions = {}): Introduction => ({
  id: 'a',
  item: 'text',
  result: 'text',
  tags: [],
  status: undefined,
  messages: ownMessages(options),
  nonce: new Uint8Array(16),
})
const welcome = (options: MessagesOptions, limits = {}): Uint8Array =>
  encodeWelcome(introduction(options), limitsFrom(limits))
const fieldsOf = (data: Uint8Array): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(data)) as Record<string, unknown>
/** A WELCOME that says of messages what nobody of us says. */
const saying = (fields: object): Uint8Array => encoder.encode(JSON.stringify({ ...fieldsOf(welcome({})), ...fields }))

describe('the messages of a WELCOME', () => {
  const messages = defineMessages({
    'news:flash': any,
    'math:add': request,
    'text:line': { id: 300, payload: type<string>(), codec: text() },
    'json:ask': { ...request, codec: json() },
  })

  test('are rows of id, reply and codec, as short as they can be', () => {
    expect(fieldsOf(welcome({ messages }))).toMatchObject({
      messages: {
        'news:flash': [16],
        'math:add': [17, 1],
        'text:line': [300, 0, 'text'],
        'json:ask': [18, 1, 'json'],
      },
      adapt: true,
    })
  })

  test('arrive as they were announced', () => {
    const { announcement } = decodeWelcome(welcome({ messages, messageIds: 'enforce' }), 'client')
    expect(announcement.adapts).toBe(false)
    expect([...announcement.messages]).toEqual([
      ['news:flash', { id: 16, isRequest: false, codec: 'msgpack' }],
      ['math:add', { id: 17, isRequest: true, codec: 'msgpack' }],
      ['text:line', { id: 300, isRequest: false, codec: 'text' }],
      ['json:ask', { id: 18, isRequest: true, codec: 'json' }],
    ])
  })

  test('are not there where there are none, nor in an introduction that knows of none', () => {
    const { messages: _, ...older } = introduction()
    const said = encodeWelcome(older, limitsFrom())
    expect(said).toEqual(welcome({ messages: defineMessages({}), messageIds: 'adapt' }))
    expect(Object.keys(fieldsOf(said))).not.toContain('messages')
    expect(decodeWelcome(said, 'client').announcement).toEqual({ messages: new Map(), adapts: false })
  })

  test('may have names that mean something to JavaScript', () => {
    const odd = defineMessages(
      JSON.parse('{"__proto__":0,"constructor":0}', (key, value: unknown) => (key === '' ? value : any)) as Record<
        string,
        typeof any
      >,
    )
    expect([...decodeWelcome(welcome({ messages: odd }), 'client').announcement.messages.keys()]).toEqual([
      '__proto__',
      'constructor',
    ])
  })

  test('may have more in a row than we know', () => {
    const { announcement } = decodeWelcome(saying({ messages: { a: [16, 1, 'json', { x: 1 }] } }), 'client')
    expect(announcement.messages.get('a')).toEqual({ id: 16, isRequest: true, codec: 'json' })
  })
})

describe('P7: messages that a peer announces', () => {
  const longest = 'x'.repeat(128)

  test.each([
    [{ a: [16] }],
    [{ a: [65_535, 0, 'c'.repeat(128)] }],
    [{ [longest]: [16] }],
    [Object.fromEntries(Array.from({ length: 1_024 }, (_, index) => [`${index}`, [index + 16]]))],
  ])('are taken up to every limit: %#', (messages) => {
    expect(decodeWelcome(saying({ messages }), 'client').announcement.messages.size).toBe(Object.keys(messages).length)
  })

  test.each([
    ['no object', [['a', 16]], 'messages that are no object'],
    ['null', null, 'messages that are no object'],
    ['a name of no bytes', { '': [16] }, 'a message whose name is none'],
    ['a name of 129 bytes', { [`${longest}x`]: [16] }, 'a message whose name is none'],
    ['a name with a control character', { 'a\n': [16] }, 'a message whose name is none'],
    ['a name that is no UTF-8', { '\ud800': [16] }, 'a message whose name is none'],
    ['no row', { a: 16 }, 'a message whose id is no integer from 16 to 65535'],
    ['an empty row', { a: [] }, 'a message whose id is no integer from 16 to 65535'],
    ['a reserved id', { a: [15] }, 'a message whose id is no integer from 16 to 65535'],
    ['an id too large', { a: [65_536] }, 'a message whose id is no integer from 16 to 65535'],
    ['an id that is no integer', { a: [16.5] }, 'a message whose id is no integer from 16 to 65535'],
    ['an id that is a text', { a: ['16'] }, 'a message whose id is no integer from 16 to 65535'],
    ['an id twice', { a: [16], b: [16] }, 'two messages with one id'],
    ['a third kind', { a: [16, 2] }, 'a message that is neither with a reply nor without'],
    ['a kind that is a boolean', { a: [16, true] }, 'a message that is neither with a reply nor without'],
    ['a codec without a name', { a: [16, 0, ''] }, 'a message whose codec has no name'],
    ['a codec of 129 letters', { a: [16, 0, 'c'.repeat(129)] }, 'a message whose codec has no name'],
    ['a codec that is null', { a: [16, 0, null] }, 'a message whose codec has no name'],
    [
      '1,025 of them',
      Object.fromEntries(Array.from({ length: 1_025 }, (_, index) => [`${index}`, [index + 16]])),
      'more than 1024 messages',
    ],
  ])('are BAD_MESSAGE where they are wrong: %s', (_what, messages, what) => {
    expect(() => decodeWelcome(saying({ messages }), 'client')).toThrow(
      expect.objectContaining({
        code: 'BAD_MESSAGE',
        message: expect.stringContaining(`The peer sent ${what}`) as unknown,
      }),
    )
  })

  test.each([
    ['longer than 4,096 bytes', 's'.repeat(4_095)],
    ['longer when it is told on', Array.from({ length: 250 }, () => 1e20)],
  ])('P8: a status that is %s is BAD_MESSAGE', (_, status) => {
    expect(() => decodeWelcome(saying({ status }), 'client')).toThrow(expect.objectContaining({ code: 'BAD_MESSAGE' }))
  })

  test('P7: a status that is nested too deeply to be told on is BAD_MESSAGE', () => {
    const deep = '['.repeat(20_000) + ']'.repeat(20_000)
    const text = new TextDecoder().decode(saying({ status: 0 })).replace('"status":0', `"status":${deep}`)
    expect(() => decodeWelcome(new TextEncoder().encode(text), 'client')).toThrow(
      expect.objectContaining({ code: 'BAD_MESSAGE' }),
    )
  })

  test.each([1, 'true', null])('adapt that is %j is BAD_MESSAGE', (adapt) => {
    expect(() => decodeWelcome(saying({ adapt }), 'client')).toThrow(expect.objectContaining({ code: 'BAD_MESSAGE' }))
  })
})

describe('the length of an introduction', () => {
  const named = (count: number, length: number): Messages =>
    defineMessages(
      Object.fromEntries(
        Array.from({ length: count }, (_, index) => [`${index}`.padStart(length, 'billing:invoice.created-'), request]),
      ),
    )

  test.each([
    [220, 24],
    [280, 16],
  ])(
    '8,192 bytes hold %i requests with names of %i letters, on both sides, whoever comes, first or again',
    (...names) => {
      const own = { ...introduction({ messages: named(...names) }), secret: new Uint8Array(32), resumeMs: 86_400_000 }
      expect(() => checkWelcome(own, limitsFrom(), 'server')).not.toThrow()
      expect(() => checkWelcome(own, limitsFrom(), 'client')).not.toThrow()
    },
  )

  test('is the limit, type included: one byte more is ENCODE_FAILED that names limit and value', () => {
    const base = welcome({}).byteLength
    const padded = (bytes: number): Introduction => ({ ...introduction(), id: 'x'.repeat(bytes - base + 1) })
    expect(encodeWelcome(padded(8_190), limitsFrom()).byteLength).toBe(8_190)
    expect(() => encodeWelcome(padded(8_191), limitsFrom())).toThrow(
      expect.objectContaining({
        code: 'ENCODE_FAILED',
        limit: 'maxHelloBytes',
        value: 8_193,
        message:
          'Expected messages, tags, status and codec names to make an introduction of at most 8192 bytes (maxHelloBytes, of both sides), got 8193',
      }),
    )
  })

  test('is known at a server before a client comes, whose id may be the longest', () => {
    const server = { ...introduction(), secret: new Uint8Array(32), resumeMs: 60_000 }
    const resumed = { session: '0'.repeat(32), batches: Number.MAX_SAFE_INTEGER }
    const grant = grantOf(server, { id: 'x'.repeat(128), resumed }, true)
    const base = encodeWelcome(server, limitsFrom(), { grant }).byteLength
    const id = (bytes: number): Introduction => ({ ...server, id: 'x'.repeat(bytes - base + 1) })
    expect(() => checkWelcome(id(8_190), limitsFrom(), 'server')).not.toThrow()
    expect(() => checkWelcome(id(8_191), limitsFrom(), 'server')).toThrow(
      expect.objectContaining({ code: 'ENCODE_FAILED' }),
    )
  })

  test('is known at a client before it connects, which may have to come again', () => {
    const resume = { session: 'x'.repeat(128), proof: 'x'.repeat(44), batches: Number.MAX_SAFE_INTEGER }
    const base = encodeWelcome(introduction(), limitsFrom(), { resume }).byteLength
    const id = (bytes: number): Introduction => ({ ...introduction(), id: 'x'.repeat(bytes - base + 1) })
    expect(() => checkWelcome(id(8_190), limitsFrom(), 'client')).not.toThrow()
    expect(() => checkWelcome(id(8_191), limitsFrom(), 'client')).toThrow(
      expect.objectContaining({ code: 'ENCODE_FAILED' }),
    )
  })

  test('is what both sides allow: with 65,536 bytes there is room for 1,024 messages', () => {
    const messages = named(1_024, 32)
    expect(() => welcome({ messages })).toThrow(expect.objectContaining({ code: 'ENCODE_FAILED' }))
    const data = welcome({ messages }, { maxHelloBytes: 65_536 })
    expect(decodeWelcome(data, 'client').announcement.messages.size).toBe(1_024)
  })
})
