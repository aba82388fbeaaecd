import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'

import { connect, defineMessages, listen, msgpack, type } from '../src/index.ts'
import type {
  Answer,
  BroadcastOutcome,
  Client,
  HandlerOf,
  Headers,
  MessageStream,
  ReceivedMessage,
  RequestContext,
  Sender,
  Server,
  ServerClient,
} from '../src/index.ts'

interface File {
  name: string
}

const messages = defineMessages({
  'math:add': { payload: z.object({ a: z.number(), b: z.number() }), reply: z.number() },
  'date:of': { payload: z.string().transform((text) => new Date(text)), reply: z.number().transform(String) },
  'log:upload': { payload: type<File>(), reply: type<number>(), body: type<Uint8Array>() },
  'cache:clear': { payload: type<undefined>(), reply: type<void>() },
  'news:flash': { payload: z.string() },
  'user:moved': { payload: z.object({ x: z.number(), at: z.iso.date().transform((text) => new Date(text)) }) },
})
type App = typeof messages

declare const client: Client<unknown, unknown, App>
declare const server: Server<unknown, unknown, App>
declare const someone: ServerClient
declare const chunks: AsyncIterable<Uint8Array>

// Nothing here runs: the compiler is the test.

test('what is said comes from the option, beside items', async () => {
  expectTypeOf(await connect('memory:x', { messages })).toEqualTypeOf<Client<unknown, unknown, App>>()
  expectTypeOf(await listen('memory:x', { messages })).toEqualTypeOf<Server<unknown, unknown, App>>()
  const items = { item: msgpack<File>(), result: z.number() }
  expectTypeOf(await connect('memory:x', { ...items, messages })).toEqualTypeOf<Client<File, number, App>>()
  expectTypeOf(await listen('memory:x', { ...items, messages })).toEqualTypeOf<Server<File, number, App>>()
  expectTypeOf(await listen<File, number, App>('memory:x', { messages })).toEqualTypeOf<Server<File, number, App>>()
})

test('a request takes what goes into the schema of its payload, and gives what comes out of that of its reply', () => {
  expectTypeOf(client.request('math:add', { a: 1, b: 2 })).toEqualTypeOf<Promise<number>>()
  expectTypeOf(client.request('date:of', '2020-02-02')).toEqualTypeOf<Promise<string>>()
  expectTypeOf(client.request('cache:clear', undefined)).toEqualTypeOf<Promise<void>>()
  expectTypeOf(server.request('math:add', { a: 1, b: 2 }, { to: someone })).toEqualTypeOf<Promise<number>>()
  expectTypeOf(server.request('math:add', { a: 1, b: 2 })).toEqualTypeOf<Promise<number>>()
  void client.request('math:add', { a: 1, b: 2 }, { timeout: 1, channel: 3, headers: { lang: 'en', draft: null } })
})

test('a call gives value, headers or stream', async () => {
  const { value, headers, stream } = await client.call('date:of', '2020-02-02')
  expectTypeOf(value).toEqualTypeOf<string | undefined>()
  expectTypeOf(headers).toEqualTypeOf<Headers>()
  expectTypeOf(stream).toEqualTypeOf<AsyncIterableIterator<string, undefined> | undefined>()
  expectTypeOf(server.call('math:add', { a: 1, b: 2 }, { to: someone })).toEqualTypeOf<Promise<Answer<number>>>()
  if (stream === undefined) expectTypeOf(value).toEqualTypeOf<string>()
  const answer = await server.call('math:add', { a: 1, b: 2 }, { to: someone })
  if (answer.stream) {
    expectTypeOf(answer.value).toEqualTypeOf<undefined>()
    for await (const chunk of answer.stream) expectTypeOf(chunk).toEqualTypeOf<number>()
  } else expectTypeOf(answer.value).toEqualTypeOf<number>()
})

test('a stream gives replies', async () => {
  for await (const chunk of client.stream('date:of', '2020-02-02')) expectTypeOf(chunk).toEqualTypeOf<string>()
  for await (const chunk of server.stream('math:add', { a: 1, b: 2 }, { to: someone }))
    expectTypeOf(chunk).toEqualTypeOf<number>()
})

test('a body has chunks of its type; one that was not defined has any', () => {
  expectTypeOf(client.request('log:upload', { name: 'a' }, { body: chunks })).resolves.toEqualTypeOf<number>()
  void client.call('log:upload', { name: 'a' }, { body: [new Uint8Array(1)] })
  void server.stream('log:upload', { name: 'a' }, { body: chunks })
  void client.request('math:add', { a: 1, b: 2 }, { body: ['anything', 2] })
})

test('a handler gets what comes out of the schema of the payload, and returns what goes into that of the reply', () => {
  server.handle('math:add', (payload, context) => {
    expectTypeOf(payload).toEqualTypeOf<{ a: number; b: number }>()
    expectTypeOf(context).toEqualTypeOf<RequestContext<ServerClient>>()
    expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>()
    return payload.a + payload.b
  })
  client.handle('date:of', (date, { from }) => {
    expectTypeOf(date).toEqualTypeOf<Date>()
    expectTypeOf(from).toEqualTypeOf<Sender>()
    return date.getTime()
  })
  server.handle('log:upload', async ({ name }, { body }) => {
    let sum = name.length
    for await (const chunk of body) {
      expectTypeOf(chunk).toEqualTypeOf<Uint8Array>()
      sum += chunk.length
    }
    return sum
  })
  expectTypeOf(server.handle('cache:clear', () => {})).toEqualTypeOf<() => void>()
  server.handle('cache:clear', async () => {}, { concurrency: 1 })
})

test('a handler may stream its replies, also behind a promise', () => {
  async function* upTo({ a }: { a: number }): AsyncGenerator<number> {
    for (let n = 0; n < a; n += 1) yield n
  }
  server.handle('math:add', upTo)
  server.handle('math:add', async function* ({ a, b }) {
    yield a
    yield b
  })
  server.handle('math:add', async (payload, context) => {
    context.setHeaders({ count: '2' })
    return upTo(payload)
  })
  expectTypeOf(upTo).toExtend<HandlerOf<App, 'math:add', ServerClient>>()
})

test('a message is sent as what goes into its schema, to somebody or to all', () => {
  expectTypeOf(client.send('news:flash', 'hello', { headers: { lang: 'en' } })).toEqualTypeOf<Promise<void>>()
  void client.send('user:moved', { x: 1, at: '2020-02-02' })
  void server.send('news:flash', 'hello', { to: someone, timeout: 1 })
  void server.send('news:flash', 'hello', { to: [someone] })
  expectTypeOf(server.broadcast('news:flash', 'hello', { except: [someone] })).toEqualTypeOf<
    Promise<BroadcastOutcome>
  >()
  void client.sendEncoded('news:flash', new Uint8Array(1))
  void server.sendEncoded('news:flash', new Uint8Array(1), { to: someone })
  void server.broadcastEncoded('news:flash', new Uint8Array(1))
})

test('a message arrives as what comes out of its schema, with its sender', async () => {
  const moves = server.messages('user:moved', { capacity: 1, drop: 'oldest' })
  expectTypeOf(moves).toEqualTypeOf<MessageStream<ServerClient, { x: number; at: Date }>>()
  expectTypeOf(moves.dropped).toEqualTypeOf<number>()
  for await (const { payload, headers, from } of moves) {
    expectTypeOf(payload.at).toEqualTypeOf<Date>()
    expectTypeOf(headers).toEqualTypeOf<Headers>()
    expectTypeOf(from).toEqualTypeOf<ServerClient>()
  }
  client.on('news:flash', (message) => expectTypeOf(message).toEqualTypeOf<ReceivedMessage<Sender, string>>())
  server.on('connect', ({ client: one }) => expectTypeOf(one).toEqualTypeOf<ServerClient>())
})

test('the end of requests is about one client at a server', () => {
  expectTypeOf(client.endRequests()).toEqualTypeOf<Promise<void>>()
  expectTypeOf(server.endRequests(someone)).toEqualTypeOf<Promise<void>>()
})

test('whoever talks with messages is a client or server as any other', () => {
  const anyClient: Client = client
  const anyServer: Server = server
  expectTypeOf(anyClient).toEqualTypeOf<Client>()
  expectTypeOf(anyServer).toEqualTypeOf<Server>()
})

test('where nothing is known of messages, names are texts and payloads unknown', async () => {
  const untyped = await connect('memory:x')
  expectTypeOf(untyped.request('any:name', 1)).toEqualTypeOf<Promise<unknown>>()
  for await (const { payload } of untyped.messages('any:name')) expectTypeOf(payload).toEqualTypeOf<unknown>()
})

test('what must not compile does not', async () => {
  // @ts-expect-error nobody defined that
  expectTypeOf(client.request('math:mul', { a: 1, b: 2 }))
  // @ts-expect-error a message has no answer
  void client.request('news:flash', 'hello')
  // @ts-expect-error a message has no answer
  void server.stream('news:flash', 'hello')
  // @ts-expect-error a request is not sent as a message
  void client.send('math:add', { a: 1, b: 2 })
  // @ts-expect-error nor to all
  void server.broadcast('math:add', { a: 1, b: 2 })
  // @ts-expect-error nor listened to
  server.messages('math:add')
  // @ts-expect-error nor so
  server.on('math:add', () => {})
  // @ts-expect-error a message has no handler
  server.handle('news:flash', () => {})
  // @ts-expect-error b is missing
  void client.request('math:add', { a: 1 })
  // @ts-expect-error what the schema makes of it is for the receiver
  void client.request('date:of', new Date(0))
  // @ts-expect-error a flash is a text
  void server.broadcast('news:flash', 1)
  // @ts-expect-error the reply is a number
  server.handle('math:add', () => 'three')
  // @ts-expect-error a promise of it, too
  server.handle('math:add', async () => 'three')
  // @ts-expect-error and so is each chunk
  server.handle('math:add', async function* () {
    yield 'three'
  })
  // @ts-expect-error a handler's payload is what it was defined to be
  server.handle('math:add', ({ c }) => c)
  // @ts-expect-error the body is of bytes
  void client.request('log:upload', { name: 'a' }, { body: ['text'] })
  // @ts-expect-error a server says to whom
  void server.send('news:flash', 'hello')
  // @ts-expect-error a client has only its server
  void client.request('math:add', { a: 1, b: 2 }, { to: someone })
  // @ts-expect-error a client has nobody else to tell
  void client.broadcast('news:flash', 'hello')
  // @ts-expect-error options are checked for spelling
  void client.request('math:add', { a: 1, b: 2 }, { timeuot: 1 })
  // @ts-expect-error neither an event nor a message
  client.on('conect', () => {})
  // @ts-expect-error a message is no event
  client.events('news:flash')
  // @ts-expect-error an event is no message
  client.messages('goaway')
  // @ts-expect-error values of headers are texts
  void client.send('news:flash', 'hello', { headers: { count: 1 } })
  // @ts-expect-error it loses the newest or the oldest
  client.messages('news:flash', { drop: 'all' })
  // @ts-expect-error messages are made by defineMessages()
  await connect('memory:x', { messages: { 'news:flash': { payload: z.string() } } })
  // @ts-expect-error ids are adapted or enforced
  await connect('memory:x', { messages, messageIds: 'force' })
})
