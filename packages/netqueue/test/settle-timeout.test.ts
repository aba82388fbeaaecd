import { describe, expect, test } from 'vitest'

import { listen } from '../src/index.ts'
import type { Delivery, NetQueueError } from '../src/index.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'

/** A client that takes one delivery after the other, and settles none by itself. */
async function taking(place: Place, id: string): Promise<Delivery<string, string>[]> {
  const client = await place.connect({ id, prefetch: 8 })
  const taken: Delivery<string, string>[] = []
  const take = async (): Promise<void> => {
    for await (const delivery of client.deliveries()) taken.push(delivery)
  }
  take().catch(() => {})
  await rest()
  return taken
}

/** Lets time pass, and what comes of it. */
async function pass(place: Place, ms: number): Promise<void> {
  place.clock.advance(ms)
  await rest()
}

describe('P9: an item that its holder does not settle within settleTimeoutMs', () => {
  test('goes to another one with attempt + 1; the signal of the first fires, and what it settles then is stale', async () => {
    await using place = new Place()
    const server = await place.listen({ settleTimeoutMs: 100 })
    const warnings: unknown[] = []
    server.on('warning', ({ error, client }) => warnings.push([error.code, error.value, client?.id]))
    const first = await taking(place, 'first')
    await server.put('a')
    await rest()
    await pass(place, 99)
    expect(first[0]?.signal.aborted).toBe(false)
    const second = await taking(place, 'second')
    await pass(place, 1)
    expect(first[0]?.signal.reason).toMatchObject({ code: 'CANCELLED' })
    expect(second.map(({ item, attempt }) => [item, attempt])).toEqual([['a', 2]])
    expect([first[0]?.extend(), first[0]?.done(), second[0]?.done()]).toEqual([false, false, true])
    await server.idle()
    expect(warnings).toEqual([['SETTLE_TIMEOUT', 1, 'first']])
  })

  test('and whose settle crosses with that is settled by the next holder alone; the late settle is counted', async () => {
    await using place = new Place()
    const server = await place.listen({ settleTimeoutMs: 100 })
    const warnings: unknown[] = []
    server.on('warning', ({ error }) => warnings.push([error.code, error.value]))
    const { client, hold, letGo } = await place.attach(server, { id: 'first' })
    const received = client.receive()
    await server.put('a')
    const late = await received
    const second = await taking(place, 'second')
    hold()
    await pass(place, 100)
    expect([late.signal.aborted, late.done()]).toEqual([false, true])
    await rest()
    expect(warnings).toEqual([
      ['SETTLE_TIMEOUT', 1],
      ['STALE_SETTLE', 1],
    ])
    const idle = observe(() => server.idle())
    await rest()
    expect([idle(), second[0]?.attempt]).toEqual(['waits', 2])
    second[0]?.done()
    await server.idle()
    letGo()
  })

  test('is its own again for as long each time that it is extended', async () => {
    await using place = new Place()
    const server = await place.listen({ settleTimeoutMs: 100 })
    const taken = await taking(place, 'only')
    await server.put('a')
    await rest()
    for (let step = 0; step < 10; step += 1) {
      await pass(place, 90)
      expect(taken[0]?.extend()).toBe(true)
      await rest()
    }
    await pass(place, 99)
    expect([taken.length, taken[0]?.done()]).toEqual([1, true])
    await server.idle()
  })

  test('can be extended by a handler, which takes `extend` out of its context', async () => {
    await using place = new Place()
    const server = await place.listen({ settleTimeoutMs: 100 })
    const client = await place.connect()
    let extend: (() => boolean) | undefined
    let finish!: (result: string) => void
    const done = client.process((_item, context) => {
      ;({ extend } = context)
      return new Promise<string>((resolve) => (finish = resolve))
    })
    const result = server.submit('a')
    await until(() => extend !== undefined)
    await pass(place, 60)
    expect(extend?.()).toBe(true)
    await rest()
    await pass(place, 60)
    finish('done')
    expect(await result).toBe('done')
    expect(extend?.()).toBe(false)
    await server.close()
    await done
  })

  test('ends as a dead letter after maxAttempts, whose history says who had it and why it was tried again', async () => {
    await using place = new Place()
    const server = await place.listen({ settleTimeoutMs: 100, maxAttempts: 3 })
    const ids = ['one', 'two', 'three']
    for (const id of ids) await taking(place, id)
    await server.put('a')
    await rest()
    for (const _ of ids) await pass(place, 100)
    const [letter] = server.deadLetters.list()
    expect(letter).toMatchObject({ item: 'a', attempts: 3 })
    expect(letter?.history.map(({ outcome }) => outcome)).toEqual(['overdue', 'overdue', 'overdue'])
    expect(letter?.history.map(({ peer }) => peer).toSorted()).toEqual(ids.toSorted())
  })

  test('and that was submitted is tried again as any loss is, then rejects with DEAD_LETTER', async () => {
    await using place = new Place()
    const server = await place.listen({ settleTimeoutMs: 100, maxAttempts: 1 })
    const taken = await taking(place, 'only')
    const failure = failureOf(server.submit('a'))
    await rest()
    await pass(place, 100)
    expect(await failure).toMatchObject({ code: 'DEAD_LETTER', delivered: 'maybe' })
    expect(taken[0]?.done('late')).toBe(false)
  })

  test('keeps its place at its holder until that one is done with it, and no longer', async () => {
    await using place = new Place()
    const server = await place.listen({ settleTimeoutMs: 100 })
    const client = await place.connect({ prefetch: 1 })
    const begun: { attempt: number; finish: () => void }[] = []
    client
      .process((_item, { attempt }) => new Promise<void>((finish) => begun.push({ attempt, finish })))
      .catch(() => {})
    await server.put('a')
    await until(() => begun.length === 1)
    await pass(place, 100)
    const [there] = server.clients
    expect([server.backlog, there?.inFlight, there?.credit, begun.length]).toEqual([1, 0, 0, 1])
    begun[0]?.finish()
    await until(() => begun.length === 2)
    expect([server.backlog, begun[1]?.attempt]).toEqual([0, 2])
    begun[1]?.finish()
    await server.idle()
  })

  test('that waits behind a handler that hangs goes elsewhere too, and is not begun any more', async () => {
    await using place = new Place()
    const server = await place.listen({ settleTimeoutMs: 100 })
    const client = await place.connect({ prefetch: 3 })
    const begun: string[] = []
    const work = (item: string, { signal }: { signal: AbortSignal }): Promise<void> => {
      begun.push(item)
      return new Promise((resolve) => signal.addEventListener('abort', () => setTimeout(resolve, 0)))
    }
    client.process(work).catch(() => {})
    await rest()
    await Promise.all(['a', 'b', 'c'].map((item) => server.put(item)))
    const other = await taking(place, 'other')
    await pass(place, 100)
    expect(begun).toEqual(['a'])
    expect(other.map(({ item, attempt }) => [item, attempt])).toEqual([
      ['a', 2],
      ['b', 2],
      ['c', 2],
    ])
  })

  test('P2: at its third attempt is delivered alone, and does not hold its client up for ever when that is in vain', async () => {
    await using place = new Place()
    const server = await place.listen({ settleTimeoutMs: 100, maxAttempts: 3 })
    const taken = await taking(place, 'only')
    await server.put('a')
    await rest()
    for (let attempt = 1; attempt <= 3; attempt += 1) await pass(place, 100)
    expect(server.deadLetters.size).toBe(1)
    await server.put('b')
    await rest()
    expect(taken.map(({ item }) => item)).toEqual(['a', 'a', 'a', 'b'])
  })

  test('has the time that its own call gives it, for put(), submit() and map()', async () => {
    await using place = new Place()
    const server = await place.listen({ settleTimeoutMs: 100, maxAttempts: 2 })
    const taken = await taking(place, 'only')
    await server.put('long', { settleTimeoutMs: 1_000 })
    await server.put('ever', { settleTimeoutMs: 0 })
    const submitted = failureOf(server.submit('short', { settleTimeoutMs: 10 }))
    const mapped = server.map(['shorter'], { settleTimeoutMs: 5 })
    const next = failureOf(mapped.next())
    await rest()
    const attempts = (): (number | undefined)[] =>
      ['long', 'ever', 'short', 'shorter'].map((name) => taken.filter(({ item }) => item === name).length)
    await pass(place, 9)
    expect(attempts()).toEqual([1, 1, 1, 2])
    await pass(place, 90)
    expect(attempts().slice(0, 2)).toEqual([1, 1])
    await pass(place, 901)
    expect(attempts().slice(0, 2)).toEqual([2, 1])
    expect([await submitted, await next]).toMatchObject([{ code: 'DEAD_LETTER' }, { code: 'DEAD_LETTER' }])
  })

  test('has it again when it is put again as a dead letter', async () => {
    await using place = new Place()
    const server = await place.listen({ maxAttempts: 1 })
    const taken = await taking(place, 'only')
    await server.put('a', { settleTimeoutMs: 100 })
    await rest()
    await pass(place, 100)
    expect(server.deadLetters.requeue()).toBe(1)
    await rest()
    await pass(place, 99)
    expect([taken.length, server.deadLetters.size]).toEqual([2, 0])
    await pass(place, 1)
    expect(server.deadLetters.list()).toMatchObject([{ attempts: 1, history: [{ outcome: 'overdue' }] }])
  })

  test('is one that the server does not settle, where a client puts it: the client puts it again', async () => {
    await using place = new Place()
    const server = await place.listen()
    const loop = server.deliveries()
    const received = loop.next()
    const client = await place.connect({ settleTimeoutMs: 100 })
    const warnings: string[] = []
    client.on('warning', ({ error }) => warnings.push(error.code))
    await client.put('a')
    const first = (await received).value
    const next = loop.next()
    await pass(place, 100)
    const second = (await next).value
    expect([first?.signal.aborted, second?.item, second?.attempt]).toEqual([true, 'a', 2])
    expect([first?.done(), second?.done(), warnings]).toEqual([false, true, ['SETTLE_TIMEOUT']])
    await client.close()
    expect(await client.closed).toEqual({ undone: [] })
    await loop.return?.()
  })

  test('P12: is undone when that happens while the server drains', async () => {
    await using place = new Place()
    const server = await place.listen({ settleTimeoutMs: 100 })
    const taken = await taking(place, 'only')
    await server.put('a')
    await rest()
    const closing = server.close({ timeout: 1_000 })
    await pass(place, 100)
    taken[0]?.done()
    expect(await place.pass(closing)).toEqual({ undone: ['a'] })
  })

  test('P1: and that was cancelled ends the wait for it: idle() resolves although its holder never answers', async () => {
    await using place = new Place()
    const server = await place.listen({ settleTimeoutMs: 100 })
    const taken = await taking(place, 'only')
    const controller = new AbortController()
    const failure = failureOf(server.submit('a', { signal: controller.signal }))
    await until(() => taken.length === 1)
    controller.abort()
    expect(await failure).toMatchObject({ code: 'ABORTED' })
    const idle = observe(() => server.idle())
    await pass(place, 99)
    expect(idle()).toBe('waits')
    await pass(place, 1)
    expect([idle(), server.backlog, taken.length]).toEqual(['resolves', 0, 1])
  })

  test('P11: takes a time, and refuses what is none, for each call and for each side', async () => {
    await using place = new Place()
    const server = await place.listen()
    const text = 'RangeError: Expected `settleTimeoutMs` to be a number of milliseconds from 0, got `-1`'
    const refused = [
      listen(undefined, { settleTimeoutMs: -1 }),
      place.connect({ settleTimeoutMs: -1 }),
      server.put('a', { settleTimeoutMs: -1 }),
      server.submit('a', { settleTimeoutMs: -1 }),
      server.map(['a'], { settleTimeoutMs: -1 }).next(),
    ]
    const errors = await Promise.all(refused.map((call) => failureOf(call)))
    expect(errors.map(String)).toEqual(refused.map(() => text))
    expect(server.backlog).toBe(0)
  })
})

test('P9: items have all the time that they need where no settleTimeoutMs is set', async () => {
  await using place = new Place()
  const server = await place.listen()
  const warnings: NetQueueError[] = []
  server.on('warning', ({ error }) => warnings.push(error))
  const taken = await taking(place, 'only')
  await server.put('a')
  await rest()
  await pass(place, 1_000_000_000)
  expect([taken[0]?.extend(), taken[0]?.done(), warnings]).toEqual([true, true, []])
  await server.idle()
})
