import { describe, expect, test } from 'vitest'

import { Pair, watch } from '../../test/support/exchanges.ts'
import { CheckedHeaders } from '../message/headers.ts'
import type { ReceivedMessage } from './subscription.ts'

const payload = (bytes: number): Uint8Array => new Uint8Array(bytes)

/** Takes what there is now, without waiting for more. */
async function taken(loop: AsyncIterator<ReceivedMessage>, count: number): Promise<unknown[]> {
  const all: unknown[] = []
  for (let index = 0; index < count; index += 1) all.push((await loop.next()).value?.payload)
  return all
}

describe('a message', () => {
  test('arrives at all who subscribe to its name, with its headers and its sender, in order', async () => {
    const pair = new Pair()
    const loops = [1, 2].map(() => pair.there.subscriptions.subscribe('news'))
    const others = pair.there.subscriptions.subscribe('other')
    const heard: unknown[] = []
    pair.there.subscriptions.on('news', (message) => heard.push(message))
    await pair.here.exchange.send('news', 'a', { headers: { lang: 'en', urgent: null } })
    await pair.here.exchange.send('news', 'b')
    await pair.settle()
    const first = { name: 'news', payload: 'a', headers: { lang: 'en', urgent: null }, from: 'here' }
    const second = { name: 'news', payload: 'b', headers: {}, from: 'here' }
    for (const loop of loops) {
      expect(await loop.next()).toEqual({ done: false, value: first })
      expect(await loop.next()).toEqual({ done: false, value: second })
    }
    expect(heard).toEqual([first, second])
    pair.there.subscriptions.close()
    expect(await others.next()).toEqual({ done: true, value: undefined })
    expect([pair.here.exchange.isIdle, pair.clock.timers]).toEqual([true, 0])
  })

  test('that was encoded before travels as it is', async () => {
    const pair = new Pair()
    const loop = pair.there.subscriptions.subscribe('news')
    const bytes = new TextEncoder().encode('[1]')
    await pair.here.exchange.sendEncoded('news', bytes)
    expect(pair.here.exchange.trySendEncoded('news', bytes, new CheckedHeaders({ a: 'b' }))).toBe(true)
    await pair.settle()
    expect(await taken(loop, 2)).toEqual([[1], [1]])
  })

  test('that nobody wants is not decoded; one that cannot be decoded is dropped with a warning', async () => {
    const pair = new Pair()
    const wrong = new TextEncoder().encode('{')
    await pair.here.exchange.sendEncoded('news', wrong)
    await pair.settle()
    expect(pair.there.warnings).toEqual([])
    const loop = pair.there.subscriptions.subscribe('news')
    await pair.here.exchange.sendEncoded('news', wrong)
    await pair.here.exchange.send('news', 'next')
    await pair.settle()
    expect(await taken(loop, 1)).toEqual(['next'])
    expect(pair.there.warnings).toEqual([expect.objectContaining({ code: 'DECODE_FAILED' })])
  })

  test('waits as it came, and is decoded when it is read, by each loop for itself; what cannot be is told of once', async () => {
    const pair = new Pair()
    const loops = [1, 2].map(() => pair.there.subscriptions.subscribe('news'))
    const wrong = new TextEncoder().encode('{')
    await pair.here.exchange.send('news', { a: 1 })
    await pair.here.exchange.sendEncoded('news', wrong)
    await pair.here.exchange.send('news', 'next')
    await pair.settle()
    expect(pair.there.warnings).toEqual([])
    const read = await Promise.all(loops.map((loop) => taken(loop, 2)))
    expect(read).toEqual([
      [{ a: 1 }, 'next'],
      [{ a: 1 }, 'next'],
    ])
    expect(read[0]?.[0]).not.toBe(read[1]?.[0])
    expect(pair.there.warnings).toEqual([expect.objectContaining({ code: 'DECODE_FAILED' })])
  })

  test('does not wait for a long one of a channel to leave, nor for one of many requests', async () => {
    const pair = new Pair({ frameBytes: 300 })
    const order: string[] = []
    pair.there.handlers.add('ask', () => void order.push('request'))
    pair.there.subscriptions.on('news', () => order.push('message'))
    watch(pair.here.exchange.call('ask', 'x'.repeat(3_000)))
    await pair.here.exchange.send('news', 1)
    await pair.settle()
    expect(order).toEqual(['message', 'request'])
  })
})

describe('a sender that is ahead of the connection', () => {
  test.each([
    [1, 1],
    [2, 2],
    [3, 2],
  ])('waits for room: %i messages of maxUnsentMessages %i', async (count, maxUnsentMessages) => {
    const pair = new Pair({ here: { maxUnsentMessages } })
    pair.here.isStuck = true
    const sends = Array.from({ length: count }, (_, n) => watch(pair.here.exchange.send('news', n)))
    await pair.settle()
    const done = sends.filter(({ outcome }) => outcome() === 'resolved').length
    expect(done).toBe(Math.min(count, maxUnsentMessages))
    const isFull = count >= maxUnsentMessages
    expect(pair.here.exchange.trySendEncoded('news', payload(1))).toBe(!isFull)
    pair.here.isStuck = false
    await pair.settle()
    expect(sends.map(({ outcome }) => outcome())).toEqual(sends.map(() => 'resolved'))
    expect(pair.here.exchange.isIdle).toBe(true)
  })

  test.each([[[19, 1_000, 1]], [[20, 1]], [[1_000, 1]]])(
    'waits for room in bytes, which one message may overshoot: %j',
    async (sizes) => {
      const pair = new Pair({ here: { maxUnsentBytes: 20 } })
      pair.here.isStuck = true
      const sends = sizes.map((bytes) => watch(pair.here.exchange.send('news', payload(bytes))))
      await pair.settle()
      const last = sends.pop()
      expect(sends.map(({ outcome }) => outcome())).toEqual(sends.map(() => 'resolved'))
      expect(last?.outcome()).toBe('waits')
      pair.cut()
      await expect(last?.promise).rejects.toMatchObject({ code: 'CONNECTION_LOST', delivered: 'no' })
    },
  )

  test('keeps the order of those who wait, and takes out who is aborted or out of time', async () => {
    const pair = new Pair({ here: { maxUnsentMessages: 1, maxWaiting: 3 } })
    const heard: unknown[] = []
    pair.there.subscriptions.on('news', ({ payload: n }) => heard.push(n))
    pair.here.isStuck = true
    const controller = new AbortController()
    const reason = new Error('enough')
    void pair.here.exchange.send('news', 0)
    const aborted = watch(pair.here.exchange.send('news', 1, { signal: controller.signal }))
    const late = watch(pair.here.exchange.send('news', 2, { timeout: 10 }))
    const last = watch(pair.here.exchange.send('news', 3))
    const tooMany = watch(pair.here.exchange.send('news', 4))
    controller.abort(reason)
    await pair.pass(10)
    expect([aborted.outcome(), late.outcome(), last.outcome(), tooMany.outcome()]).toEqual([
      'Error',
      'QUEUE_FULL',
      'waits',
      'QUEUE_FULL',
    ])
    await expect(aborted.promise).rejects.toBe(reason)
    await expect(late.promise).rejects.toMatchObject({ delivered: 'no', limit: 'timeout' })
    await expect(tooMany.promise).rejects.toMatchObject({ delivered: 'no', limit: 'maxWaiting' })
    pair.here.isStuck = false
    await pair.settle()
    expect(heard).toEqual([0, 3])
    expect([pair.here.exchange.isIdle, pair.clock.timers]).toEqual([true, 0])
  })

  test('gives the event loop its turn now and then, although there is always room', async () => {
    const pair = new Pair({ here: { maxUnsentMessages: 1_000_000 } })
    let turns = 0
    const tick = (): void => {
      turns += 1
      if (turns < 1_000) setImmediate(tick)
    }
    setImmediate(tick)
    for (let n = 0; n < 10_000; n += 1) await pair.here.exchange.send('news', 1)
    expect(turns).toBeGreaterThan(2)
    turns = 1_000
    pair.cut()
  })

  test('is told of what cannot travel', async () => {
    const pair = new Pair({ here: { maxItemBytes: 10 } })
    const { exchange } = pair.here
    await expect(exchange.send('news', payload(11))).rejects.toMatchObject({ code: 'ITEM_TOO_LARGE' })
    await expect(exchange.sendEncoded('news', payload(7), { headers: { a: null } })).rejects.toMatchObject({
      value: 11,
    })
    await expect(exchange.send('news', 'unfit')).rejects.toMatchObject({ code: 'ENCODE_FAILED' })
    await expect(exchange.send('what?', 1)).rejects.toThrow(TypeError)
    await expect(exchange.send('news', 1, { headers: { a: 'x\n' } })).rejects.toThrow('`headers')
    expect(() => exchange.trySendEncoded('news', payload(11))).toThrow('maxItemBytes')
    await exchange.send('news', payload(10))
  })
})

describe('a subscriber that is behind', () => {
  const received = async (
    count: number,
    options: { capacity?: number; drop?: 'newest' | 'oldest' },
  ): Promise<{ payloads: unknown[]; dropped: number; codes: string[] }> => {
    const pair = new Pair()
    const loop = pair.there.subscriptions.subscribe('news', options)
    for (let n = 0; n < count; n += 1) await pair.here.exchange.send('news', n)
    await pair.settle()
    pair.there.subscriptions.close()
    const payloads: unknown[] = []
    for await (const message of loop) payloads.push(message.payload)
    return { payloads, dropped: loop.dropped, codes: pair.there.warnings.map(({ code }) => code) }
  }

  test.each([
    [1, { capacity: 1 }, [0], 0],
    [2, { capacity: 1 }, [1], 1],
    [2, { capacity: 3 }, [0, 1], 0],
    [3, { capacity: 3 }, [0, 1, 2], 0],
    [4, { capacity: 3 }, [1, 2, 3], 1],
    [9, { capacity: 3, drop: 'oldest' as const }, [6, 7, 8], 6],
    [9, { capacity: 3, drop: 'newest' as const }, [0, 1, 2], 6],
  ])(
    'loses the oldest, or the newest, and is warned once: %i messages, %j',
    async (count, options, payloads, dropped) => {
      expect(await received(count, options)).toEqual({
        payloads,
        dropped,
        codes: dropped > 0 ? ['MESSAGE_DROPPED'] : [],
      })
    },
  )

  test('has room for maxUnreadMessages and maxUnreadBytes unless it says otherwise', async () => {
    const pair = new Pair({ there: { maxUnreadMessages: 5, maxUnreadBytes: 30 } })
    const all = pair.there.subscriptions.subscribe('news')
    const few = pair.there.subscriptions.subscribe('news', { capacity: 2 })
    for (const bytes of [10, 10, 10, 1]) await pair.here.exchange.send('news', payload(bytes))
    await pair.settle()
    expect([all.dropped, few.dropped]).toEqual([1, 2])
    expect(pair.there.warnings.map(({ code, value }) => [code, value])).toEqual([
      ['MESSAGE_DROPPED', 'news'],
      ['MESSAGE_DROPPED', 'news'],
    ])
  })

  test.each([
    [8, 4],
    [9, 3],
    [14, 2],
  ])('counts headers, too: with those of %i bytes, %i of four fit into maxUnreadBytes 30', async (bytes, count) => {
    const pair = new Pair({ there: { maxUnreadBytes: 30 } })
    const loop = pair.there.subscriptions.subscribe('news')
    // A count, two lengths, a name of one byte, whether there is a value: 5 bytes. The payload has 1.
    const headers = { a: 'x'.repeat(bytes - 5) }
    for (const n of [1, 2, 3, 4]) await pair.here.exchange.send('news', n, { headers })
    await pair.settle()
    expect(4 - loop.dropped).toBe(count)
  })

  test('is warned again when it had caught up in between', async () => {
    const pair = new Pair()
    const loop = pair.there.subscriptions.subscribe('news', { capacity: 1 })
    for (const _ of [1, 2]) {
      for (const n of [1, 2, 3]) await pair.here.exchange.send('news', n)
      await pair.settle()
      await loop.next()
    }
    expect([pair.there.warnings.length, loop.dropped]).toEqual([2, 4])
  })

  test('P8: slows nobody: the others get all, the sender does not wait', async () => {
    const pair = new Pair()
    pair.there.subscriptions.subscribe('news', { capacity: 1 })
    const quick: unknown[] = []
    const reading = (async () => {
      for await (const { payload: n } of pair.there.subscriptions.subscribe('news')) {
        quick.push(n)
        if (n === 2_999) return
      }
    })()
    for (let n = 0; n < 3_000; n += 1) {
      await pair.here.exchange.send('news', n)
      if (n % 500 === 0) await pair.settle()
    }
    await pair.settle()
    await reading
    expect(quick).toHaveLength(3_000)
  })
})

describe('a subscription', () => {
  test('ends when its loop is left: what comes then is for others', async () => {
    const pair = new Pair()
    const loop = pair.there.subscriptions.subscribe('news')
    const waiting = loop.next()
    await loop.return()
    expect(await waiting).toEqual({ done: true, value: undefined })
    await pair.here.exchange.send('news', 1)
    await pair.settle()
    expect(await loop.next()).toEqual({ done: true, value: undefined })
  })

  test('ends with the reason of its signal, once; what waits is dropped', async () => {
    const pair = new Pair()
    const controller = new AbortController()
    const reason = new Error('enough')
    const [loop, other] = [1, 2].map(() => pair.there.subscriptions.subscribe('news', { signal: controller.signal }))
    const waiting = watch(loop?.next() as Promise<unknown>)
    await pair.here.exchange.send('news', 1)
    await pair.settle()
    const next = watch(loop?.next() as Promise<unknown>)
    controller.abort(reason)
    expect(await waiting.promise).toMatchObject({ done: false })
    for (const promise of [next.promise, other?.next()]) await expect(promise).rejects.toBe(reason)
    expect(await other?.next()).toEqual({ done: true, value: undefined })
    expect(() => pair.there.subscriptions.subscribe('news', { signal: controller.signal })).toThrow(reason)
  })

  test('that overlaps its own next() is told ITERATOR_BUSY', async () => {
    const pair = new Pair()
    const loop = pair.there.subscriptions.subscribe('news')
    void loop.next()
    await expect(loop.next()).rejects.toMatchObject({ code: 'ITERATOR_BUSY' })
    await loop.return()
  })

  test('made after the end is over', async () => {
    const pair = new Pair()
    pair.there.subscriptions.close()
    expect(await pair.there.subscriptions.subscribe('news').next()).toEqual({ done: true, value: undefined })
  })

  test('names wrong arguments', () => {
    const { subscriptions } = new Pair().there
    expect(() => subscriptions.subscribe(1 as never)).toThrow('`name`')
    expect(() => subscriptions.on('news', 1 as never)).toThrow('`listener`')
    expect(() => subscriptions.subscribe('news', { capacity: 0 })).toThrow('`capacity`')
    expect(() => subscriptions.subscribe('news', { drop: 'all' as never })).toThrow('`drop`')
    expect(() => subscriptions.subscribe('news', { signal: {} as never })).toThrow('`signal`')
  })
})

describe('a listener', () => {
  test('hears until it is taken away; two of one function are two', async () => {
    const pair = new Pair()
    const heard: unknown[] = []
    const listener = ({ payload: n }: ReceivedMessage): void => void heard.push(n)
    const stop = pair.there.subscriptions.on('news', listener)
    pair.there.subscriptions.on('news', listener)
    await pair.here.exchange.send('news', 1)
    await pair.settle()
    stop()
    stop()
    await pair.here.exchange.send('news', 2)
    await pair.settle()
    expect(heard).toEqual([1, 1, 2])
  })

  test('that came by a message does not hear that one', async () => {
    const pair = new Pair()
    let late = 0
    pair.there.subscriptions.on('news', () => pair.there.subscriptions.on('news', () => (late += 1)))
    await pair.here.exchange.send('news', 1)
    await pair.settle()
    expect(late).toBe(0)
  })
})
