import { describe, expect, test } from 'vitest'

import { connect, listen } from '../src/index.ts'
import type { BroadcastOutcome, Client, ReceivedMessage, Server, ServerClient } from '../src/index.ts'
import { expectHandles, handles } from './support/handles.ts'
import type { Attached } from './support/nodes.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { frame, FRAME, hello, RawPeer, welcome } from './support/raw-peer.ts'
import { messages } from './support/talking.ts'
import type { App } from './support/talking.ts'

type Listening = Attached<Client<string, string, App>> & { heard: string[] }

/** A server and so many clients, which hear the news. */
async function crowd(place: Place, count: number, limits: object = {}) {
  const server = await place.listen({ messages, limits })
  const clients: Listening[] = []
  for (let index = 0; index < count; index += 1) {
    const attached = await place.attach(server, { messages, id: `c${index}`, limits })
    const heard: string[] = []
    attached.client.on('news:flash', ({ payload }) => heard.push(payload))
    clients.push({ ...attached, heard })
  }
  return { server, clients: clients as [Listening, Listening, Listening] }
}

/** Has one client stall: what it has not read fills all room that there is for it. */
async function stall(server: Server<string, string, App>, { hold, there }: Listening): Promise<void> {
  hold()
  const controller = new AbortController()
  for (let isFull = false; !isFull;) {
    const said = observe(() => server.send('news:other', 'filler', { to: there, signal: controller.signal }))
    await rest()
    isFull = said() === 'waits'
  }
  controller.abort('it is full')
}

const told = ({ sent, missed }: BroadcastOutcome): string =>
  `sent to ${sent}, missed by ${missed.map(({ id }) => id).join()}`

describe('broadcast()', () => {
  test('reaches all clients, with its headers and its sender; each hears it once and in order', async () => {
    await using place = new Place()
    const { server, clients } = await crowd(place, 3)
    const got: ReceivedMessage[] = []
    clients[0].client.on('news:flash', (message) => got.push(message))
    for (const n of ['1', '2', '3'])
      expect(await server.broadcast('news:flash', n, { headers: { n, urgent: null } })).toEqual({ sent: 3, missed: [] })
    await rest()
    expect(clients.map(({ heard }) => heard)).toEqual([
      ['1', '2', '3'],
      ['1', '2', '3'],
      ['1', '2', '3'],
    ])
    expect(got.map(({ headers, from }) => [{ ...headers }, (from as { id: string }).id])).toEqual(
      ['1', '2', '3'].map((n) => [{ n, urgent: null }, server.id]),
    )
  })

  test('leaves out those named by `except`, and those who are gone', async () => {
    await using place = new Place()
    const { server, clients } = await crowd(place, 3)
    const [first, second, third] = clients
    expect(await server.broadcast('news:flash', 'a', { except: [first.there, third.there] })).toEqual({
      sent: 1,
      missed: [],
    })
    await second.client.close()
    await until(() => server.clients.length === 2)
    expect(await server.broadcast('news:flash', 'b', { except: [second.there] })).toEqual({ sent: 2, missed: [] })
    await rest()
    expect(clients.map(({ heard }) => heard)).toEqual([['b'], ['a'], ['b']])
  })

  test('is for those who know the name; to nobody it is no error', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    expect(await server.broadcast('news:flash', 'nobody is here')).toEqual({ sent: 0, missed: [] })
    const knowing = await place.connect({ messages })
    const bare = await place.connect()
    const other = await place.connect({ messages: messages.omit('news:flash') })
    const heard = knowing.messages('news:flash').next()
    expect(await server.broadcast('news:flash', 'x')).toEqual({ sent: 1, missed: [] })
    expect((await heard).value?.payload).toBe('x')
    await rest()
    expect([bare.state, other.state]).toEqual(['connected', 'connected'])
  })

  test('what cannot be encoded, is too long or has wrong headers or options is sent to nobody', async () => {
    await using place = new Place()
    const { server, clients } = await crowd(place, 2, { maxItemBytes: 1_000 })
    const broadcast = (payload: unknown, options: object = {}): Promise<unknown> =>
      failureOf(server.broadcast('news:flash', payload as string, options))
    expect(await broadcast(1)).toMatchObject({ code: 'ENCODE_FAILED', delivered: 'no' })
    expect(await broadcast('x'.repeat(1_001))).toMatchObject({ code: 'ITEM_TOO_LARGE', delivered: 'no' })
    expect(await broadcast('x', { headers: { a: '\n' } })).toBeInstanceOf(RangeError)
    expect(await broadcast('x', { timeout: -1 })).toBeInstanceOf(RangeError)
    await rest()
    expect(clients.slice(0, 2).map(({ heard }) => heard)).toEqual([[], []])
  })

  test('P8: a client that takes only little misses what is longer; all others have it', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const small = await place.connect({ messages, limits: { maxItemBytes: 10 } })
    const usual = await place.connect({ messages })
    const [heardSmall, heard] = [small, usual].map((client) => {
      const all: string[] = []
      client.on('news:flash', ({ payload }) => all.push(payload))
      return all
    })
    expect(await server.broadcast('news:flash', 'short')).toEqual({ sent: 2, missed: [] })
    const [first] = server.clients as [ServerClient]
    expect(await server.broadcast('news:flash', 'this is longer')).toEqual({ sent: 1, missed: [first] })
    expect(await server.broadcast('news:flash', 'brief')).toEqual({ sent: 2, missed: [] })
    await rest()
    expect([heardSmall, heard]).toEqual([
      ['short', 'brief'],
      ['short', 'this is longer', 'brief'],
    ])
  })
})

describe('P8: a client that stalls', () => {
  test('is waited for once, then passed over, and back again when it has room; the others do not wait for it', async () => {
    await using place = new Place()
    const { server, clients } = await crowd(place, 3, { maxUnsentMessages: 4 })
    const [first, stalled, third] = clients
    await stall(server, stalled)
    const outcome = observe(async () => told(await server.broadcast('news:flash', '1')))
    await until(() => first.heard.length === 1 && third.heard.length === 1)
    await rest()
    place.clock.advance(999)
    await rest()
    expect(outcome()).toBe('waits')
    place.clock.advance(1)
    await until(() => outcome() !== 'waits')
    expect(outcome()).toBe('resolves sent to 2, missed by c1')

    // From now on nobody waits: the clock stands still.
    for (const n of ['2', '3', '4'])
      expect(await server.broadcast('news:flash', n)).toEqual({ sent: 2, missed: [stalled.there] })
    expect(stalled.heard).toEqual([])

    stalled.letGo()
    await rest()
    expect(await server.broadcast('news:flash', '5')).toEqual({ sent: 3, missed: [] })
    await rest()
    expect(clients.map(({ heard }) => heard)).toEqual([['1', '2', '3', '4', '5'], ['5'], ['1', '2', '3', '4', '5']])

    // It has made up for it: should it stall again, it is waited for again.
    await stall(server, stalled)
    const again = observe(async () => told(await server.broadcast('news:flash', '6', { timeout: 50 })))
    await rest()
    expect(again()).toBe('waits')
    place.clock.advance(50)
    await until(() => again() === 'resolves sent to 2, missed by c1')
    stalled.letGo()
  })

  /** A message to two clients, one of which has no room for it. */
  async function waitedFor(place: Place) {
    const { server, clients } = await crowd(place, 2, { maxUnsentMessages: 4 })
    const [first, stalled] = clients
    await stall(server, stalled)
    const outcome = server.broadcast('news:flash', '1')
    await rest()
    return { first, stalled, outcome }
  }

  test('and has room in time misses nothing', async () => {
    await using place = new Place()
    const { first, stalled, outcome } = await waitedFor(place)
    place.clock.advance(900)
    stalled.letGo()
    expect(await outcome).toEqual({ sent: 2, missed: [] })
    await rest()
    expect([first.heard, stalled.heard]).toEqual([['1'], ['1']])
  })

  test('and is lost meanwhile has missed it', async () => {
    await using place = new Place()
    const { first, stalled, outcome } = await waitedFor(place)
    stalled.lose()
    expect(await outcome).toEqual({ sent: 1, missed: [stalled.there] })
    await rest()
    expect(first.heard).toEqual(['1'])
  })

  test('holds neither requests nor items of others up', async () => {
    await using place = new Place()
    const { server, clients } = await crowd(place, 2, { maxUnsentMessages: 4 })
    const [first, stalled] = clients
    first.client.handle('any:ask', () => 'answered')
    first.client.process((item) => `${item}!`).catch(() => {})
    await stall(server, stalled)
    void server.broadcast('news:flash', 'waits for one')
    expect(await server.request('any:ask', 1, { to: first.there })).toBe('answered')
    expect(await server.submit('item', { to: first.there })).toBe('item!')
    stalled.letGo()
    await rest()
  })

  test('is never owed more than maxUnsentMessages and maxUnsentBytes', async () => {
    await using place = new Place()
    const { server, clients } = await crowd(place, 1, { maxUnsentBytes: 100_000, heartbeatMs: 0, sendTimeoutMs: 0 })
    const [stalled] = clients
    stalled.hold()
    let missed = 0
    for (let n = 0; n < 100; n += 1) {
      const outcome = server.broadcast('news:flash', 'x'.repeat(10_000))
      await rest()
      place.clock.advance(1_000)
      missed += (await outcome).missed.length
    }
    // Two frames are with the client or on the way; behind them wait 100,000 bytes, and the message that overshoots.
    expect(100 - missed).toBeLessThanOrEqual(2 * 6 + 11)
    stalled.letGo()
    await rest()
    expect(stalled.heard).toHaveLength(100 - missed)
  })
})

test('P8: over TCP a client that reads nothing costs the others no message', async () => {
  const before = handles()
  const server = await listen<string, string, App>('tcp://127.0.0.1:0', { messages })
  const clients = await Promise.all(
    [0, 1, 2].map(() => connect<string, string, App>(server.address ?? '', { messages })),
  )
  const counts = clients.map((client) => {
    const seen = { count: 0 }
    client.on('news:flash', () => (seen.count += 1))
    return seen
  })
  const frozen = await RawPeer.dial(server.address)
  const said = { item: 'msgpack', result: 'msgpack', messages: { 'news:flash': [messages.get('news:flash').id] } }
  frozen.send(frame(FRAME.CONN, hello('frozen')), frame(FRAME.WELCOME, welcome('frozen', said)))
  await until(() => server.clients.length === 4)
  frozen.pause()
  const payload = 'x'.repeat(30_000)
  const missed: string[] = []
  for (let n = 0; n < 500; n += 1) {
    const outcome = await server.broadcast('news:flash', payload, { timeout: 500 })
    missed.push(...outcome.missed.map(({ id }) => id))
  }
  await until(() => counts.every(({ count }) => count === 500))
  expect(new Set(missed)).toEqual(new Set(['frozen']))
  frozen.cut()
  await Promise.all(clients.map((client) => client.close()))
  await server.close()
  await expectHandles(before)
})
