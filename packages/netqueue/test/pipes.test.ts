import { PassThrough, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

import { pipe } from 'it-pipe'
import { describe, expect, test } from 'vitest'

import { connect, listen } from '../src/index.ts'
import { Place, rest, until } from './support/nodes.ts'
import { Numbers } from './support/numbers.ts'
import { failureOf } from './support/outcome.ts'

async function* upper(jobs: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const job of jobs) yield job.toUpperCase()
}

async function take<T>(source: AsyncIterable<T>, count: number): Promise<T[]> {
  const all: T[] = []
  for await (const item of source) if (all.push(item) === count) break
  return all
}

/** As many turns as it takes for a counter to stand still. */
async function standstill(read: () => number): Promise<number> {
  for (let last = -1; last !== read(); await rest()) last = read()
  return read()
}

describe('it-pipe', () => {
  test('a worker is a pipeline: pipe(client, stage, client); a server is a sink and a source', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const worker = pipe(client, upper, client)
    const sent = pipe(['a', 'b', 'c'], server)
    expect(await take(server, 3)).toEqual(['A', 'B', 'C'])
    await sent
    await server.close()
    await worker
  })

  test('the same over TCP, between two workers, with every item once', async () => {
    const server = await listen<string, string>('tcp://127.0.0.1:0')
    const clients = await Promise.all([1, 2].map(() => connect<string, string>(server.address ?? '')))
    const workers = clients.map((client) => pipe(client, upper, client))
    const items = Array.from({ length: 1_000 }, (_, index) => `item ${index}`)
    const sent = pipe(items, server)
    const got: string[] = []
    for await (const delivery of server.deliveries()) {
      got.push(delivery.item)
      delivery.done()
      if (got.length === items.length) break
    }
    await sent
    await server.close()
    await Promise.all(workers)
    expect(got.toSorted()).toEqual(items.map((item) => item.toUpperCase()).toSorted())
  })

  test('results of server.map go on into a pipe', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    client.process((item) => item.toUpperCase()).catch(() => {})
    const results = await pipe(
      ['a', 'b'],
      (source) => server.map(source),
      (source) => take(source, 2),
    )
    expect(results).toEqual(['A', 'B'])
  })

  test('a relay is a pipe from one to the other: client of the upper server, server of the lower clients', async () => {
    await using above = new Place()
    await using below = new Place()
    const top = await above.listen()
    const up = await above.connect()
    const down = await below.listen()
    const worker = await below.connect()
    worker.process((item) => item.toUpperCase()).catch(() => {})
    const relay = pipe(up, (jobs) => down.map(jobs, { window: 1 }), up)
    const sent = pipe(['a', 'b', 'c'], top)
    expect(await take(top, 3)).toEqual(['A', 'B', 'C'])
    await sent
    await top.close()
    await relay
  })
})

describe('P6: back-pressure through a pipe', () => {
  test('a slow stage stops the producer: what is in between is bounded by the rooms on the way', async () => {
    await using place = new Place()
    const server = await place.listen({ prefetch: 4 })
    const client = await place.connect()
    let open!: () => void
    const gate = new Promise<void>((resolve) => (open = resolve))
    const worker = pipe(
      client,
      async function* (jobs: AsyncIterable<string>) {
        for await (const job of jobs) {
          await gate
          yield job
        }
      },
      client,
    )
    const source = new Numbers(1_000)
    const sent = pipe(source, server)
    // One is worked on, one waits for a client.
    expect(await standstill(() => source.taken)).toBe(2)
    open()
    // Nobody reads the results: not even one is taken off the client.
    expect(await standstill(() => source.taken)).toBeLessThanOrEqual(3)
    expect(await server.get()).toBe('0')
    // Now 4 results wait here, one waits for credit at the client, one is worked on, one waits for a client.
    expect(await standstill(() => source.taken)).toBeLessThanOrEqual(1 + 4 + 1 + 1 + 1)
    expect(await take(server, 999)).toHaveLength(999)
    await sent
    await server.close()
    await worker
  })

  test('over TCP a stalled reader stops a producer of large items within a bounded number of bytes', async () => {
    const server = await listen<string, string>('tcp://127.0.0.1:0', { limits: { maxUnsettledBytes: 1_048_576 } })
    const client = await connect<string, string>(server.address ?? '', { prefetch: 1_000 })
    const large = 'x'.repeat(65_536)
    let taken = 0
    const sent = failureOf(
      pipe(
        (function* () {
          for (;;) {
            taken += 1
            yield large
          }
        })(),
        server,
      ),
    )
    const loop = client[Symbol.asyncIterator]()
    await loop.next()
    await until(() => taken >= 16)
    const count = await standstill(() => taken)
    expect(count).toBeLessThanOrEqual(18) // 1 MiB and the one that overshoots it, and one that waits
    await loop.return?.()
    await client.close()
    await server.close({ timeout: 0 })
    expect(await sent).toMatchObject({ code: 'CLOSED' })
  })
})

describe('errors in a pipe', () => {
  test('a stage that throws ends the pipe with its error; its item goes back and the client lives on', async () => {
    await using place = new Place()
    const server = await place.listen({ retryDelayMs: 0 })
    const client = await place.connect()
    const failure = failureOf(
      pipe(
        client,
        async function* (jobs: AsyncIterable<string>) {
          for await (const job of jobs) {
            if (job === 'b') throw new Error('cannot do b')
            yield job
          }
        },
        client,
      ),
    )
    server.tryGet()
    await server.put('a')
    await server.put('b')
    expect(String(await failure)).toBe('Error: cannot do b')
    expect(server.getAll()).toEqual(['a'])
    await until(() => server.backlog === 1)
    const received = client.receive()
    await rest()
    place.clock.advance(0)
    const delivery = await received
    expect(delivery).toMatchObject({ item: 'b', attempt: 2 })
    delivery.done()
  })

  test('a source that throws rejects the pipe into a server; what was put stays put', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const received = client.get()
    const failure = await failureOf(
      pipe(
        (async function* () {
          yield 'a'
          throw new Error('the file is gone')
        })(),
        server,
      ),
    )
    expect(String(failure)).toBe('Error: the file is gone')
    expect(await received).toBe('a')
  })

  test('a pipe into a server that closes rejects with CLOSED and leaves its source', async () => {
    await using place = new Place()
    const server = await place.listen()
    const source = new Numbers(10)
    const failure = failureOf(pipe(source, server))
    await rest()
    await server.close()
    expect(await failure).toMatchObject({ code: 'CLOSED' })
    expect([source.taken, source.isLeft]).toEqual([1, true])
  })

  test('a worker whose connection is lost rejects with CONNECTION_LOST', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { client, lose } = await place.attach(server)
    const failure = failureOf(pipe(client, upper, client))
    await rest()
    lose()
    expect(await failure).toMatchObject({ code: 'CONNECTION_LOST' })
  })

  test('an aborted signal ends a worker with its reason; the item in hand goes back', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const controller = new AbortController()
    const jobs: string[] = []
    const failure = failureOf(
      pipe(
        client.items({ signal: controller.signal }),
        async function* (source: AsyncIterable<string>) {
          for await (const job of source) {
            jobs.push(job)
            controller.abort(new Error('enough'))
            yield job
          }
        },
        client,
      ),
    )
    server.tryGet()
    await server.put('a')
    expect(String(await failure)).toBe('Error: enough')
    const again = client.receive()
    await rest()
    place.clock.advance(10)
    expect(await again).toMatchObject({ item: 'a', attempt: 2 })
  })
})

describe('node:stream/promises', () => {
  test('pipeline(server, stage, writable)', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const written: string[] = []
    const writable = new Writable({
      write(chunk: Buffer, _encoding, done) {
        written.push(String(chunk))
        done()
      },
    })
    const flow = pipeline(
      server,
      async function* (items: AsyncIterable<string>) {
        for await (const item of items) yield `${item}\n`
      },
      writable,
    )
    await rest()
    for (const item of ['a', 'b', 'c']) await client.put(item)
    await client.close()
    await server.close()
    await flow
    expect(written).toEqual(['a\n', 'b\n', 'c\n'])
  })

  test('pipeline(readable, items => server.putAll(items))', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const flow = pipeline(Readable.from(['a', 'b', 'c']), (items: AsyncIterable<string>) => server.putAll(items))
    expect(await take(client, 3)).toEqual(['a', 'b', 'c'])
    await flow
  })

  test('an aborted pipeline leaves the server usable', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const controller = new AbortController()
    const slow = new PassThrough({ highWaterMark: 1 })
    const failure = failureOf(
      pipeline(
        server.items({ signal: controller.signal }),
        async function* (items: AsyncIterable<string>) {
          for await (const item of items) yield `${item}\n`
        },
        slow,
        { signal: controller.signal },
      ),
    )
    await rest()
    await client.put('a')
    await rest()
    controller.abort()
    expect(await failure).toMatchObject({ name: 'AbortError' })
    const put = client.put('b')
    expect(await server.get()).toBe('b')
    await put
  })
})
