import type { StandardSchemaV1 } from '@standard-schema/spec'
import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'

import { bytes, defineMessages, json, msgpack, text, type } from '../src/index.ts'
import type {
  Body,
  BodyInput,
  Codec,
  MessageEntry,
  MessageName,
  Messages,
  Payload,
  PayloadInput,
  Reply,
  ReplyInput,
  RequestName,
} from '../src/index.ts'

const messages = defineMessages({
  'math:add': { payload: z.object({ a: z.number(), b: z.number() }), reply: z.number() },
  'news:flash': { payload: z.string() },
  'log:upload': { id: 40, payload: type<{ name: string }>(), reply: type<number>(), body: type<Uint8Array>() },
  'date:of': { payload: z.string().transform((text) => new Date(text)), reply: z.number().transform(String) },
  'text:line': { payload: type<string>(), codec: text() },
  'bytes:hash': { payload: type<Uint8Array>(), reply: type<Uint8Array>(), codec: bytes() },
  'json:tree': { payload: type<{ left?: object }>(), codec: json() },
})
type App = typeof messages

// Nothing here runs: the compiler is the test.

test('names are those of messages without a reply, and those of requests', () => {
  expectTypeOf<MessageName<App>>().toEqualTypeOf<'news:flash' | 'text:line' | 'json:tree'>()
  expectTypeOf<RequestName<App>>().toEqualTypeOf<'math:add' | 'log:upload' | 'date:of' | 'bytes:hash'>()
  expectTypeOf<MessageName<Messages>>().toEqualTypeOf<string>()
  const none = defineMessages({})
  expectTypeOf<MessageName<typeof none>>().toEqualTypeOf<never>()
  expectTypeOf<RequestName<typeof none>>().toEqualTypeOf<never>()
})

test('payload and reply come from schemas and from types', () => {
  expectTypeOf<Payload<App, 'math:add'>>().toEqualTypeOf<{ a: number; b: number }>()
  expectTypeOf<Reply<App, 'math:add'>>().toEqualTypeOf<number>()
  expectTypeOf<Payload<App, 'news:flash'>>().toEqualTypeOf<string>()
  expectTypeOf<Payload<App, 'log:upload'>>().toEqualTypeOf<{ name: string }>()
  expectTypeOf<Reply<App, 'log:upload'>>().toEqualTypeOf<number>()
  expectTypeOf<Body<App, 'log:upload'>>().toEqualTypeOf<Uint8Array>()
  expectTypeOf<BodyInput<App, 'log:upload'>>().toEqualTypeOf<Uint8Array>()
  expectTypeOf<Payload<App, 'text:line'>>().toEqualTypeOf<string>()
})

test('what is given goes into a schema, and what arrives comes out of it', () => {
  expectTypeOf<PayloadInput<App, 'date:of'>>().toEqualTypeOf<string>()
  expectTypeOf<Payload<App, 'date:of'>>().toEqualTypeOf<Date>()
  expectTypeOf<ReplyInput<App, 'date:of'>>().toEqualTypeOf<number>()
  expectTypeOf<Reply<App, 'date:of'>>().toEqualTypeOf<string>()
})

test('what is not known of messages is unknown', () => {
  expectTypeOf<Payload<Messages, string>>().toEqualTypeOf<unknown>()
  expectTypeOf<Reply<Messages, string>>().toEqualTypeOf<unknown>()
  expectTypeOf<Body<App, 'math:add'>>().toEqualTypeOf<unknown>()
  expectTypeOf(type()).toEqualTypeOf<StandardSchemaV1>()
  expectTypeOf(messages).toExtend<Messages>()
})

test('a name that is known gives its entry, anything else perhaps one', () => {
  expectTypeOf(messages.get('news:flash').definition.payload).toEqualTypeOf<z.ZodString>()
  expectTypeOf(messages.get(16)).toEqualTypeOf<MessageEntry | undefined>()
  expectTypeOf(messages.get('no:such' as string)).toEqualTypeOf<MessageEntry | undefined>()
  expectTypeOf(messages.get(messages.definitions['news:flash'])).toEqualTypeOf<MessageEntry | undefined>()
})

test('extend adds names, omit takes them away', () => {
  const more = messages.extend({ 'user:left': { payload: z.number(), reply: type<boolean>() } })
  expectTypeOf<RequestName<typeof more>>().toEqualTypeOf<RequestName<App> | 'user:left'>()
  expectTypeOf<MessageName<typeof more>>().toEqualTypeOf<MessageName<App>>()
  expectTypeOf<Reply<typeof more, 'user:left'>>().toEqualTypeOf<boolean>()
  expectTypeOf<Payload<typeof more, 'math:add'>>().toEqualTypeOf<{ a: number; b: number }>()
  const less = more.omit('math:add', 'date:of')
  expectTypeOf<RequestName<typeof less>>().toEqualTypeOf<'log:upload' | 'bytes:hash' | 'user:left'>()
})

test('what must not compile does not', () => {
  // @ts-expect-error there is no such message
  expectTypeOf<Payload<App, 'no:such'>>()
  // @ts-expect-error nobody answers that
  expectTypeOf<Reply<App, 'news:flash'>>()
  // @ts-expect-error a message needs a payload
  defineMessages({ 'a:b': { reply: z.string() } })
  // @ts-expect-error a payload is a schema
  defineMessages({ 'a:b': { payload: String } })
  // @ts-expect-error definitions are checked for spelling
  defineMessages({ 'a:b': { payload: z.string(), replay: z.string() } })
  // @ts-expect-error the codec text() takes no numbers
  defineMessages({ 'a:b': { payload: z.number(), codec: text() } })
  // @ts-expect-error nor does it as a reply
  defineMessages({ 'a:b': { payload: z.string(), reply: z.number(), codec: text() } })
  // @ts-expect-error a chunk of the body is no text either
  defineMessages({ 'a:b': { payload: z.string(), reply: z.string(), body: z.number(), codec: text() } })
  // @ts-expect-error an id is a number
  defineMessages({ 'a:b': { id: '16', payload: z.string() } })
  // @ts-expect-error a codec is not its name
  defineMessages({ 'a:b': { payload: z.string(), codec: 'json' } })
  // @ts-expect-error the name is taken
  messages.extend({ 'news:flash': { payload: z.string() } })
  // @ts-expect-error the codec of a message that is added takes no numbers
  messages.extend({ 'a:b': { payload: z.number(), codec: text() } })
  // @ts-expect-error there is nothing of this name to be omitted
  messages.omit('no:such')
})

test('a codec that takes more than is given is taken', () => {
  const any: Codec<unknown> = msgpack()
  const wide: Codec<string | number> = json<string | number>()
  const taken = defineMessages({
    'a:b': { payload: z.number(), reply: z.string(), codec: wide },
    'c:d': { payload: z.object({}), codec: any },
  })
  expectTypeOf<Payload<typeof taken, 'a:b'>>().toEqualTypeOf<number>()
})
