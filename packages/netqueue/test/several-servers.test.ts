import { describe, expect, test } from 'vitest'

import { connect, json, text } from '../src/index.ts'
import type { Server } from '../src/index.ts'
import { observe, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { Country, FIRST_MS, NORTH, SOUTH, statesOf } from './support/places.ts'
import { collected } from './support/talking.ts'
import type { App } from './support/talking.ts'

describe('connect([a, b]): one client of several servers', () => {
  test('takes items from all of them, and tells whose each is', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both()
    client.process((item, { from }) => `${item} of ${from.id}`, { concurrency: 2 }).catch(() => {})
    expect(await Promise.all([north.submit('a'), south.submit('b')])).toEqual(['a of north', 'b of south'])
    expect(statesOf(client)).toBe('north north connected, south south connected')
    expect(new Set([client.id, north.clients[0]?.id, south.clients[0]?.id]).size).toBe(1)
  })

  test('P8: one that sends without end does not keep the other from its turn', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both({ prefetch: 1 })
    const seen: string[] = []
    void north.putAll(Array.from({ length: 1_000 }, () => 'n')).catch(() => {})
    void south.putAll(Array.from({ length: 1_000 }, () => 's')).catch(() => {})
    for await (const item of client) {
      seen.push(item)
      if (seen.length === 20) break
    }
    expect(seen.filter((item) => item === 'n')).toHaveLength(10)
  })

  test('puts to whoever has credit: the one with the fewest of its items', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both()
    const waits = observe(() => client.put('a'))
    await rest()
    expect(waits()).toBe('waits')
    north.tryGet()
    await rest()
    expect([waits(), north.getAll()]).toEqual(['resolves', ['a']])
    south.tryGet()
    await rest()
    for (let count = 0; count < 4; count += 1) await client.put('b')
    await rest()
    expect([north.getAll(), south.getAll()]).toEqual([
      ['b', 'b'],
      ['b', 'b'],
    ])
  })

  test('P12: servers that say that they close for good are not looked for, though their connections break before this side has left', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both()
    void client.process(() => new Promise(() => {})).catch(() => {})
    await Promise.all([north.put('a'), south.put('b')])
    await rest()
    for (const server of [north, south]) void server.close({ timeout: 60_000 })
    await rest()
    for (const road of Object.values(place.roads)) road.cut()
    expect((await place.pass(client.closed)).error).toMatchObject({ code: 'CONNECTION_LOST' })
    expect(statesOf(client)).toBe('north north failed, south south closed')
  })

  test('P8: an item for a server that is gone is not sent to one that takes none so long: it waits, and nothing else is lost', async () => {
    await using place = new Country()
    const north = await place.serve(NORTH, { id: 'north', limits: { maxItemBytes: 100 } })
    const south = await place.serve(SOUTH, { id: 'south' })
    const client = await place.reach({ prefetch: 1 })
    void client.process(() => new Promise(() => {})).catch(() => {})
    await north.put('in hand')
    const held = south.receive()
    await client.put('x'.repeat(500))
    await held
    void north.process(() => {}).catch(() => {})
    await rest()
    place.roads[SOUTH].mood = 'refuses'
    place.roads[SOUTH].cut()
    await place.clock.pass(new Promise<void>((resolve) => place.clock.setTimer(resolve, 1_000)))
    expect([north.clients[0]?.inFlight, client.deadLetters.size]).toEqual([1, 0])
    place.roads[SOUTH].mood = 'open'
    const again = south.receive()
    expect((await place.pass(again)).item).toBe('x'.repeat(500))
  })

  test('where none is looked for that takes it, it is given up: ITEM_TOO_LARGE', async () => {
    await using place = new Country()
    const north = await place.serve(NORTH, { id: 'north', limits: { maxItemBytes: 100 } })
    const south = await place.serve(SOUTH, { id: 'south' })
    const client = await place.reach({ prefetch: 1, reconnect: false })
    void north.process(() => {}).catch(() => {})
    const held = south.receive()
    await client.put('x'.repeat(500))
    await held
    place.roads[SOUTH].cut()
    await rest()
    const letters = (): unknown[] => client.deadLetters.list().map(({ item }) => item.slice(0, 1))
    expect(letters()).toEqual(['x'])
    // Nor is it sent when it is tried once more.
    expect([client.deadLetters.requeue(), letters()]).toEqual([0, ['x']])
    await client.put('short')
    expect(north.clients).toHaveLength(1)
  })

  test('P4: a settle for one server that waits behind a put goes when another server takes that', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both()
    const receiving = client.receive()
    await north.put('a')
    const delivery = await receiving
    const waits = observe(() => client.put('made of it'))
    await rest()
    delivery.done()
    await rest()
    const idle = observe(() => north.idle())
    await rest()
    expect([waits(), idle()]).toEqual(['waits', 'waits'])
    south.tryGet()
    await rest()
    expect([waits(), idle(), south.getAll()]).toEqual(['resolves', 'resolves', ['made of it']])
  })

  test('P2: puts nothing to a server that is away and keeps its session, before it is back', async () => {
    await using place = new Country()
    const serving = { resumeTimeoutMs: 5_000 }
    const [north, south] = [await place.serve(NORTH, serving), await place.serve(SOUTH, serving)]
    const client = await place.reach()
    for (const server of [north, south]) server.tryGet()
    await rest()
    place.roads[NORTH].cut()
    await rest()
    for (const item of ['a', 'b', 'c', 'd']) await client.put(item)
    await rest()
    expect([south.getAll(), client.servers[0]?.state]).toEqual([['a', 'b', 'c', 'd'], 'reconnecting'])
    place.roads[SOUTH].cut()
    await rest()
    const put = observe(() => client.put('e'))
    expect(client.tryPut('f')).toBe(false)
    await rest()
    expect(put()).toBe('waits')
    await place.later(FIRST_MS)
    expect([put(), north.getAll(), south.getAll()].flat().toSorted()).toEqual(['e', 'resolves'])
  })

  test('P2: what a lost server had goes to the other at once', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both()
    north.tryGet()
    await rest()
    await client.put('a')
    await rest()
    south.tryGet()
    place.roads[NORTH].mood = 'refuses'
    place.roads[NORTH].cut()
    await rest()
    expect(await south.receive()).toMatchObject({ item: 'a', attempt: 2 })
    expect([client.state, statesOf(client)]).toEqual(['connected', 'north north reconnecting, south south connected'])
  })

  test('P2: and so does what one had that is gone for good', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both({ reconnect: false })
    const warnings: string[] = []
    client.on('warning', ({ error, server }) => warnings.push(`${server?.id} ${error.code}`))
    north.tryGet()
    await rest()
    await client.put('a')
    await rest()
    south.tryGet()
    place.roads[NORTH].cut()
    await rest()
    expect(await south.receive()).toMatchObject({ item: 'a', attempt: 2 })
    expect([client.state, warnings, statesOf(client)]).toEqual([
      'connected',
      ['north CONNECTION_LOST'],
      'north north failed, south south connected',
    ])
  })

  test('asks the one with the fewest of its requests, and those that are left', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both()
    const asked: string[] = []
    const handle = (server: Server<string, string, App>): unknown =>
      server.handle('any:ask', (payload) => {
        asked.push(server.id)
        return payload === 'now' ? server.id : new Promise(() => {})
      })
    handle(north)
    handle(south)
    const calls = Array.from({ length: 4 }, () => failureOf(client.request('any:ask', 'later')))
    await until(() => asked.length === 4)
    expect(asked.toSorted()).toEqual(['north', 'north', 'south', 'south'])
    place.roads[NORTH].cut()
    await rest()
    expect(await client.request('any:ask', 'now')).toBe('south')
    place.roads[SOUTH].cut()
    await rest()
    const last = client.request('any:ask', 'now')
    await place.later(FIRST_MS)
    expect(['north', 'south']).toContain(await last)
    expect(await Promise.all(calls)).toMatchObject(calls.map(() => ({ code: 'CONNECTION_LOST' })))
  })

  test('resolves when the first is connected, and finds the other one later', async () => {
    await using place = new Country()
    const north = await place.serve(NORTH, { id: 'north' })
    const client = await place.reach()
    expect(statesOf(client)).toBe('north north connected, south ? connecting')
    const told: string[] = []
    client.on('connect', ({ server }) => told.push(server.id))
    await place.serve(SOUTH, { id: 'south' })
    await place.later(FIRST_MS)
    expect([told, statesOf(client)]).toEqual([['south'], 'north north connected, south south connected'])
    expect(north.clients).toHaveLength(1)
  })

  test('an abort after the first is connected does nothing to the search for the other', async () => {
    await using place = new Country()
    await place.serve(NORTH, { id: 'north' })
    const late = new AbortController()
    const client = await place.reach({ signal: late.signal })
    late.abort('too late')
    await place.serve(SOUTH, { id: 'south' })
    await place.later(FIRST_MS)
    expect(statesOf(client)).toBe('north north connected, south south connected')
  })

  test('an abort before that ends all of it with its reason', async () => {
    await using place = new Country()
    for (const road of Object.values(place.roads)) road.mood = 'hangs'
    const stop = new AbortController()
    const failure = failureOf(place.reach({ signal: stop.signal, wait: true }))
    await rest()
    stop.abort('enough')
    expect(await failure).toBe('enough')
    await rest()
    expect(place.clock.timers).toBe(0)
  })

  test('rejects when each was tried in vain, and leaves nothing behind; with wait it goes on', async () => {
    await using place = new Country()
    expect(await failureOf(place.reach())).toMatchObject({ code: 'CONNECT_FAILED' })
    await rest()
    expect(place.clock.timers).toBe(0)
    const waiting = place.reach({ wait: true })
    await place.later(FIRST_MS)
    await place.serve(SOUTH, { id: 'south' })
    await place.later(1_000)
    expect(statesOf(await waiting)).toBe('north ? connecting, south south connected')
  })

  test('one that is of another kind fails alone; the last one ends the client', async () => {
    await using place = new Country()
    await place.serve(NORTH, { id: 'north', item: text() })
    const south = await place.serve(SOUTH, { id: 'south', item: json<string>() })
    const client = await place.reach({ item: text() })
    await rest()
    expect(client.servers.map(({ state }) => state)).toEqual(['connected', 'failed'])
    expect(south.clients).toEqual([])
    place.roads[NORTH].cut()
    await rest()
    expect(client.state).toBe('reconnecting')
    await client.close()
    expect(client.state).toBe('closed')
  })

  test('P12: a server that closes is left when its items are done; the client lives on until the last has gone', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both()
    let finish: (result: string) => void = () => {}
    const done = observe(() =>
      client.process((item) => (item === 'slow' ? new Promise<string>((resolve) => (finish = resolve)) : item), {
        concurrency: 2,
      }),
    )
    const slow = north.submit('slow')
    await rest()
    const closing = observe(() => north.close())
    await rest()
    expect([closing(), await south.submit('quick')]).toEqual(['waits', 'quick'])
    finish('at last')
    expect(await slow).toBe('at last')
    await rest()
    expect([closing(), statesOf(client), done()]).toEqual([
      'resolves {"undone":[]}',
      'north north closed, south south connected',
      'waits',
    ])
    await south.close()
    expect(await client.closed).toEqual({ undone: [] })
    expect([client.state, done()]).toEqual(['closed', 'resolves'])
  })

  test('P12: a server that closes gets back what is its own, and nothing of the others', async () => {
    await using place = new Country()
    let given = 0
    const north = await place.serve(NORTH)
    const south = await place.serve(SOUTH, {
      chooseDispatch: (free) => {
        given += 1
        return free[0]
      },
    })
    const client = await place.reach({ prefetch: 3 })
    await rest()
    client.process(() => new Promise(() => {})).catch(() => {})
    await rest()
    await north.put('in hand')
    await rest()
    await Promise.all([north.put('waits'), south.put('waits, too')])
    await rest()
    const closing = north.close({ timeout: 100 })
    await rest()
    expect([north.clients[0]?.inFlight, south.clients[0]?.inFlight, given]).toEqual([1, 1, 1])
    await place.later(100)
    await place.later(250)
    expect((await closing).undone.toSorted()).toEqual(['in hand', 'waits'])
  })

  test('P2: a server that is lost while it drains is not waited for: what is in hand of it is cancelled at once', async () => {
    await using place = new Country()
    const north = await place.serve(NORTH, { resumeTimeoutMs: 5_000 })
    await place.serve(SOUTH)
    const client = await place.reach()
    await rest()
    let signal: AbortSignal | undefined
    const work = (_item: string, delivery: { readonly signal: AbortSignal }): Promise<never> => {
      signal = delivery.signal
      return new Promise(() => {})
    }
    client.process(work).catch(() => {})
    await rest()
    await north.put('in hand')
    await rest()
    void north.close()
    await rest()
    expect(signal?.aborted).toBe(false)
    place.roads[NORTH].cut()
    await rest()
    expect([signal?.aborted, client.state]).toEqual([true, 'connected'])
  })

  test('P12: close() hands back to each what is its own', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both({ prefetch: 3 })
    client.process(() => new Promise(() => {})).catch(() => {})
    await rest()
    await Promise.all(['a', 'b'].map((item) => north.put(item)))
    await south.put('c')
    await rest()
    const closing = client.close({ timeout: 100 })
    await place.later(100)
    await place.later(250)
    await closing
    await rest()
    expect(north.backlog + south.backlog).toBe(3)
  })

  test('setStatus() and endRequests() are for all of them', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both()
    client.setStatus('busy')
    await rest()
    expect([north.clients[0]?.status, south.clients[0]?.status]).toEqual(['busy', 'busy'])
    await client.endRequests()
    expect(await failureOf(client.request('any:ask', 'x'))).toMatchObject({ code: 'CLOSED' })
  })

  test('two addresses of one server are told as a warning, once: the id is taken by the client itself', async () => {
    await using place = new Country()
    await place.serve(NORTH)
    const { connect: dial } = place.roads[NORTH]
    place.roads[SOUTH].connect = (_, options) => dial.call(place.roads[NORTH], NORTH, options)
    const client = await place.reach()
    const codes: string[] = []
    client.on('warning', ({ error, server }) => codes.push(`${error.code} ${server?.address}`))
    for (let round = 0; round < 4; round += 1) await place.later(10_000)
    expect([codes, statesOf(client).split(', ')[1]]).toEqual([['ID_IN_USE memory:south'], 'south ? connecting'])
  })

  test('an address, with a connection that would stay open for nobody, is refused', async () => {
    expect(String(await failureOf(connect(NORTH, { closeDuplex: false })))).toMatch(/^TypeError: Expected `closeDuplex/)
    expect(await failureOf(connect([NORTH], { closeDuplex: false }))).toBeInstanceOf(TypeError)
  })

  test('a list that is empty, or has an address twice, is refused', async () => {
    expect(String(await failureOf(connect([])))).toMatch(/^TypeError: Expected `address` to be a list of different/)
    expect(await failureOf(connect([NORTH, NORTH]))).toBeInstanceOf(TypeError)
    expect(await failureOf(connect([NORTH, 'http://there']))).toBeInstanceOf(TypeError)
  })
})

describe('one of several servers', () => {
  /** Both servers answer with their names. */
  async function answering(
    options: Parameters<Country['both']>[0] = {},
  ): Promise<Awaited<ReturnType<Country['both']>> & { place: Country }> {
    const place = new Country()
    const all = await place.both(options)
    for (const server of [all.north, all.south])
      server.handle('any:ask', (what) => (what === 'wait' ? new Promise(() => {}) : server.id))
    return { ...all, place }
  }

  test('named by `to` is asked, and is sent to, and no other', async () => {
    const { place, client, north, south } = await answering()
    await using _ = place
    const [first, second] = client.servers
    const heard: string[] = []
    for (const server of [north, south])
      server.on('news:flash', ({ payload }) => heard.push(`${payload} at ${server.id}`))
    for (const [to, id] of [
      [first, 'north'],
      [second, 'south'],
    ] as const) {
      expect(await client.request('any:ask', 'you', { to })).toBe(id)
      expect((await client.call('any:ask', 'you', { to })).value).toBe(id)
      expect((await collected(client.stream('any:ask', 'you', { to }))).values).toEqual([id])
      await client.send('news:flash', 'sent', { to })
    }
    await rest()
    expect(heard).toEqual(['sent at north', 'sent at south'])
  })

  test('named by `to` that is not connected is CONNECTION_LOST, and that of somebody else a TypeError', async () => {
    const { place, client } = await answering()
    await using _ = place
    const [first] = client.servers
    place.roads[NORTH].cut()
    await rest()
    expect(first?.state).toBe('reconnecting')
    expect(await failureOf(client.request('any:ask', 'you', { to: first }))).toMatchObject({
      code: 'CONNECTION_LOST',
      delivered: 'no',
    })
    expect(await failureOf(client.send('news:flash', 'x', { to: first }))).toMatchObject({ code: 'CONNECTION_LOST' })
    expect(await client.request('any:ask', 'you')).toBe('south')
    const other = await answering()
    await using __ = other.place
    expect(String(await failureOf(client.request('any:ask', 'you', { to: other.client.servers[0] })))).toBe(
      'TypeError: Expected `to` to be a server of this client',
    )
  })

  test('is the default with `defaultServer: first`, however busy, and the next one as long as it is away', async () => {
    const { place, client } = await answering({ defaultServer: 'first', reconnect: { minDelayMs: 1_000 } })
    await using _ = place
    for (let count = 0; count < 3; count += 1) void client.request('any:ask', 'wait').catch(() => {})
    await rest()
    expect(await client.request('any:ask', 'you')).toBe('north')
    place.roads[NORTH].cut()
    await rest()
    expect(await client.request('any:ask', 'you')).toBe('south')
    await place.later(1_000)
    expect(await client.request('any:ask', 'you')).toBe('north')
  })

  test('without that, the default is the one with the fewest open requests', async () => {
    const { place, client } = await answering()
    await using _ = place
    void client.request('any:ask', 'wait').catch(() => {})
    await rest()
    expect(await client.request('any:ask', 'you')).toBe('south')
    expect(String(await failureOf(place.reach({ defaultServer: 'last' as 'first' })))).toContain('`defaultServer`')
  })
})
