import { describe, expect, test } from 'vitest'

import { listen, manualTicks } from '../src/index.ts'
import type { Client, Server, Tick } from '../src/index.ts'
import { Place, rest, until } from './support/nodes.ts'

interface Cast {
  place: Place
  server: Server<string, string>
  client: Client<string, string>
  lose: () => void
}

async function cast(place: Place): Promise<Cast> {
  const server = await place.listen()
  return { place, server, ...(await place.attach(server)) }
}

/** A loop that waits; says whether it is over. */
function following(loop: AsyncIterable<Tick>): () => string {
  let state = 'runs'
  const over = async (): Promise<void> => {
    for await (const _ of loop);
  }
  over().then(
    () => (state = 'is over'),
    (error: unknown) => (state = `failed: ${String(error)}`),
  )
  return () => state
}

describe('ticks', () => {
  test('of a server and of a client come with their clocks, beside items', async () => {
    await using place = new Place()
    const { server, client } = await cast(place)
    const seen: [string, number][] = []
    const loops = [server, client].map(async (node, index) => {
      for await (const { count } of node.ticks(10 * (index + 1))) {
        seen.push([node === server ? 'server' : 'client', count])
        if (count === 4) return
      }
    })
    for (let tenths = 0; tenths < 8; tenths += 1) {
      place.clock.advance(50)
      await rest()
    }
    const received = client.get()
    await server.put('a')
    expect(await received).toBe('a')
    await Promise.all(loops)
    const counts = (who: string): number[] => seen.filter(([name]) => name === who).map(([, count]) => count)
    expect([counts('server'), counts('client')]).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ])
  })

  test.each<[string, string[], (cast: Cast) => unknown]>([
    ['the server begins to close', ['is over', 'is over'], ({ server }) => void server.close()],
    ['the client begins to close', ['runs', 'is over'], ({ client }) => void client.close()],
    ['the connection is lost', ['runs', 'is over'], ({ lose }) => lose()],
  ])('P12: when %s, loops of server and client: %j, although work is in hand', async (_, states, end) => {
    await using place = new Place()
    const all = await cast(place)
    const received = all.client.receive()
    await all.server.put('in hand')
    await received
    const loops = [all.server, all.client].map((node) => following(node.ticks(10)))
    await rest()
    end(all)
    await rest()
    expect(loops.map((state) => state())).toEqual(states)
  })

  test('P12: a closed server gives none, and no timer remains', async () => {
    await using place = new Place()
    const server = await place.listen()
    const loop = following(server.ticks(1_000))
    await place.pass(server.close())
    const late = following(server.ticks(manualTicks()))
    await rest()
    expect([loop(), late(), place.clock.timers]).toEqual(['is over', 'is over', 0])
  })

  test('of one hand drive a server and a client step by step', async () => {
    await using place = new Place()
    const { server, client } = await cast(place)
    const steps = manualTicks()
    const received: string[] = []
    const putting = (async () => {
      for await (const { count } of server.ticks(steps)) await server.put(`state ${count}`)
    })()
    const taking = (async () => {
      for await (const _ of client.ticks(steps)) received.push(await client.get())
    })()
    for (const count of [1, 2, 3]) {
      steps.tick()
      await steps.idle()
      expect(received).toEqual(Array.from({ length: count }, (_, index) => `state ${index + 1}`))
    }
    await place.pass(server.close())
    await Promise.all([putting, taking])
    await steps.idle()
  })

  test('come on the host’s clock too', async () => {
    await using server = await listen()
    const ticks: Tick[] = []
    for await (const tick of server.ticks(200)) if (ticks.push(tick) === 3) break
    for (const { count, atMs } of ticks) expect(atMs).toBeGreaterThanOrEqual(count * 5 - 0.01)
    expect(ticks.map(({ count, missed }) => count - missed)).toEqual([
      1,
      1 + (ticks[0]?.count ?? 0),
      1 + (ticks[1]?.count ?? 0),
    ])
  })

  test('whose body never waits and is always late let the server go on', async () => {
    await using server = await listen<string, string>()
    const controller = new AbortController()
    const loop = (async () => {
      for await (const _ of server.ticks(1_000, { signal: controller.signal })) {
        const end = performance.now() + 2
        while (performance.now() < end);
      }
    })().catch((error: unknown) => error)
    await using place = new Place()
    const { client } = await place.attach(server)
    const received = client.get()
    await server.put('a')
    expect(await received).toBe('a')
    await client.close()
    controller.abort('enough')
    expect(await loop).toBe('enough')
    await until(() => server.clients.length === 0)
  })
})
