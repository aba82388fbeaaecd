import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { hashBy, leastBusy, prefer, roundRobin } from '../src/index.ts'
import type { Client, ClientOptions, Server, ServerClient, ServerOptions } from '../src/index.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'

let place: Place
let server: Server<string, string>
let warnings: string[]

beforeEach(() => {
  place = new Place()
  warnings = []
})

afterEach(async () => {
  await place[Symbol.asyncDispose]()
})

async function serve(options: ServerOptions<string, string> = {}): Promise<void> {
  server = await place.listen(options)
  server.on('warning', ({ error }) => warnings.push(error.code))
}

interface Worker {
  client: Client<string, string>
  /** What it was given, with the attempt where that is not the first. */
  got: string[]
  /** Ends the work on its oldest item, well or badly. */
  end: (error?: Error) => Promise<void>
  lose: () => void
}

/** A client that works on one item until a test ends that, or on nothing where `concurrency` is 0. */
async function worker(
  id: string,
  { concurrency = 1, ...options }: ClientOptions<string, string> & { concurrency?: number } = {},
): Promise<Worker> {
  const { client, lose } = await place.attach(server, { id, ...options })
  const got: string[] = []
  const ends: ((error?: Error) => void)[] = []
  const handler = (item: string, { attempt, signal }: { attempt: number; signal: AbortSignal }): Promise<undefined> => {
    got.push(attempt === 1 ? item : `${item}${attempt}`)
    return new Promise((resolve, reject) => {
      ends.push((error) => (error === undefined ? resolve(undefined) : reject(error)))
      signal.addEventListener('abort', () => resolve(undefined), { once: true })
    })
  }
  if (concurrency > 0) client.process(handler, { concurrency }).catch(() => {})
  await rest()
  const end = async (error?: Error): Promise<void> => {
    ends.shift()?.(error)
    await rest()
  }
  return { client, got, end, lose }
}

async function offer(...items: string[]): Promise<void> {
  for (const item of items) server.put(item).catch(() => {})
  await rest()
}

const clientOf = (id: string): ServerClient => server.clients.find((client) => client.id === id) as ServerClient

describe('P5: order', () => {
  test('first deliveries to one client are first in, first out', async () => {
    await serve()
    const seen: string[] = []
    const { client } = await place.attach(server, { prefetch: 16 })
    client.process((item) => void seen.push(item)).catch(() => {})
    const items = Array.from({ length: 500 }, (_, index) => String(index))
    for (const item of items) await server.put(item)
    await server.idle()
    expect(seen).toEqual(items)
  })

  test('P2: what a lost client had goes back to the head in its order; what it may have started counts as an attempt', async () => {
    await serve()
    const first = await worker('first', { prefetch: 3 })
    await offer('a', 'b', 'c', 'd', 'e')
    expect(first.got).toEqual(['a'])
    first.lose()
    await rest()
    const second = await worker('second')
    for (let items = 0; items < 5; items += 1) await second.end()
    expect(second.got).toEqual(['a2', 'b2', 'c2', 'd', 'e'])
    await server.idle()
  })

  test('P2: what a client hands back unstarted keeps its order and its attempt, and waits for nothing', async () => {
    await serve()
    const first = await worker('first', { prefetch: 3 })
    await offer('a', 'b', 'c', 'd')
    const leaving = first.client.close({ timeout: 1_000 })
    await rest()
    const second = await worker('second')
    for (let items = 0; items < 3; items += 1) await second.end()
    expect(second.got).toEqual(['b', 'c', 'd'])
    await first.end()
    await leaving
    await server.idle()
    expect(first.got).toEqual(['a'])
  })

  test('P2: from its third attempt on an item is delivered alone, so that it takes no neighbours along', async () => {
    await serve()
    await offer('poison')
    for (const id of ['first', 'second']) {
      const victim = await worker(id)
      victim.lose()
      await rest()
    }
    const careful = await worker('careful', { concurrency: 3, prefetch: 3 })
    await offer('a', 'b')
    expect([careful.got, clientOf('careful').inFlight, server.backlog]).toEqual([['poison3'], 1, 2])
    await careful.end()
    expect(careful.got).toEqual(['poison3', 'a', 'b'])
    for (let items = 0; items < 2; items += 1) await careful.end()
    await server.idle()
  })

  test('P2: after maxAttempts losses an item is a dead letter, which says who had it', async () => {
    await serve({ maxAttempts: 2 })
    const buried: string[] = []
    server.on('deadLetter', ({ item }) => buried.push(item))
    await offer('poison')
    for (const id of ['first', 'second']) {
      const victim = await worker(id)
      victim.lose()
      await rest()
    }
    await server.idle()
    const history = ['first', 'second'].map((peer) => ({ peer, outcome: 'lost' }))
    expect(server.deadLetters.list()).toEqual([{ id: 1, item: 'poison', attempts: 2, history }])
    expect(buried).toEqual(['poison'])
  })

  test('P2: an item that was released comes back after a while, behind those that did not wait', async () => {
    await serve({ retryDelayMs: 100 })
    const one = await worker('one')
    await offer('a', 'b')
    await one.end(new Error('no'))
    expect([one.got, server.backlog]).toEqual([['a', 'b'], 1])
    await one.end()
    place.clock.advance(99)
    await rest()
    expect(one.got).toEqual(['a', 'b'])
    place.clock.advance(1)
    await rest()
    expect(one.got).toEqual(['a', 'b', 'a2'])
    await one.end()
    await server.idle()
  })
})

describe('leastBusy(), the default', () => {
  test('P8: spreads items evenly, and passes over a client that does not finish', async () => {
    await serve({ chooseDispatch: leastBusy() })
    const frozen = await worker('frozen')
    const quick = await Promise.all(
      ['x', 'y'].map(async (id) => {
        const client = await place.connect({ id })
        const got: string[] = []
        client.process((item) => void got.push(item)).catch(() => {})
        return got
      }),
    )
    await rest()
    for (let item = 0; item < 41; item += 1) await server.put(String(item))
    await until(() => server.backlog === 0 && clientOf('x').inFlight + clientOf('y').inFlight === 0)
    expect(frozen.got).toHaveLength(1)
    expect(quick.map(({ length }) => length)).toEqual([20, 20])
  })
})

describe('roundRobin()', () => {
  test('takes one after the other', async () => {
    await serve({ chooseDispatch: roundRobin() })
    const workers = [await worker('x', { concurrency: 9 }), await worker('y', { concurrency: 9 }), await worker('z')]
    await offer('a', 'b', 'c', 'd', 'e', 'f', 'g')
    expect(workers.map(({ got }) => got.join(''))).toEqual(['adf', 'beg', 'c'])
  })
})

describe('prefer()', () => {
  test('takes those with a tag first', async () => {
    await serve({ chooseDispatch: prefer('gpu') })
    const [plain, gpu] = [await worker('plain'), await worker('gpu', { tags: ['big', 'gpu'], concurrency: 2 })]
    await offer('a', 'b', 'c', 'd')
    expect([gpu.got, plain.got]).toEqual([['a', 'b'], ['c']])
  })
})

describe('hashBy()', () => {
  test('P5: sends a key to one client, in its order, however busy that is', async () => {
    await serve({ chooseDispatch: hashBy((item) => item.charAt(0)) })
    const clients = await Promise.all(['x', 'y', 'z'].map((id) => place.connect({ id })))
    const seen = new Map<string, string[]>()
    for (const { id, ...client } of clients.map((client) => ({ id: client.id, client })))
      client.client
        .process(
          async (item) => {
            await rest()
            seen.set(item.charAt(0), [...(seen.get(item.charAt(0)) ?? []), `${id}${item}`])
          },
          { concurrency: 1 },
        )
        .catch(() => {})
    const puts: Promise<void>[] = []
    for (let number = 0; number < 5; number += 1) for (const key of 'abcdef') puts.push(server.put(`${key}${number}`))
    await Promise.all(puts)
    await server.idle()
    for (const [key, lines] of seen) {
      const owner = lines[0]?.charAt(0)
      expect(lines).toEqual([0, 1, 2, 3, 4].map((number) => `${owner}${key}${number}`))
    }
    expect(seen.size).toBe(6)
    expect(new Set([...seen.values()].map(([line]) => line?.charAt(0))).size).toBeGreaterThan(1)
  })
})

describe('chooseDispatch', () => {
  test('sees what it may decide by', async () => {
    const seen: unknown[] = []
    await serve({
      chooseDispatch: (free, { item, clients }) => {
        seen.push([
          item,
          free.map(({ id, tags, status, inFlight, credit, data }) => [id, tags, status, inFlight, credit, data]),
        ])
        seen.push(clients.map(({ id }) => id))
        return free[0]
      },
    })
    await worker('asleep', { concurrency: 0 })
    await worker('x', { tags: ['big'], status: { load: 1 }, concurrency: 2 })
    clientOf('x').data = 'mine'
    await offer('a')
    expect(seen).toEqual([
      ['a', [['x', ['big'], { load: 1 }, 0, 2, 'mine']]],
      ['asleep', 'x'],
    ])
  })

  test('parks an item until a client changes its status; later ones go on', async () => {
    await serve({
      chooseDispatch: (free, { item }) =>
        item === 'picky' ? free.find(({ status }) => status === 'ready for it') : free[0],
    })
    const one = await worker('one', { concurrency: 2 })
    await offer('picky', 'a')
    expect([one.got, server.backlog]).toEqual([['a'], 1])
    one.client.setStatus('ready for it')
    await rest()
    expect([one.got, server.backlog]).toEqual([['a', 'picky'], 0])
  })

  test('P1: an item that is parked times out like any other, and is then not delivered', async () => {
    await serve({ chooseDispatch: () => undefined })
    const one = await worker('one')
    const failure = failureOf(server.put('a', { timeout: 50 }))
    await rest()
    place.clock.advance(50)
    expect(await failure).toMatchObject({ code: 'QUEUE_FULL', delivered: 'no' })
    expect([one.got, server.backlog]).toEqual([[], 0])
  })

  test('may take its time: one call at a time, and tryPut() is never in time', async () => {
    let [calls, most] = [0, 0]
    await serve({
      chooseDispatch: async (free) => {
        calls += 1
        most = Math.max(most, calls)
        await rest()
        calls -= 1
        return free[0]
      },
    })
    const one = await worker('one', { concurrency: 9 })
    expect(server.tryPut('never')).toBe(false)
    const puts = ['a', 'b', 'c'].map((item) => observe(() => server.put(item)))
    await until(() => puts.every((put) => put() === 'resolves'))
    await rest()
    expect([one.got, most]).toEqual([['a', 'b', 'c'], 1])
  })

  test('is asked again when the client that it chose has vanished meanwhile', async () => {
    const asked: string[][] = []
    let answer!: (client: ServerClient | undefined) => void
    await serve({
      chooseDispatch: (free) => {
        asked.push(free.map(({ id }) => id))
        return new Promise((resolve) => (answer = resolve))
      },
    })
    const [gone, stays] = [await worker('gone'), await worker('stays')]
    const chosen = clientOf('gone')
    await offer('a')
    gone.lose()
    await rest()
    answer(chosen)
    await rest()
    expect(asked).toEqual([['gone', 'stays'], ['stays']])
    answer(clientOf('stays'))
    await rest()
    expect([stays.got, gone.got]).toEqual([['a'], []])
  })

  test('that throws is reported, and asked again when a client changes', async () => {
    let failures = 1
    await serve({
      chooseDispatch: (free) => {
        failures -= 1
        if (failures >= 0) throw new Error('mine')
        return free[0]
      },
    })
    const one = await worker('one')
    await offer('a')
    expect([one.got, warnings]).toEqual([[], ['DISPATCH_FAILED']])
    one.client.setStatus('changed')
    await rest()
    expect(one.got).toEqual(['a'])
  })

  test('P11: that never answers does not hold up close(): the put that it thinks about rejects', async () => {
    await serve({ chooseDispatch: () => new Promise(() => {}) })
    await worker('one')
    const puts = ['a', 'b'].map((item) => failureOf(server.put(item)))
    await rest()
    await place.pass(server.close({ timeout: 0 }))
    expect(await Promise.all(puts)).toMatchObject([{ code: 'CLOSED', delivered: 'no' }, { code: 'CLOSED' }])
  })
})

describe('a client that drains', () => {
  test('gets nothing new', async () => {
    await serve()
    const one = await worker('one', { concurrency: 4 })
    await offer('a')
    const leaving = one.client.close({ timeout: 1_000 })
    await rest()
    await offer('b')
    expect([one.got, server.backlog]).toEqual([['a'], 1])
    await one.end()
    await leaving
    expect(server.clients).toEqual([])
  })
})
