import { describe, expect, expectTypeOf, test } from 'vitest'

import { connect, defineMessages, json, type } from '../src/index.ts'
import type {
  Client,
  ClientEvents,
  ClientOptions,
  ClientState,
  Server,
  ServerClient,
  ServerOptions,
} from '../src/index.ts'
import { missionCommander, missionCommanderReconnect, missionStateOf, stateOfMission } from '../src/protocol/index.ts'
import type { MissionEvent } from '../src/protocol/index.ts'
import { mission, missionsIn } from './support/mission-commander.ts'
import { Place, rest } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { RawPeer } from './support/raw-peer.ts'

const messages = defineMessages({
  echo: { payload: type<unknown>(), codec: json() },
  note: { payload: type<{ text: string }>(), codec: json() },
})
type App = typeof messages
const options = { messages, protocol: missionCommander() }

interface Heard {
  server: Server<string, string, App>
  /** What clients sent, with who it was. */
  heard: unknown[]
  /** Who came and went, and what the server was warned of. */
  events: string[]
}

async function serve(place: Place, more: ServerOptions<string, string, App> = {}): Promise<Heard> {
  const server = await place.listen({ ...options, ...more })
  const heard: unknown[] = []
  const events: string[] = []
  for (const { name } of messages)
    server.on(name as 'echo', ({ payload, from }) => heard.push([from.id, name, payload]))
  server.on('connect', ({ client }) => events.push(`${client.id} came`))
  server.on('disconnect', ({ client, error }) => events.push(`${client.id} left: ${error?.code ?? 'goodbye'}`))
  server.on('warning', ({ error }) => events.push(error.code))
  return { server, heard, events }
}

/** A client that is played by hand; it has said nothing yet. */
function knock({ server }: Heard): RawPeer {
  const { peer, duplex } = RawPeer.inMemory()
  server.accept(duplex).catch(() => {})
  return peer
}

/** A client that is played by hand, and has negotiated. */
async function negotiated(heard: Heard, id: string): Promise<RawPeer> {
  const peer = knock(heard)
  peer.send(mission('negotiation', { id }))
  await rest()
  return peer
}

const clientOf = ({ server }: Heard, id: string): ServerClient => {
  const client = server.clients.find((each) => each.id === id)
  if (client === undefined) throw new Error(`Expected a client ${id}`)
  return client
}

/** A client of ours, at a server that is played by hand. */
async function atServer(
  place: Place,
  more: ClientOptions<string, string, App> = {},
): Promise<{ client: Client<string, string, App>; peer: RawPeer; heard: unknown[] }> {
  const { peer, duplex } = RawPeer.inMemory()
  const client = await connect<string, string, App>(duplex, { ...options, env: place.clock, ...more })
  const heard: unknown[] = []
  for (const { name } of messages) client.on(name as 'echo', ({ payload }) => heard.push([name, payload]))
  await rest()
  return { client, peer, heard }
}

/** A server of ours and a client of ours. */
async function both(place: Place): Promise<Heard & { client: Client<string, string, App> }> {
  const heard = await serve(place)
  const client = await place.connect<string, string, App>({ ...options, id: 'ours' })
  await rest()
  return { ...heard, client }
}

describe('a server', () => {
  test('knows a client by the id of its negotiation, which has no answer', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const peer = await negotiated(heard, 'peer1')
    expect(heard.events).toEqual(['peer1 came'])
    expect(clientOf(heard, 'peer1').protocol).toBe('mission-commander')
    expect(missionsIn(peer.received)).toEqual([])
  })

  test('hears messages by their subjects, and drops those of which it has defined none', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const peer = await negotiated(heard, 'peer1')
    peer.send(mission('echo', { n: 1 }), mission('constructor', 1), mission('', 2), mission('note', { text: 'wörld' }))
    await rest()
    expect(heard.heard).toEqual([
      ['peer1', 'echo', { n: 1 }],
      ['peer1', 'note', { text: 'wörld' }],
    ])
    expect(heard.events).toEqual(['peer1 came'])
  })

  test('sends to one client, to some, and to all', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const peers = [await negotiated(heard, 'a'), await negotiated(heard, 'b'), await negotiated(heard, 'c')]
    await heard.server.send('echo', 'one', { to: clientOf(heard, 'a') })
    await heard.server.send('echo', 'two', { to: [clientOf(heard, 'a'), clientOf(heard, 'b')] })
    expect(await heard.server.broadcast('echo', { to: '*' })).toEqual({ sent: 3, missed: [] })
    await rest()
    const got = peers.map((peer) => missionsIn(peer.received).map(([, payload]) => payload))
    expect(got).toEqual([['one', 'two', { to: '*' }], ['two', { to: '*' }], [{ to: '*' }]])
  })

  test('sends an empty object where there is no payload: nothing at all is not JSON', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const peer = await negotiated(heard, 'a')
    await heard.server.broadcast('echo', undefined)
    await rest()
    expect(missionsIn(peer.received)).toEqual([['echo', {}]])
  })

  test('does not find a client of an unknown id, refuses what is none, and says CLIENT_GONE of one that has left', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const peer = await negotiated(heard, 'a')
    const gone = clientOf(heard, 'a')
    peer.send(mission('shutdown'))
    peer.end()
    await rest()
    const nobody = heard.server.clients.find(({ id }) => id === 'a')
    expect(nobody).toBeUndefined()
    expect(await failureOf(heard.server.send('echo', 1, { to: gone }))).toMatchObject({ code: 'CLIENT_GONE' })
    const unknown = nobody as unknown as ServerClient
    expect(await failureOf(heard.server.send('echo', 1, { to: unknown }))).toBeInstanceOf(TypeError)
  })

  test('takes a shutdown for a goodbye, and an end without one for a loss', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const [polite, rude] = [await negotiated(heard, 'polite'), await negotiated(heard, 'rude')]
    polite.send(mission('shutdown'))
    polite.end()
    rude.end()
    await rest()
    expect(heard.events.toSorted()).toEqual([
      'polite came',
      'polite left: goodbye',
      'rude came',
      'rude left: CONNECTION_LOST',
    ])
  })

  test('tells all clients when it stops, behind all that waits', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const peers = [await negotiated(heard, 'a'), await negotiated(heard, 'b')]
    const numbers = Array.from({ length: 100 }, (_, index) => index)
    for (const n of numbers) void heard.server.send('echo', n, { to: clientOf(heard, 'a') })
    const closing = heard.server.close()
    await rest()
    for (const peer of peers) {
      await peer.untilEnd()
      peer.end()
    }
    await closing
    const last: [string, unknown] = ['shutdown', {}]
    expect(peers.map((peer) => missionsIn(peer.received))).toEqual([[...numbers.map((n) => ['echo', n]), last], [last]])
    expect(heard.events.slice(2)).toEqual(['a left: goodbye', 'b left: goodbye'])
  })

  test('that restarts ends the connections without a word, so that its clients come back', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const peer = await negotiated(heard, 'a')
    void heard.server.send('echo', 'last', { to: clientOf(heard, 'a') })
    const closing = heard.server.close({ reason: 'restart' })
    await peer.untilEnd()
    peer.end()
    await closing
    expect(missionsIn(peer.received)).toEqual([['echo', 'last']])
  })

  test('lets nobody in where it wants to know who they are: AUTH_REQUIRED, and never a word', async () => {
    await using place = new Place()
    const heard = await serve(place, { token: 'sixteen bytes, or more' })
    const peer = await negotiated(heard, 'a')
    await peer.untilEnd()
    peer.end()
    await rest()
    expect([heard.events, peer.received.length]).toEqual([['AUTH_REQUIRED'], 0])
  })

  test('asks authorize what a client may send, and what it may be sent', async () => {
    await using place = new Place()
    const heard = await serve(place, {
      authorize: (_client, action, name) => !(name === 'note' && (action === 'send' || action === 'subscribe')),
    })
    const peer = await negotiated(heard, 'a')
    peer.send(mission('note', { text: '' }), mission('echo', 1))
    const denied = heard.server.send('note', { text: '' }, { to: clientOf(heard, 'a') })
    expect(await failureOf(denied)).toMatchObject({ code: 'NOT_AUTHORIZED' })
    await rest()
    expect([heard.heard, heard.events]).toEqual([[['a', 'echo', 1]], ['a came', 'NOT_AUTHORIZED']])
  })
})

describe('a client', () => {
  test('says its id, and is connected', async () => {
    await using place = new Place()
    const { client, peer } = await atServer(place, { id: 'peer1' })
    expect([client.state, client.id]).toEqual(['connected', 'peer1'])
    expect(missionsIn(peer.received)).toEqual([['negotiation', { id: 'peer1' }]])
    await place.pass(client.close({ timeout: 0 }))
  })

  test('without an id makes one of 16 letters and digits, and another one for each connection', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const client = await place.connect<string, string, App>(options)
    await rest()
    const { id } = client
    expect(id).toMatch(/^[a-zA-Z0-9]{16}$/)
    const other = await place.connect<string, string, App>(options)
    expect(other.id).not.toBe(id)
    await place.pass(heard.server.close({ reason: 'restart' }))
    const next = await serve(place)
    while (next.events.length < 2) {
      await rest()
      place.clock.advance(100)
    }
    expect(next.events.toSorted()).toEqual([`${client.id} came`, `${other.id} came`].toSorted())
    expect(client.id).toMatch(/^[a-zA-Z0-9]{16}$/)
    expect(client.id).not.toBe(id)
  })

  test('with an id of its own keeps it when it comes again', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const client = await place.connect<string, string, App>({ ...options, id: 'apollo' })
    await place.pass(heard.server.close({ reason: 'restart' }))
    const next = await serve(place)
    while (next.events.length === 0) {
      await rest()
      place.clock.advance(100)
    }
    expect([next.events, client.id]).toEqual([['apollo came'], 'apollo'])
  })

  test('hears messages and sends them, in order, all at once', async () => {
    await using place = new Place()
    const { client, peer, heard } = await atServer(place, { id: 'a' })
    const numbers = Array.from({ length: 50 }, (_, index) => index)
    await Promise.all(numbers.map((n) => client.send('echo', n)))
    peer.send(...numbers.map((n) => mission('echo', n)))
    await rest()
    expect(missionsIn(peer.received).slice(1)).toEqual(numbers.map((n) => ['echo', n]))
    expect(heard).toEqual(numbers.map((n) => ['echo', n]))
    expect(place.clock.now()).toBe(0)
    await place.pass(client.close({ timeout: 0 }))
  })

  test('is told of the shutdown of its server, and ends', async () => {
    await using place = new Place()
    const { client, peer, heard } = await atServer(place)
    const told: string[] = []
    client.on('goaway', ({ code }) => told.push(`goaway ${code}, ${client.state}`))
    client.on('disconnect', ({ error }) => told.push(`disconnect ${error?.code ?? 'goodbye'}`))
    peer.send(mission('echo', 'last'), mission('shutdown'))
    peer.end()
    expect(await place.pass(client.closed)).toEqual({ undone: [] })
    expect([heard, told]).toEqual([[['echo', 'last']], ['goaway CLOSED, connected', 'disconnect goodbye']])
    expect(client.state).toBe('closed')
  })

  test('says shutdown when it closes, behind all that waits', async () => {
    await using place = new Place()
    const { client, peer } = await atServer(place, { id: 'a' })
    for (const n of [1, 2, 3]) void client.send('echo', n)
    const closing = client.close()
    await peer.untilEnd()
    peer.end()
    await closing
    expect(missionsIn(peer.received).map(([subject]) => subject)).toEqual([
      'negotiation',
      'echo',
      'echo',
      'echo',
      'shutdown',
    ])
  })

  test('carries no items, requests and headers: UNSUPPORTED names protocol and feature', async () => {
    await using place = new Place()
    const { client, server } = await both(place)
    const unsupported = (feature: string): object => ({ code: 'UNSUPPORTED', value: feature, delivered: 'no' })
    const headers = { lang: 'en' }
    const there = server.clients[0] as ServerClient
    expect(await failureOf(client.put('x'))).toMatchObject(unsupported('items'))
    expect(await failureOf(server.put('x'))).toMatchObject(unsupported('items'))
    expect(await failureOf(server.submit('x'))).toMatchObject({ code: 'UNSUPPORTED' })
    expect(await failureOf(client.send('echo', 1, { headers }))).toMatchObject(unsupported('headers'))
    expect(await failureOf(server.send('echo', 1, { to: there, headers }))).toMatchObject(unsupported('headers'))
  })

  test('asks nobody: a request is UNSUPPORTED', async () => {
    await using place = new Place()
    const asked = defineMessages({ ask: { payload: type<null>(), reply: type<null>(), codec: json() } })
    const more = { messages: asked, protocol: missionCommander() }
    const server = await place.listen(more)
    const client = await place.connect(more)
    await rest()
    for (const side of [client, server])
      expect(await failureOf(side.request('ask', null))).toMatchObject({ code: 'UNSUPPORTED', value: 'request' })
  })
})

describe('a client that has lost its server', () => {
  test('looks for it after 0.1 s, twice as long each time, up to 15 s, for ever, until it is closed', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const client = await place.connect<string, string, App>({ ...options, reconnect: missionCommanderReconnect })
    const delays: number[] = []
    client.on('state', (change) => change.state === 'reconnecting' && delays.push(change.delayMs))
    await place.pass(heard.server.close({ reason: 'restart' }))
    while (delays.length < 10) {
      await rest()
      place.clock.advance(100)
    }
    expect(delays).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000])
    await client.close()
    expect([client.state, place.clock.timers]).toEqual(['closed', 0])
  })

  test('says what waited meanwhile, behind its negotiation, and tells that it is connected again', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const client = await place.connect<string, string, App>({ ...options, id: 'ours' })
    const told: string[] = []
    client.on('connect', () => told.push('connect'))
    client.on('disconnect', ({ error }) => told.push(`disconnect ${error?.code ?? 'goodbye'}`))
    await place.pass(heard.server.close({ reason: 'restart' }))
    await rest()
    expect(told).toEqual(['disconnect CONNECTION_LOST'])
    const sending = client.send('echo', 'waited')
    const next = await serve(place)
    await place.pass(sending)
    await rest()
    expect(next.heard).toEqual([['ours', 'echo', 'waited']])
    expect(told).toEqual(['disconnect CONNECTION_LOST', 'connect'])
  })

  test('fails where it is not to look for it', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const client = await place.connect<string, string, App>({ ...options, reconnect: false })
    await place.pass(heard.server.close({ reason: 'restart' }))
    expect((await place.pass(client.closed)).error).toMatchObject({ code: 'CONNECTION_LOST' })
    expect(client.state).toBe('failed')
  })
})

test('the states of the original are those of a client here, and so are its verbs', () => {
  expectTypeOf<ReturnType<typeof stateOfMission>>().toEqualTypeOf<ClientState>()
  expectTypeOf<MissionEvent<string>>().toExtend<keyof ClientEvents>()
  const state: ClientState = 'connected'
  expect(stateOfMission(missionStateOf(state))).toBe(state)
})

test('a message may have another subject than its name, as those that are called like events must', async () => {
  await using place = new Place()
  const named = defineMessages({
    'ship:status': { payload: type<unknown>(), codec: json() },
    a: { payload: type<unknown>(), codec: json() },
    b: { payload: type<unknown>(), codec: json() },
  })
  const subjects = { 'ship:status': 'status', a: 'b', b: 'c' }
  const server = await place.listen({ messages: named, protocol: missionCommander({ subjects }) })
  const got: unknown[] = []
  for (const { name } of named) server.on(name as 'a', (message) => got.push([message.name, message.payload]))
  const { peer, duplex } = RawPeer.inMemory()
  const accepted = server.accept(duplex)
  peer.send(mission('negotiation', { id: 'x' }), mission('status', 1), mission('b', 2), mission('c', 3))
  peer.send(mission('ship:status', 4), mission('a', 5))
  const to = await accepted
  for (const name of ['ship:status', 'a', 'b'] as const) await server.send(name, name, { to })
  await rest()
  expect(got).toEqual([
    ['ship:status', 1],
    ['a', 2],
    ['b', 3],
  ])
  expect(missionsIn(peer.received)).toEqual([
    ['status', 'ship:status'],
    ['b', 'a'],
    ['c', 'b'],
  ])
})

describe('what this side could not say to any peer is refused before it connects or listens:', () => {
  const check = (definitions: Parameters<typeof defineMessages>[0], more: ServerOptions<string, string> = {}) => {
    const place = new Place()
    return failureOf(place.listen({ messages: defineMessages(definitions), protocol: missionCommander(), ...more }))
  }
  const payload = type<unknown>()

  test('a message that is not JSON, with its name and its codec', async () => {
    const error = await check({ 'app:echo': { payload } })
    expect(error).toBeInstanceOf(TypeError)
    expect(String(error)).toContain('"app:echo"')
    expect(String(error)).toContain('msgpack')
  })

  test.each(['negotiation', 'shutdown'])('a message called %s', async (name) => {
    expect(await check({ [name]: { payload, codec: json() } })).toBeInstanceOf(RangeError)
  })

  test('a name that leaves no room for the length of the longest body; shorter bodies leave more', async () => {
    const named = (bytes: number) => ({ ['s'.repeat(bytes)]: { payload, codec: json() } })
    const [longest, tooLong] = [await check(named(30)), await check(named(31))]
    expect(longest).toBeUndefined()
    expect(tooLong).toBeInstanceOf(RangeError)
    expect(String(tooLong)).toContain('maxItemBytes')
    expect(await check(named(35), { limits: { maxItemBytes: 99 } })).toBeUndefined()
    expect(await check(named(36), { limits: { maxItemBytes: 99 } })).toBeInstanceOf(RangeError)
  })

  test.each([
    ['one for a message that this side has not defined', { nobody: 'x' }, TypeError],
    ['one that is no text', { a: 5 as unknown as string }, TypeError],
    ['one that another message has', { a: 'b' }, RangeError],
    ['one of the protocol itself', { a: 'shutdown' }, RangeError],
    ['one that is too long', { a: 's'.repeat(31) }, RangeError],
  ])('of subjects, %s', async (_, subjects, kind) => {
    const place = new Place()
    const definitions = { a: { payload, codec: json() }, b: { payload, codec: json() } }
    const listening = (async () =>
      place.listen({ messages: defineMessages(definitions), protocol: missionCommander({ subjects }) }))()
    expect(await failureOf(listening)).toBeInstanceOf(kind)
  })

  test('options of a wrong type', async () => {
    await using place = new Place()
    await serve(place)
    for (const more of [{ id: 5 as unknown as string }, { prefetch: '1' as unknown as number }])
      expect(await failureOf(place.connect({ ...options, ...more }))).toBeInstanceOf(TypeError)
  })

  test.each(['a\u0007', 'x'.repeat(129)])('the id %j', async (id) => {
    await using place = new Place()
    await serve(place)
    expect(await failureOf(place.connect({ ...options, id }))).toBeInstanceOf(RangeError)
  })
})

describe("the original's defects, which are not ours:", () => {
  test('a second connection with an id is refused, and harms neither the first one nor those who come', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const first = await negotiated(heard, 'twin')
    const second = await negotiated(heard, 'twin')
    await second.untilEnd()
    second.end()
    expect(second.received.length).toBe(0)
    first.send(mission('echo', 'still here'))
    await negotiated(heard, 'other')
    expect(heard.heard).toEqual([['twin', 'echo', 'still here']])
    expect(heard.events).toEqual(['twin came', 'ID_IN_USE', 'other came'])
  })

  test('a client comes again with its id: after a goodbye, and after a loss', async () => {
    await using place = new Place()
    const heard = await serve(place)
    for (const goodbye of [[mission('shutdown')], [], [mission('shutdown')]]) {
      const peer = await negotiated(heard, 'again')
      peer.send(mission('echo', goodbye.length), ...goodbye)
      peer.end()
      await rest()
    }
    expect(heard.heard.length).toBe(3)
    expect(heard.events.filter((event) => event === 'again came').length).toBe(3)
    expect(heard.server.clients).toEqual([])
  })

  test('a header and a body may take their time, and are whole whatever it is', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const peer = knock(heard)
    const stream = Buffer.concat([mission('negotiation', { id: 'slow' }), mission('echo', 'héllo'), mission('echo', 2)])
    const half = mission('negotiation', { id: 'slow' }).length
    peer.send(stream.subarray(0, half))
    await rest()
    for (const [from, to] of [
      [half, half + 10],
      [half + 10, half + 70],
      [half + 70, undefined],
    ] as const) {
      peer.send(stream.subarray(from, to))
      await rest()
      place.clock.advance(5_000)
      await rest()
    }
    expect(heard.heard).toEqual([
      ['slow', 'echo', 'héllo'],
      ['slow', 'echo', 2],
    ])
  })

  test('bytes that come one by one are a conversation', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const peer = knock(heard)
    for (const message of [mission('negotiation', { id: 'bytes' }), mission('echo', { a: [1] }), mission('shutdown')])
      for (const byte of message) {
        peer.send(Uint8Array.of(byte))
        await Promise.resolve()
      }
    peer.end()
    await rest()
    expect(heard.heard).toEqual([['bytes', 'echo', { a: [1] }]])
    expect(heard.events).toEqual(['bytes came', 'bytes left: goodbye'])
  })

  test('whoever connects and says nothing holds up nobody, and has five seconds', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const silent = knock(heard)
    await rest()
    await negotiated(heard, 'other')
    expect(heard.events).toEqual(['other came'])
    await place.pass(silent.untilEnd())
    expect(Math.floor(place.clock.now() / 1_000)).toBe(5)
    silent.end()
    await rest()
    expect(heard.events).toEqual(['other came', 'HANDSHAKE_TIMEOUT'])
  })

  test('who is silent for hours is still a client, and is told nothing meanwhile', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const peer = await negotiated(heard, 'quiet')
    place.clock.advance(7_200_000)
    await rest()
    expect([heard.events, peer.received.length]).toEqual([['quiet came'], 0])
    await heard.server.broadcast('echo', 'good morning')
    await rest()
    expect(missionsIn(peer.received)).toEqual([['echo', 'good morning']])
  })

  test('a length beyond the limit is FRAME_TOO_LARGE before anything of it is kept; in a negotiation, beyond 8 KiB', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const header = (length: number): Uint8Array => {
      const text = `{"length": ${length}, "subject": "negotiation"}`
      return Buffer.from(text.padEnd(64, '\0'))
    }
    const early = knock(heard)
    early.send(header(8_192 - 63))
    await early.untilEnd()
    early.end()
    const late = await negotiated(heard, 'a')
    late.send(header(1_048_576 - 63))
    await late.untilEnd()
    late.end()
    await rest()
    expect(heard.events).toEqual(['FRAME_TOO_LARGE', 'a came', 'a left: FRAME_TOO_LARGE'])
  })

  test('a body longer than `maxItemBytes` is ITEM_TOO_LARGE, to whoever sends it and to whoever gets it', async () => {
    await using place = new Place()
    const limits = { maxItemBytes: 1_000 }
    const heard = await serve(place, { limits })
    const peer = await negotiated(heard, 'a')
    const sending = heard.server.send('echo', 'x'.repeat(999), { to: clientOf(heard, 'a') })
    expect(await failureOf(sending)).toMatchObject({ code: 'ITEM_TOO_LARGE', limit: 'maxItemBytes' })
    peer.send(mission('echo', 'x'.repeat(998)))
    await rest()
    expect(heard.heard.length).toBe(1)
    peer.send(mission('echo', 'x'.repeat(999)))
    await peer.untilEnd()
    peer.end()
    await rest()
    expect(heard.events).toEqual(['a came', 'a left: ITEM_TOO_LARGE'])
  })

  test('the longest body that this side may send fits into a frame, header included', async () => {
    await using place = new Place()
    const { client, heard } = await both(place)
    const longest = 'x'.repeat(1_048_576 - 64 - 2)
    await client.send('echo', longest)
    await rest()
    expect(heard.length).toBe(1)
    expect(await failureOf(client.send('echo', `${longest}x`))).toMatchObject({ code: 'ITEM_TOO_LARGE' })
  })

  test.each([
    ['a header that is no JSON', Buffer.from('GET / HTTP/1.1'.padEnd(64, '\0')), 'BAD_MESSAGE'],
    ['a second negotiation', mission('negotiation', { id: 'b' }), 'UNEXPECTED_FRAME'],
  ])('%s ends the connection, rather than to be skipped', async (_, bytes, code) => {
    await using place = new Place()
    const heard = await serve(place)
    const peer = await negotiated(heard, 'a')
    peer.send(bytes, mission('echo', 'behind it'))
    await peer.untilEnd()
    peer.end()
    await rest()
    expect([heard.heard, heard.events]).toEqual([[], ['a came', `a left: ${code}`]])
    expect(peer.received.length).toBe(0)
  })

  test('who begins with anything but a negotiation with an id is sent away', async () => {
    await using place = new Place()
    const heard = await serve(place)
    for (const first of [mission('echo', 1), mission('negotiation', {}), mission('negotiation', { id: '' })]) {
      const peer = knock(heard)
      peer.send(first)
      await peer.untilEnd()
      peer.end()
    }
    await rest()
    expect(heard.events).toEqual(['UNEXPECTED_FRAME', 'BAD_MESSAGE', 'BAD_MESSAGE'])
  })

  test('a body that is no JSON, or too deep, costs its message and a warning', async () => {
    await using place = new Place()
    const heard = await serve(place)
    const peer = await negotiated(heard, 'a')
    const raw = (body: string): Uint8Array =>
      Buffer.concat([Buffer.from(`{"length": ${body.length}, "subject": "echo"}`.padEnd(64, '\0')), Buffer.from(body)])
    peer.send(raw('{"a": NaN}'), raw('['.repeat(100) + ']'.repeat(100)), mission('echo', 'fine'))
    await rest()
    expect(heard.heard).toEqual([['a', 'echo', 'fine']])
    expect(heard.events).toEqual(['a came', 'DECODE_FAILED', 'DECODE_FAILED'])
  })

  test('messages that nobody reads are bounded: a loop that is behind loses the oldest, and is told', async () => {
    await using place = new Place()
    const heard = await serve(place, { limits: { maxUnreadMessages: 10 } })
    const loop = heard.server.messages('echo')
    const peer = await negotiated(heard, 'a')
    peer.send(...Array.from({ length: 100 }, (_, index) => mission('echo', index)))
    await rest()
    expect(heard.events).toEqual(['a came', 'MESSAGE_DROPPED'])
    expect((await loop.next()).value?.payload).toBe(90)
    expect(loop.dropped).toBe(90)
  })

  test('where nobody listens, connect rejects, and says nothing of a connection', async () => {
    await using place = new Place()
    expect(await failureOf(place.connect(options))).toMatchObject({ code: 'CONNECT_FAILED' })
  })

  test('a client that looks for its server can be closed, and nothing remains', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    await place.pass(server.close({ reason: 'restart' }))
    await rest()
    expect(client.state).toBe('reconnecting')
    await client.close()
    expect([client.state, place.clock.timers]).toEqual(['closed', 0])
  })

  test('a server may listen again where one has been', async () => {
    await using place = new Place()
    for (let time = 0; time < 3; time += 1) {
      const heard = await serve(place)
      await negotiated(heard, 'a')
      await place.pass(heard.server.close())
      expect(heard.events).toEqual(['a came', 'a left: goodbye'])
    }
  })

  test('a client tells of its connection before it tells of messages, and of its end last', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    const told: string[] = []
    client.on('echo', ({ payload }) => told.push(String(payload)))
    client.on('disconnect', () => told.push('disconnect'))
    for (const n of [1, 2, 3]) void server.broadcast('echo', n)
    await place.pass(server.close())
    await place.pass(client.closed)
    expect(told).toEqual(['1', '2', '3', 'disconnect'])
  })
})
