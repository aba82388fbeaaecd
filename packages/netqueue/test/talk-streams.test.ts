import { describe, expect, test } from 'vitest'
import { z } from 'zod'

import { defineMessages, type } from '../src/index.ts'
import type { RequestContext } from '../src/index.ts'
import { steady, turn } from './support/handles.ts'
import { Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { both, collected, messages } from './support/talking.ts'
import { Port } from './support/tcp.ts'

/** A source of numbers that tells how many were taken, and whether it was left. */
class Source {
  taken = 0
  isLeft = false
  readonly #end: number

  constructor(end: number = Number.POSITIVE_INFINITY) {
    this.#end = end
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    try {
      while (this.taken < this.#end) yield this.taken++
    } finally {
      this.isLeft = true
    }
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

describe('streams over TCP', () => {
  test('replies of either side arrive whole and in order, many windows long', async () => {
    await using port = await Port.open(messages, { limits: { maxStreamChunks: 64 } })
    const { client, there } = await port.connect()
    for (const node of [port.server, client])
      node.handle('any:ask', (count) => new Source(count as number)[Symbol.asyncIterator]())
    const [up, down] = await Promise.all([
      collected(client.stream('any:ask', 10_000)),
      collected(port.server.stream('any:ask', 10_000, { to: there })),
    ])
    expect(up).toEqual({ values: numbers(10_000) })
    expect(down).toEqual({ values: numbers(10_000) })
  })

  test('bodies of either side arrive whole and in order, and are done with the answer', async () => {
    await using port = await Port.open(messages)
    const { client, there } = await port.connect()
    const sum = async (_: unknown, { body }: RequestContext): Promise<number> => {
      let total = 0
      for await (const n of body) total += n as number
      return total
    }
    for (const node of [port.server, client]) node.handle('any:ask', sum)
    const totals = await Promise.all([
      client.request('any:ask', 1, { body: new Source(5_000) }),
      port.server.request('any:ask', 1, { body: new Source(5_000), to: there }),
      port.server.request('any:ask', 1, { body: [1, 2, 3] }),
    ])
    expect(totals).toEqual([12_497_500, 12_497_500, 6])
  })

  test('an echo streams both ways at once, through a small window', async () => {
    await using port = await Port.open(messages, { limits: { maxStreamChunks: 4 } })
    const { client } = await port.connect({ limits: { maxStreamChunks: 4 } })
    port.server.handle('any:ask', async function* (_, { body }) {
      for await (const n of body) yield (n as number) * 2
    })
    const echoed = await collected(client.stream('any:ask', 1, { body: new Source(2_000) }))
    expect(echoed).toEqual({ values: numbers(2_000).map((n) => n * 2) })
  })

  test('P6: a reader that is slow stops the producer on the other side', async () => {
    const limits = { maxStreamChunks: 16 }
    await using port = await Port.open(messages, { limits })
    const { client } = await port.connect({ limits })
    const source = new Source()
    port.server.handle('any:ask', () => source[Symbol.asyncIterator]())
    const stream = client.stream('any:ask', 1)
    for (let read = 1; read <= 50; read += 1) {
      await stream.next()
      if (read % 10 > 0) continue
      // One window beyond what was read.
      expect(await steady(() => source.taken)).toBeLessThanOrEqual(read + 16)
    }
    await stream.return?.()
    await until(() => source.isLeft)
  })

  test('P6: bytes count as chunks do: a long chunk takes the room of many', async () => {
    const limits = { maxStreamBytes: 100_000 }
    await using port = await Port.open(messages, { limits })
    const { client } = await port.connect({ limits })
    let taken = 0
    port.server.handle('any:ask', async function* () {
      for (; ; taken += 1) yield new Uint8Array(30_000)
    })
    const stream = client.stream('any:ask', 1)
    await stream.next()
    // 100,000 bytes are room for three and the one that overshoots; another is in hand.
    expect(await steady(() => taken)).toBeLessThanOrEqual(1 + 4 + 1)
    await stream.return?.()
  })

  test('P6: a handler that reads slowly stops the source of the body on the other side', async () => {
    const limits = { maxStreamChunks: 16 }
    await using port = await Port.open(messages, { limits })
    const { client } = await port.connect({ limits })
    let readOne = (): void => {}
    let read = 0
    port.server.handle('any:ask', async (_, { body }): Promise<string | undefined> => {
      for await (const _chunk of body) {
        read += 1
        if (read === 40) return 'enough'
        await new Promise<void>((resolve) => (readOne = resolve))
      }
      return undefined
    })
    let ahead = 0
    const source = new Source()
    const answer = client.request('any:ask', 1, { body: source })
    for (let round = 1; round < 40; round += 1) {
      await until(() => read === round)
      ahead = Math.max(ahead, (round % 10 === 0 ? await steady(() => source.taken) : 0) - round)
      readOne()
    }
    expect(await answer).toBe('enough')
    expect(ahead).toBeGreaterThan(0)
    expect(ahead).toBeLessThanOrEqual(16)
    await until(() => source.isLeft)
  })

  test('P8: one that nobody reads holds up no other stream, request, message or item', async () => {
    await using port = await Port.open(messages)
    const { client } = await port.connect()
    const { server } = port
    server.handle('any:ask', async function* (length) {
      for (;;) yield new Uint8Array(length as number)
    })
    server.handle('math:add', ({ a, b }) => a + b)
    const stuck = [client.stream('any:ask', 60_000), client.stream('any:ask', 60_000, { channel: 7 })]
    for (const stream of stuck) await stream.next()
    const lively = client.stream('any:ask', 100)
    for (let n = 0; n < 1_000; n += 1) await lively.next()
    expect(await client.request('math:add', { a: 1, b: 2 })).toBe(3)
    const heard = server.messages('news:flash').next()
    await client.send('news:flash', 'through')
    expect((await heard).value?.payload).toBe('through')
    const got = server.get()
    await client.put('an item')
    expect(await got).toBe('an item')
    for (const stream of [...stuck, lively]) await stream.return?.()
  })
})

describe('channels', () => {
  const LONG = 1_000_000

  test('a long request holds up neither short ones of other channels, nor messages, nor items: its pieces stand between them', async () => {
    await using port = await Port.open(messages)
    const { client } = await port.connect()
    const { server } = port
    const order: string[] = []
    server.handle('text:shout', (payload, { channel }) => {
      order.push(`${payload.length > 10 ? 'long' : payload} of ${channel}`)
      return ''
    })
    server.on('news:flash', () => order.push('message'))
    const item = server.get().then(() => order.push('item'))
    await client.put('before')
    await item
    order.length = 0
    const next = server.get().then(() => order.push('item'))
    await Promise.all([
      client.request('text:shout', 'x'.repeat(LONG), { channel: 1 }),
      client.request('text:shout', 'short', { channel: 0 }),
      client.request('text:shout', 'short', { channel: 255 }),
      client.send('news:flash', ''),
      client.put('an item'),
      next,
    ])
    expect(order.at(-1)).toBe('long of 1')
    expect(order.toSorted((a, b) => a.localeCompare(b))).toEqual([
      'item',
      'long of 1',
      'message',
      'short of 0',
      'short of 255',
    ])
  })

  test('of one channel they begin in order, whatever their length', async () => {
    await using port = await Port.open(messages)
    const { client } = await port.connect()
    const lengths: number[] = []
    port.server.handle('text:shout', (payload) => {
      lengths.push(payload.length)
      return ''
    })
    const sent = [LONG, 1, LONG, 2, 3, 70_000, 4]
    await Promise.all(sent.map((length) => client.request('text:shout', 'x'.repeat(length), { channel: 3 })))
    expect(lengths).toEqual(sent)
  })

  test('a long answer holds up no short one of another channel; one of the same channel comes behind it', async () => {
    await using port = await Port.open(messages)
    const { client } = await port.connect()
    port.server.handle('text:shout', (payload) => 'x'.repeat(Number(payload)))
    const order: string[] = []
    const ask = async (length: number, channel: number): Promise<void> => {
      await client.request('text:shout', `${length}`, { channel })
      order.push(`${length} of ${channel}`)
    }
    await Promise.all([ask(LONG, 1), ask(5, 1), ask(6, 2), ask(7, 0)])
    expect(order.slice(0, 2).toSorted((a, b) => a.localeCompare(b))).toEqual(['6 of 2', '7 of 0'])
    expect(order.slice(2)).toEqual([`${LONG} of 1`, '5 of 1'])
  })

  test('a long transfer in chunks leaves room for short requests in each of its frames: they are answered all along', async () => {
    await using port = await Port.open(messages)
    const { client } = await port.connect()
    const chunk = new Uint8Array(64 * 1_024)
    port.server.handle('any:ask', async function* () {
      for (let n = 0; n < 256; n += 1) yield chunk
    })
    port.server.handle('math:add', ({ a, b }) => a + b)
    let bytes = 0
    let answered = 0
    const loading = (async () => {
      for await (const piece of client.stream('any:ask', 1, { channel: 1 })) bytes += (piece as Uint8Array).length
    })()
    while (bytes < 256 * chunk.length) {
      await client.request('math:add', { a: answered, b: 0 })
      answered += 1
    }
    await loading
    // One at a time, while some 280 frames went by.
    expect(answered).toBeGreaterThan(14)
  })

  test('a handler that works on one channel holds up what is behind it there, and nothing elsewhere', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    const begun: unknown[] = []
    let end = (): void => {}
    server.handle(
      'any:ask',
      (n) => {
        begun.push(n)
        return new Promise<void>((resolve) => (end = resolve))
      },
      { concurrency: 1 },
    )
    server.handle('math:add', ({ a }) => {
      begun.push(`add ${a}`)
      return a
    })
    const all = [
      client.request('any:ask', 1, { channel: 1 }),
      client.request('any:ask', 2, { channel: 1 }),
      client.request('math:add', { a: 3, b: 0 }, { channel: 1 }),
      client.request('math:add', { a: 4, b: 0 }, { channel: 2 }),
    ]
    await rest()
    expect(begun).toEqual([1, 'add 4'])
    end()
    await rest()
    expect(begun).toEqual([1, 'add 4', 2, 'add 3'])
    end()
    await Promise.all(all)
  })
})

describe('a stream that is left', () => {
  test('by break: the generator at the other side runs to its finally, its signal fires, the body is left', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    const made = new Source()
    const given = new Source()
    const stopped: string[] = []
    server.handle('any:ask', (_, { signal, body }) => {
      signal.addEventListener('abort', () => stopped.push((signal.reason as { code: string }).code))
      void collected(body).then(({ error }) => stopped.push(`body ${(error as { code: string }).code}`))
      return made[Symbol.asyncIterator]()
    })
    for await (const n of client.stream('any:ask', 1, { body: given })) if (n === 300) break
    await until(() => made.isLeft && given.isLeft)
    expect(stopped.toSorted((a, b) => a.localeCompare(b))).toEqual(['body CANCELLED', 'CANCELLED'])
    const { taken } = made
    await rest()
    expect(made.taken).toBe(taken)
  })

  test('by its signal: ABORTED from the loop; by its time: TIMEOUT; the other side stops', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    const sources: Source[] = []
    const codes: string[] = []
    server.handle('any:ask', (_, { signal }) => {
      signal.addEventListener('abort', () => codes.push((signal.reason as { code: string }).code))
      const source = new Source()
      sources.push(source)
      return source[Symbol.asyncIterator]()
    })
    const controller = new AbortController()
    const aborted = client.stream('any:ask', 1, { signal: controller.signal })
    const late = client.stream('any:ask', 2, { timeout: 100 })
    for (const stream of [aborted, late]) await stream.next()
    controller.abort('enough')
    expect(await failureOf(collectedOrThrow(aborted))).toMatchObject({ code: 'ABORTED', cause: 'enough' })
    await rest()
    place.clock.advance(110)
    expect(await failureOf(collectedOrThrow(late))).toMatchObject({ code: 'TIMEOUT', delivered: 'maybe' })
    await until(() => sources.every(({ isLeft }) => isLeft))
    expect(codes).toEqual(['CANCELLED', 'TIMEOUT'])
  })

  async function collectedOrThrow(stream: AsyncIterable<unknown>): Promise<void> {
    for await (const _ of stream);
  }
})

describe.each(['memory', 'TCP'])('P11: a connection that is cut, over %s,', (kind) => {
  /** Both sides, and what cuts them off. */
  async function joined() {
    if (kind === 'TCP') {
      const port = await Port.open(messages)
      return {
        server: port.server,
        ...(await port.connect()),
        [Symbol.asyncDispose]: () => port[Symbol.asyncDispose](),
      }
    }
    const place = new Place()
    const server = await place.listen({ messages })
    const attached = await place.attach(server, { messages })
    return { server, ...attached, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() }
  }

  async function readSlowly(body: AsyncIterable<unknown>): Promise<void> {
    for await (const _ of body) await turn()
  }

  test('mid-stream: readers get what came, then CONNECTION_LOST; generators and sources are left; signals fire', async () => {
    await using scene = await joined()
    const { server, client, there, lose } = scene
    const sources: Source[] = []
    const codes: string[] = []
    for (const node of [server, client])
      node.handle('any:ask', (_, { signal, body }) => {
        signal.addEventListener('abort', () => codes.push((signal.reason as { code: string }).code))
        void failureOf(readSlowly(body)).then((error) => codes.push(`body: ${(error as { code: string }).code}`))
        const source = new Source()
        sources.push(source)
        return source[Symbol.asyncIterator]()
      })
    const bodies = [new Source(), new Source()]
    const streams = [
      client.stream('any:ask', 1, { body: bodies[0] }),
      server.stream('any:ask', 1, { body: bodies[1], to: there }),
    ]
    for (const stream of streams) expect(await stream.next()).toEqual({ done: false, value: 0 })
    await steady(() => sources.reduce((sum, { taken }) => sum + taken, 0))
    lose()
    for (const stream of streams) {
      const { values, error } = await collected(stream)
      expect(values).toEqual(numbers(values.length).map((n) => n + 1))
      expect(error).toMatchObject({ code: 'CONNECTION_LOST', delivered: 'maybe' })
    }
    await until(() => [...sources, ...bodies].every(({ isLeft }) => isLeft) && codes.length === 4)
    expect(new Set(codes)).toEqual(new Set(['CONNECTION_LOST', 'body: CONNECTION_LOST']))
  })

  test('mid-request, both ways: CONNECTION_LOST that says whether it was sent; handlers’ signals fire', async () => {
    await using scene = await joined()
    const { server, client, there, lose } = scene
    const begun: unknown[] = []
    const codes: string[] = []
    for (const node of [server, client])
      node.handle('any:ask', (n, { signal }) => {
        begun.push(n)
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            codes.push((signal.reason as { code: string }).code)
            reject(signal.reason as Error)
          })
        })
      })
    const sent = [
      failureOf(client.request('any:ask', 'up')),
      failureOf(server.request('any:ask', 'down', { to: there })),
    ]
    await until(() => begun.length === 2)
    const unsent = failureOf(client.request('any:ask', 'too late'))
    lose()
    for (const failure of sent) expect(await failure).toMatchObject({ code: 'CONNECTION_LOST', delivered: 'maybe' })
    expect(await unsent).toMatchObject({ code: 'CONNECTION_LOST', delivered: 'no' })
    await until(() => codes.length === 2)
    expect(codes).toEqual(['CONNECTION_LOST', 'CONNECTION_LOST'])
    expect(new Set(begun)).toEqual(new Set(['up', 'down']))
    expect(await failureOf(client.request('any:ask', 'later'))).toMatchObject({ code: 'CONNECTION_LOST' })
  })

  test('ends loops over messages after what came was read', async () => {
    await using scene = await joined()
    const { server, client, there, lose } = scene
    const [down, up] = [client.messages('news:flash'), server.messages('news:flash')]
    await server.send('news:flash', 'the last', { to: there })
    await client.send('news:flash', 'the last')
    const first = await up.next()
    await rest()
    lose()
    expect(first.value?.payload).toBe('the last')
    expect(await collected(down)).toMatchObject({ values: [{ payload: 'the last' }] })
    await until(() => server.clients.length === 0)
    // The server's own loop goes on: others may come.
    const next = up.next()
    await server.close({ timeout: 0 })
    expect(await next).toEqual({ done: true, value: undefined })
  })
})

test('each chunk is checked by the schema of the reply, or of the body, where it is made and where it arrives', async () => {
  const typed = defineMessages({
    'n:sum': { payload: type<void>(), reply: z.number(), body: z.number() },
  })
  await using place = new Place()
  const server = await place.listen({ messages: typed })
  const client = await place.connect({ messages: typed })
  server.handle('n:sum', async function* (_, { body }) {
    for await (const n of body) yield n > 1 ? ('two' as unknown as number) : n
  })
  const { values, error } = await collected(client.stream('n:sum', undefined, { body: [0, 1, 2, 3] }))
  expect([values, error]).toMatchObject([[0, 1], { code: 'REMOTE_ERROR', remoteCode: 'ENCODE_FAILED' }])
  const wrong = client.stream('n:sum', undefined, { body: [0, 'one' as unknown as number] })
  expect((await collected(wrong)).error).toMatchObject({ code: 'ENCODE_FAILED' })
})
