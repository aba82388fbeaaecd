import assert from 'node:assert/strict'

import { describe, expect, test } from 'vitest'

import { listen, text } from '../src/index.ts'
import type { Client, NetQueueError, Server, ServerOptions } from '../src/index.ts'
import type { Message } from '../src/protocol/message.ts'
import { told } from './support/attackers.ts'
import { Clock, observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { run } from './support/programs.ts'
import { frame, FRAME, introduce, RawPeer } from './support/raw-peer.ts'
import { Road } from './support/road.ts'

const batch = (...bytes: number[]): string => frame(FRAME.BATCH, Buffer.of(...bytes))
const OUTCOME = { done: 0, released: 1, returned: 2, cancelled: 3 } as const
const credit = (limit: number): string => batch(2, limit, 100, 0, 0)
const settle = (outcome: keyof typeof OUTCOME, ...numbers: number[]): string =>
  batch(3, OUTCOME[outcome], numbers.length, ...numbers.flatMap((number) => [number, 1]))
const extend = (number: number): string => batch(7, number)
const answer = (number: number): string => batch(4, number, 2)
const failed = (number: number): string => batch(4, number, 1, 1, 0x58, 0)
const reject = (number: number): string => batch(5, number, 1, 0x58, 0)

/** A server, and workers that are played by hand. */
class Floor implements AsyncDisposable {
  readonly clock = new Clock()
  readonly server: Server<string, string>
  readonly warnings: NetQueueError[] = []
  readonly #peers: RawPeer[] = []

  private constructor(server: Server<string, string>, clock: Clock) {
    this.server = server
    this.clock = clock
    server.on('warning', ({ error }) => this.warnings.push(error))
  }

  static async open(options: ServerOptions<string, string> = {}): Promise<Floor> {
    const clock = new Clock()
    const plain = { item: text(), result: text(), env: clock }
    return new Floor(await listen<string, string>(undefined, { ...plain, ...options }), clock)
  }

  /** Somebody who has introduced itself, with room for so many items. */
  async worker(id: string, limit: number): Promise<RawPeer> {
    const { peer, duplex } = RawPeer.inMemory()
    this.#peers.push(peer)
    const accepted = this.server.accept(duplex)
    await introduce(peer, id)
    await accepted
    if (limit > 0) peer.send(credit(limit))
    await rest()
    return peer
  }

  /** Lets time pass, and what comes of it. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms)
    await rest()
  }

  /** Settles that came too late, so far. */
  get stale(): number {
    const late = this.warnings.filter(({ code }) => code === 'STALE_SETTLE')
    return late.reduce((sum, { value }) => sum + (value as number), 0)
  }

  /** Whether all items are settled. */
  async isIdle(): Promise<boolean> {
    const idle = observe(() => this.server.idle())
    await rest()
    return idle() === 'resolves'
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.#peers) peer.cut()
    await rest()
    await this.server.close({ timeout: 0 })
    assert.equal(this.clock.timers, 0, 'Expected no timer to remain')
  }
}

/** The items that a worker was sent since it was last asked, with their numbers and attempts. */
function items(peer: RawPeer): [number: number, item: string, attempt: number][] {
  const all: [number, string, number][] = []
  for (const message of told(peer)) {
    if (message.type !== 'items') continue
    for (let index = 0; index < message.payloads.count; index += 1)
      all.push([message.first + index, Buffer.from(message.payloads.next()).toString(), message.attempt])
  }
  return all
}

const kinds = (peer: RawPeer): Message['type'][] => told(peer).map(({ type }) => type)

describe('fault 20: a settle for an item that another session holds', () => {
  const all: [string, (number: number) => string][] = [
    ['done', (number) => settle('done', number)],
    ['released', (number) => settle('released', number)],
    ['returned', (number) => settle('returned', number)],
    ['a result', answer],
    ['a failure', failed],
    ['a refusal', reject],
    ['an extension', extend],
  ]

  test.each(all)(
    '%s, with a number that this session has not: BAD_MESSAGE, and the item stays where it is',
    async (_what, say) => {
      await using floor = await Floor.open()
      const holder = await floor.worker('holder', 1)
      const other = await floor.worker('other', 0)
      await floor.server.put('a')
      await rest()
      expect(items(holder)).toEqual([[1, 'a', 1]])
      other.send(say(1))
      const last = (await other.untilEnd()).at(-1)
      expect(last?.data.toString()).toContain('BAD_MESSAGE')
      expect([await floor.isIdle(), floor.server.clients.map(({ id }) => id)]).toEqual([false, ['holder']])
      holder.send(settle('done', 1))
      expect([await floor.isIdle(), floor.stale]).toEqual([true, 0])
    },
  )

  test.each(all)(
    '%s, with a number that it had itself: counted, nobody is cut, and the item stays where it is',
    async (_what, say) => {
      await using floor = await Floor.open()
      const other = await floor.worker('other', 1)
      await floor.server.put('own')
      await rest()
      other.send(settle('done', 1))
      const holder = await floor.worker('holder', 1)
      await floor.server.put('a')
      await rest()
      other.send(say(1))
      await rest()
      expect([floor.stale, floor.server.clients.length, await floor.isIdle()]).toEqual([1, 2, false])
      expect(items(holder)).toEqual([[1, 'a', 1]])
      holder.send(settle('done', 1))
      expect(await floor.isIdle()).toBe(true)
    },
  )
})

describe('fault 21: an item that is settled twice', () => {
  test.each<[string, string[]]>([
    ['done, and done again', [settle('done', 1), settle('done', 1)]],
    ['done, and done again in the same record', [settle('done', 1, 1)]],
    ['done, then released', [settle('done', 1), settle('released', 1)]],
    ['done, then returned', [settle('done', 1), settle('returned', 1)]],
    ['done, then a failure', [settle('done', 1), failed(1)]],
    ['done, then refused', [settle('done', 1), reject(1)]],
    ['done, then extended', [settle('done', 1), extend(1)]],
  ])('%s: the first counts, the second is counted', async (_what, records) => {
    await using floor = await Floor.open()
    const peer = await floor.worker('peer', 1)
    await floor.server.put('a')
    await rest()
    peer.send(...records)
    expect([await floor.isIdle(), floor.stale, floor.server.backlog, floor.server.deadLetters.size]).toEqual([
      true,
      1,
      0,
      0,
    ])
    expect(floor.server.clients).toHaveLength(1)
  })

  test.each<[string, string[]]>([
    ['released, then done', [settle('released', 1), settle('done', 1)]],
    ['a failure, then done', [failed(1), settle('done', 1)]],
  ])('%s: it is tried again, once', async (_what, records) => {
    await using floor = await Floor.open()
    const peer = await floor.worker('peer', 3)
    await floor.server.put('a')
    await rest()
    items(peer)
    peer.send(...records)
    await rest()
    await floor.pass(10)
    expect([items(peer), floor.stale]).toEqual([[[2, 'a', 2]], 1])
    peer.send(settle('done', 2))
    expect(await floor.isIdle()).toBe(true)
  })

  test('refused, then done: it is a dead letter, once', async () => {
    await using floor = await Floor.open()
    const peer = await floor.worker('peer', 1)
    await floor.server.put('a')
    await rest()
    peer.send(reject(1), settle('done', 1))
    expect([await floor.isIdle(), floor.stale, floor.server.deadLetters.size]).toEqual([true, 1, 1])
  })

  test('by the two ends of a range that holds others: each of those is settled', async () => {
    await using floor = await Floor.open()
    const peer = await floor.worker('peer', 4)
    await Promise.all(['a', 'b', 'c', 'd'].map((item) => floor.server.put(item)))
    await rest()
    peer.send(settle('done', 1, 4), batch(3, OUTCOME.done, 1, 1, 4))
    expect([await floor.isIdle(), floor.stale]).toEqual([true, 2])
  })

  test('with a number that was never sent: BAD_MESSAGE, and what the peer had goes to others', async () => {
    await using floor = await Floor.open()
    const peer = await floor.worker('peer', 1)
    const other = await floor.worker('other', 0)
    await floor.server.put('a')
    await rest()
    peer.send(settle('done', 2))
    expect((await peer.untilEnd()).at(-1)?.data.toString()).toContain('BAD_MESSAGE')
    other.send(credit(1))
    await rest()
    expect(items(other)).toEqual([[1, 'a', 2]])
  })

  test('on this side: only the first call counts, whichever it is, and the others say so', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const warnings: string[] = []
    client.on('warning', ({ error }) => warnings.push(error.code))
    for (const first of ['done', 'release', 'reject'] as const) {
      const received = client.receive()
      await server.put(first)
      const delivery = await received
      expect([delivery[first](), delivery.done(), delivery.release(), delivery.reject()]).toEqual([
        true,
        false,
        false,
        false,
      ])
      await rest()
    }
    expect(warnings).toEqual(Array.from({ length: 9 }, () => 'STALE_SETTLE'))
  })
})

describe('fault 22: a settle after the item was delivered again', () => {
  /** An item that a worker had for too long, and that is now with the next one. */
  async function redelivered(): Promise<{ floor: Floor; late: RawPeer; next: RawPeer }> {
    const floor = await Floor.open({ settleTimeoutMs: 1_000, retryDelayMs: 0 })
    const late = await floor.worker('late', 1)
    await floor.server.put('a')
    const next = await floor.worker('next', 1)
    expect(items(late)).toEqual([[1, 'a', 1]])
    await floor.pass(1_000)
    expect(kinds(late)).toContain('cancel')
    expect(items(next)).toEqual([[1, 'a', 2]])
    return { floor, late, next }
  }

  test.each<[string, string]>([
    ['done', settle('done', 1)],
    ['released', settle('released', 1)],
    ['returned', settle('returned', 1)],
    ['a failure', failed(1)],
    ['a refusal', reject(1)],
    ['an extension', extend(1)],
  ])('%s: counted, and the newer holder is not disturbed', async (_what, record) => {
    const { floor, late, next } = await redelivered()
    await using _ = floor
    late.send(record)
    await rest()
    expect([floor.stale, await floor.isIdle(), floor.server.backlog, floor.server.deadLetters.size]).toEqual([
      1,
      false,
      0,
      0,
    ])
    expect([items(next), floor.server.clients.length]).toEqual([[], 2])
    next.send(settle('done', 1))
    expect([await floor.isIdle(), floor.stale]).toEqual([true, 1])
  })

  test('the answer to the CANCEL frees the place of the item, and is no late settle', async () => {
    const { floor, late, next } = await redelivered()
    await using _ = floor
    late.send(settle('cancelled', 1), credit(2))
    next.send(settle('done', 1))
    expect([await floor.isIdle(), floor.stale]).toEqual([true, 0])
    await floor.server.put('b')
    await rest()
    expect(items(late)).toEqual([[2, 'b', 1]])
    late.send(settle('done', 2))
    expect(await floor.isIdle()).toBe(true)
  })

  test('the one who had it too long may get it back, under another number, and settles that', async () => {
    const { floor, late, next } = await redelivered()
    await using _ = floor
    late.send(credit(2))
    next.send(settle('released', 1))
    await rest()
    await floor.pass(0)
    expect(items(late)).toEqual([[2, 'a', 3]])
    late.send(settle('done', 1))
    expect([await floor.isIdle(), floor.stale]).toEqual([false, 1])
    late.send(settle('done', 2))
    expect(await floor.isIdle()).toBe(true)
  })
})

test('fault 23: an item that kills each worker becomes a dead letter that says so, and takes no neighbour along', async () => {
  const server = await listen<string, number>('tcp://127.0.0.1:0', { maxAttempts: 4 })
  const program = `
    const client = await netqueue.connect(args[0], { id: args[1], prefetch: 4 })
    await client.process((item, { attempt }) => {
      if (item === 'poison') process.kill(process.pid, 'SIGKILL')
      return attempt
    })`
  const deaths: unknown[] = []
  const others: string[] = []
  let hired = 0
  const hire = async (): Promise<void> => {
    hired += 1
    const id = `worker-${hired}`
    await using worker = run(program, server.address ?? '', id)
    const { signal } = await worker.gone
    if (signal === null) others.push(id)
    else deaths.push([id, signal])
    if (server.state === 'listening') await hire()
  }
  const neighbours = ['a', 'b', 'c', 'd', 'e', 'f'].map((item) => server.submit(item))
  const poison = server.put('poison')
  const more = ['g', 'h', 'i'].map((item) => server.submit(item))
  const workforce = hire()
  const attempts = await Promise.all([...neighbours, ...more])
  await poison
  await until(() => server.deadLetters.size > 0)
  const [letter] = server.deadLetters.list()
  expect(letter).toMatchObject({ item: 'poison', attempts: 4 })
  expect(letter?.history).toEqual(deaths.map((_, index) => ({ peer: `worker-${index + 1}`, outcome: 'lost' })))
  expect(deaths).toEqual([1, 2, 3, 4].map((number) => [`worker-${number}`, 'SIGKILL']))
  // Alone from its third attempt on: whoever was taken along was so at most twice.
  expect(Math.max(...attempts)).toBeLessThanOrEqual(3)
  await server.close()
  await workforce
  expect(others.length).toBeLessThanOrEqual(1)
})

const nextConnect = (client: Client<string, string>): Promise<unknown> =>
  new Promise((resolve) => client.on('connect', resolve))

describe('fault 24: a producer that loses the reply and puts again', () => {
  test('repeats the item where the server had it, and never loses it', async () => {
    await using place = new Place()
    const server = await place.listen()
    const got: string[] = []
    const working = server.process((item) => void got.push(item))
    const { client, hold, lose } = await place.attach(server)
    await rest()
    hold()
    await client.put('a')
    await until(() => got.length === 1)
    lose()
    const { undone } = await client.closed
    expect(undone).toEqual(['a'])
    const again = await place.connect()
    await again.putAll(undone)
    await again.close()
    expect([got, (await again.closed).undone]).toEqual([['a', 'a'], []])
    await server.close()
    await working
  })

  test.each([
    {
      resumeTimeoutMs: 0,
      times: 2,
      what: 'by itself, when it has found the server again: once more where no session is kept',
    },
    { resumeTimeoutMs: 60_000, times: 1, what: 'and resumes its session has nothing to repeat' },
  ])('$what', async ({ resumeTimeoutMs, times }) => {
    await using place = new Place()
    const road = new Road()
    const server = await place.listen({ resumeTimeoutMs, transports: [road] })
    const client = await place.connect({ transports: [road] })
    const got: string[] = []
    void server.process((item) => {
      got.push(item)
      if (got.length === 1) road.cut() // before the reply
    })
    await rest()
    await client.put('a')
    await until(() => client.state === 'reconnecting')
    await place.pass(nextConnect(client))
    await until(() => got.length === times)
    await place.pass(client.close())
    expect([got, (await client.closed).undone]).toEqual([Array.from({ length: times }, () => 'a'), []])
  })

  test('puts it for the first time where the server never had it', async () => {
    await using place = new Place()
    const server = await place.listen()
    const got: string[] = []
    const working = server.process((item) => void got.push(item))
    const { client, lose } = await place.attach(server)
    await rest()
    const put = client.put('a')
    lose()
    await put
    const { undone } = await client.closed
    expect(undone).toEqual(['a'])
    const again = await place.connect()
    await again.putAll(undone)
    await again.close()
    expect(got).toEqual(['a'])
    await server.close()
    await working
  })
})

test('fault 25: a second client with an id that is taken is refused, and the first goes on with what it has', async () => {
  await using place = new Place()
  const server = await place.listen()
  const first = await place.connect({ id: 'one' })
  const received = first.receive()
  await server.put('a')
  const delivery = await received
  expect(await failureOf(place.connect({ id: 'one' }))).toMatchObject({ code: 'ID_IN_USE' })
  expect([delivery.signal.aborted, server.clients.map(({ id }) => id)]).toEqual([false, ['one']])
  expect(delivery.done()).toBe(true)
  await server.idle()
})
