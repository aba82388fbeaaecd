import { getEventListeners } from 'node:events'

import { describe, expect, test } from 'vitest'

import { turn } from '../../test/support/handles.ts'
import { usedHeap } from '../../test/support/heap.ts'
import { failureOf } from '../../test/support/outcome.ts'
import { Emitter } from './emitter.ts'
import type { EventStream } from './event-stream.ts'

interface Events {
  news: number
  warning: string
}

const END = { done: true, value: undefined }
const event = (value: unknown): unknown => ({ done: false, value })

/** An emitter whose warnings are events of it, as those of servers and clients are. */
function emitterOf(): Emitter<Events> {
  const emitter: Emitter<Events> = new Emitter((error) => emitter.emit('warning', error.code))
  return emitter
}

function emitAll(emitter: Emitter<Events>, ...news: number[]): void {
  for (const each of news) emitter.emit('news', each)
}

async function rest<E>(stream: EventStream<E>): Promise<E[]> {
  const events: E[] = []
  for await (const each of stream) events.push(each)
  return events
}

describe('a stream of events', () => {
  test('has what came since it was made, in order, while nobody read and while somebody waits', async () => {
    const emitter = emitterOf()
    emitAll(emitter, 0)
    const stream = emitter.stream('news')
    emitAll(emitter, 1, 2)
    emitter.emit('warning', 'of another type')
    expect([await stream.next(), await stream.next()]).toEqual([event(1), event(2)])
    const waiting = stream.next()
    emitAll(emitter, 3, 4)
    expect([await waiting, await stream.next()]).toEqual([event(3), event(4)])
  })

  test('is one of several, and beside listeners: each has all', async () => {
    const emitter = emitterOf()
    const heard: number[] = []
    emitter.on('news', (news) => heard.push(news))
    const streams = [emitter.stream('news'), emitter.stream('news')]
    emitAll(emitter, 1, 2)
    emitter.close()
    expect([heard, ...(await Promise.all(streams.map(rest)))]).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ])
  })

  test('ends on close when what waits was read, or at once for a next() that waits; listeners stay', async () => {
    const emitter = emitterOf()
    const [stream, idle] = [emitter.stream('news'), emitter.stream('warning')]
    const waiting = idle.next()
    emitAll(emitter, 1, 2)
    emitter.close()
    const late: number[] = []
    emitter.on('news', (news) => late.push(news))
    emitAll(emitter, 3)
    expect([await waiting, await rest(stream), await stream.next(), late]).toEqual([END, [1, 2], END, [3]])
    expect(await rest(emitter.stream('news'))).toEqual([])
  })

  test('that was left gets nothing more, and a next() that waits ends', async () => {
    const emitter = emitterOf()
    const stream = emitter.stream('news')
    emitAll(emitter, 1, 2, 3)
    for await (const news of stream) if (news === 2) break
    emitAll(emitter, 4)
    expect(await stream.next()).toEqual(END)
    const other = emitter.stream('news')
    const waiting = other.next()
    expect([await other.return?.(), await waiting]).toEqual([END, END])
  })

  test('that is left by a listener of the same event does not get it', async () => {
    const emitter = emitterOf()
    emitter.on('news', () => void stream.return?.())
    const stream = emitter.stream('news')
    emitAll(emitter, 1)
    expect(await stream.next()).toEqual(END)
  })

  test.each([
    ['was left', (_: Emitter<Events>, stream: EventStream<number>) => void stream.return?.()],
    ['ended', (emitter: Emitter<Events>) => emitter.close()],
  ])('that %s is held by nobody any more', async (_, end) => {
    const emitter = emitterOf()
    const make = (): WeakRef<object> => {
      const stream = emitter.stream('news')
      end(emitter, stream)
      return new WeakRef(stream)
    }
    const forgotten = make()
    await usedHeap() // collects garbage
    expect(forgotten.deref()).toBeUndefined()
    emitAll(emitter, 1)
  })

  test('an overlapping next() rejects with ITERATOR_BUSY, the first one is served', async () => {
    const emitter = emitterOf()
    const stream = emitter.stream('news')
    const first = stream.next()
    expect(await failureOf(stream.next())).toMatchObject({ code: 'ITERATOR_BUSY' })
    emitAll(emitter, 1)
    expect(await first).toEqual(event(1))
  })

  test('beside a listener that throws has all the same', async () => {
    const emitter = emitterOf()
    emitter.on('news', () => {
      throw new Error('mine')
    })
    const [stream, warnings] = [emitter.stream('news'), emitter.stream('warning')]
    emitAll(emitter, 1)
    expect([await stream.next(), await warnings.next()]).toEqual([event(1), event('HANDLER_FAILED')])
  })
})

describe('a slow reader', () => {
  test.each([
    [0, [], 0],
    [1, [1], 0],
    [2, [1, 2], 0],
    [3, [1, 2, 3], 0],
    [4, [2, 3, 4], 1],
    [9, [7, 8, 9], 6],
  ])('with a capacity of 3 that %i events wait for has %j, and %i dropped', async (count, kept, dropped) => {
    const emitter = emitterOf()
    const stream = emitter.stream('news', { capacity: 3 })
    emitAll(emitter, ...Array.from({ length: count }, (_, index) => index + 1))
    emitter.close()
    expect([await rest(stream), stream.dropped]).toEqual([kept, dropped])
  })

  test.each([
    [3, [1, 2, 3], 0],
    [4, [1, 2, 3], 1],
    [9, [1, 2, 3], 6],
  ])(
    'that would rather lose the newest, with a capacity of 3 and %i events: %j, %i dropped',
    async (count, kept, dropped) => {
      const emitter = emitterOf()
      const stream = emitter.stream('news', { capacity: 3, drop: 'newest' })
      emitAll(emitter, ...Array.from({ length: count }, (_, index) => index + 1))
      emitter.close()
      expect([await rest(stream), stream.dropped]).toEqual([kept, dropped])
    },
  )

  test.each([
    [1_023, 0],
    [1_024, 0],
    [1_025, 1],
  ])('has room for 1,024 if it says nothing: of %i events %i are dropped', (count, dropped) => {
    const emitter = emitterOf()
    const stream = emitter.stream('news')
    for (let news = 0; news < count; news += 1) emitter.emit('news', news)
    expect(stream.dropped).toBe(dropped)
  })

  test('is warned about once, and again when it had caught up and falls behind anew', async () => {
    const emitter = emitterOf()
    const codes: string[] = []
    emitter.on('warning', (code) => codes.push(code))
    const stream = emitter.stream('news', { capacity: 2 })
    emitAll(emitter, 1, 2, 3, 4)
    await stream.next()
    emitAll(emitter, 5, 6)
    expect(codes).toEqual(['EVENTS_DROPPED'])
    await stream.next()
    await stream.next()
    emitAll(emitter, 7, 8, 9)
    expect([codes.length, stream.dropped]).toEqual([2, 4])
  })

  test('loses none of another reader', async () => {
    const emitter = emitterOf()
    const [slow, quick] = [emitter.stream('news', { capacity: 1 }), emitter.stream('news')]
    emitAll(emitter, 1, 2, 3)
    emitter.close()
    expect([await rest(slow), await rest(quick)]).toEqual([[3], [1, 2, 3]])
  })

  test('of warnings finds the warning about itself among them', async () => {
    const emitter = emitterOf()
    const stream = emitter.stream('warning', { capacity: 2 })
    for (const code of ['a', 'b', 'c']) emitter.emit('warning', code)
    emitter.close()
    expect([await rest(stream), stream.dropped]).toEqual([['c', 'EVENTS_DROPPED'], 2])
  })

  test.each(['oldest', 'newest'] as const)('is told which limit it reached, and that the %s are lost', (drop) => {
    const errors: unknown[] = []
    const emitter = new Emitter<Events>((error) => errors.push(error))
    emitter.stream('news', { capacity: 1, drop })
    emitAll(emitter, 1, 2)
    const message = `A loop over news events is behind: 1 wait for it (capacity), and the ${drop} are dropped`
    expect(errors).toMatchObject([{ code: 'EVENTS_DROPPED', limit: 'capacity', value: 1, message }])
  })
})

describe('a signal', () => {
  test('ends a next() that waits with its reason; after that the stream is over, and nothing is left on the signal', async () => {
    const { signal, abort } = controllerOf()
    const emitter = emitterOf()
    const stream = emitter.stream('news', { signal })
    const failure = failureOf(stream.next())
    abort('enough')
    emitAll(emitter, 1)
    expect([await failure, await stream.next()]).toEqual(['enough', END])
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('that fires while the body runs ends the loop when it asks for the next one; what waits is dropped', async () => {
    const { signal, abort } = controllerOf()
    const emitter = emitterOf()
    const stream = emitter.stream('news', { signal })
    emitAll(emitter, 1, 2)
    await stream.next()
    abort('enough')
    expect([await failureOf(stream.next()), await stream.next()]).toEqual(['enough', END])
  })

  test('that has fired already ends it at once, open or closed', async () => {
    const emitter = emitterOf()
    const stream = emitter.stream('news', { signal: AbortSignal.abort('before') })
    emitAll(emitter, 1)
    expect([await failureOf(stream.next()), await stream.next()]).toEqual(['before', END])
    emitter.close()
    const late = emitter.stream('news', { signal: AbortSignal.abort('before') })
    expect(await failureOf(late.next())).toBe('before')
  })

  test.each([
    ['the end of events', (emitter: Emitter<Events>) => emitter.close()],
    ['leaving', (_: Emitter<Events>, stream: EventStream<number>) => void stream.return?.()],
  ])('has no listener of ours after %s', async (_, end) => {
    const { signal, abort } = controllerOf()
    const emitter = emitterOf()
    const stream = emitter.stream('news', { signal })
    expect(getEventListeners(signal, 'abort').length).toBe(1)
    end(emitter, stream)
    expect(getEventListeners(signal, 'abort')).toEqual([])
    abort('too late')
    await turn()
    expect(await stream.next()).toEqual(END)
  })
})

test.each([
  [{ capacity: 0 }, 'RangeError: Expected `capacity` to be an integer from 1, got `0`'],
  [{ capacity: 1.5 }, 'RangeError: Expected `capacity` to be an integer from 1, got `1.5`'],
  [{ capacity: '9' }, 'TypeError: Expected `capacity` to be an integer from 1, got `"9"` (string)'],
  [{ drop: 'all' }, 'TypeError: Expected `drop` to be one of "newest", "oldest", got `"all"`'],
  [{ signal: {} }, 'TypeError: Expected `signal` to be an AbortSignal, got `[object Object]`'],
])('%j is refused', async (options, message) => {
  const make = async (): Promise<unknown> => emitterOf().stream('news', options as never)
  expect(String(await failureOf(make()))).toBe(message)
})

/** An `abort` that can be taken alone. */
function controllerOf(): { signal: AbortSignal; abort: (reason: string) => void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) }
}
