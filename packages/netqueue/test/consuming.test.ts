import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { bytes, connect, listen } from '../src/index.ts'
import type { Client, Delivery, NetQueueError, Server } from '../src/index.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'

let place: Place
let server: Server<string, string>
let client: Client<string, string>
let lose: () => void
let warnings: string[]

beforeEach(async () => {
  place = new Place()
  server = await place.listen()
  warnings = []
  const warned = ({ error }: { error: NetQueueError }): void => void warnings.push(error.code)
  server.on('warning', warned)
  ;({ client, lose } = await place.attach(server))
  client.on('warning', warned)
})

afterEach(async () => {
  await place[Symbol.asyncDispose]()
})

/** Puts items without waiting for anyone to take them. */
function offer(...items: string[]): void {
  for (const item of items) server.put(item).catch(() => {})
}

/** Another client, which says what it gets and as which attempt. */
async function other(): Promise<{ got: string[]; client: Client<string, string> }> {
  const another = await place.connect()
  const got: string[] = []
  another.process((item, { attempt }) => void got.push(`${item}${attempt}`)).catch(() => {})
  return { got, client: another }
}

/** Long enough for everything to be delivered again that is going to be. */
async function settleDown(): Promise<void> {
  await rest()
  place.clock.advance(1_000)
  await rest()
}

describe('P3: for await', () => {
  test('settles each item when the next one is asked for', async () => {
    offer('a', 'b', 'c')
    const loop = client[Symbol.asyncIterator]()
    const [there] = server.clients
    expect((await loop.next()).value).toBe('a')
    expect([there?.inFlight, server.backlog]).toEqual([1, 2])
    expect([(await loop.next()).value, (await loop.next()).value]).toEqual(['b', 'c'])
    const last = loop.next()
    await server.idle()
    expect(there?.inFlight).toBe(0)
    await loop.return?.()
    expect((await last).done).toBe(true)
  })

  test('at prefetch 1 settles the last item without another one arriving', async () => {
    offer('last')
    const seen: string[] = []
    const loop = (async () => {
      for await (const item of client) seen.push(item)
    })()
    await server.idle()
    expect(seen).toEqual(['last'])
    await client.close()
    await loop
  })

  const ways: [string, (loop: AsyncIterable<string>) => Promise<unknown>][] = [
    [
      'break',
      async (loop) => {
        for await (const _ of loop) break
      },
    ],
    [
      'return',
      async (loop) => {
        for await (const item of loop) return item
        return undefined
      },
    ],
    [
      'throw',
      async (loop) => {
        for await (const item of loop) throw new Error(item)
      },
    ],
  ]

  test.each(ways)(
    'left by %s releases the current item, gives back the others, and asks for no more',
    async (_way, run) => {
      const { client: greedy } = await place.attach(server, { prefetch: 3 })
      offer('a', 'b', 'c', 'd')
      await failureOf(run(greedy))
      await rest()
      const { got } = await other()
      await settleDown()
      expect(got.toSorted()).toEqual(['a2', 'b1', 'c1', 'd1'])
      expect(server.deadLetters.size).toBe(0)
    },
  )

  test('left by the signal of items() while its body works ends at the next call, and releases the item', async () => {
    offer('a')
    const stop = new AbortController()
    const seen: string[] = []
    const failure = await failureOf(
      (async () => {
        for await (const item of client.items({ signal: stop.signal })) {
          seen.push(item)
          stop.abort(new Error('enough'))
        }
      })(),
    )
    const { got } = await other()
    await settleDown()
    expect([failure, seen, got]).toEqual([new Error('enough'), ['a'], ['a2']])
  })

  test('left by the signal of items() while it waits strands nothing that was under way', async () => {
    const stop = new AbortController()
    const next = failureOf(client.items({ signal: stop.signal }).next())
    await rest()
    offer('a')
    stop.abort(new Error('enough'))
    expect(await next).toEqual(new Error('enough'))
    const { got } = await other()
    await settleDown()
    expect(got).toEqual(['a1'])
  })

  test('ends quietly when its client is closed while it waits, and when the server is', async () => {
    const loops = [client, await place.connect()].map(async (one) => {
      const seen: string[] = []
      for await (const item of one) seen.push(item)
      return seen
    })
    await rest()
    await client.close()
    expect(await loops[0]).toEqual([])
    await server.close()
    expect(await loops[1]).toEqual([])
  })

  test('ends with CONNECTION_LOST when the connection is lost', async () => {
    const next = failureOf(client[Symbol.asyncIterator]().next())
    await rest()
    lose()
    expect(await next).toMatchObject({ code: 'CONNECTION_LOST' })
  })

  test('has one next() at a time: ITERATOR_BUSY, and the unfinished item is not settled', async () => {
    offer('a', 'b')
    const loop = client[Symbol.asyncIterator]()
    const [first, second] = [loop.next(), failureOf(loop.next())]
    expect([await second, (await first).value]).toMatchObject([{ code: 'ITERATOR_BUSY' }, 'a'])
    await rest()
    expect(server.clients[0]?.inFlight).toBe(1)
  })

  test('twice shares the items, each to one of them', async () => {
    const seen: string[] = []
    const loops = ['one', 'two'].map(async (name) => {
      for await (const item of client) seen.push(`${name} ${item}`)
    })
    await rest()
    offer('a', 'b', 'c', 'd')
    await server.idle()
    await client.close()
    await Promise.all(loops)
    expect(seen.map((line) => line.slice(4)).toSorted()).toEqual(['a', 'b', 'c', 'd'])
    expect(new Set(seen.map((line) => line.slice(0, 3))).size).toBe(2)
  })

  test('hands out null, 0 and empty texts', async () => {
    const nodes = new Place()
    const any = await nodes.listen<unknown>()
    const worker = await nodes.connect<unknown>()
    const items = [null, 0, '', false, []]
    for (const item of items) any.put(item).catch(() => {})
    const seen: unknown[] = []
    for await (const item of worker) if (seen.push(item) === items.length) break
    expect(seen).toEqual(items)
    await nodes[Symbol.asyncDispose]()
  })

  test('over what clients put works by the same rules', async () => {
    const loop = server[Symbol.asyncIterator]()
    const first = loop.next()
    await client.put('a')
    await client.put('b')
    expect((await first).value).toBe('a')
    await loop.return?.()
    await settleDown()
    const seen: string[] = []
    for await (const delivery of server.deliveries()) {
      seen.push(`${delivery.item}${delivery.attempt}`)
      delivery.done()
      if (seen.length === 2) break
    }
    expect(seen.toSorted()).toEqual(['a2', 'b1'])
  })

  test('an item that was cancelled while a loop works on it does not hold its slot for ever', async () => {
    const answer = failureOf(place.pass(server.submit('a', { timeout: 500 })))
    const loop = client[Symbol.asyncIterator]()
    expect((await loop.next()).value).toBe('a')
    expect(await answer).toMatchObject({ code: 'TIMEOUT', delivered: 'maybe' })
    await rest()
    const next = loop.next()
    await server.idle()
    await rest()
    expect(server.clients[0]?.inFlight).toBe(0)
    offer('b')
    expect((await next).value).toBe('b')
  })
})

describe('P3: deliveries()', () => {
  test('at prefetch 1 gathers a batch, which is settled when its work is done', async () => {
    offer('a', 'b', 'c', 'd', 'e')
    const batches: string[][] = []
    const loop = (async () => {
      let batch: Delivery<string>[] = []
      for await (const delivery of client.deliveries()) {
        batch.push(delivery)
        if (batch.length < 2) continue
        batches.push(batch.map(({ item }) => item))
        for (const one of batch) one.done()
        batch = []
      }
    })()
    await until(() => batches.length === 2)
    await rest()
    expect(batches).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ])
    expect(server.clients[0]?.inFlight).toBe(1)
    lose()
    await failureOf(loop)
    const { got } = await other()
    await settleDown()
    expect(got).toEqual(['e2'])
  })

  test('P6: that hoard all that may be unsettled get UNSETTLED_LIMIT', async () => {
    const { client: hoarder } = await place.attach(server, { limits: { maxUnsettled: 2 } })
    const loop = hoarder.deliveries()
    const first = loop.next()
    offer('a', 'b')
    await first
    const held = (await loop.next()).value as Delivery<string>
    expect(await failureOf(loop.next())).toMatchObject({ code: 'UNSETTLED_LIMIT', limit: 'maxUnsettled' })
    expect(held.done()).toBe(true)
    await rest()
    expect(server.clients[1]?.inFlight).toBe(1)
  })

  test('say from whom, for the first time or again, and whether a result is wanted', async () => {
    void failureOf(server.submit('a'))
    const first = await client.receive()
    expect([first.from.id, first.attempt, first.wantsResult]).toEqual([server.id, 1, true])
    first.release()
    const again = client.receive()
    await settleDown()
    expect([(await again).item, (await again).attempt]).toEqual(['a', 2])
    const put = server.receive()
    await client.put('x')
    expect([(await put).from, (await put).wantsResult]).toEqual([server.clients[0], false])
  })

  test('P4: settled after a loss are stale: ignored, false, counted; the item is another client’s', async () => {
    offer('a')
    const delivery = await client.receive()
    lose()
    await rest()
    const { got } = await other()
    await server.idle()
    expect([delivery.isOpen, delivery.signal.aborted, delivery.done(), delivery.release()]).toEqual([
      false,
      true,
      false,
      false,
    ])
    expect([got, warnings]).toEqual([['a2'], ['STALE_SETTLE', 'STALE_SETTLE']])
  })

  test('refused become dead letters with their history, and no other client gets them', async () => {
    offer('a')
    const delivery = await client.receive()
    delivery.reject(Object.assign(new Error('a secret'), { code: 'NOT_MINE' }))
    await server.idle()
    const { got } = await other()
    await settleDown()
    expect(got).toEqual([])
    expect(server.deadLetters.list()).toEqual([
      { id: 1, item: 'a', attempts: 1, history: [{ peer: client.id, outcome: 'rejected', code: 'NOT_MINE' }] },
    ])
    expect(server.deadLetters.requeue()).toBe(1)
    await server.idle()
    expect([got, server.deadLetters.size, server.backlog]).toEqual([['a1'], 0, 0])
  })
})

describe('P3: taking one by one', () => {
  test('get() settles what it resolves with', async () => {
    offer('a')
    expect(await client.get()).toBe('a')
    await server.idle()
    expect(server.clients[0]?.inFlight).toBe(0)
  })

  test.each<[string, () => Promise<unknown>, string]>([
    ['get(50)', () => client.get(50), 'QUEUE_EMPTY'],
    ['get({ timeout })', () => client.get({ timeout: 50 }), 'QUEUE_EMPTY'],
    ['receive({ timeout })', () => client.receive({ timeout: 50 }), 'QUEUE_EMPTY'],
  ])('%s gives up after its time, and an item that was under way then goes to another', async (_call, call, code) => {
    const failure = failureOf(call())
    await rest()
    offer('a')
    place.clock.advance(50)
    expect(await failure).toMatchObject({ code })
    const { got } = await other()
    await settleDown()
    expect(got).toEqual(['a1'])
  })

  test.each<[string, (signal: AbortSignal) => Promise<unknown>]>([
    ['get', (signal) => client.get({ signal })],
    ['receive', (signal) => client.receive({ signal })],
    ['poll', (signal) => client.poll({ signal })],
  ])(
    '%s() with a signal rejects with its reason, and an item that was under way then goes to another',
    async (_name, call) => {
      const stop = new AbortController()
      const failure = failureOf(call(stop.signal))
      await rest()
      offer('a')
      stop.abort(new Error('enough'))
      expect(await failure).toEqual(new Error('enough'))
      const { got } = await other()
      await settleDown()
      expect(got).toEqual(['a1'])
      expect(await failureOf(call(stop.signal))).toEqual(new Error('enough'))
    },
  )

  test('get() with room for more keeps what comes along for the next get()', async () => {
    const { client: reader } = await place.attach(server, { prefetch: 4 })
    offer('a', 'b', 'c')
    expect([await reader.get(), await reader.get(), await reader.get()]).toEqual(['a', 'b', 'c'])
    await server.idle()
    expect(server.deadLetters.size).toBe(0)
  })

  test('a delivery from receive() is whose it is until it is settled', async () => {
    offer('a', 'b')
    const a = await client.receive()
    const b = await client.receive()
    expect([a.done(), b.release()]).toEqual([true, true])
    const again = client.receive()
    await settleDown()
    expect([(await again).item, (await again).attempt]).toEqual(['b', 2])
  })

  test('tryGet() takes what is here, and lets one come for the next time', async () => {
    offer('a')
    expect(client.tryGet()).toBeUndefined()
    await rest()
    expect(client.tryGet()).toEqual({ value: 'a' })
    await server.idle()
    expect(client.tryGet()).toBeUndefined()
  })

  test('getAll() takes all that is here', async () => {
    const { client: reader } = await place.attach(server, { prefetch: 4 })
    expect(reader.getAll()).toEqual([])
    offer('a', 'b', 'c')
    await rest()
    expect(reader.getAll()).toEqual(['a', 'b', 'c'])
    await server.idle()
    expect(server.clients[1]?.inFlight).toBe(0)
  })

  test('poll() waits without taking; false when time is up', async () => {
    const late = client.poll({ timeout: 50 })
    await rest()
    place.clock.advance(50)
    expect(await late).toBe(false)
    const polled = client.poll()
    offer('a')
    expect(await polled).toBe(true)
    expect(server.clients[0]?.inFlight).toBe(1)
    expect(client.tryGet()).toEqual({ value: 'a' })
    await server.idle()
  })

  test('calls that wait reject when the client is closed, and when the connection is lost', async () => {
    const { client: second, lose: loseSecond } = await place.attach(server)
    const closed = [client.get(), client.receive(), client.poll()].map(failureOf)
    const lost = [second.get(), second.receive(), second.poll()].map(failureOf)
    await rest()
    loseSecond()
    await client.close()
    expect(await Promise.all(closed)).toMatchObject([{ code: 'CLOSED' }, { code: 'CLOSED' }, { code: 'CLOSED' }])
    const code = 'CONNECTION_LOST'
    expect(await Promise.all(lost)).toMatchObject([{ code }, { code }, { code }])
  })
})

describe('P6: a client that only puts', () => {
  test('swallows nothing: items go to those who ask', async () => {
    const { client: putter } = await place.attach(server, { prefetch: 16 })
    const got = server.get()
    await putter.put('x')
    expect(await got).toBe('x')
    const puts = ['a', 'b'].map((item) => observe(() => server.put(item)))
    await rest()
    expect(puts.map((put) => put())).toEqual(['waits', 'waits'])
    const worker = await other()
    await server.idle()
    expect(worker.got).toEqual(['a1', 'b1'])
  })

  test('waits for the server’s credit, which comes with its first reader and goes with its last', async () => {
    const put = observe(() => client.put('a'))
    await rest()
    expect(put()).toBe('waits')
    const stop = new AbortController()
    const loop = failureOf(server.items({ signal: stop.signal }).next())
    await rest()
    expect(put()).toBe('resolves')
    await loop
    stop.abort(new Error('enough'))
  })

  test('and whose items nobody reads any more gets them back, and the server none', async () => {
    const stop = new AbortController()
    const loop = server.deliveries({ signal: stop.signal })
    const first = loop.next()
    for (const item of ['a', 'b', 'c']) await client.put(item)
    const delivery = (await first).value as Delivery<string>
    await loop.return?.()
    await rest()
    expect([server.tryGet(), delivery.done()]).toEqual([undefined, true])
    await rest()
    expect(server.getAll()).toEqual(['b', 'c'])
  })
})

describe('P6: INBOX_UNREAD', () => {
  test('is reported once where items came for somebody who does not come back', async () => {
    const { client: forgetful } = await place.attach(server, { prefetch: 4 })
    forgetful.on('warning', ({ error }) => warnings.push(error.code))
    offer('a', 'b', 'c')
    await forgetful.get()
    await rest()
    place.clock.advance(4_999)
    expect(warnings).toEqual([])
    place.clock.advance(1)
    expect(warnings).toEqual(['INBOX_UNREAD'])
  })
})

describe('P3: process', () => {
  test('works on as many items as its concurrency says, and no more', async () => {
    const started: string[] = []
    const ends = new Map<string, () => void>()
    client
      .process((item) => (started.push(item), new Promise<void>((resolve) => ends.set(item, resolve))), {
        concurrency: 2,
      })
      .catch(() => {})
    offer('a', 'b', 'c')
    await rest()
    expect(started).toEqual(['a', 'b'])
    ends.get('b')?.()
    await rest()
    expect(started).toEqual(['a', 'b', 'c'])
    for (const end of ends.values()) end()
    await server.idle()
  })

  test('a value returned for an item that was put is discarded: RESULT_UNCLAIMED', async () => {
    client.process(() => 'for nobody').catch(() => {})
    await server.put('a')
    await server.idle()
    expect(warnings).toEqual(['RESULT_UNCLAIMED'])
  })

  test('a handler that throws releases an item that was put; its code is in the history of the dead letter', async () => {
    const nodes = new Place()
    const strict = await nodes.listen({ maxAttempts: 2 })
    const { client: worker } = await nodes.attach(strict)
    worker
      .process(() => {
        throw Object.assign(new Error('a secret'), { code: 'OUT_OF_PAPER' })
      })
      .catch(() => {})
    await strict.put('a')
    await nodes.pass(strict.idle())
    const attempt = { peer: worker.id, outcome: 'released', code: 'OUT_OF_PAPER' }
    expect(strict.deadLetters.list()).toEqual([{ id: 1, item: 'a', attempts: 2, history: [attempt, attempt] }])
    await nodes[Symbol.asyncDispose]()
  })

  test('after a loss goes on elsewhere; the handler’s signal fires', async () => {
    const reasons: unknown[] = []
    client
      .process(
        (_item, { signal }) =>
          new Promise<void>((resolve) => {
            signal.addEventListener('abort', () => {
              reasons.push((signal.reason as NetQueueError).code)
              resolve()
            })
          }),
      )
      .catch(() => {})
    await server.put('a')
    await rest()
    lose()
    const { got } = await other()
    await server.idle()
    expect([got, reasons, warnings]).toEqual([['a2'], ['CONNECTION_LOST'], ['STALE_SETTLE']])
  })

  test('ended by its signal gives back what it did not start', async () => {
    const { client: worker } = await place.attach(server, { prefetch: 3 })
    const stop = new AbortController()
    let finish!: () => void
    const failure = failureOf(
      worker.process(() => new Promise<void>((resolve) => (finish = resolve)), { signal: stop.signal }),
    )
    offer('a', 'b', 'c')
    await rest()
    stop.abort(new Error('enough'))
    const { got } = await other()
    await rest()
    expect(got).toEqual(['b1', 'c1'])
    finish()
    expect(await failure).toEqual(new Error('enough'))
    await server.idle()
    expect(got).toEqual(['b1', 'c1'])
  })

  test('items that cannot be decoded are dead letters at their sender, with DECODE_FAILED, and the rest goes on', async () => {
    const nodes = new Place()
    const bad = { name: 'mine', encode: () => new Uint8Array([1]), decode: () => 'x' }
    const badServer = await nodes.listen({ item: bad })
    let failures = 1
    const worker = await nodes.connect({
      item: {
        ...bad,
        decode: () => {
          failures -= 1
          if (failures >= 0) throw new Error('mine')
          return 'good'
        },
      },
    })
    const got = worker.get()
    await badServer.put('a')
    await badServer.put('b')
    expect(await got).toBe('good')
    await badServer.idle()
    expect(badServer.deadLetters.list()).toMatchObject([{ item: 'a', history: [{ code: 'DECODE_FAILED' }] }])
    await nodes[Symbol.asyncDispose]()
  })
})

describe('P2: what a server received from a client that is lost', () => {
  test('it keeps and hands out, tries again after a while, and gives up aloud', async () => {
    const loop = server.deliveries()
    const first = loop.next()
    await client.put('a')
    await client.put('b')
    const a = (await first).value as Delivery<string>
    lose()
    await rest()
    const b = (await loop.next()).value as Delivery<string>
    expect([a.isOpen, b.item]).toEqual([true, 'b'])
    expect([a.release(), b.reject()]).toEqual([true, true])
    const again = loop.next()
    await settleDown()
    const delivery = (await again).value as Delivery<string>
    expect([delivery.item, delivery.attempt, delivery.from.id]).toEqual(['a', 2, client.id])
    expect([delivery.done(), warnings]).toEqual([true, ['DEAD_LETTER']])
    await loop.return?.()
  })
})

describe('over TCP', () => {
  test('P2: a worker that is cut off in the middle of a loop loses nothing', async () => {
    const there = await listen<number, number>('tcp://127.0.0.1:0')
    const seen = new Map<number, number>()
    const workers = await Promise.all(
      [1, 2].map(() => connect<number, number>(there.address as string, { prefetch: 4 })),
    )
    const loops = workers.map(async (worker, index) => {
      for await (const item of worker) {
        seen.set(item, (seen.get(item) ?? 0) + 1)
        if (index === 0 && seen.size > 20) void worker.close({ notify: false })
      }
    })
    for (let item = 0; item < 200; item += 1) await there.put(item)
    await there.idle()
    await Promise.all(workers.map((worker) => worker.close()))
    await Promise.allSettled(loops)
    expect(seen.size).toBe(200)
    expect([...seen.values()].filter((count) => count > 1).length).toBeLessThanOrEqual(1)
    expect(await there.close()).toEqual({ undone: [] })
  })
})

test.each(['memory:transfers', 'tcp://127.0.0.1:0'])(
  'P1: over %s a handler may transfer the memory of its item, whatever that came in',
  async (address) => {
    const codecs = { item: bytes(), result: bytes() }
    const sender = await listen(address, codecs)
    const receiver = await connect(sender.address as string, { ...codecs, reconnect: false })
    const lengths: number[] = []
    const working = receiver.process((item) => {
      lengths.push(item.length)
      structuredClone(item, { transfer: [item.buffer as ArrayBuffer] })
    })
    const sent = [3_000, 60_000, 3_000, 60_000, 100, 3_000, 70_000, 60_000]
    await Promise.all(sent.map((length) => sender.put(new Uint8Array(length))))
    await sender.idle()
    expect(lengths).toEqual(sent)
    await Promise.all([receiver.close(), sender.close(), working])
  },
)
