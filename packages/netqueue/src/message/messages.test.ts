import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { json, text } from './codec.ts'
import { type } from './definition.ts'
import type { MessageDefinitions } from './definition.ts'
import { defineMessages } from './messages.ts'
import type { Messages } from './messages.ts'

const any = { payload: type<unknown>() }
const loosely = (definitions: unknown): Messages => defineMessages(definitions as MessageDefinitions)
const idsOf = (messages: Messages): Record<string, number> =>
  Object.fromEntries(Array.from(messages, ({ name, id }) => [name, id]))
const many = (count: number): MessageDefinitions =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, any]))

describe('ids', () => {
  test('are chosen from 16 on, in the order of definition, around those that are given', () => {
    expect(idsOf(defineMessages({ b: any, a: { id: 17, ...any }, c: any, d: { id: 4_000, ...any }, e: any }))).toEqual({
      b: 16,
      a: 17,
      c: 18,
      d: 4_000,
      e: 19,
    })
  })

  test('stay when more messages are defined behind', () => {
    const first = defineMessages({ a: any, b: any })
    expect(idsOf(first.extend({ c: any }))).toEqual(idsOf(defineMessages({ a: any, b: any, c: any })))
    expect(idsOf(first)).toEqual({ a: 16, b: 17 })
  })

  test('stay when others are omitted, and theirs are free again', () => {
    const left = defineMessages({ a: any, b: any, c: any }).omit('a')
    expect(idsOf(left)).toEqual({ b: 17, c: 18 })
    expect(idsOf(left.extend({ d: any, e: any }))).toEqual({ b: 17, c: 18, d: 16, e: 19 })
  })

  test.each([16, 17, 65_534, 65_535])('%i may be given', (id) => {
    expect(idsOf(defineMessages({ a: { id, ...any } }))).toEqual({ a: id })
  })

  test.each([-1, 0, 1, 14, 15, 65_536, 16.5, Number.NaN])('%d may not: RangeError', (id) => {
    expect(() => defineMessages({ a: { id, ...any } })).toThrow(
      new RangeError(`Expected \`messages["a"].id\` to be an integer from 16 to 65535, got \`${id}\``),
    )
  })

  test('that are the same are refused, whether given or chosen', () => {
    expect(() => defineMessages({ a: { id: 20, ...any }, b: { id: 20, ...any } })).toThrow(
      new RangeError('Expected ids that differ, got 20 for "a" and "b"'),
    )
    expect(() => defineMessages({ a: any }).extend({ b: { id: 16, ...any } })).toThrow(
      new RangeError('Expected ids that differ, got 16 for "a" and "b"'),
    )
  })
})

describe('names', () => {
  test.each(['a', 'math:add', 'ä'.repeat(64), 'x'.repeat(127), 'x'.repeat(128), ' ', '😀', 'constructor', 'then', '1'])(
    '%j is one',
    (name) => {
      expect(loosely({ [name]: any }).get(name)?.name).toBe(name)
    },
  )

  test('__proto__ is one where it is defined as a name', () => {
    const messages = loosely(JSON.parse('{"__proto__":null}', (key, value) => (key === '__proto__' ? any : value)))
    expect([...messages].map(({ name }) => name)).toEqual(['__proto__'])
    expect(Object.keys(messages.extend({ a: any }).definitions)).toEqual(['__proto__', 'a'])
  })

  test.each(['', 'x'.repeat(129), `${'ä'.repeat(64)}x`, 'a\n', '\0', 'a\u007fb', '\u0085', '\ud800', 'a\udfff'])(
    '%j is none: RangeError',
    (name) => {
      const rule = 'Expected names of messages to have 1 to 128 bytes of UTF-8 without control characters'
      expect(() => loosely({ [name]: any })).toThrow(new RangeError(`${rule}, got ${JSON.stringify(name)}`))
    },
  )

  test('that are defined already are refused', () => {
    expect(() => defineMessages({ a: any }).extend({ a: any } as never)).toThrow(
      new RangeError('Expected names that differ, got "a" again'),
    )
  })

  test.each([0, 1, 1_023, 1_024])('%i are taken', (count) => {
    expect(loosely(many(count)).size).toBe(count)
  })

  test('1,025 are not, all at once or one after the other', () => {
    const error = new RangeError('Expected at most 1024 messages, got 1025')
    expect(() => loosely(many(1_025))).toThrow(error)
    expect(() => loosely(many(1_024)).extend({ a: any })).toThrow(error)
  })
})

describe('a definition', () => {
  test.each([
    [null, 'Expected `messages` to be a plain object, got `null`'],
    [new Map(), 'Expected `messages` to be a plain object, got `[object Map]`'],
    [{ __proto__: { a: any } }, 'Expected `messages` to be a plain object, got `[object Object]`'],
    [{ a: 1 }, 'Expected `messages["a"]` to be a plain object, got `1`'],
    [
      { a: { ...any, replay: any } },
      'Expected `messages["a"]` to have no more than id, payload, reply, body, codec, got `replay`',
    ],
    [{ a: {} }, 'Expected `messages["a"].payload` to be a Standard Schema or type<T>(), got `undefined`'],
    [
      { a: { ...any, reply: text() } },
      'Expected `messages["a"].reply` to be a Standard Schema or type<T>(), got `{"name":"text"}`',
    ],
    [
      { a: { ...any, reply: any.payload, body: 1 } },
      'Expected `messages["a"].body` to be a Standard Schema or type<T>(), got `1`',
    ],
    [{ a: { ...any, body: type() } }, 'Expected `messages["a"]` to have a reply, as it has a body'],
    [
      { a: { ...any, codec: 'json' } },
      'Expected `messages["a"].codec` to be a codec with name, encode and decode, got `"json"`',
    ],
    [{ a: { ...any, codec: z.string() } }, 'Expected `messages["a"].codec` to be a codec'],
    [{ a: { ...any, codec: { ...text(), name: 'a b' } } }, 'Expected `messages["a"].codec` to be a codec'],
    [{ a: { ...any, id: '16' } }, 'Expected `messages["a"].id` to be an integer from 16 to 65535'],
  ])('%j is none: TypeError', (definitions, message) => {
    expect(() => loosely(definitions)).toThrow(TypeError)
    expect(() => loosely(definitions)).toThrow(message)
  })
})

describe('looking up', () => {
  const add = { payload: z.object({ a: z.number() }), reply: z.number() }
  const messages = defineMessages({ 'math:add': add, 'news:flash': { id: 40, payload: z.string(), codec: json() } })

  test('is by name, id or definition', () => {
    const entry = messages.get('math:add')
    expect(entry).toMatchObject({ name: 'math:add', id: 16, isRequest: true, codec: 'msgpack', definition: add })
    expect([messages.get(16), messages.get(add)]).toEqual([entry, entry])
    expect(messages.get(40)).toMatchObject({ name: 'news:flash', isRequest: false, codec: 'json' })
  })

  test('finds nothing for what is not there', () => {
    const strangers = ['toString', 'x' as string, 17, { ...add }]
    expect(strangers.map((key) => messages.get(key))).toEqual([undefined, undefined, undefined, undefined])
  })

  test('of a definition with two names finds the first one', () => {
    expect(defineMessages({ a: any, b: any }).get(any)?.name).toBe('a')
  })

  test('omit() of what is not there is a TypeError', () => {
    expect(() => messages.omit('x' as never)).toThrow(
      new TypeError('Expected names of messages that are defined, got "x"'),
    )
  })

  test('messages and their definitions cannot be changed', () => {
    expect([Object.isFrozen(messages.definitions), Object.isFrozen(messages.get('math:add'))]).toEqual([true, true])
  })
})
