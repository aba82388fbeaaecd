import { encode } from '@msgpack/msgpack'
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'

import { connect, defineMessages, json, listen, memory, type } from '../src/index.ts'
import type { Client, ClientOptions, Messages, Server, ServerClient, ServerOptions } from '../src/index.ts'
import { packetmq } from '../src/protocol/packetmq/packetmq.ts'
import { expectHandles, handles } from './support/handles.ts'
import { rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { RawPeer, RawServer } from './support/raw-peer.ts'

const packet = { payload: type<unknown>() }
const messages = defineMessages({
  'app:echo': { ...packet, id: 17 },
  'app:reply': { ...packet, id: 18 },
  'app:show': { ...packet, id: 19 },
  'app:sum': { payload: type<number[]>(), reply: type<number>() },
})
type Talking = Messages<(typeof messages)['definitions']>

interface Vectors {
  packets: { name: string; hex: string; id: number; value: unknown }[]
  invalid: { name: string; hex: string; code: string }[]
}
const vectors = JSON.parse(
  readFileSync(new URL('../../../docs/packetmq-vectors.json', import.meta.url), 'utf8'),
) as Vectors

const TYPE = { INIT: 0, SOFTQUIT: 1, PUBIDS: 2, FINISH: 3 } as const
const NAMES = ['packetmq:handshake_init', 'packetmq:softquit', 'packetmq:handshake_pubids', 'packetmq:handshake_finish']
const IDS = {
  ...Object.fromEntries(NAMES.map((name, id) => [name, id])),
  'app:echo': 17,
  'app:reply': 18,
  'app:show': 19,
}

/** A packet, as hexadecimal digits. */
function raw(id: number, value: unknown): string {
  const data = encode(value)
  const head = Buffer.alloc(6)
  head.writeUInt32BE(2 + data.length)
  head.writeUInt16BE(id, 4)
  return Buffer.concat([head, data]).toString('hex')
}

const INIT = raw(TYPE.INIT, { version: 1 })
const FINISH = raw(TYPE.FINISH, null)
const pubids = (adapt: boolean, idmap: object = IDS): string => raw(TYPE.PUBIDS, { adapt, idmap })
const softquit = (reason: string): string => raw(TYPE.SOFTQUIT, { reason })

const open: { close(options: { timeout: number }): Promise<unknown> }[] = []
const peers: RawPeer[] = []
const servers: RawServer[] = []

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.cut()
  await Promise.all(servers.splice(0).map((server) => server[Symbol.asyncDispose]()))
  await Promise.all(open.splice(0).map((node) => node.close({ timeout: 0 })))
})

interface Serving {
  server: Server<unknown, unknown, Talking>
  /** Codes of what it was warned of, and why clients left. */
  codes: unknown[]
}

async function serve(
  options: ServerOptions<unknown, unknown, Talking> = {},
  address: string | readonly string[] = 'tcp://127.0.0.1:0',
): Promise<Serving> {
  const server = await listen(address, { protocol: packetmq(), messages, ...options })
  const codes: unknown[] = []
  server.on('warning', ({ error }) => codes.push(error.code))
  server.on('disconnect', ({ error, reason }) => codes.push(error?.code ?? reason))
  open.push(server)
  return { server, codes }
}

async function join(
  address: string | string[] | undefined,
  options: ClientOptions<unknown, unknown, Talking> = {},
): Promise<Client<unknown, unknown, Talking>> {
  const client = await connect(address ?? '', { protocol: packetmq(), messages, ...options })
  open.push(client)
  return client
}

/** An original that connects, and has done its part of the handshake: all of it in one piece. */
async function original(server: Pick<Server, 'address' | 'clients'>): Promise<{ peer: RawPeer; client: ServerClient }> {
  const count = server.clients.length
  const peer = await RawPeer.dial(server.address)
  peers.push(peer)
  peer.send(INIT + pubids(true) + FINISH)
  await until(() => server.clients.length > count)
  for (const expected of [TYPE.INIT, TYPE.PUBIDS, TYPE.FINISH]) expect((await peer.next()).type).toBe(expected)
  return { peer, client: server.clients.at(-1) as ServerClient }
}

/** An original server, played by hand, and whoever connects to it. */
async function originalServer(): Promise<RawServer> {
  const server = await RawServer.listen()
  servers.push(server)
  return server
}

/** Why a peer is left, in words; it closes then, as an original does. */
async function reasonOf(peer: RawPeer): Promise<string> {
  await peer.until(() => peer.frames.at(-1)?.type === TYPE.SOFTQUIT)
  const reason = peer.frames.at(-1)?.data.toString('latin1').slice(9) ?? ''
  peer.end()
  await peer.untilEnd()
  return reason
}

describe('packets', () => {
  test('travel both ways by their names, and to all but some', async () => {
    const { server } = await serve()
    const [one, two] = [await join(server.address), await join(server.address)]
    await until(() => server.clients.length === 2)
    server.on('app:echo', ({ payload, from }) => void server.send('app:reply', payload, { to: from }))
    const replies = one.messages('app:reply')
    await one.send('app:echo', { foo: 'bär', bin: Uint8Array.of(0, 1), at: [1.5, null, -1] })
    expect((await replies.next()).value).toMatchObject({
      payload: { foo: 'bär', bin: Uint8Array.of(0, 1), at: [1.5, null, -1] },
    })
    const shown = [one.messages('app:show'), two.messages('app:show')] as const
    expect(await server.broadcast('app:show', 1, { except: [server.clients[0] as ServerClient] })).toMatchObject({
      sent: 1,
    })
    await server.broadcast('app:show', 2)
    expect((await shown[0].next()).value).toMatchObject({ payload: 2 })
    expect((await shown[1].next()).value).toMatchObject({ payload: 1 })
  })

  test('travel in memory by the same bytes: what is received is nobody else’s', async () => {
    const transports = [memory()]
    const { server } = await serve({ transports }, 'memory:here')
    const met: string[] = []
    server.on('connect', ({ client }) => met.push(client.protocol))
    server.on('disconnect', ({ client }) => met.push(`gone: ${client.protocol}`))
    const echoes = server.messages('app:echo')
    const client = await join('memory:here', { transports })
    const said = { list: [1] }
    await client.send('app:echo', said)
    const { payload } = (await echoes.next()).value as { payload: typeof said }
    expect(payload).toEqual(said)
    expect(payload).not.toBe(said)
    await client.close()
    await until(() => met.length === 2)
    expect([met, server.clients]).toEqual([['packetmq', 'gone: packetmq'], []])
  })

  test('are sent as they are where they are encoded already', async () => {
    const { server } = await serve()
    const { peer, client } = await original(server)
    await server.sendEncoded('app:show', Uint8Array.of(0x93, 1, 2, 3), { to: client })
    expect((await peer.next()).data.toString('hex')).toBe('93010203')
  })

  test('without a payload leave as nil, and those that come without one are undefined', async () => {
    const { server } = await serve()
    const echoes = server.messages('app:echo')
    const { peer, client } = await original(server)
    await server.send('app:show', undefined, { to: client })
    expect((await peer.next()).data.toString('hex')).toBe('c0')
    peer.send('000000020011', raw(17, 'next'))
    expect((await echoes.next()).value).toMatchObject({ payload: undefined })
    expect((await echoes.next()).value).toMatchObject({ payload: 'next' })
  })

  test.each(vectors.packets.filter(({ id }) => id >= 16))('vector: $name', async ({ hex, value }) => {
    const { server } = await serve()
    const echoes = server.messages('app:echo')
    const { peer } = await original(server)
    peer.send(hex)
    const { payload } = (await echoes.next()).value as { payload: unknown }
    const isBytes = (part: unknown): part is Uint8Array => part instanceof Uint8Array
    const plain = JSON.parse(
      JSON.stringify(payload, (_key, part: unknown) =>
        isBytes(part) ? { bytes: Buffer.from(part).toString('hex') } : part,
      ),
    ) as unknown
    expect(plain).toEqual(value)
  })

  test('are sent when the peer is active, and not before: none is thrown away', async () => {
    const raw_ = await originalServer()
    const connecting = connect(raw_.address, { protocol: packetmq(), messages, reconnect: false })
    const peer = await raw_.accept()
    expect((await peer.next()).type).toBe(TYPE.INIT)
    let isConnected = false
    void connecting.then(() => (isConnected = true))
    peer.send(raw(17, 'too early'), INIT + pubids(false))
    expect((await peer.next()).type).toBe(TYPE.PUBIDS)
    expect((await peer.next()).type).toBe(TYPE.FINISH)
    expect(isConnected).toBe(false)
    peer.send(FINISH, raw(17, 'in time'))
    const client = await connecting
    open.push(client)
    expect((await client.messages('app:echo').next()).value).toMatchObject({ payload: 'in time' })
    await client.send('app:show', 1)
    expect(await peer.next()).toMatchObject({ type: 19 })
  })

  test('to a peer that reads nothing make whoever sends them wait', async () => {
    const { server } = await serve({ limits: { maxUnsentMessages: 4 } })
    const { peer, duplex } = RawPeer.inMemory()
    peers.push(peer)
    const accepted = server.accept(duplex)
    peer.send(INIT + pubids(true) + FINISH)
    const client = await accepted
    await peer.until(() => peer.frames.length === 3)
    peer.pause()
    const payload = new Uint8Array(90_000)
    const sends = Array.from({ length: 20 }, () => server.send('app:show', payload, { to: client, timeout: 20 }))
    const failures = await Promise.all(sends.map(failureOf))
    expect(failures[0]).toBeUndefined()
    expect(failures.at(-1)).toMatchObject({ code: 'QUEUE_FULL', limit: 'timeout', delivered: 'no' })
  })

  test('of up to 99,999 bytes travel; more are ITEM_TOO_LARGE before anything is sent', async () => {
    const { server } = await serve()
    const echoes = server.messages('app:echo')
    const client = await join(server.address)
    const most = new Uint8Array(99_999 - 2 - 5)
    await client.send('app:echo', most)
    expect((await echoes.next()).value).toMatchObject({ payload: { length: most.length } })
    const more = await failureOf(client.send('app:echo', new Uint8Array(most.length + 1)))
    expect(more).toMatchObject({ code: 'ITEM_TOO_LARGE', value: 99_998, delivered: 'no' })
    const wide = await serve({ protocol: packetmq({ maxPacketBytes: 200_000 }) })
    const wider = await join(wide.server.address, { protocol: packetmq({ maxPacketBytes: 200_000 }) })
    await wider.send('app:echo', new Uint8Array(150_000))
    expect((await wide.server.messages('app:echo').next()).value).toMatchObject({ payload: { length: 150_000 } })
  })

  test('are no longer than maxFrameBytes either', async () => {
    const limits = { maxFrameBytes: 65_536 }
    const { server } = await serve({ limits })
    const client = await join(server.address, { limits })
    const echoes = server.messages('app:echo')
    const most = new Uint8Array(65_536 - 6 - 3)
    await client.send('app:echo', most)
    expect((await echoes.next()).value).toMatchObject({ payload: { length: most.length } })
    const more = await failureOf(client.send('app:echo', new Uint8Array(most.length + 1)))
    expect(more).toMatchObject({ code: 'ITEM_TOO_LARGE', delivered: 'no' })
  })
})

describe('what the wire cannot carry is UNSUPPORTED at once', () => {
  test('requests, streams, headers, and items that no packet is named for', async () => {
    const { server } = await serve()
    const client = await join(server.address)
    await until(() => server.clients.length === 1)
    const there = server.clients[0] as ServerClient
    const headers = { lang: 'en' }
    const calls: [string, Promise<unknown>][] = [
      ['request', client.request('app:sum', [1])],
      ['request', server.request('app:sum', [1], { to: there })],
      ['headers', client.send('app:echo', 1, { headers })],
      ['headers', server.send('app:echo', 1, { headers, to: there })],
      ['headers', server.broadcast('app:echo', 1, { headers })],
      ['items', client.put(1)],
      ['items', server.put(1)],
    ]
    for (const [feature, call] of calls)
      expect(await failureOf(call)).toMatchObject({
        code: 'UNSUPPORTED',
        value: feature,
        message: expect.stringContaining('packetmq') as string,
      })
  })

  test('results, also where a packet is named for items', async () => {
    const { server } = await serve({ protocol: packetmq({ items: 'app:show' }) })
    await join(server.address, { protocol: packetmq({ items: 'app:show' }) })
    expect(await failureOf(server.submit(1))).toMatchObject({ code: 'UNSUPPORTED', value: 'result' })
  })

  test('messages with another codec, and items without a message or with another codec, are a TypeError', async () => {
    const other = defineMessages({ 'app:text': { payload: type<string>(), codec: json() } })
    const items = packetmq({ items: 'app:none' })
    for (const begin of [listen, connect] as const) {
      const started = (options: object): Promise<unknown> => failureOf(begin('memory:nowhere', options))
      expect(String(await started({ protocol: packetmq(), messages: other }))).toBe(
        'TypeError: Expected the message "app:text" to travel as msgpack, as packetmq has no other codec, got json',
      )
      expect(await started({ protocol: items, messages })).toBeInstanceOf(TypeError)
      expect(await started({ protocol: packetmq({ items: 'app:sum' }), messages })).toBeInstanceOf(TypeError)
      for (const other of [{ item: json() }, { result: json() }])
        expect(await started({ protocol: packetmq({ items: 'app:show' }), messages, ...other })).toBeInstanceOf(
          TypeError,
        )
    }
    expect(() => packetmq({ maxPacketBytes: 10 })).toThrow(RangeError)
  })
})

describe('items, by the packet that is named for them,', () => {
  const protocol = packetmq({ items: 'app:show' })

  test('go both ways; what was flushed is settled', async () => {
    const { server } = await serve({ protocol })
    const client = await join(server.address, { protocol })
    const working = (async () => {
      for await (const item of client) await client.put({ done: item })
    })()
    const items = Array.from({ length: 100 }, (_, index) => index)
    const putting = server.putAll(items)
    const results: unknown[] = []
    for await (const result of server) if (results.push(result) === items.length) break
    await putting
    expect(results).toEqual(items.map((item) => ({ done: item })))
    await server.close()
    await working
  })

  test('that come faster than they are read wait in the socket: none is lost, nor the connection', async () => {
    const { server, codes } = await serve({ protocol, limits: { maxUnsettled: 4 } })
    const { peer } = await original(server)
    const echoes = server.messages('app:echo')
    const items = Array.from({ length: 50 }, (_, index) => index)
    peer.send(...items.map((item) => raw(19, item)), raw(17, 'behind them'))
    const got: unknown[] = []
    for await (const item of server) if (got.push(item) === items.length) break
    expect((await echoes.next()).value?.payload).toBe('behind them')
    expect([got, codes]).toEqual([items, []])
  })
})

describe('an end', () => {
  test('is told to a user once, with the reason that the peer gave', async () => {
    const { server, codes } = await serve()
    const { peer } = await original(server)
    peer.send(softquit('reason.done'))
    expect(await peer.untilEnd()).toEqual([]) // whoever hears a softquit closes, and does not answer
    peer.end()
    await until(() => codes.length > 0)
    expect([codes, server.clients]).toEqual([['reason.done'], []])
  })

  test('of the server is a softquit to all, who have the last word: the stream stays open until they end it', async () => {
    const { server } = await serve()
    const { peer } = await original(server)
    const shown = server.messages('app:show')
    const closing = server.close()
    await peer.until(() => peer.frames.length > 0)
    await rest()
    expect(peer.hasEnded).toBe(false)
    peer.send(raw(19, 'last words'))
    expect(await reasonOf(peer)).toBe('reason.unknown')
    expect(await closing).toEqual({ undone: [] })
    expect((await shown.next()).value).toMatchObject({ payload: 'last words' })
  })

  test('that a peer says leaves time for a last message to it, on either side, and for no item', async () => {
    const { server } = await serve({ protocol: packetmq({ items: 'app:echo' }) })
    const { peer, client: there } = await original(server)
    const reasons: string[] = []
    server.on('goaway', ({ client, reason }) => {
      reasons.push(reason)
      void server.send('app:show', 'last words', { to: client })
      void server.send('app:reply', 'really', { to: client })
    })
    await server.put('work')
    expect(await peer.next()).toMatchObject({ type: 17 })
    peer.send(softquit('reason.done'))
    expect((await peer.untilEnd()).map(({ type }) => type)).toEqual([19, 18])
    peer.end()
    await until(() => !there.isConnected)
    expect(reasons).toEqual(['reason.done'])
    const playing = await originalServer()
    const connecting = join(playing.address)
    const theirs = await playing.accept()
    theirs.send(INIT + pubids(false) + FINISH)
    const client = await connecting
    const ends: unknown[] = []
    client.on('disconnect', ({ reason, error }) => ends.push(reason, error))
    client.on('goaway', ({ server: left }) => void client.send('app:show', 'last words', { to: left }))
    await theirs.until(() => theirs.frames.length === 3)
    theirs.send(softquit('reason.tired'))
    expect((await theirs.untilEnd()).at(-1)).toMatchObject({ type: 19 })
    theirs.end()
    expect(await client.closed).toEqual({ undone: [], reason: 'reason.tired' })
    expect(ends).toEqual(['reason.tired', undefined])
  })

  test('has the reason that a client, or the server for one of its clients, gives', async () => {
    const { server, codes } = await serve()
    const client = await join(server.address)
    await client.close({ reason: 'reason.tired' })
    await until(() => codes.length > 0)
    expect(codes).toEqual(['reason.tired'])
    const { peer, client: there } = await original(server)
    const closing = there.close({ reason: 'reason.enough' })
    expect(await reasonOf(peer)).toBe('reason.enough')
    await closing
  })

  test('without a softquit is a connection that was lost', async () => {
    const { server, codes } = await serve()
    const { peer } = await original(server)
    peer.cut()
    await until(() => codes.length > 0)
    expect(codes).toEqual(['CONNECTION_LOST'])
  })

  test('of a server that restarts brings its clients back', async () => {
    const transports = [memory()]
    const { server } = await serve({ transports }, 'memory:here')
    const client = await join('memory:here', { transports, reconnect: { minDelayMs: 1, maxDelayMs: 2 } })
    await server.close({ reason: 'restart' })
    const next = await serve({ transports }, 'memory:here')
    await until(() => next.server.clients.length === 1)
    await next.server.broadcast('app:show', 'again')
    expect((await client.messages('app:show').next()).value).toMatchObject({ payload: 'again' })
  })

  test('leaves nothing open on either side', async () => {
    const before = handles()
    const { server } = await serve()
    const client = await join(server.address)
    await client.close()
    await server.close()
    await expectHandles(before)
    expect([client.state, server.state]).toEqual(['closed', 'closed'])
  })
})

describe('authorize', () => {
  test('decides what a client may send, and what it is sent', async () => {
    const { server, codes } = await serve({
      protocol: packetmq({ items: 'app:reply' }),
      authorize: (_client, action, name) =>
        action !== 'put' && `${action} ${name}` !== 'send app:echo' && `${action} ${name}` !== 'subscribe app:show',
    })
    const echoes = server.messages('app:echo')
    const { peer, client } = await original(server)
    peer.send(raw(17, 'denied'), raw(18, 'no item'))
    expect(await failureOf(server.send('app:show', 1, { to: client }))).toMatchObject({ code: 'NOT_AUTHORIZED' })
    await server.send('app:echo', 1, { to: client })
    expect(await peer.next()).toMatchObject({ type: 17 })
    await until(() => codes.length === 2)
    expect([codes, server.tryGet()]).toEqual([['NOT_AUTHORIZED', 'NOT_AUTHORIZED'], undefined])
    await echoes.return?.()
  })
})

describe('a stream that is lent', () => {
  test('is its owner’s again behind the goodbye, with all that stands there', async () => {
    const { peer, duplex } = RawPeer.inMemory()
    const { server } = await serve()
    const accepted = server.accept(duplex, { closeDuplex: false })
    peer.send(INIT + pubids(true) + FINISH)
    await accepted
    const left = new Promise((resolve) => server.on('disconnect', resolve))
    peer.send(softquit('reason.done'), Buffer.from('directly behind'))
    expect(await left).toMatchObject({ reason: 'reason.done' })
    const { value } = (await duplex.source[Symbol.asyncIterator]().next()) as { value: Uint8Array }
    expect(Buffer.from(value.slice()).toString()).toBe('directly behind')
    expect(peer.hasEnded).toBe(false)
    peer.cut()
  })
})

describe('several', () => {
  test('clients have names of their own, which are not given again', async () => {
    const { server } = await serve()
    const ids = new Set<string>()
    for (let count = 1; count <= 5; count += 1) {
      const client = await join(server.address)
      await until(() => server.clients.length === 1)
      ids.add(server.clients[0]?.id ?? '')
      await client.close()
      await until(() => server.clients.length === 0)
    }
    expect(ids.size).toBe(5)
  })

  test('servers of one client: it goes on with those that are left when one is lost', async () => {
    const all = [await serve(), await serve()]
    const client = await join(
      all.map(({ server }) => server.address as string),
      { reconnect: false, defaultServer: 'first' },
    )
    await until(() => all.every(({ server }) => server.clients.length === 1))
    const heard = all.map(({ server }) => server.messages('app:echo'))
    await client.send('app:echo', 'to the first one')
    expect((await heard[0]?.next())?.value).toMatchObject({ payload: 'to the first one' })
    await all[0]?.server.close()
    await client.send('app:echo', 'to the other one')
    expect((await heard[1]?.next())?.value).toMatchObject({ payload: 'to the other one' })
  })

  test('addresses of one server have one set of clients', async () => {
    const { server } = await serve({}, ['tcp://127.0.0.1:0', 'tcp://127.0.0.1:0'])
    await Promise.all(server.addresses.map((address) => join(address)))
    await until(() => server.clients.length === 2)
    expect(await server.broadcast('app:show', 1)).toEqual({ sent: 2, missed: [] })
  })
})

describe('a client at an original server', () => {
  test('finds it again when it was lost, and fails with a code where nobody listens', async () => {
    const server = await originalServer()
    const connecting = connect(server.address, {
      protocol: packetmq(),
      messages,
      reconnect: { minDelayMs: 1, maxDelayMs: 2 },
    })
    const first = await server.accept()
    first.send(INIT + pubids(false) + FINISH)
    const client = await connecting
    open.push(client)
    const reasons: unknown[] = []
    client.on('disconnect', ({ reason }) => reasons.push(reason))
    first.send(softquit('reason.restart'))
    await first.untilEnd()
    first.end()
    const between = await server.accept()
    between.send(INIT + pubids(false) + FINISH)
    await between.until(() => between.frames.length === 3)
    await until(() => client.state === 'connected')
    between.cut()
    const second = await server.accept()
    second.send(INIT + pubids(false) + FINISH)
    await second.until(() => second.frames.length === 3)
    await client.send('app:show', 1)
    await second.until(() => second.frames.at(-1)?.type === 19)
    expect(reasons).toEqual(['reason.restart', undefined])
    expect(await failureOf(connect('tcp://127.0.0.1:1', { protocol: packetmq() }))).toMatchObject({
      code: 'CONNECT_FAILED',
    })
  })

  test('waits no longer than its time for one that says nothing', async () => {
    const server = await originalServer()
    const connecting = failureOf(connect(server.address, { protocol: packetmq(), messages, connectTimeoutMs: 50 }))
    const peer = await server.accept()
    expect(await connecting).toMatchObject({ code: 'CONNECT_FAILED' })
    await peer.untilEnd()
  })

  test('has no token to show, and is not let in where one is asked for', async () => {
    const token = 'sixteen bytes, or more'
    expect(await failureOf(connect('memory:nowhere', { protocol: packetmq(), token }))).toBeInstanceOf(TypeError)
    const { server, codes } = await serve({ token })
    expect(await failureOf(join(server.address))).toMatchObject({ code: 'AUTH_REQUIRED' })
    expect(codes).toEqual(['AUTH_REQUIRED'])
  })
})

describe('no input of a peer', () => {
  test.each(vectors.invalid)('$name is more than an end with $code, told to it; others live', async ({ hex, code }) => {
    const { server, codes } = await serve()
    const other = await original(server)
    const { peer } = await original(server)
    peer.send(hex)
    expect(await reasonOf(peer)).toBe(`reason.${code.toLowerCase().replaceAll('_', '')}`)
    await until(() => codes.length > 0)
    expect([codes, server.clients]).toEqual([[code], [other.client]])
    await server.broadcast('app:show', 'alive')
    expect(await other.peer.next()).toMatchObject({ type: 19 })
  })

  test('that no codec reads costs its sender the connection: it is a warning', async () => {
    const { server, codes } = await serve()
    const echoes = server.messages('app:echo')
    const { peer } = await original(server)
    peer.send('000000030011c1', '00000006001191929300', raw(17, 'goes on'))
    expect((await echoes.next()).value).toMatchObject({ payload: 'goes on' })
    expect(codes).toEqual(['DECODE_FAILED', 'DECODE_FAILED'])
  })

  test('makes it active without its part of the handshake', async () => {
    const { server } = await serve()
    for (const steps of [FINISH, INIT + FINISH, INIT + FINISH + pubids(true)]) {
      const peer = await RawPeer.dial(server.address)
      peers.push(peer)
      peer.send(steps)
      expect(await reasonOf(peer)).toBe('reason.unexpectedframe')
      expect(server.clients).toEqual([])
    }
  })
})
