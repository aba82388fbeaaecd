import { describe, expect, test } from 'vitest'

import type { Client, Server, ServerClient } from '../src/index.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'

/** A client that takes what it is given and finishes nothing. */
async function hoarder(place: Place, id: string): Promise<{ client: Client<string, string>; got: string[] }> {
  const client = await place.connect({ id })
  const got: string[] = []
  client
    .process(
      (item, { signal }) => {
        got.push(item)
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }))
      },
      { concurrency: 1 },
    )
    .catch(() => {})
  return { client, got }
}

const there = (server: Server<string, string>, id: string): ServerClient =>
  server.clients.find((client) => client.id === id) as ServerClient

/** No timers but those of the calls. */
const UNWATCHED = { heartbeatMs: 0, frameTimeoutMs: 0, sendTimeoutMs: 0 }

describe('P1: server.put', () => {
  test('waits without a client, and resolves when one with credit has come', async () => {
    await using place = new Place()
    const server = await place.listen()
    const put = observe(() => server.put('a'))
    const client = await place.connect()
    await rest()
    expect(put()).toBe('waits') // a client that asks for nothing has no credit
    expect(server.backlog).toBe(1)
    expect(await client.get()).toBe('a')
    await rest()
    expect(put()).toBe('resolves')
    expect(server.backlog).toBe(0)
  })

  test('takes no more than the one item that a client asked for at prefetch 1', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { got } = await hoarder(place, 'one')
    const puts = ['a', 'b', 'c'].map((item) => observe(() => server.put(item)))
    await rest()
    expect(puts.map((put) => put())).toEqual(['resolves', 'waits', 'waits'])
    expect(got).toEqual(['a'])
  })

  test('with prefetch n, n − 1 items wait behind the one that is worked on', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect({ prefetch: 3 })
    client
      .process((_item, { signal }) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())))
      .catch(() => {})
    await rest()
    const puts = Array.from({ length: 5 }, (_, index) => observe(() => server.put(String(index))))
    await rest()
    expect(puts.map((put) => put())).toEqual(['resolves', 'resolves', 'resolves', 'waits', 'waits'])
  })

  test('never buffers without bound: one call more than maxWaiting rejects with QUEUE_FULL', async () => {
    await using place = new Place()
    const server = await place.listen({ limits: { maxWaiting: 2 } })
    const puts = ['a', 'b'].map((item) => observe(() => server.put(item)))
    expect(await failureOf(server.put('c'))).toMatchObject({ code: 'QUEUE_FULL', limit: 'maxWaiting', delivered: 'no' })
    expect(await failureOf(server.submit('d'))).toMatchObject({ code: 'QUEUE_FULL', limit: 'maxWaiting' })
    const client = await place.connect()
    expect([await client.get(), await client.get()]).toEqual(['a', 'b'])
    await rest()
    expect(puts.map((put) => put())).toEqual(['resolves', 'resolves'])
    expect(client.tryGet()).toBeUndefined()
  })

  test('whose time is up rejects with QUEUE_FULL, and the item is then certainly not delivered', async () => {
    await using place = new Place()
    const server = await place.listen({ limits: UNWATCHED })
    const late = failureOf(server.put('late', { timeout: 100 }))
    const next = server.put('next')
    place.clock.advance(99)
    expect(server.backlog).toBe(2)
    place.clock.advance(1)
    expect(await late).toMatchObject({ code: 'QUEUE_FULL', limit: 'timeout', value: 100, delivered: 'no' })
    expect(server.backlog).toBe(1)
    const client = await place.connect({ limits: UNWATCHED })
    expect(await client.get()).toBe('next')
    await next
    expect(place.clock.timers).toBeLessThanOrEqual(1)
  })

  test('that is aborted rejects with the reason, and the item is then certainly not delivered', async () => {
    await using place = new Place()
    const server = await place.listen()
    const controller = new AbortController()
    const aborted = failureOf(server.put('aborted', { signal: controller.signal }))
    const next = server.put('next')
    const reason = new Error('changed my mind')
    controller.abort(reason)
    expect(await aborted).toBe(reason)
    expect(await failureOf(server.put('too', { signal: controller.signal }))).toBe(reason)
    const client = await place.connect()
    expect(await client.get()).toBe('next')
    await next
    await rest()
    expect(client.tryGet()).toBeUndefined()
  })

  test('assigns at once with timeout 0 where a client is free, and gives up at once where none is', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { got } = await hoarder(place, 'one')
    await rest()
    await server.put('a', { timeout: 0 })
    const late = failureOf(server.put('b', { timeout: 0 }))
    place.clock.advance(0)
    expect(await late).toMatchObject({ code: 'QUEUE_FULL' })
    await until(() => got.length === 1)
  })

  test('keeps the order of the calls for one client', async () => {
    await using place = new Place()
    const server = await place.listen()
    const items = Array.from({ length: 500 }, (_, index) => String(index))
    const puts = items.map((item) => server.put(item))
    const client = await place.connect({ prefetch: 16 })
    const got: string[] = []
    for await (const item of client) if (got.push(item) === items.length) break
    expect(got).toEqual(items)
    await Promise.all(puts)
  })

  test('refuses at once what cannot be sent, and takes nothing into the backlog', async () => {
    await using place = new Place()
    const server = await place.listen<unknown, unknown>({ limits: { maxItemBytes: 100 } })
    expect(await failureOf(server.put('x'.repeat(100)))).toMatchObject({
      code: 'ITEM_TOO_LARGE',
      limit: 'maxItemBytes',
      value: 102,
      delivered: 'no',
    })
    expect(await failureOf(server.put(() => {}))).toMatchObject({ code: 'ENCODE_FAILED', delivered: 'no' })
    expect(server.backlog).toBe(0)
  })
})

describe('P1: server.tryPut', () => {
  test('hands over what a client is free for, and nothing else', async () => {
    await using place = new Place()
    const server = await place.listen()
    expect(server.tryPut('nobody')).toBe(false)
    const { got } = await hoarder(place, 'one')
    await rest()
    expect(server.tryPut('a')).toBe(true)
    expect(server.tryPut('b')).toBe(false)
    await until(() => got.length === 1)
    expect(server.backlog).toBe(0)
  })

  test('does not overtake a put that waits', async () => {
    await using place = new Place()
    const server = await place.listen()
    const put = server.put('first')
    expect(server.tryPut('second')).toBe(false)
    const client = await place.connect()
    expect(await client.get()).toBe('first')
    await put
  })

  test('is never in time for a policy that answers with a promise, and leaves nothing in the backlog', async () => {
    await using place = new Place()
    const server = await place.listen({ chooseDispatch: async ([client]) => client })
    const { got } = await hoarder(place, 'one')
    await rest()
    expect(server.tryPut('a')).toBe(false)
    await rest()
    expect(server.backlog).toBe(0)
    expect(got).toEqual([])
    await server.idle()
  })

  test('says false, not QUEUE_FULL, where the policy has parked as many items as may wait', async () => {
    await using place = new Place()
    const server = await place.listen({ limits: { maxWaiting: 1 }, chooseDispatch: () => undefined })
    await hoarder(place, 'one')
    await rest()
    const parked = observe(() => server.put('parked'))
    await rest()
    expect(server.tryPut('a')).toBe(false)
    expect(parked()).toBe('waits')
  })
})

describe('P1: client.put', () => {
  test('waits for the credit of the server, which has none before somebody reads', async () => {
    await using place = new Place()
    const server = await place.listen({ prefetch: 2 })
    const client = await place.connect()
    const puts = ['a', 'b', 'c'].map((item) => observe(() => client.put(item)))
    await rest()
    expect(puts.map((put) => put())).toEqual(['waits', 'waits', 'waits'])
    expect(await server.get()).toBe('a')
    await rest()
    expect(puts.map((put) => put())).toEqual(['resolves', 'resolves', 'resolves'])
  })

  test('gives up with QUEUE_FULL or the reason, and the item is then certainly not sent', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect({ limits: { maxWaiting: 3 } })
    const controller = new AbortController()
    const late = failureOf(client.put('late', { timeout: 50 }))
    const aborted = failureOf(client.put('aborted', { signal: controller.signal }))
    const put = client.put('put')
    expect(await failureOf(client.put('one more'))).toMatchObject({ code: 'QUEUE_FULL', limit: 'maxWaiting' })
    place.clock.advance(50)
    controller.abort('enough')
    expect(await late).toMatchObject({ code: 'QUEUE_FULL', limit: 'timeout', delivered: 'no' })
    expect(await aborted).toBe('enough')
    expect(client.tryPut('no')).toBe(false)
    expect(await server.get()).toBe('put')
    await put
    await rest()
    expect(server.getAll()).toEqual([])
    expect(client.tryPut('yes')).toBe(true)
    expect(await server.get()).toBe('yes')
  })
})

describe('P1: put to some clients', () => {
  test('gives each client named the item, and waits for all of them', async () => {
    await using place = new Place()
    const server = await place.listen()
    const a = await hoarder(place, 'a')
    const b = await hoarder(place, 'b')
    const c = await hoarder(place, 'c')
    await rest()
    await server.put('to one', { to: there(server, 'b') })
    await until(() => b.got.length === 1)
    await server.put('to two', { to: [there(server, 'a'), there(server, 'c')] })
    await until(() => a.got.length === 1 && c.got.length === 1)
    expect([a.got, b.got, c.got]).toEqual([['to two'], ['to one'], ['to two']])
  })

  test("'all' is all that are connected now, `except` those who are excepted, and nobody is nobody", async () => {
    await using place = new Place()
    const server = await place.listen()
    await server.put('nobody', { to: 'all' })
    await server.put('nobody', { to: [] })
    const a = await hoarder(place, 'a')
    const b = await hoarder(place, 'b')
    const c = await hoarder(place, 'c')
    await rest()
    await server.put('x', { to: 'all', except: [there(server, 'b')] })
    await until(() => a.got.length === 1 && c.got.length === 1)
    await rest()
    expect([a.got, b.got, c.got]).toEqual([['x'], [], ['x']])
  })

  test('`except` without `to` is refused: it would be ignored', async () => {
    await using place = new Place()
    const server = await place.listen()
    await hoarder(place, 'a')
    expect(String(await failureOf(server.put('x', { except: server.clients })))).toMatch(/TypeError: .*`except`.*`to: /)
  })

  test('a client that stalls holds the call up until its time is up; the error names in `undone` who was not given the item', async () => {
    await using place = new Place()
    const server = await place.listen()
    const a = await hoarder(place, 'a')
    const stalled = await hoarder(place, 'stalled')
    await rest()
    await server.put('busy', { to: there(server, 'stalled') })
    const failure = failureOf(server.put('x', { to: 'all', timeout: 1_000 }))
    await until(() => a.got.length === 1)
    expect(server.backlog).toBe(1)
    place.clock.advance(1_000)
    expect(await failure).toMatchObject({ code: 'QUEUE_FULL', undone: ['stalled'] })
    expect(server.backlog).toBe(0)
    await rest()
    expect(stalled.got).toEqual(['busy'])
  })

  test('the error has `undone` for a list of one, too', async () => {
    await using place = new Place()
    const server = await place.listen()
    await hoarder(place, 'a')
    await rest()
    await server.put('busy')
    const failure = failureOf(server.put('x', { to: 'all', timeout: 10 }))
    place.clock.advance(10)
    expect(await failure).toMatchObject({ code: 'QUEUE_FULL', undone: ['a'] })
  })

  test('a client that leaves first does not get the item (CLIENT_GONE); the others do', async () => {
    await using place = new Place()
    const server = await place.listen()
    const a = await hoarder(place, 'a')
    const { client, lose } = await place.attach(server, { id: 'leaving' })
    await rest()
    const leaving = there(server, 'leaving')
    const failure = failureOf(server.put('x', { to: 'all' }))
    await until(() => a.got.length === 1)
    lose()
    await client.closed
    expect(await failure).toMatchObject({ code: 'CLIENT_GONE', undone: ['leaving'] })
    expect(await failureOf(server.put('y', { to: leaving }))).toMatchObject({ code: 'CLIENT_GONE', value: 'leaving' })
    expect(server.deadLetters.size).toBe(0)
  })

  test('what was given to the one client that may have it, and that is then lost, becomes a dead letter', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { client, lose } = await place.attach(server, { id: 'only' })
    const received = client.receive()
    await server.put('x', { to: there(server, 'only') })
    await received
    const other = await hoarder(place, 'other')
    lose()
    await until(() => server.deadLetters.size === 1)
    expect(server.deadLetters.list()).toMatchObject([{ item: 'x', history: [{ peer: 'only', outcome: 'lost' }] }])
    await server.idle()
    expect(other.got).toEqual([])
  })

  test('items for one client do not hold up those for others', async () => {
    await using place = new Place()
    const server = await place.listen()
    await hoarder(place, 'stalled')
    await rest()
    await server.put('busy')
    const waiting = observe(() => server.put('later', { to: there(server, 'stalled') }))
    const b = await place.connect({ id: 'b' })
    const put = server.put('free')
    expect(await b.get()).toBe('free')
    await put
    expect(waiting()).toBe('waits')
  })
})
