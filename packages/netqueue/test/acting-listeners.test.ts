import { describe, expect, test } from 'vitest'

import type { Client, ClientEvents, Delivery, NetQueueError } from '../src/index.ts'
import { observe, rest, until } from './support/nodes.ts'
import { Country, FIRST_MS, Neighbours, NORTH } from './support/places.ts'
import type { App } from './support/talking.ts'
import { Tree } from './support/tree.ts'

/** All that a client tells, in short. */
function telling(client: Client<string, string, App>): string[] {
  const told: string[] = []
  const events = ['connect', 'disconnect', 'reconnecting', 'goaway', 'warning'] as const
  client.on('state', ({ state }) => told.push(state))
  for (const event of events) client.on(event, () => told.push(event.toUpperCase()))
  return told
}

describe('P12: close() by a listener', () => {
  const events: [keyof ClientEvents, boolean][] = [
    ['disconnect', true],
    ['state', true],
    ['reconnecting', true],
    ['disconnect', false],
    ['state', false],
  ]

  test.each(events)('of %s leaves nothing out of undone (notify: %s)', async (event, notify) => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    server.tryGet()
    await rest()
    await client.put('sent')
    await rest()
    expect(client.tryPut('queued')).toBe(true)
    client.on(event, () => void client.close({ notify }))
    place.road.cut()
    await rest()
    expect(await client.closed).toEqual({ undone: ['sent', 'queued'] })
  })

  test('of a warning that one of several servers is gone leaves nothing out of undone', async () => {
    await using place = new Country()
    const { north, client } = await place.both({ reconnect: false, prefetch: 1 })
    north.tryGet()
    await rest()
    await client.put('sent')
    await rest()
    client.on('warning', () => void client.close({ notify: false }))
    place.roads[NORTH].cut()
    await rest()
    expect(await client.closed).toEqual({ undone: ['sent'] })
  })

  test('of goaway leaves nothing out of undone', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    server.tryGet()
    await rest()
    await client.put('sent')
    client.on('goaway', () => void client.close({ timeout: 100 }))
    void server.close({ reason: 'restart', timeout: 0 })
    await place.later(100)
    await place.later(10_000)
    expect([server.getAll(), (await client.closed).error]).toEqual([['sent'], undefined])
  })
})

test('P12: abort of a call by a listener of deadLetter, as the client leaves for which both items were', async () => {
  await using tree = new Tree()
  const root = await tree.root()
  const leaf = await tree.leaf('leaf', 'root', { prefetch: 1 })
  const first = tree.pass(leaf.receive())
  const caller = new AbortController()
  const to = root.node('leaf')
  await tree.pass(root.put('tried', { to }))
  ;(await first).release()
  await tree.wait(10_000) // until it may be tried again
  const second = observe(() => root.put('aborted', { to, signal: caller.signal }))
  root.on('deadLetter', () => caller.abort(new Error('mine')))
  expect(root.backlog).toBe(2)
  await tree.pass(leaf.close())
  await tree.rest()
  expect([root.backlog, root.deadLetters.size, second()]).toEqual([0, 1, 'rejects CLIENT_GONE'])
})

describe('P1: a call that is given up by a listener', () => {
  test('of SETTLE_TIMEOUT, whose client had the item, says so, and is counted out once', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({}, { settleTimeoutMs: 100 })
    const caller = new AbortController()
    server.on('warning', ({ error }) => error.code === 'SETTLE_TIMEOUT' && caller.abort(new Error('mine')))
    const taken: string[] = []
    void (async () => {
      for await (const { item } of client.deliveries()) taken.push(item)
    })()
    await rest()
    const result = server.submit('item', { signal: caller.signal }).catch((error: NetQueueError) => error)
    await rest()
    await place.later(100)
    expect(await result).toMatchObject({ code: 'ABORTED', delivered: 'maybe' })
    await place.later(60_000)
    expect([taken, server.backlog]).toEqual([['item'], 0])
    const idle = observe(() => server.idle())
    await rest()
    expect(idle()).toBe('resolves')
  })

  test('of deadLetter, as its item is settled beside that one, is counted out once', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({ prefetch: 4 }, { maxAttempts: 1 })
    const caller = new AbortController()
    server.on('deadLetter', () => caller.abort(new Error('mine')))
    const held: Delivery<string>[] = []
    void (async () => {
      for await (const delivery of client.deliveries()) held.push(delivery)
    })()
    await rest()
    const result = server.submit('asked', { signal: caller.signal }).catch((error: NetQueueError) => error)
    await server.put('put')
    await rest()
    for (const delivery of held) delivery.release()
    await place.later(1_000)
    expect([await result, server.backlog]).toMatchObject([{ delivered: 'maybe' }, 0])
    const idle = observe(() => server.idle())
    await rest()
    expect(idle()).toBe('resolves')
  })

  test('by the item itself, as it is encoded, goes nowhere', async () => {
    await using place = new Neighbours()
    const server = await place.listen<unknown>()
    const client = await place.connect<unknown>()
    const taken: unknown[] = []
    void client.process((item) => {
      taken.push(item)
      return 'done'
    })
    await rest()
    const caller = new AbortController()
    const item = {
      get field() {
        caller.abort(new Error('mine'))
        return 1
      },
    }
    await expect(server.submit(item, { signal: caller.signal })).rejects.toThrow('mine')
    await rest()
    expect([taken, server.backlog]).toEqual([[], 0])
  })

  test('a put of a listener of SETTLE_TIMEOUT resolves, though the room comes free with what it hears of', async () => {
    await using place = new Neighbours()
    const { server, client } = await place.both({ settleTimeoutMs: 200, limits: { maxUnsettledBytes: 1_000 } })
    let third: Promise<void> | undefined
    client.on('warning', ({ error }) => {
      if (error.code === 'SETTLE_TIMEOUT') third ??= client.put('third')
    })
    void (async () => {
      for await (const { item } of server.deliveries()) void item
    })()
    await rest()
    await client.put('x'.repeat(1_100))
    const second = observe(() => client.put('second'))
    await rest()
    await place.later(200)
    const isPut = observe(() => third)
    await rest()
    expect([second(), isPut()]).toEqual(['resolves', 'resolves'])
  })
})

describe('what happens while a listener is told is told behind it', () => {
  test('close() at a loss: the end comes last', async () => {
    await using place = new Neighbours()
    const { client } = await place.both()
    client.on('disconnect', () => void client.close())
    const told = telling(client)
    place.road.cut()
    await client.closed
    await rest()
    expect(told).toEqual(['DISCONNECT', 'reconnecting', 'RECONNECTING', 'closing', 'closed'])
  })

  test('close() without a word when it is connected again', async () => {
    await using place = new Neighbours()
    const { client } = await place.both()
    client.on('state', ({ state }) => state === 'connected' && void client.close({ notify: false }))
    const told = telling(client)
    place.road.cut()
    await place.later(FIRST_MS)
    await client.closed
    expect(told.slice(3)).toEqual(['connected', 'CONNECT', 'closing', 'DISCONNECT', 'closed'])
  })

  test('a client that is closed by a listener of suspend: disconnect comes behind it, for all', async () => {
    await using place = new Neighbours()
    const { server } = await place.both({}, { resumeTimeoutMs: 60_000 })
    const told: string[] = []
    server.on('suspend', ({ client }) => void client.close())
    server.on('suspend', () => told.push('suspend'))
    server.on('disconnect', () => told.push('disconnect'))
    await rest()
    place.road.cut()
    await until(() => told.length === 2)
    expect(told).toEqual(['suspend', 'disconnect'])
  })
})
