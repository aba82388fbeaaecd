import { describe, expect, test } from 'vitest'

import { connect, defineMessages, json, listen, text, type } from '../src/index.ts'
import type { Client, ClientOptions, Headers, Server, ServerClient, ServerOptions } from '../src/index.ts'
import { simpleServer } from '../src/protocol/index.ts'
import { Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { RawPeer, RawServer } from './support/raw-peer.ts'

const messages = defineMessages({ message: { payload: type<string>(), codec: text() } })
type App = typeof messages
/** Without a time between messages: in memory each piece is a read of its own. */
const options = { messages, protocol: simpleServer({ gapMs: 0 }) }

type Said = [body: string, headers: Headers]

interface Heard {
  server: Server<string, string, App>
  /** What clients said. */
  heard: Said[]
  /** Who came and went, and what the server was warned of. */
  events: string[]
}

async function serve(place: Place, more: ServerOptions<string, string, App> = {}): Promise<Heard> {
  return hearing(await place.listen({ ...options, ...more }))
}

function hearing(server: Server<string, string, App>): Heard {
  const heard: Said[] = []
  const events: string[] = []
  server.on('message', ({ payload, headers }) => heard.push([payload, { ...headers }]))
  server.on('connect', () => events.push('came'))
  server.on('disconnect', ({ error }) => events.push(`left: ${error?.code ?? 'goodbye'}`))
  server.on('warning', ({ error }) => events.push(error.code))
  return { server, heard, events }
}

/** A client that is played by hand. */
async function raw({ server }: Pick<Heard, 'server'>): Promise<{ peer: RawPeer; client: ServerClient }> {
  const { peer, duplex } = RawPeer.inMemory()
  return { peer, client: await server.accept(duplex) }
}

const says = (peer: RawPeer, said: string): void => peer.send(new TextEncoder().encode(said))

/** A client of ours, at a server that is played by hand. */
async function atServer(
  place: Place,
  more: ClientOptions<string, string, App> = {},
): Promise<{ client: Client<string, string, App>; peer: RawPeer; heard: Said[] }> {
  const { peer, duplex } = RawPeer.inMemory()
  const client = await connect<string, string, App>(duplex, { ...options, env: place.clock, ...more })
  const heard: Said[] = []
  client.on('message', ({ payload, headers }) => heard.push([payload, { ...headers }]))
  return { client, peer, heard }
}

describe('a server of SimpleServer', () => {
  test('hears messages with their headers, and answers the one who spoke', async () => {
    await using place = new Place()
    const { server, heard } = await serve(place)
    server.on('message', ({ headers, from }) => {
      if ('handshake' in headers)
        void server.send('message', 'Hello!', { to: from, headers: { handshake: 'example', flag: null } })
    })
    const { peer } = await raw({ server })
    const { peer: other } = await raw({ server })
    says(peer, '$handshake:|Größe:1|%Hello server!')
    await rest()
    expect(heard).toEqual([['Hello server!', { handshake: null, Größe: '1' }]])
    expect([peer.received.toString(), other.received.toString()]).toEqual(['$handshake:example|flag:|%Hello!', ''])
  })

  test('sends to one client, to some, and to all but some', async () => {
    await using place = new Place()
    const { server } = await serve(place)
    const peers = [await raw({ server }), await raw({ server }), await raw({ server })]
    const [one, two, three] = peers.map(({ client }) => client) as [ServerClient, ServerClient, ServerClient]
    await server.send('message', 'a', { to: one })
    await server.send('message', 'b', { to: [one, three] })
    expect(await server.broadcast('message', 'c')).toEqual({ sent: 3, missed: [] })
    expect(await server.broadcast('message', 'd', { except: [two], headers: { to: 'some' } })).toMatchObject({
      sent: 2,
    })
    await rest()
    expect(peers.map(({ peer }) => peer.received.toString())).toEqual([
      '$%a$%b$%c$to:some|%d',
      '$%c',
      '$%b$%c$to:some|%d',
    ])
  })

  test('knows a client when it has connected, before it has said a word, and speaks first', async () => {
    await using place = new Place()
    const { server, events } = await serve(place)
    server.on('connect', ({ client }) => void server.send('message', 'welcome', { to: client }))
    const { peer, client } = await raw({ server })
    await rest()
    expect([events, client.protocol, client.isConnected]).toEqual([['came'], 'simple-server', true])
    expect(peer.received.toString()).toBe('$%welcome')
  })

  test('takes the end of a stream for a goodbye, and ends its own', async () => {
    await using place = new Place()
    const { server, heard, events } = await serve(place)
    const { peer } = await raw({ server })
    says(peer, '$%last words')
    peer.end()
    await peer.untilEnd()
    await rest()
    expect([heard, events, server.clients]).toEqual([[['last words', {}]], ['came', 'left: goodbye'], []])
  })

  test('tells of a client that was lost', async () => {
    await using place = new Place()
    const { server, events } = await serve(place)
    const { peer } = await raw({ server })
    peer.cut()
    await rest()
    expect(events).toEqual(['came', 'left: CONNECTION_LOST'])
  })

  test('ends the streams of its clients when it closes, and leaves nothing open', async () => {
    await using place = new Place()
    const { server } = await serve(place)
    const { peer } = await raw({ server })
    void server.broadcast('message', 'bye')
    const closed = server.close()
    await peer.untilEnd()
    peer.end()
    expect(await place.pass(closed)).toEqual({ undone: [] })
    expect(peer.received.toString()).toBe('$%bye')
  })

  test('says what waits when it closes, for as long as its timeout and 2 s', async () => {
    await using place = new Place()
    const spaced = { protocol: simpleServer({ gapMs: 10 }) }
    const told = async (count: number, timeout: number): Promise<number> => {
      const { server } = await serve(place, spaced)
      const client = await place.connect<string, string, App>({ ...options, ...spaced, reconnect: false })
      const heard: string[] = []
      client.on('message', ({ payload }) => heard.push(payload))
      await rest()
      for (let index = 0; index < count; index += 1) void server.broadcast('message', 'word')
      await place.pass(server.close({ timeout }))
      await place.pass(client.closed)
      return heard.length
    }
    expect(await told(400, 5_000)).toBe(400)
    expect(await told(400, 1_000)).toBeLessThan(305)
  })

  test('lets a client of its own go', async () => {
    await using place = new Place()
    const { server, events } = await serve(place)
    const { peer, client } = await raw({ server })
    const closed = client.close()
    await peer.untilEnd()
    peer.end()
    await place.pass(closed)
    expect(events).toEqual(['came', 'left: goodbye'])
  })

  test('ticks whether or not its clients say something', async () => {
    await using place = new Place()
    const { server } = await serve(place)
    await raw({ server })
    const ticks = server.ticks(120)
    const due: number[] = []
    void (async () => {
      for await (const { count } of ticks) due.push(count)
    })()
    for (let frames = 0; frames < 3; frames += 1) {
      place.clock.advance(1_000 / 120)
      await rest()
    }
    expect(due.length).toBe(3)
  })

  test('tells its log who comes and goes, and its trace of each message, but not what it says', async () => {
    await using place = new Place()
    const told: string[] = []
    const tell = (fields: object, what: string): void => void told.push(`${what} ${JSON.stringify(fields)}`)
    const logger = { debug: tell, info: tell, warn: tell, trace: tell }
    const { server } = await serve(place, { logger, trace: true, id: 'us' })
    const { peer, client } = await raw({ server })
    says(peer, '$secret:1|%secret')
    peer.end()
    await peer.untilEnd()
    await rest()
    const logged = told.map((line) => line.replaceAll(client.id, 'ID'))
    expect(logged).toEqual([
      'connected {"client":"ID","address":"memory:","protocol":"simple-server"}',
      'received frame {"peer":"ID","frame":17}',
      'received message {"peer":"ID","name":16,"bytes":6}',
      'sent goodbye {"peer":"ID"}',
      'disconnected {"client":"ID","unsettled":0}',
    ])
  })

  test('lets clients do what authorize says', async () => {
    await using place = new Place()
    const { server, heard, events } = await serve(place, { authorize: (_, action) => action !== 'send' })
    const { peer, client } = await raw({ server })
    says(peer, '$%may I?')
    await rest()
    await server.send('message', 'no', { to: client })
    await rest()
    expect([heard, events, peer.received.toString()]).toEqual([[], ['came', 'NOT_AUTHORIZED'], '$%no'])
  })
})

describe('a client of SimpleServer', () => {
  test('is connected without a word, says messages and hears them', async () => {
    await using place = new Place()
    const { client, peer, heard } = await atServer(place)
    expect([client.state, peer.received.toString()]).toEqual(['connected', ''])
    await client.send('message', 'Hello server!', { headers: { handshake: null } })
    says(peer, '$re:1|%echo')
    await rest()
    expect([peer.received.toString(), heard]).toEqual(['$handshake:|%Hello server!', [['echo', { re: '1' }]]])
    const closed = client.close()
    await peer.untilEnd()
    peer.end()
    await place.pass(closed)
  })

  test('gives messages to a loop, too', async () => {
    await using place = new Place()
    const { client, peer } = await atServer(place)
    const loop = client.messages('message')
    says(peer, '$%one')
    await rest()
    says(peer, '$%two')
    expect([(await loop.next()).value?.payload, (await loop.next()).value?.payload]).toEqual(['one', 'two'])
    await place.pass(client.close({ timeout: 0 }))
  })

  test('that finds nobody rejects with CONNECT_FAILED', async () => {
    await using server = await RawServer.listen()
    const { address } = server
    await server[Symbol.asyncDispose]()
    expect(await failureOf(connect(address, { ...options }))).toMatchObject({ code: 'CONNECT_FAILED' })
  })

  test('may connect as often as it likes', async () => {
    await using place = new Place()
    const { server } = await serve(place)
    for (let times = 0; times < 3; times += 1) {
      const client = await place.connect({ ...options })
      await client.send('message', `${times}`)
      await place.pass(client.close())
    }
    expect(server.clients).toEqual([])
  })

  test('whose server ends the stream has lost it, and looks for it unless told otherwise', async () => {
    await using place = new Place()
    const { client, peer } = await atServer(place)
    peer.end()
    expect(await place.pass(client.closed)).toMatchObject({ error: { code: 'CONNECTION_LOST' } })
    const first = await serve(place)
    const returning = await place.connect({ ...options, reconnect: { minDelayMs: 10, maxDelayMs: 10 } })
    await place.pass(first.server.close())
    expect(returning.state).toBe('reconnecting')
    const late = returning.send('message', 'said meanwhile')
    const { heard } = await serve(place)
    await place.pass(late)
    await rest()
    expect([returning.state, heard]).toEqual(['connected', [['said meanwhile', {}]]])
  })
})

describe('what SimpleServer does not carry is UNSUPPORTED at once, by protocol and feature', () => {
  const failing = (value: string): object => ({
    code: 'UNSUPPORTED',
    limit: 'protocol',
    value,
    delivered: 'no',
    message: `The protocol simple-server does not carry ${value}`,
  })

  test('messages of another kind: connect and listen say so, and nothing is opened', async () => {
    const wrong = { ...options, messages: defineMessages({ message: { payload: type<string>(), codec: json() } }) }
    const error = new TypeError(
      'Expected "message", the one message of SimpleServer, to have the codec text(), got json',
    )
    await expect(listen('memory:wrong', wrong)).rejects.toThrow(error)
    await expect(connect('memory:wrong', wrong)).rejects.toThrow(error)
    const server = await listen('memory:wrong', options)
    await server.close()
  })

  test('items, and their results', async () => {
    await using place = new Place()
    const { server } = await serve(place)
    const client = await place.connect({ ...options })
    for (const side of [client, server]) {
      expect(await failureOf(side.put('x'))).toMatchObject(failing('items'))
      expect(() => side.tryPut('x')).toThrow(expect.objectContaining(failing('items')) as Error)
      expect(await failureOf(side.get())).toMatchObject(failing('items'))
      expect(await failureOf(side[Symbol.asyncIterator]().next())).toMatchObject(failing('items'))
      expect(await failureOf(side.process(() => 'x'))).toMatchObject(failing('items'))
    }
    expect(await failureOf(server.submit('x'))).toMatchObject({ code: 'UNSUPPORTED', value: 'result' })
    expect(await failureOf(server.map(['x']).next())).toMatchObject({ code: 'UNSUPPORTED', value: 'result' })
  })

  test('requests, and their end', async () => {
    await using place = new Place()
    const { server } = await serve(place)
    const client = await place.connect({ ...options })
    expect(await failureOf(client.endRequests())).toMatchObject({ code: 'UNSUPPORTED', value: 'request' })
    const there = server.clients[0] as ServerClient
    expect(await failureOf(server.endRequests(there))).toMatchObject({ code: 'UNSUPPORTED', value: 'request' })
  })

  test('messages above 1,022 bytes, headers included, are ITEM_TOO_LARGE, and nothing is sent', async () => {
    await using place = new Place()
    const { server } = await serve(place)
    const client = await place.connect({ ...options })
    const { peer } = await raw({ server })
    await rest()
    const long = 'ä'.repeat(511)
    const tooLong = { code: 'ITEM_TOO_LARGE', limit: 'maxItemBytes' }
    for (const call of [
      client.send('message', `${long}x`),
      client.send('message', long, { headers: { a: null } }),
      server.broadcast('message', `${long}x`),
      server.send('message', `${long}x`, { to: server.clients[0] as ServerClient }),
    ])
      expect(await failureOf(call)).toMatchObject(tooLong)
    expect(peer.received.length).toBe(0)
    await server.broadcast('message', long)
    await rest()
    expect(peer.received.length).toBe(1_024)
  })

  test('headers that the format has no place for are a RangeError', async () => {
    await using place = new Place()
    const { server } = await serve(place)
    const client = await place.connect({ ...options })
    for (const headers of [{ 'a:b': 'c' }, { a: 'b|c' }, { a: '' }, { 'a%': null }]) {
      expect(await failureOf(client.send('message', '', { headers }))).toBeInstanceOf(RangeError)
      expect(await failureOf(server.broadcast('message', '', { headers }))).toBeInstanceOf(RangeError)
    }
    await client.send('message', '', { headers: { 'Any Name': 'http://x:1/ ä' } })
  })

  test('who a client is: a server that asks refuses all, and a client has nothing to show', async () => {
    await using place = new Place()
    const token = 'sixteen bytes, or more'
    const { server, events } = await serve(place, { token })
    const { peer, duplex } = RawPeer.inMemory()
    says(peer, '$%let me in')
    expect(await failureOf(server.accept(duplex))).toMatchObject({ code: 'AUTH_REQUIRED' })
    await peer.untilEnd()
    peer.end()
    expect([peer.received.length, events]).toEqual([0, ['AUTH_REQUIRED']])
    for (const evidence of [{ token }, { credentials: 'x' }])
      expect(await failureOf(place.connect({ ...options, ...evidence }))).toBeInstanceOf(TypeError)
  })
})

describe('what is wrong with the original is not so here:', () => {
  test('a client that says nothing holds up nobody', async () => {
    const { server, heard } = hearing(await listen('tcp://127.0.0.1:0', options))
    const silent = await RawPeer.dial(server.address)
    await until(() => server.clients.length === 1)
    server.on('message', ({ from }) => void server.send('message', 'heard', { to: from }))
    const other = await RawPeer.dial(server.address)
    says(other, '$%are you there?')
    await other.until(() => other.received.length > 0)
    expect([heard, other.received.toString()]).toEqual([[['are you there?', {}]], '$%heard'])
    for (const peer of [silent, other]) peer.cut()
    await server.close({ timeout: 0 })
  })

  test('headers without a value, raw bytes, and headers that were received work as documented', async () => {
    await using place = new Place()
    const { server, heard } = await serve(place)
    const client = await place.connect({ ...options })
    await client.send('message', 'x', { headers: { no_value_header: null, value_header: 'this is a value' } })
    await rest()
    const { peer } = await raw({ server })
    says(peer, 'bytes without the library')
    await rest()
    expect(heard).toEqual([
      ['x', { no_value_header: null, value_header: 'this is a value' }],
      ['bytes without the library', {}],
    ])
    expect(heard.map(([, headers]) => ['no_value_header' in headers, headers['another_name']])).toEqual([
      [true, undefined],
      [false, undefined],
    ])
  })

  test.each([
    ['text without a per cent', '6e6f7065', ['came'], 1],
    ['a dollar without a per cent', '2435', ['came'], 1],
    ['a header without a colon', '2466257c', ['came'], 1],
    ['a body that is not UTF-8', '2425ff', ['came', 'DECODE_FAILED'], 0],
    ['headers that are not UTF-8', '24ff25', ['came', 'left: BAD_MESSAGE'], 0],
    ['more than 1,024 bytes', '24'.repeat(1_025), ['came', 'left: FRAME_TOO_LARGE'], 0],
    ['65 headers', Buffer.from(`$${'a|'.repeat(65)}%`).toString('hex'), ['came', 'left: BAD_MESSAGE'], 0],
  ])('%s harms nobody else', async (_, hex, expected, count) => {
    await using place = new Place()
    const { server, heard, events } = await serve(place)
    const { peer } = await raw({ server })
    peer.send(hex)
    await rest()
    expect([events.slice(0, expected.length), heard.length]).toEqual([expected, count])
    peer.end()
    const { peer: good } = await raw({ server })
    says(good, '$%fine')
    await rest()
    expect(heard.at(-1)).toEqual(['fine', {}])
  })

  test('what stands behind a second per cent or colon arrives', async () => {
    await using place = new Place()
    const { server, heard } = await serve(place)
    const client = await place.connect({ ...options })
    const { peer } = await raw({ server })
    await client.send('message', '100% sure', { headers: { link: 'http://x:1/' } })
    await rest()
    says(peer, '$link:http://x|%99% of 100%')
    await rest()
    expect(heard).toEqual([
      ['100% sure', { link: 'http://x:1/' }],
      ['99% of 100%', { link: 'http://x' }],
    ])
  })

  test('two messages to one peer have a time between them: each is read alone', async () => {
    await using place = new Place()
    const spaced = { messages, protocol: simpleServer() }
    const { server } = await serve(place, spaced)
    const { peer } = await raw({ server })
    const { peer: other } = await raw({ server })
    void server.broadcast('message', 'one')
    void server.broadcast('message', 'two')
    await rest()
    const read = (): string[] => [peer, other].map(({ received }) => received.toString())
    expect(read()).toEqual(['$%one', '$%one'])
    place.clock.advance(9)
    await rest()
    expect(read()).toEqual(['$%one', '$%one'])
    place.clock.advance(1)
    await rest()
    expect(read()).toEqual(['$%one$%two', '$%one$%two'])
  })

  test('messages of any length arrive whole, however slowly they are taken', async () => {
    await using place = new Place()
    const { server } = await serve(place)
    const { peer, client } = await raw({ server })
    peer.pause()
    const bodies = Array.from({ length: 200 }, (_, index) => `${index % 10}`.repeat(1_022))
    const sent = Promise.all(bodies.map((body) => server.send('message', body, { to: client })))
    await rest()
    peer.resume()
    await sent
    await peer.until(() => peer.received.length === 200 * 1_024)
    expect(peer.received.toString()).toBe(bodies.map((body) => `$%${body}`).join(''))
  })

  test('clients that leave while all are spoken to disturb nobody', async () => {
    await using place = new Place()
    const { server, events } = await serve(place)
    const peers = await Promise.all(Array.from({ length: 10 }, () => raw({ server })))
    for (const [index, { peer }] of peers.entries()) if (index % 2 === 0) peer.end()
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => server.broadcast('message', 'x')))
    await rest()
    expect(outcomes.every(({ missed }) => missed.length === 0)).toBe(true)
    expect(server.clients).toHaveLength(5)
    expect(events.filter((event) => event !== 'came' && event !== 'left: goodbye')).toEqual([])
    const stayed = peers.filter((_, index) => index % 2 === 1)
    expect(stayed.map(({ peer }) => peer.received.toString())).toEqual(Array(5).fill('$%x'.repeat(10)))
  })

  test('clients are limited in number, and what they say in memory', async () => {
    await using place = new Place()
    const { server, events } = await serve(place, { limits: { maxConnections: 1, maxUnreadMessages: 2 } })
    const loop = server.messages('message')
    const { peer } = await raw({ server })
    const { duplex } = RawPeer.inMemory()
    expect(await failureOf(server.accept(duplex))).toMatchObject({ code: 'TOO_MANY_CONNECTIONS' })
    for (const number of [1, 2, 3, 4]) {
      says(peer, `$%${number}`)
      await rest()
    }
    expect([loop.dropped, (await loop.next()).value?.payload]).toEqual([2, '3'])
    expect(events).toContain('MESSAGE_DROPPED')
  })

  test('a listener that throws ends nothing', async () => {
    await using place = new Place()
    const { server, heard, events } = await serve(place)
    server.on('message', () => {
      throw new Error('broken')
    })
    const { peer } = await raw({ server })
    says(peer, '$%one')
    await rest()
    says(peer, '$%two')
    await rest()
    expect(heard.map(([body]) => body)).toEqual(['one', 'two'])
    expect(events).toEqual(['came', 'HANDLER_FAILED', 'HANDLER_FAILED'])
  })
})
