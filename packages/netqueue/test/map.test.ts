import { describe, expect, test } from 'vitest'

import type { Client, Handler, MapOutcome } from '../src/index.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { Numbers } from './support/numbers.ts'
import { failureOf } from './support/outcome.ts'

/** Works on items one by one when told to. */
async function worker(place: Place): Promise<{ held: Map<string, (result: string) => void>; cancelled: string[] }> {
  const client = await place.connect()
  const held = new Map<string, (result: string) => void>()
  const cancelled: string[] = []
  const handler: Handler<string, string> = (item, { signal }) =>
    new Promise((resolve) => {
      held.set(item, resolve)
      const onAbort = (): void => {
        cancelled.push(item)
        resolve('nobody wants it')
      }
      signal.addEventListener('abort', onAbort, { once: true })
    })
  client.process(handler, { concurrency: 100 }).catch(() => {})
  return { held, cancelled }
}

async function working(
  place: Place,
  handler: Handler<string, string>,
  concurrency = 8,
): Promise<Client<string, string>> {
  const client = await place.connect()
  client.process(handler, { concurrency }).catch(() => {})
  return client
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const each of source) all.push(each)
  return all
}

describe('P1: server.map', () => {
  test('yields the results in the order of the source, whichever is ready first', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { held } = await worker(place)
    const results = collect(server.map(['a', 'b', 'c']))
    await until(() => held.size === 3)
    for (const item of ['c', 'b', 'a']) {
      held.get(item)?.(item.toUpperCase())
      await rest()
    }
    expect(await results).toEqual(['A', 'B', 'C'])
  })

  test('with ordered: false yields each result when it is ready', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { held } = await worker(place)
    const results = collect(server.map(['a', 'b', 'c'], { ordered: false }))
    await until(() => held.size === 3)
    for (const item of ['c', 'a', 'b']) {
      held.get(item)?.(item.toUpperCase())
      await rest()
    }
    expect(await results).toEqual(['C', 'A', 'B'])
  })

  test('does nothing before the first result is asked for', async () => {
    await using place = new Place()
    const server = await place.listen()
    const source = new Numbers(3)
    server.map(source)
    await rest()
    expect(source.taken).toBe(0)
  })

  test('takes any source: arrays, generators, streams of nothing, and null and undefined as results', async () => {
    await using place = new Place()
    const server = await place.listen<unknown, unknown>()
    const client = await place.connect<unknown, unknown>()
    client.process((item) => (item === 'undefined' ? undefined : null)).catch(() => {})
    expect(await collect(server.map([]))).toEqual([])
    expect(await collect(server.map(new Set(['undefined', 'null'])))).toEqual([undefined, null])
  })

  test('a failure ends it at once, cancels what is at work and leaves the source', async () => {
    await using place = new Place()
    const server = await place.listen()
    const source = new Numbers(Number.POSITIVE_INFINITY)
    const cancelled: string[] = []
    await working(place, (item, { signal }) => {
      if (item === '3') throw Object.assign(new Error('no'), { code: 'BAD_ITEM' })
      return new Promise((resolve) => {
        const onAbort = (): void => resolve(String(cancelled.push(item)))
        signal.addEventListener('abort', onAbort, { once: true })
      })
    })
    const failure = await failureOf(collect(server.map(source, { ordered: false, window: 6 })))
    expect(failure).toMatchObject({ code: 'REMOTE_ERROR', remoteCode: 'BAD_ITEM' })
    await until(() => cancelled.length === 5)
    await until(() => source.isLeft)
    expect(cancelled.toSorted()).toEqual(['0', '1', '2', '4', '5'])
    await server.idle()
    expect(server.backlog).toBe(0)
  })

  test('with settled: true yields outcomes, and a failure is one of them', async () => {
    await using place = new Place()
    const server = await place.listen()
    await working(place, (item) => {
      if (item === 'b') throw Object.assign(new Error('no'), { code: 'BAD_ITEM' })
      return item.toUpperCase()
    })
    const outcomes: MapOutcome<string, string>[] = await collect(server.map(['a', 'b', 'c'], { settled: true }))
    expect(outcomes).toMatchObject([
      { status: 'fulfilled', item: 'a', value: 'A' },
      { status: 'rejected', item: 'b', reason: { remoteCode: 'BAD_ITEM' } },
      { status: 'fulfilled', item: 'c', value: 'C' },
    ])
  })

  test('with settled: true an item that cannot be encoded is an outcome too', async () => {
    await using place = new Place()
    const server = await place.listen<unknown, unknown>()
    const client = await place.connect<unknown, unknown>()
    client.process((item) => item).catch(() => {})
    const outcomes = await collect(server.map([1, () => {}, 3], { settled: true }))
    expect(outcomes).toMatchObject([
      { value: 1 },
      { status: 'rejected', reason: { code: 'ENCODE_FAILED' } },
      { value: 3 },
    ])
  })

  test('ends with the error of the source, and cancels what is at work', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { held, cancelled } = await worker(place)
    const broken = (async function* () {
      yield 'a'
      yield 'b'
      await until(() => held.size === 2)
      throw new Error('the file is gone')
    })()
    expect(String(await failureOf(collect(server.map(broken))))).toBe('Error: the file is gone')
    await until(() => cancelled.length === 2)
    await server.idle()
  })

  test('whose reader breaks cancels the rest and leaves the source', async () => {
    await using place = new Place()
    const server = await place.listen()
    const source = new Numbers(Number.POSITIVE_INFINITY)
    const { held, cancelled } = await worker(place)
    const reading = (async () => {
      for await (const result of server.map(source, { window: 5 })) return result
      return undefined
    })()
    await until(() => held.size === 5)
    held.get('0')?.('zero')
    expect(await reading).toBe('zero')
    await until(() => source.isLeft && cancelled.length >= 4)
    await server.idle()
    expect(source.taken).toBeLessThanOrEqual(6)
  })

  test('whose reader leaves while a result is awaited ends at once, and cancels what is at work', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { held, cancelled } = await worker(place)
    const results = server.map(['a', 'b'])
    const next = results.next()
    await until(() => held.size === 2)
    const left = observe(() => results.return?.())
    await rest()
    expect(left()).toMatch(/^resolves/)
    expect(await next).toEqual({ done: true, value: undefined })
    await until(() => cancelled.length === 2)
    expect(await results.next()).toEqual({ done: true, value: undefined })
  })

  test('leaves a source that is waited for at once, so that it takes nothing more', async () => {
    await using place = new Place()
    const server = await place.listen()
    await working(place, (item) => item)
    let left = 0
    const items = ['a']
    const source: AsyncIterableIterator<string> = {
      next: () => {
        const value = items.shift()
        return value === undefined ? new Promise(() => {}) : Promise.resolve({ done: false, value })
      },
      return: () => {
        left += 1
        return Promise.resolve({ done: true, value: undefined })
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
    for await (const result of server.map(source)) {
      expect(result).toBe('a')
      break
    }
    expect(left).toBe(1)
  })

  test('that is aborted ends with the reason, cancels what is at work, and delivers nothing any more', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { held, cancelled } = await worker(place)
    const controller = new AbortController()
    const source = new Numbers(Number.POSITIVE_INFINITY)
    const failure = failureOf(collect(server.map(source, { window: 3, signal: controller.signal })))
    await until(() => held.size === 3)
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await failure).toBe(reason)
    await until(() => cancelled.length === 3)
    await server.idle()
    expect(source.isLeft).toBe(true)
    expect(await failureOf(collect(server.map(['x'], { signal: controller.signal })))).toBe(reason)
    expect(held.has('x')).toBe(false)
  })

  test('takes at most `window` items from the source that the reader has not got', async () => {
    await using place = new Place()
    const server = await place.listen()
    await working(place, (item) => item)
    const source = new Numbers(Number.POSITIVE_INFINITY)
    const results = server.map(source, { window: 7 })
    expect((await results.next()).value).toBe('0')
    await rest()
    expect(source.taken).toBe(8) // 7 between, 1 read
    await results.return?.()
  })

  test('holds at most 16 MiB of results, and what clients are working on, however large the window', async () => {
    await using place = new Place()
    const server = await place.listen()
    const kilobyte = 'x'.repeat(1_024)
    let made = 0
    await working(place, () => {
      made += 1
      return kilobyte.repeat(1_023)
    })
    const source = new Numbers(200)
    const results = server.map(source, { window: 200 })
    await results.next()
    for (let rounds = 0; rounds < 20; rounds += 1) await rest()
    expect(made).toBeGreaterThan(8)
    expect(made).toBeLessThanOrEqual(16 + 2 * 8 + 2)
    let read = 1
    while (!(await results.next()).done) read += 1
    expect(read).toBe(200)
  })

  test('refuses a window that is none', async () => {
    await using place = new Place()
    const server = await place.listen()
    expect(() => server.map(['a'], { window: 0 })).toThrow('Expected `window` to be an integer from 1, got `0`')
  })

  test('ends with CLOSED when the server closes', async () => {
    await using place = new Place()
    const server = await place.listen()
    const failure = failureOf(collect(server.map(new Numbers(Number.POSITIVE_INFINITY))))
    await rest()
    await server.close()
    expect(await failure).toMatchObject({ code: 'CLOSED', delivered: 'no' })
  })
})
