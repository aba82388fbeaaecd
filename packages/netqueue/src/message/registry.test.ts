import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { NetQueueError } from '../errors/errors.ts'
import { bytes, json, msgpack, text } from './codec.ts'
import { type } from './definition.ts'
import { defineMessages } from './messages.ts'
import type { Messages } from './messages.ts'
import { mismatch, ownMessages, Registry } from './registry.ts'
import type { Announcement, MessageIds, OwnMessages } from './registry.ts'

const any = { payload: type<unknown>() }
const request = { ...any, reply: type<unknown>() }
const coded = (code: string): unknown => expect.objectContaining({ code })

const own = (messages: Messages, messageIds: MessageIds = 'adapt'): OwnMessages => ownMessages({ messages, messageIds })
/** What a side announces, without the way through bytes. */
const said = ({ table, ids }: OwnMessages): Announcement => ({ messages: table.byName, adapts: ids === 'adapt' })
const between = (ours: OwnMessages, theirs: OwnMessages): Registry => new Registry(ours, said(theirs))

describe('of two sides with the same messages', () => {
  const messages = defineMessages({ a: any, b: request })
  const registry = between(own(messages), own(defineMessages({ a: any, b: request })))

  test('each calls them by the ids that both have', () => {
    expect([registry.idOf('a'), registry.idOf('b')]).toEqual([16, 17])
    expect([registry.nameOf(16), registry.nameOf(17)]).toEqual(['a', 'b'])
  })

  test('an id that was not announced has no name', () => {
    expect([0, 15, 18, 2 ** 53].map((id) => registry.nameOf(id))).toEqual([undefined, undefined, undefined, undefined])
  })

  test('a name that we have not defined is a TypeError', () => {
    for (const use of [
      () => registry.idOf('c'),
      () => registry.encode('toString', 'payload', 1),
      () => registry.decode('', 'payload', new Uint8Array(1)),
    ])
      expect(use).toThrow(TypeError)
    expect(() => registry.idOf('c')).toThrow('Expected the name of one of this side\'s `messages`, got "c"')
  })
})

describe('of two sides with different messages', () => {
  const older = defineMessages({ a: any, b: any })
  const newer = defineMessages({ new: any, b: any })

  test('a message that the peer lacks is UNSUPPORTED here, and was not delivered', () => {
    expect(() => between(own(newer), own(older)).idOf('new')).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED',
        message: 'The peer has no message "new"',
        delivered: 'no',
      }),
    )
  })

  test('a message that we lack has a name, and no entry', () => {
    const registry = between(own(older), own(newer))
    expect(registry.nameOf(16)).toBe('new')
    expect(() => registry.entry('new')).toThrow(TypeError)
  })

  test('a side without messages has nothing to say or to understand', () => {
    const [here, there] = [between(own(older), ownMessages({})), between(ownMessages({}), own(older))]
    expect(() => here.idOf('a')).toThrow(coded('UNSUPPORTED'))
    expect([here.nameOf(16), there.nameOf(16)]).toEqual([undefined, 'a'])
  })
})

describe('whose ids hold where they differ', () => {
  const server = defineMessages({ a: { id: 100, ...any }, b: { id: 101, ...request }, s: { id: 16, ...any } })
  const client = defineMessages({ b: request, a: any, c: { id: 100, ...any } })

  /** Every message that both have, sent both ways, is understood as what it is. */
  const understood = (ids: [server: MessageIds, client: MessageIds]): number[][] => {
    const [left, right] = [own(server, ids[0]), own(client, ids[1])]
    const [here, there] = [between(left, right), between(right, left)]
    return ['a', 'b'].map((name) => {
      expect([there.nameOf(here.idOf(name)), here.nameOf(there.idOf(name))]).toEqual([name, name])
      return [here.idOf(name), there.idOf(name)]
    })
  }

  test.each([
    ['adapt', 'adapt', 'each has its own', [100, 17], [101, 16]],
    ['enforce', 'adapt', "both have the server's", [100, 100], [101, 101]],
    ['adapt', 'enforce', "both have the client's", [17, 17], [16, 16]],
  ] as const)('server %s, client %s: %s', (left, right, _whose, a, b) => {
    expect(understood([left, right])).toEqual([a, b])
    expect(mismatch(own(server, left), said(own(client, right)))).toBeUndefined()
  })

  test('an id that only one side has means nothing from a side that has adapted', () => {
    const registry = between(own(server, 'enforce'), own(client, 'adapt'))
    expect([registry.nameOf(16), registry.nameOf(17)]).toEqual([undefined, undefined])
  })

  test('server enforce, client enforce: MESSAGES_MISMATCH that names every id', () => {
    expect(mismatch(own(server, 'enforce'), said(own(client, 'enforce')))).toMatchObject({
      code: 'MESSAGES_MISMATCH',
      value: ['"a" has the id 100 here, 17 there', '"b" has the id 101 here, 16 there'],
    })
  })

  test('two sides that enforce the same ids are fine, whatever else each has', () => {
    const [left, right] = [defineMessages({ a: any, b: any }), defineMessages({ a: any }).extend({ c: any })]
    expect(mismatch(own(left, 'enforce'), said(own(right, 'enforce')))).toBeUndefined()
  })

  test('ids that are exchanged between names are taken over', () => {
    const [left, right] = [defineMessages({ a: any, b: any }), defineMessages({ b: any, a: any })]
    const registry = between(own(right), own(left, 'enforce'))
    expect([registry.idOf('a'), registry.idOf('b'), registry.nameOf(16)]).toEqual([16, 17, 'a'])
  })
})

describe('MESSAGES_MISMATCH', () => {
  test('lists every difference, on both sides', () => {
    const here = own(defineMessages({ a: request, b: { ...any, codec: json() }, c: any, d: any }))
    const there = own(defineMessages({ d: any, c: request, b: any, a: { ...any, codec: json() } }))
    expect(mismatch(here, said(there))).toMatchObject({
      code: 'MESSAGES_MISMATCH',
      limit: 'messages',
      message:
        'The two sides define messages differently: "a" has a reply here, none there; ' +
        '"a" has the codec "msgpack" here, "json" there; "b" has the codec "json" here, "msgpack" there; ' +
        '"c" has no reply here, one there',
    })
    expect(mismatch(there, said(here))?.value).toEqual([
      '"c" has a reply here, none there',
      '"b" has the codec "msgpack" here, "json" there',
      '"a" has no reply here, one there',
      '"a" has the codec "json" here, "msgpack" there',
    ])
  })

  test.each([
    [64, /"m63" has no reply here, one there$/],
    [65, /"m63" has no reply here, one there; and 1 more$/],
  ])('of %i differences has a message of bounded length, and all of them as its value', (count, end) => {
    const many = (definition: typeof any | typeof request): Messages =>
      defineMessages(Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, definition])))
    const error = mismatch(own(many(any)), said(own(many(request))))
    expect(error?.message).toMatch(end)
    expect(error?.value).toHaveLength(count)
  })
})

describe('payloads', () => {
  const registry = (() => {
    const messages = own(
      defineMessages({
        sized: { payload: z.object({ size: z.number().int() }), reply: z.string().min(1) },
        dated: { payload: z.iso.datetime().transform((at) => new Date(at)), reply: type<unknown>() },
        open: { payload: type<unknown>(), reply: z.void(), body: z.number() },
        tree: { payload: z.unknown(), codec: json() },
        line: { payload: type<string>(), codec: text() },
        blob: { payload: type<Uint8Array>(), codec: bytes() },
      }),
    )
    return between(messages, messages)
  })()
  const round = (name: string, value: unknown): unknown =>
    registry.decode(name, 'payload', registry.encode(name, 'payload', value))

  test('travel in the codec of their message', () => {
    expect(registry.encode('open', 'payload', [1])).toEqual(msgpack().encode([1]))
    expect(registry.encode('tree', 'payload', [1])).toEqual(json().encode([1]))
    expect([round('line', 'ä'), round('blob', Uint8Array.of(1)), round('open', { a: [null] })]).toEqual([
      'ä',
      Uint8Array.of(1),
      { a: [null] },
    ])
  })

  test('are checked where they are sent: ENCODE_FAILED, and nothing was delivered', () => {
    for (const [name, part, value] of [
      ['sized', 'payload', { size: 1.5 }],
      ['sized', 'reply', ''],
      ['open', 'body', 'one'],
    ] as const)
      expect(() => registry.encode(name, part, value)).toThrow(
        expect.objectContaining({ code: 'ENCODE_FAILED', delivered: 'no' }),
      )
  })

  test('are checked where they arrive: DECODE_FAILED', () => {
    for (const [name, part, value] of [
      ['sized', 'payload', { size: 'big' }],
      ['sized', 'reply', 1],
      ['open', 'body', 'one'],
    ] as const)
      expect(() => registry.decode(name, part, msgpack().encode(value))).toThrow(coded('DECODE_FAILED'))
  })

  test('travel as they were given, and arrive as what their schema makes of them', () => {
    const at = '2026-11-21T00:00:00.000Z'
    expect(msgpack().decode(registry.encode('dated', 'payload', at))).toBe(at)
    expect(round('dated', at)).toEqual(new Date(at))
  })

  test('of undefined are no bytes in msgpack and JSON, and undefined again', () => {
    expect([registry.encode('open', 'payload', undefined), registry.encode('tree', 'payload', undefined)]).toEqual([
      new Uint8Array(0),
      new Uint8Array(0),
    ])
    expect([round('open', undefined), round('tree', undefined), round('open', null)]).toEqual([
      undefined,
      undefined,
      null,
    ])
    expect(registry.decode('open', 'reply', registry.encode('open', 'reply', undefined))).toBeUndefined()
    expect([round('line', ''), round('blob', new Uint8Array(0))]).toEqual(['', new Uint8Array(0)])
    expect(() => registry.encode('blob', 'payload', undefined)).toThrow(coded('ENCODE_FAILED'))
  })

  test.each([
    [
      'sized',
      'payload',
      { size: 1.5 },
      /^The schema does not take the payload of "sized": size: Invalid input: expected int/,
    ],
    ['sized', 'reply', '', /^The schema does not take the reply of "sized": /],
    ['open', 'body', 'one', /^The schema does not take the body of "open": /],
    ['open', 'payload', () => 1, /^The codec msgpack does not take the payload of "open": Unrecognized object/],
    [
      'blob',
      'payload',
      'text',
      /^The codec bytes does not take the payload of "blob": Expected encode\(\) to return a Uint8Array, got string$/,
    ],
  ] as const)('that are refused here are named, and so is who refuses them: %s, %s', (name, part, value, message) => {
    expect(() => registry.encode(name, part, value)).toThrow(message)
  })

  test.each([
    ['sized', 'payload', { size: 'big' }, 'The schema does not take the payload of "sized" that the peer sent'],
    ['open', 'body', 'one', 'The schema does not take the body of "open" that the peer sent'],
  ] as const)(
    'that are refused when they came are named, without a word of them: %s, %s',
    (name, part, value, message) => {
      expect(() => registry.decode(name, part, msgpack().encode(value))).toThrow(
        new NetQueueError('DECODE_FAILED', message),
      )
    },
  )

  test('that are no text of their codec are refused by the codec', () => {
    expect(() => registry.decode('tree', 'payload', Uint8Array.of(123))).toThrow(
      'The codec json does not take the payload of "tree" that the peer sent',
    )
  })
})

describe('options', () => {
  test.each([
    [{ messages: {} }, 'Expected `messages` to be made by defineMessages(), got `object`'],
    [{ messages: null }, 'Expected `messages` to be made by defineMessages(), got `object`'],
    [{ messageIds: 'force' }, 'Expected `messageIds` to be one of "adapt", "enforce", got `"force"`'],
  ])('%j are refused: TypeError', (options, message) => {
    expect(() => ownMessages(options as never)).toThrow(new TypeError(message))
  })

  test('none are no messages, and ids that adapt', () => {
    const { table, ids } = ownMessages({})
    expect([table.size, ids]).toEqual([0, 'adapt'])
  })
})
