import { describe, expect, test } from 'vitest'

import { json, text } from '../src/index.ts'
import { observe, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { Country, FIRST_MS, NORTH, SOUTH, statesOf } from './support/places.ts'

describe('connect([a, b], { failover: true })', () => {
  test('has the first, and the next one when that is lost', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both({ failover: true })
    expect([north.clients.length, south.clients.length, client.servers.length]).toEqual([1, 0, 1])
    place.roads[NORTH].mood = 'refuses'
    place.roads[NORTH].cut()
    await place.later(FIRST_MS)
    expect([statesOf(client), south.clients.length]).toEqual(['south south connected', 1])
  })

  test('tries the one that it had first, and does not go back to an earlier one', async () => {
    await using place = new Country()
    const { north, client } = await place.both({ failover: true })
    place.roads[NORTH].cut()
    await place.later(FIRST_MS)
    expect(statesOf(client)).toBe('north north connected')
    place.roads[NORTH].mood = 'refuses'
    place.roads[NORTH].cut()
    await place.later(2 * FIRST_MS)
    place.roads[NORTH].mood = 'open'
    await place.later(10_000)
    expect(statesOf(client)).toBe('south south connected')
    expect(north.clients).toEqual([])
  })

  test('begins with whichever can be reached, and rejects when none can', async () => {
    await using place = new Country()
    expect(await failureOf(place.reach({ failover: true }))).toMatchObject({ code: 'CONNECT_FAILED' })
    await place.serve(SOUTH, { id: 'south' })
    expect(statesOf(await place.reach({ failover: true }))).toBe('south south connected')
  })

  test('has the next one when its server closes, after what is in hand; the last one that closes is the end', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both({ failover: true })
    const begun: string[] = []
    let finish: (result: string) => void = () => {}
    const working = observe(() =>
      client.process((item) => {
        begun.push(item)
        return new Promise<string>((resolve) => (finish = resolve))
      }),
    )
    const result = north.submit('a')
    await until(() => begun.length === 1)
    const closing = north.close()
    await rest()
    expect(client.state).toBe('connected')
    finish('A')
    expect(await result).toBe('A')
    await closing
    await place.later(FIRST_MS)
    expect([statesOf(client), working()]).toEqual(['south south connected', 'waits'])
    const asked = south.submit('b')
    await rest()
    finish('B')
    expect(await asked).toBe('B')
    await south.close()
    expect([await client.closed, working()]).toEqual([{ undone: [] }, 'resolves'])
  })

  test('has the next one when its server sends it away', async () => {
    await using place = new Country()
    const { north, client } = await place.both({ failover: true })
    await north.clients[0]?.close()
    await place.later(FIRST_MS)
    expect(statesOf(client)).toBe('south south connected')
  })

  test('P2: puts again, to the next one, what its server has not settled when it closes: it may be gone with it', async () => {
    await using place = new Country()
    const { north, south, client } = await place.both({ failover: true })
    for (const server of [north, south]) server.tryGet()
    await rest()
    for (const item of ['a', 'b']) await client.put(item)
    await rest()
    expect(north.tryGet()).toEqual({ value: 'a' })
    const closing = north.close({ timeout: 100 })
    await place.later(100)
    await place.later(250)
    await place.later(FIRST_MS)
    await closing
    expect(statesOf(client)).toBe('south south connected')
    expect([north.getAll(), south.getAll()]).toEqual([['b'], ['b']])
  })

  test('begins with the second one where the first would never do', async () => {
    await using place = new Country()
    await place.serve(NORTH, { id: 'north', item: json() })
    await place.serve(SOUTH, { id: 'south', item: text() })
    expect(statesOf(await place.reach({ failover: true, item: text() }))).toBe('south south connected')
  })

  test('has the next one when the first takes connections and drops them', async () => {
    await using place = new Country()
    const { north, client } = await place.both({ failover: true })
    north.on('connect', () => queueMicrotask(() => place.roads[NORTH].cut()))
    place.roads[NORTH].cut()
    await place.later(10_000)
    await place.later(10_000)
    expect(statesOf(client)).toBe('south south connected')
    expect(place.roads[NORTH].dialled).toHaveLength(2)
  })

  test('fault 25: comes back to a server that still waits for it: it proves who it is at each address', async () => {
    await using place = new Country()
    const serving = { resumeTimeoutMs: 60_000 }
    const [north, south] = [await place.serve(NORTH, serving), await place.serve(SOUTH, serving)]
    const client = await place.reach({ failover: true, id: 'the one' })
    await rest()
    const lose = async (from: typeof NORTH | typeof SOUTH, to: typeof NORTH | typeof SOUTH): Promise<void> => {
      place.roads[from].mood = 'refuses'
      place.roads[to].mood = 'open'
      place.roads[from].cut()
      await place.later(10_000)
      expect([client.state, client.servers[0]?.address]).toEqual(['connected', to])
    }
    const received = client.receive()
    await north.put('a')
    const { signal } = await received
    await lose(NORTH, SOUTH)
    expect([signal.aborted, north.clients[0]?.isAway]).toEqual([true, true])
    await lose(SOUTH, NORTH)
    expect([south.clients[0]?.isAway, north.clients.map(({ isAway }) => isAway)]).toEqual([true, [false]])
    expect(await client.receive()).toMatchObject({ item: 'a', attempt: 2 })
    await lose(NORTH, SOUTH)
    expect(south.clients.map(({ id, isAway }) => `${id} ${isAway}`)).toEqual(['the one false'])
  })
})
