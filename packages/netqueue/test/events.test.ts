import { describe, expect, test } from 'vitest'

import type { EventStream, ServerEvents } from '../src/index.ts'
import { Place, rest, until } from './support/nodes.ts'
import { both } from './support/talking.ts'

async function all<E>(stream: EventStream<E>): Promise<E[]> {
  const events: E[] = []
  for await (const event of stream) events.push(event)
  return events
}

describe('events of a server, as loops', () => {
  test('name the client that comes or goes, and why it went', async () => {
    await using place = new Place()
    const server = await place.listen()
    const [connects, disconnects] = [server.events('connect'), server.events('disconnect')]
    const polite = await place.connect({ id: 'polite' })
    const { lose } = await place.attach(server, { id: 'unlucky' })
    await polite.close({ reason: 'the night shift is over' })
    lose()
    await until(() => server.clients.length === 0)
    const sent = await place.connect({ id: 'sent away' })
    await server.clients[0]?.close()
    await sent.closed
    await server.close()
    expect((await all(connects)).map(({ client }) => client.id)).toEqual(['polite', 'unlucky', 'sent away'])
    const gone = (await all(disconnects)).map(({ client, reason, error }) => [client.id, reason, error?.code])
    expect(gone).toEqual([
      ['polite', 'the night shift is over', undefined],
      ['unlucky', undefined, 'CONNECTION_LOST'],
      ['sent away', undefined, undefined],
    ])
  })

  test('tell of those who leave while it closes, and end then', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { client } = await place.attach(server, { id: 'a' })
    const disconnects = server.events('disconnect')
    const told = all(disconnects)
    await server.close()
    expect((await told).map(({ client: { id }, error }) => [id, error])).toEqual([['a', undefined]])
    expect(client.state).toBe('closed')
  })

  test('beside listeners: each status, each dead letter, each warning', async () => {
    await using place = new Place()
    const server = await place.listen({ maxAttempts: 1 })
    const heard: ServerEvents<string>['status'][] = []
    server.on('status', (event) => heard.push(event))
    const [statuses, letters, warnings] = [
      server.events('status'),
      server.events('deadLetter'),
      server.events('warning'),
    ]
    const client = await place.connect({ id: 'a' })
    client.setStatus('busy')
    const received = client.receive()
    await server.put('poison')
    ;(await received).release()
    await server.idle()
    await client.close({ notify: false })
    await server.close()
    const seen = await all(statuses)
    expect(seen.map(({ client: { id }, status }) => [id, status])).toEqual([['a', 'busy']])
    expect(seen).toEqual(heard)
    expect(await all(letters)).toEqual([{ item: 'poison' }])
    expect(await all(warnings)).toEqual([])
  })

  test('P8: a loop that is slow loses the oldest, is reported once, and slows nobody', async () => {
    await using place = new Place()
    const server = await place.listen()
    const connects = server.events('connect', { capacity: 3 })
    const warnings = server.events('warning')
    for (const id of ['a', 'b', 'c', 'd', 'e']) await place.connect({ id })
    expect(server.clients.length).toBe(5)
    expect((await warnings.next()).value).toMatchObject({
      error: { code: 'EVENTS_DROPPED', limit: 'capacity', value: 3 },
    })
    await server.close()
    expect((await all(connects)).map(({ client }) => client.id)).toEqual(['c', 'd', 'e'])
    expect([connects.dropped, await all(warnings)]).toEqual([2, []])
  })
})

describe('events of a client', () => {
  test('say that the server drains, and then that the connection is over', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { client } = await place.attach(server)
    const news: unknown[] = []
    client.on('goaway', (event) => news.push(event))
    client.on('disconnect', (event) => news.push(event))
    const disconnects = client.events('disconnect')
    await server.close({ reason: 'restart' })
    await client.closed
    const [there] = client.servers
    expect([news, await all(disconnects)]).toEqual([
      [{ server: there, code: 'RESTART' }, { server: there }],
      [{ server: there }],
    ])
  })

  test('tell of a lost connection with its error, once, before `closed` resolves', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { client, lose } = await place.attach(server)
    const order: unknown[] = []
    client.on('disconnect', ({ error }) => order.push(error?.code))
    void client.closed.then(() => order.push('closed'))
    const told = all(client.events('disconnect'))
    lose()
    expect((await told).map(({ error }) => error?.code)).toEqual(['CONNECTION_LOST'])
    await client.closed
    await rest()
    expect(order).toEqual(['CONNECTION_LOST', 'closed'])
  })

  test('tell of a close() that was asked for without an error', async () => {
    await using place = new Place()
    await place.listen()
    const client = await place.connect()
    const told = all(client.events('disconnect'))
    await client.close()
    expect(await told).toEqual([{ server: client.servers[0] }])
  })
})

describe('P7: a listener that fails at what a peer said ends nothing', () => {
  /** What the host is told of while something runs. */
  async function unhandled(run: () => Promise<void>): Promise<unknown[]> {
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    const reasons: unknown[] = []
    const note = (reason: unknown): void => void reasons.push(reason)
    process.on('unhandledRejection', note)
    try {
      await run()
      await rest()
      return reasons
    } finally {
      process.off('unhandledRejection', note)
      for (const listener of others) process.on('unhandledRejection', listener)
    }
  }

  test('a message, a status: HANDLER_FAILED with the client and the cause, and all goes on', async () => {
    await using place = new Place()
    const { server, client, there } = await both(place)
    const warnings: ServerEvents<string>['warning'][] = []
    server.on('warning', (warning) => warnings.push(warning))
    server.on('news:other', ({ payload }) => (payload as { x: { y: number } }).x.y)
    server.on('status', async ({ status }) => (status as { x: { y: number } }).x.y)
    const uncaught = await unhandled(async () => {
      await client.send('news:other', undefined)
      client.setStatus('no object')
      await until(() => warnings.length === 2)
    })
    expect(uncaught).toEqual([])
    expect(warnings.map(({ client: about }) => about)).toEqual([there, there])
    const told = warnings.map(({ error: { code, value } }) => `${code} ${String(value)}`)
    expect(new Set(told)).toEqual(new Set(['HANDLER_FAILED news:other', 'HANDLER_FAILED status']))
    expect(warnings.every(({ error }) => error.cause instanceof TypeError)).toBe(true)
    server.handle('math:add', ({ a, b }) => a + b)
    expect(await client.request('math:add', { a: 1, b: 2 })).toBe(3)
  })

  test('a listener of warnings that fails at each of them does not go on for ever', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    let count = 0
    client.on('warning', async () => {
      count += 1
      throw new Error('mine')
    })
    client.on('status', () => {
      throw new Error('mine as well')
    })
    const told = await unhandled(async () => {
      server.setStatus('busy')
      await until(() => count > 0)
    })
    expect([told, count]).toEqual([[], 2])
  })
})

describe('names of events', () => {
  test('that are none are a TypeError that names those that are, and messages that can be heard', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    const wrong = 'conect' as 'connect'
    expect(() => server.on(wrong, () => {})).toThrow(
      /^Expected the name of an event or of a message without a reply, got "conect"; known are connect, .*warning, news:flash, news:other$/,
    )
    expect(() => server.events(wrong)).toThrow(/^Expected `event` to be one of "connect", .*got `"conect"`$/)
    expect(() => client.on('connects' as 'status', () => {})).toThrow(TypeError)
    expect(() => client.events('news:flash' as 'status')).toThrow(TypeError)
    expect(() => client.on(Symbol('status') as never, () => {})).toThrow(TypeError)
    expect(() => client.on('math:add' as 'status', () => {})).toThrow('without a reply')
  })

  test.each(['status', 'news:flash'] as const)('a listener of %s that is no function is a TypeError', async (name) => {
    await using place = new Place()
    const { client } = await both(place)
    expect(() => client.on(name as 'status', 'no function' as never)).toThrow('Expected `listener` to be a function')
  })
})
