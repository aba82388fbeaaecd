import { describe, expect, test } from 'vitest'

import type { EventStream, ServerEvents } from '../src/index.ts'
import { Place, rest, until } from './support/nodes.ts'

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
    expect([news, await all(disconnects)]).toEqual([[{ code: 'RESTART' }, {}], [{}]])
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
    expect(await told).toEqual([{}])
  })
})
