import { getEventListeners } from 'node:events'
import { pipe } from 'it-pipe'
import { describe, expect, test } from 'vitest'
import { failureOf } from '../../test/support/outcome.ts'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { Queue } from './queue.ts'
import type { QueueOptions } from './queue.ts'

function filled<T>(items: readonly T[], options: QueueOptions = {}): Queue<T> {
  const queue = new Queue<T>({ capacity: items.length, ...options })
  for (const item of items) expect(queue.tryPut(item)).toBe(true)
  return queue
}

async function take<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

/** What a promise is now, without waiting for it. */
async function state(promise: Promise<unknown>): Promise<string> {
  const pending = Symbol('pending')
  const settled = promise.then(
    () => 'resolved',
    () => 'rejected',
  )
  const now = await Promise.race([settled, new Promise((resolve) => setImmediate(resolve, pending))])
  return now === pending ? 'pending' : String(now)
}

describe('put and get', () => {
  test('items come out in the order they went in', async () => {
    const queue = new Queue<number>()
    for (let item = 0; item < 100; item += 1) await queue.put(item)
    expect(queue.size).toBe(100)
    for (let item = 0; item < 100; item += 1) expect(await queue.get()).toBe(item)
    expect(queue.size).toBe(0)
  })

  test('undefined and null are items', async () => {
    const queue = filled([undefined, null])
    expect(queue.tryGet()).toEqual({ value: undefined })
    expect(await queue.get()).toBeNull()
    expect(queue.tryGet()).toBeUndefined()
    const waiting = queue.get()
    queue.tryPut(undefined)
    expect(await waiting).toBeUndefined()
  })

  test('put with room gives one shared promise', () => {
    const queue = new Queue<number>()
    expect(queue.put(1)).toBe(queue.put(2))
  })

  test('put waits for room, in order, and the item counts once it is in', async () => {
    const queue = filled(['a'])
    const log: string[] = []
    const puts = ['b', 'c'].map((item) => queue.put(item).then(() => log.push(item)))
    expect(queue.size).toBe(1)
    expect(await queue.get()).toBe('a')
    await puts[0]
    expect(log).toEqual(['b'])
    expect([await queue.get(), await queue.get()]).toEqual(['b', 'c'])
    await puts[1]
    expect(log).toEqual(['b', 'c'])
  })

  test('get waits for an item, in order', async () => {
    const queue = new Queue<number>()
    const gets = Promise.all([queue.get(), queue.get(), queue.get()])
    for (const item of [1, 2, 3]) await queue.put(item)
    expect(await gets).toEqual([1, 2, 3])
    expect(queue.size).toBe(0)
  })

  test('100,000 that wait are served one by one', async () => {
    const queue = filled([-1])
    const puts = Array.from({ length: 100_000 }, (_, item) => queue.put(item))
    for (let item = -1; item < 100_000; item += 1) expect(queue.tryGet()?.value === item || item).toBe(true)
    await Promise.all(puts)
  })

  test('getAll takes what is inside and what waits to be put, in order', async () => {
    const queue = filled([1, 2])
    const puts = Promise.all([queue.put(3), queue.put(4), queue.put(5)])
    expect(queue.getAll()).toEqual([1, 2, 3, 4, 5])
    await puts
    expect([queue.size, queue.getAll()]).toEqual([0, []])
  })

  test('tryPut tells whether the item is in', () => {
    const queue = new Queue<number>({ capacity: 1 })
    expect([queue.tryPut(1), queue.tryPut(2), queue.size]).toEqual([true, false, 1])
  })

  test('tryPut hands an item to one who waits', async () => {
    const queue = new Queue<number>({ capacity: 1 })
    const waiting = queue.get()
    expect([queue.tryPut(1), queue.size]).toEqual([true, 0])
    expect(await waiting).toBe(1)
  })
})

describe('overflow', () => {
  test('reject rejects with QUEUE_FULL, which names the capacity', async () => {
    const queue = filled([1, 2], { overflow: 'reject' })
    await expect(queue.put(3)).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      limit: 'capacity',
      value: 2,
      message: 'The queue is full: it holds 2 items (capacity)',
    })
    expect([queue.getAll(), queue.dropped]).toEqual([[1, 2], 0])
  })

  test('drop-oldest makes room and counts', async () => {
    const queue = filled([1, 2], { overflow: 'drop-oldest' })
    await queue.put(3)
    expect(queue.tryPut(4)).toBe(true)
    expect([queue.getAll(), queue.dropped]).toEqual([[3, 4], 2])
  })

  test('drop-newest drops what is put and counts', async () => {
    const queue = filled([1, 2], { overflow: 'drop-newest' })
    await queue.put(3)
    expect(queue.tryPut(4)).toBe(false)
    expect([queue.getAll(), queue.dropped]).toEqual([[1, 2], 2])
  })
})

describe('timeout and signal', () => {
  test('put rejects with QUEUE_FULL when its time is up, and the item is not in', async () => {
    const env = new VirtualEnv()
    const queue = filled(['a'], { env })
    const put = queue.put('b', { timeout: 50 })
    env.advance(49)
    expect(await state(put)).toBe('pending')
    env.advance(1)
    await expect(put).rejects.toMatchObject({ code: 'QUEUE_FULL', limit: 'capacity', value: 1 })
    expect(queue.getAll()).toEqual(['a'])
  })

  test('get rejects with QUEUE_EMPTY when its time is up, and takes nothing later', async () => {
    const env = new VirtualEnv()
    const queue = new Queue<string>({ env })
    const gets = [queue.get(50), queue.get({ timeout: 50 })]
    env.advance(50)
    for (const get of gets)
      await expect(get).rejects.toMatchObject({ code: 'QUEUE_EMPTY', limit: 'timeout', value: 50 })
    queue.tryPut('a')
    expect(queue.getAll()).toEqual(['a'])
  })

  test('an abort rejects with its reason, and those behind move up', async () => {
    const queue = filled(['a'])
    const [controller, reason] = [new AbortController(), new Error('enough')]
    const aborted = queue.put('b', { signal: controller.signal })
    const behind = queue.put('c')
    controller.abort(reason)
    await expect(aborted).rejects.toBe(reason)
    expect(queue.getAll()).toEqual(['a', 'c'])
    await behind

    const next = new AbortController()
    const gone = queue.get({ signal: next.signal })
    const stays = queue.get()
    next.abort(reason)
    await expect(gone).rejects.toBe(reason)
    queue.tryPut('d')
    expect(await stays).toBe('d')
  })

  test('a signal that has fired refuses put and get, even with room and items', async () => {
    const queue = filled(['a'], { capacity: 2 })
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(queue.put('b', { signal })).rejects.toThrow('enough')
    await expect(queue.get({ signal })).rejects.toThrow('enough')
    expect(queue.getAll()).toEqual(['a'])
  })

  test('calls that end leave no timer and no abort listener', async () => {
    const env = new VirtualEnv()
    const queue = new Queue<number>({ capacity: 1, env })
    const controller = new AbortController()
    const options = { timeout: 1_000, signal: controller.signal }
    const get = queue.get(options)
    await queue.put(1, options)
    await get
    await queue.put(2, options)
    const put = queue.put(3, options)
    queue.getAll()
    await put
    const closed = failureOf(queue.get(options))
    expect([env.timers, getEventListeners(controller.signal, 'abort').length]).toEqual([1, 1])
    queue.close()
    expect(await closed).toMatchObject({ code: 'QUEUE_CLOSED' })
    expect([env.timers, getEventListeners(controller.signal, 'abort').length]).toEqual([0, 0])
  })

  test('a wait without timeout and signal sets no timer', () => {
    const env = new VirtualEnv()
    void new Queue<number>({ env }).get()
    expect(env.timers).toBe(0)
  })
})

describe('close', () => {
  test('put on a closed queue rejects with QUEUE_CLOSED, tryPut is false', async () => {
    const queue = new Queue<number>()
    queue.close()
    expect(queue.closed).toBe(true)
    await expect(queue.put(1)).rejects.toMatchObject({ code: 'QUEUE_CLOSED' })
    expect(queue.tryPut(1)).toBe(false)
  })

  test('close rejects the puts that wait; what is inside can still be taken', async () => {
    const queue = filled([1])
    const put = failureOf(queue.put(2))
    queue.close()
    queue.close()
    expect(await put).toMatchObject({ code: 'QUEUE_CLOSED' })
    expect(await queue.get()).toBe(1)
    await expect(queue.get()).rejects.toMatchObject({ code: 'QUEUE_CLOSED' })
    expect([queue.tryGet(), queue.getAll()]).toEqual([undefined, []])
  })

  test('close rejects the gets that wait and ends the loops that wait', async () => {
    const queue = new Queue<number>()
    const get = failureOf(queue.get())
    const loop = take(queue)
    queue.close()
    expect(await get).toMatchObject({ code: 'QUEUE_CLOSED' })
    expect(await loop).toEqual([])
  })

  test('await using closes', async () => {
    const queue = new Queue<number>()
    await queue[Symbol.asyncDispose]()
    expect(queue.closed).toBe(true)
  })
})

describe('for await', () => {
  test('a loop ends when the queue is closed and empty', async () => {
    const queue = filled([1, undefined, 3])
    const loop = take(queue)
    await queue.put(4)
    queue.close()
    expect(await loop).toEqual([1, undefined, 3, 4])
  })

  test('break takes no item with it, and another loop goes on', async () => {
    const queue = filled([1, 2, 3])
    for await (const item of queue) if (item === 1) break
    queue.close()
    expect(await take(queue)).toEqual([2, 3])
  })

  test('several iterators compete: each item goes to one', async () => {
    const queue = new Queue<number>({ capacity: 2 })
    const loops = [take(queue), take(queue), take(queue)]
    for (let item = 0; item < 30; item += 1) await queue.put(item)
    queue.close()
    const taken = await Promise.all(loops)
    expect(taken.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, item) => item))
    for (const each of taken) expect(each).toEqual(each.toSorted((a, b) => a - b))
  })

  test('an overlapping next() rejects with ITERATOR_BUSY, the first one is served', async () => {
    const queue = new Queue<number>()
    const iterator = queue[Symbol.asyncIterator]()
    const first = iterator.next()
    await expect(iterator.next()).rejects.toMatchObject({ code: 'ITERATOR_BUSY' })
    queue.tryPut(1)
    expect(await first).toEqual({ done: false, value: 1 })
  })

  test('return() ends the next() that waits, and takes no item', async () => {
    const queue = new Queue<number>()
    const iterator = queue[Symbol.asyncIterator]()
    const waiting = iterator.next()
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined })
    expect(await waiting).toEqual({ done: true, value: undefined })
    queue.tryPut(1)
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
    expect([queue.size, queue.closed]).toEqual([1, false])
  })
})

describe('it-pipe', () => {
  test('sink puts what its source gives, waits for room, and does not close', async () => {
    const queue = new Queue<number>({ capacity: 2 })
    const sunk = queue.sink([1, 2, 3, 4])
    expect(await state(sunk)).toBe('pending')
    expect(queue.size).toBe(2)
    for (const item of [1, 2, 3, 4]) expect(await queue.get()).toBe(item)
    await sunk
    expect(queue.closed).toBe(false)
  })

  test('a queue is the start and the end of a pipe', async () => {
    const [from, to] = [filled([1, 2, 3]), new Queue<string>()]
    from.close()
    const double = async function* (items: AsyncIterable<number>): AsyncGenerator<string> {
      for await (const item of items) yield `${item * 2}`
    }
    await pipe(from, double, to.sink)
    expect(to.getAll()).toEqual(['2', '4', '6'])
    expect(from.source).toBe(from)
  })

  test('sink into a closed queue rejects and leaves its source', async () => {
    const queue = new Queue<number>({ capacity: 1 })
    let left = false
    const items = (function* () {
      try {
        for (;;) yield 1
      } finally {
        left = true
      }
    })()
    const sunk = failureOf(queue.sink(items))
    queue.close()
    expect(await sunk).toMatchObject({ code: 'QUEUE_CLOSED' })
    expect(left).toBe(true)
  })
})

describe('arguments', () => {
  test.each([
    [{ capacity: 0 }, RangeError, 'Expected `capacity` to be an integer from 1, got `0`'],
    [{ capacity: 1.5 }, RangeError, 'Expected `capacity` to be an integer from 1, got `1.5`'],
    [{ capacity: '9' }, TypeError, 'Expected `capacity` to be an integer from 1, got `"9"` (string)'],
    [
      { overflow: 'drop' },
      TypeError,
      'Expected `overflow` to be one of "wait", "reject", "drop-oldest", "drop-newest", got `"drop"`',
    ],
  ])('new Queue(%j) throws', (options, kind, message) => {
    const make = (): unknown => new Queue(options as QueueOptions)
    expect(make).toThrow(kind)
    expect(make).toThrow(message)
  })

  test.each([
    ['a timeout below 0', -1, RangeError],
    ['a timeout that is no number', Number.NaN, RangeError],
    ['a timeout of the wrong type', '50' as unknown as number, TypeError],
  ])('%s is refused by put and get alike', async (_what, timeout, kind) => {
    const queue = filled([1], { capacity: 2 })
    await expect(queue.get(timeout)).rejects.toThrow(kind)
    await expect(queue.get({ timeout })).rejects.toThrow(kind)
    await expect(queue.put(2, { timeout })).rejects.toThrow(kind)
    expect(queue.getAll()).toEqual([1])
  })
})
