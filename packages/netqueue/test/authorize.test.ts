import { afterEach, describe, expect, test } from 'vitest'

import { connect, defineMessages, hashBy, json, listen, memory, text, type } from '../src/index.ts'
import type { Authorize, Client, Principal, Server, ServerOptions } from '../src/index.ts'
import { Place, rest } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { frame, FRAME, hello, RawPeer, welcome } from './support/raw-peer.ts'
import { messages } from './support/talking.ts'
import type { App } from './support/talking.ts'

/** Allows all but what is listed, as `action name`. */
const allBut =
  (...denied: string[]): Authorize =>
  (_client, action, name) =>
    !denied.includes(`${action} ${name}`)
const noItems = ['put ', 'submit ', 'subscribe ']

interface Stage {
  place: Place
  server: Server<string, string, App>
  client: Client<string, string, App>
  warnings: string[]
}

const places: Place[] = []

afterEach(async () => {
  for (const place of places.splice(0)) await place[Symbol.asyncDispose]()
})

async function staged(
  authorize: Authorize | undefined,
  options: ServerOptions<string, string, App> = {},
): Promise<Stage> {
  const place = new Place()
  places.push(place)
  const server = await place.listen({ messages, ...(authorize !== undefined && { authorize }), ...options })
  const warnings: string[] = []
  server.on('warning', ({ error }) => warnings.push(`${error.code}: ${error.message}`))
  const client = await place.connect({ id: 'w1', messages })
  return { place, server, client, warnings }
}

const NOT_AUTHORIZED = (what: string): unknown =>
  expect.objectContaining({
    code: 'NOT_AUTHORIZED',
    limit: 'authorize',
    delivered: 'no',
    message: expect.stringContaining(`authorized to ${what} `),
  })

describe('authorize', () => {
  test('is asked when a client comes, once for each action and name that both sides have', async () => {
    const asked: string[] = []
    const clients = new Set<Principal>()
    const { client, server } = await staged(
      (principal, action, name) => {
        clients.add(principal)
        asked.push(`${action} ${name}`)
        return true
      },
      { authenticate: ({ id }) => ({ user: id }) },
    )
    expect([...clients]).toEqual([
      { id: 'w1', identity: { user: 'w1' }, address: 'memory:here', tags: [], status: undefined },
    ])
    const names = ['math:add', 'any:ask', 'text:shout'].flatMap((name) => [`request ${name}`, `subscribe ${name}`])
    const news = ['news:flash', 'news:other'].flatMap((name) => [`send ${name}`, `subscribe ${name}`])
    expect(asked).toEqual([...noItems, ...names, ...news])
    server.handle('math:add', ({ a, b }) => a + b)
    expect(await client.request('math:add', { a: 1, b: 2 })).toBe(3)
    expect(asked.length).toBe(13)
  })

  test('is not asked about messages that the client does not have', async () => {
    const asked: string[] = []
    const { place } = await staged((_client, action, name) => asked.push(`${action} ${name}`) > 0)
    asked.length = 0
    await place.connect({
      messages: defineMessages({ 'news:other': { payload: type<unknown>() } }),
      messageIds: 'adapt',
    })
    expect(asked).toEqual([...noItems, 'send news:other', 'subscribe news:other'])
  })

  const calls: [string, string, (client: Client<string, string, App>) => unknown][] = [
    ['put ', 'put items', (client) => client.put('x')],
    ['put ', 'put items', (client) => Promise.resolve().then(() => client.tryPut('x'))],
    ['request any:ask', 'request "any:ask"', (client) => client.request('any:ask', 1)],
    ['request any:ask', 'request "any:ask"', (client) => client.call('any:ask', 1)],
    [
      'request any:ask',
      'request "any:ask"',
      (client) => Promise.resolve().then(() => client.stream('any:ask', 1).next()),
    ],
    ['send news:flash', 'send "news:flash"', (client) => client.send('news:flash', 'x')],
    ['send news:flash', 'send "news:flash"', (client) => client.sendEncoded('news:flash', new Uint8Array(1))],
    ['subscribe ', 'subscribe to items', (client) => client.get()],
    ['subscribe ', 'subscribe to items', (client) => client.poll()],
    ['subscribe ', 'subscribe to items', (client) => client.process(() => 'x')],
    ['subscribe ', 'subscribe to items', (client) => client.items().next()],
    ['subscribe ', 'subscribe to items', (client) => client.deliveries().next()],
    [
      'subscribe news:flash',
      'subscribe to "news:flash"',
      (client) => Promise.resolve().then(() => client.messages('news:flash')),
    ],
    [
      'subscribe news:flash',
      'subscribe to "news:flash"',
      (client) => Promise.resolve().then(() => client.on('news:flash', () => {})),
    ],
    [
      'subscribe any:ask',
      'subscribe to "any:ask"',
      (client) => Promise.resolve().then(() => client.handle('any:ask', () => 1)),
    ],
  ]

  test.each(calls)('P11: what is denied rejects at its caller with NOT_AUTHORIZED: %s', async (denied, said, call) => {
    const { client, server } = await staged(allBut(denied))
    server.handle('any:ask', () => 'asked')
    void failureOf(server.get())
    expect(await failureOf(Promise.resolve(call(client)))).toEqual(NOT_AUTHORIZED(said.replace(/ [^ ]*$/, '')))
    expect(String(await failureOf(Promise.resolve(call(client))))).toContain(said)
  })

  test('what is not denied goes on beside it', async () => {
    const { client, server } = await staged(allBut('request any:ask', 'send news:flash', 'subscribe news:other'))
    server.handle('any:ask', () => 'asked')
    server.handle('math:add', ({ a, b }) => a + b)
    const news = client.messages('news:flash')
    const heard = server.messages('news:other')
    expect(await client.request('math:add', { a: 1, b: 2 })).toBe(3)
    await client.send('news:other', 1)
    await server.broadcast('news:flash', 'hello')
    expect([(await heard.next()).value?.payload, (await news.next()).value?.payload]).toEqual([1, 'hello'])
    expect(await Promise.all([server.get(), client.put('item')])).toEqual(['item', undefined])
    expect(await Promise.all([client.get(), server.put('work')])).toEqual(['work', undefined])
  })

  test.each<[string, ServerOptions<string, string>]>([
    ['leastBusy', {}],
    ['hashBy', { chooseDispatch: hashBy((item) => item) }],
  ])('items go to those alone that may have some, whatever the policy: %s', async (_what, policy) => {
    const place = new Place()
    places.push(place)
    const isGood: Authorize = ({ id }, action) => action !== 'subscribe' || id === 'good'
    const server = await place.listen({ authorize: isGood, ...policy })
    const bad = await place.connect({ id: 'bad' })
    const good = await place.connect({ id: 'good' })
    const failed = failureOf(bad.process(() => 'bad'))
    void good.process(() => 'good')
    expect(await Promise.all([1, 2, 3].map((n) => server.submit(`${n}`)))).toEqual(['good', 'good', 'good'])
    expect(await failed).toEqual(NOT_AUTHORIZED('subscribe to'))
    const [there] = server.clients
    expect(await failureOf(server.put('x', { to: there }))).toEqual(NOT_AUTHORIZED('subscribe to'))
    await server.put('for all', { to: 'all' })
    await server.idle()
  })

  test('who may not subscribe to a name is passed over by broadcasts and requests, and refused by name', async () => {
    const { client, server, place } = await staged(({ id }, action) => action !== 'subscribe' || id !== 'w1')
    const other = await place.connect({ id: 'w2', messages })
    other.handle('any:ask', () => 'w2')
    expect(await server.broadcast('news:flash', 'x')).toEqual({ sent: 1, missed: [] })
    expect(await Promise.all([1, 2, 3].map((n) => server.request('any:ask', n)))).toEqual(['w2', 'w2', 'w2'])
    const [to] = server.clients
    expect(to?.id).toBe(client.id)
    expect(await failureOf(server.send('news:flash', 'x', { to: to! }))).toEqual(NOT_AUTHORIZED('subscribe to'))
    expect(await failureOf(server.request('any:ask', 1, { to }))).toEqual(NOT_AUTHORIZED('subscribe to'))
  })

  test.each<[string, Authorize]>([
    [
      'throws',
      () => {
        throw new Error('who?')
      },
    ],
    ['returns a promise', (() => Promise.resolve(true)) as never],
    ['returns nothing', (() => {}) as never],
  ])('that %s is no, and a warning', async (_what, authorize) => {
    const { client, warnings } = await staged(authorize)
    expect(await failureOf(client.put('x'))).toEqual(NOT_AUTHORIZED('put'))
    expect(await failureOf(client.request('any:ask', 'x'))).toEqual(NOT_AUTHORIZED('request'))
    expect(warnings[0]).toContain('NOT_AUTHORIZED: `authorize` failed for client "w1"')
  })

  test('P11: that is no function is a TypeError', async () => {
    expect(await failureOf(listen(undefined, { authorize: true as never }))).toBeInstanceOf(TypeError)
  })

  test('P11: so many messages that a list of what is denied does not fit are refused at the start', async () => {
    const many = (count: number) =>
      defineMessages(
        Object.fromEntries(
          Array.from({ length: count }, (_, n) => [
            `message:${String(n).padStart(16, '0')}`,
            { payload: type<unknown>() },
          ]),
        ),
      )
    const start = (count: number): Promise<unknown> =>
      failureOf(listen(undefined, { messages: many(count), authorize: () => true }).then((server) => server.close()))
    expect(await start(160)).toBeUndefined()
    expect(await start(210)).toEqual(expect.objectContaining({ code: 'ENCODE_FAILED' }))
  })
})

describe('a client of several servers', () => {
  test('puts to those that let it, and takes items as long as one gives some', async () => {
    const place = new Place()
    places.push(place)
    const transports = [memory()]
    const shared = { env: place.clock, transports }
    const strict = await listen<string, string>('memory:strict', { ...shared, authorize: () => false })
    const open = await listen<string, string>('memory:open', shared)
    const client = await connect<string, string>(['memory:strict', 'memory:open'], shared)
    await rest()
    const taken = open.get()
    await client.put('x')
    expect(await taken).toBe('x')
    const working = failureOf(client.process(() => 'done'))
    expect(await open.submit('work')).toBe('done')
    const waiting = failureOf(client.get())
    await open.close()
    expect(await Promise.all([waiting, working])).toEqual([
      NOT_AUTHORIZED('subscribe to'),
      NOT_AUTHORIZED('subscribe to'),
    ])
    await Promise.all([client.close(), strict.close()])
  })
})

/** What a client of another make gets that asks all the same. */
describe('the server refuses those who ask all the same', () => {
  const table = {
    ask: { payload: type<unknown>(), reply: type<unknown>(), codec: json() },
    tell: { payload: type<unknown>(), codec: json() },
  }
  const own = { ask: [16, 1, 'json'], tell: [17, 0, 'json'] }

  async function raw(
    authorize: Authorize,
    type?: string,
  ): Promise<{ peer: RawPeer; said: Record<string, unknown>; warnings: string[]; server: Server<string, string> }> {
    const place = new Place()
    places.push(place)
    const server = (await place.listen({
      item: text(),
      result: text(),
      messages: defineMessages(table),
      authorize,
    })) as unknown as Server<string, string>
    const warnings: string[] = []
    server.on('warning', ({ error }) => warnings.push(error.code))
    const { peer, duplex } = RawPeer.inMemory()
    server.accept(duplex).catch(() => {})
    if (type === 'original') return { peer, said: {}, warnings, server }
    peer.send(frame(FRAME.CONN, hello('raw')), frame(FRAME.WELCOME, welcome('raw', { messages: own })))
    await peer.next()
    const said = JSON.parse((await peer.next()).data.toString()) as Record<string, unknown>
    return { peer, said, warnings, server }
  }
  const batch = (hex: string): string => frame(FRAME.BATCH, Buffer.from(hex, 'hex'))
  const records = (peer: RawPeer): string => peer.frames.map(({ data }) => data.toString('hex')).join(' ')
  const text14 = '0e' + Buffer.from('NOT_AUTHORIZED').toString('hex')

  test('WELCOME tells what is denied, by the ids of the server; 0 stands for items', async () => {
    const { said } = await raw(allBut('put ', 'subscribe ', 'subscribe tell', 'request ask', 'send tell'))
    expect(said['you']).toEqual({
      id: 'raw',
      denied: { put: [0], subscribe: [0, 17], request: [16], send: [17] },
    })
  })

  test('without denials it tells nothing', async () => {
    expect((await raw(() => true)).said['you']).toEqual({ id: 'raw' })
  })

  test.each([
    ['put', '00', 'submit '],
    ['submit', '01', 'put '],
  ])('%s: each item is rejected, and goes no further; the other goes on', async (_what, wanted, allowed) => {
    const other = wanted === '00' ? '01' : '00'
    const { peer, server, warnings } = await raw((_client, action, name) => `${action} ${name}` === allowed)
    const taken: unknown[] = []
    void server.process((item) => void taken.push(item))
    peer.send(batch(`01${wanted}0101000201610162`), batch(`01${other}010300010163`), batch(`01${wanted}010400010164`))
    await rest()
    expect(taken).toEqual(['c'])
    expect(records(peer)).toContain(`0501${text14}000502${text14}00`)
    expect(records(peer)).toContain(`0504${text14}00`)
    expect(warnings).toEqual(['NOT_AUTHORIZED'])
  })

  test('request: is answered, and no handler is called', async () => {
    const { peer, server } = await raw(allBut('request ask'))
    let count = 0
    ;(server as unknown as Server<string, string, ReturnType<typeof defineMessages<typeof table>>>).handle(
      'ask',
      () => (count += 1),
    )
    peer.send(batch('14010000100131'))
    await rest()
    expect([count, records(peer)]).toEqual([0, expect.stringContaining(`15010c${text14}00`)])
  })

  test('send: is dropped, and warned about once', async () => {
    const { peer, server, warnings } = await raw(allBut('send tell'))
    const heard: unknown[] = []
    server.on('tell' as never, (message) => heard.push(message))
    for (let count = 0; count < 3; count += 1) peer.send(batch('1611000131'))
    await rest()
    expect([heard, warnings, peer.hasEnded]).toEqual([[], ['NOT_AUTHORIZED'], false])
  })

  test('an original that may not put is sent away when it does', async () => {
    const { peer, server, warnings } = await raw(allBut('put '), 'original')
    void failureOf(server.get())
    peer.send('000000020001', frame(FRAME.ENQUEUE, 'an item'))
    const frames = await peer.untilEnd()
    expect(frames.map(({ type }) => type)).toEqual([FRAME.CONN, FRAME.DISCONN])
    expect(warnings).toEqual([])
  })
})
