import { describe, expect, test } from 'vitest'

import type { Client, Server } from '../src/index.ts'
import { observe, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { FIRST_MS, Neighbours } from './support/places.ts'
import { Work } from './support/talking.ts'
import type { App } from './support/talking.ts'

type Nodes = { server: Server<string, string, App>; client: Client<string, string, App> }

/** Handlers of either kind, at work on what came by a connection that is lost then. */
const KINDS: Record<string, (nodes: Nodes, work: Work) => void> = {
  'a request': ({ server, client }, work) => {
    client.handle('any:ask', work.handler)
    server.request('any:ask', 1).catch(() => {})
  },
  'an item': ({ server, client }, work) => {
    client.process(async (item, delivery) => void (await work.handler(item, delivery))).catch(() => {})
    void server.put('a')
  },
}

async function outlived(place: Neighbours, kind: string, work: Work, options: object = {}): Promise<Nodes> {
  const nodes = await place.both(options)
  KINDS[kind]?.(nodes, work)
  await until(() => work.begun.length === 1)
  place.road.mood = 'refuses'
  place.road.cut()
  await rest()
  expect(work.stopped).toEqual(['CONNECTION_LOST'])
  // Nothing is begun again, for which the next one would be waited.
  await nodes.server.close({ timeout: 0 })
  return nodes
}

describe.each(Object.keys(KINDS))(
  'P12: close() of a client, with a handler of %s at work whose connection is lost',
  (kind) => {
    test('gives it its time, over the next connection', async () => {
      await using place = new Neighbours()
      const work = new Work({ heeds: false })
      const { client } = await outlived(place, kind, work)
      place.road.mood = 'open'
      await place.serve()
      await place.later(10 * FIRST_MS)
      expect(client.state).toBe('connected')
      const closing = observe(() => client[Symbol.asyncDispose]())
      await place.later(4_999)
      expect(closing()).toBe('waits')
      work.endAll()
      await until(() => closing() !== 'waits')
      expect(closing()).toBe('resolves')
    })

    test('gives it its time where there is no connection: all else ends at once', async () => {
      await using place = new Neighbours()
      const work = new Work({ heeds: false })
      const { client } = await outlived(place, kind, work)
      const closing = observe(() => client[Symbol.asyncDispose]())
      await place.later(4_999)
      expect([client.state, closing()]).toEqual(['closed', 'waits'])
      work.endAll()
      await until(() => closing() !== 'waits')
      expect(closing()).toBe('resolves')
    })

    test('says DRAIN_INCOMPLETE when it takes longer than that', async () => {
      await using place = new Neighbours()
      const work = new Work({ heeds: false })
      const { client } = await outlived(place, kind, work)
      const failure = failureOf(client[Symbol.asyncDispose]())
      await place.later(5_000)
      await place.later(250)
      expect(await failure).toMatchObject({ code: 'DRAIN_INCOMPLETE' })
      work.endAll()
    })

    test('gives it its time after the client has failed', async () => {
      await using place = new Neighbours()
      const work = new Work({ heeds: false })
      const { client } = await outlived(place, kind, work, { reconnect: false })
      expect((await client.closed).error).toMatchObject({ code: 'CONNECTION_LOST' })
      const closing = observe(() => client[Symbol.asyncDispose]())
      await place.later(4_999)
      expect(closing()).toBe('waits')
      work.endAll()
      await until(() => closing() !== 'waits')
      expect(closing()).toBe('resolves')
    })
  },
)

test('P12: a client whose server is gone has ended, whatever its handlers do; close() gives them their time', async () => {
  await using place = new Neighbours()
  const work = new Work({ heeds: false })
  const { server, client } = await place.both()
  KINDS['an item']?.({ server, client }, work)
  await until(() => work.begun.length === 1)
  const closed = server.close({ timeout: 100 })
  await place.later(100)
  await place.later(250)
  await closed
  expect([await client.closed, client.state]).toEqual([{ undone: [] }, 'closed'])
  const closing = observe(() => client.close({ timeout: 200 }))
  await place.later(199)
  expect(closing()).toBe('waits')
  await place.later(1)
  await place.later(250)
  expect(closing()).toBe('resolves')
  work.endAll()
})
