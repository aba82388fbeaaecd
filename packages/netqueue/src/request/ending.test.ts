import { describe, expect, test } from 'vitest'

import { Pair, watch } from '../../test/support/exchanges.ts'
import { NetQueueError } from '../errors/errors.ts'

const never = (): Promise<never> => new Promise(() => {})

describe('endRequests', () => {
  test('lets what was asked finish, what waits in line too, and says so behind the last of it', async () => {
    const pair = new Pair({ here: { maxRequests: 2 }, frameBytes: 300 })
    const ends: (() => void)[] = []
    pair.there.handlers.add('ask', () => new Promise<void>((resolve) => ends.push(resolve)))
    const sizes = [1, 2_000, 1]
    const all = sizes.map((size, channel) => watch(pair.here.exchange.call('ask', 'x'.repeat(size), { channel })))
    const ended = watch(pair.here.exchange.endRequests())
    await pair.settle()
    expect(pair.there.exchange.hasPeerEnded).toBe(false)
    ends[0]?.()
    await pair.settle()
    expect(pair.there.exchange.hasPeerEnded).toBe(true)
    expect(pair.here.said()).toEqual(['request', 'request', 'request', 'endRequests'])
    expect(ended.outcome()).toBe('waits')
    for (const end of ends) end()
    await pair.settle()
    expect([ended.outcome(), ...all.map(({ outcome }) => outcome())]).toEqual(
      Array.from({ length: 4 }, () => 'resolved'),
    )
    expect(pair.there.error).toBe(undefined)
  })

  test('refuses new requests and streams with CLOSED; messages and the other direction go on', async () => {
    const pair = new Pair()
    for (const { handlers } of [pair.here, pair.there]) handlers.add('ask', () => 1)
    const before = pair.here.exchange.stream('ask', 1)
    const ended = pair.here.exchange.endRequests()
    expect(pair.here.exchange.endRequests()).toBe(ended)
    await expect(pair.here.exchange.call('ask', 1)).rejects.toMatchObject({ code: 'CLOSED', delivered: 'no' })
    expect(() => pair.here.exchange.stream('ask', 1)).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    await expect(before.next()).rejects.toMatchObject({ code: 'CLOSED' })
    const other = pair.there.exchange.call('ask', 1)
    await pair.here.exchange.send('news', 1)
    await pair.settle()
    await ended
    expect((await other).value).toBe(1)
    expect(pair.there.error).toBe(undefined)
  })

  test('with nothing open resolves when it was said, and with a lost connection at once', async () => {
    const pair = new Pair()
    pair.here.isStuck = true
    const ended = watch(pair.here.exchange.endRequests())
    await pair.settle()
    expect(ended.outcome()).toBe('waits')
    pair.cut()
    await ended.promise
    await pair.there.exchange.endRequests()
  })

  test('does not wait for requests that were given up before they were sent, nor for handlers of those that were cancelled', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', never)
    const controller = new AbortController()
    watch(pair.here.exchange.call('ask', 1, { signal: controller.signal }))
    await pair.settle()
    watch(pair.here.exchange.call('ask', 1, { signal: controller.signal }))
    const ended = watch(pair.here.exchange.endRequests())
    controller.abort()
    await pair.settle()
    expect([ended.outcome(), pair.there.exchange.hasPeerEnded]).toEqual(['resolved', true])
    pair.cut()
  })
})

describe('a lost connection', () => {
  test('rejects all with CONNECTION_LOST, and says what may have been begun', async () => {
    const pair = new Pair({ here: { maxRequests: 2 } })
    pair.there.handlers.add('ask', never)
    const sent = watch(pair.here.exchange.call('ask', 1))
    await pair.settle()
    pair.here.isStuck = true
    const queued = watch(pair.here.exchange.call('ask', 1))
    const waiting = watch(pair.here.exchange.call('ask', 1))
    const stream = watch(pair.here.exchange.stream('ask', 1).next())
    pair.cut()
    const lost = (delivered: string) => expect.objectContaining({ code: 'CONNECTION_LOST', delivered }) as Error
    await expect(sent.promise).rejects.toEqual(lost('maybe'))
    for (const { promise } of [queued, waiting, stream]) await expect(promise).rejects.toEqual(lost('no'))
    await expect(pair.here.exchange.call('ask', 1)).rejects.toEqual(lost('no'))
    await expect(pair.here.exchange.send('news', 1)).rejects.toEqual(lost('no'))
    expect([pair.here.exchange.isIdle, pair.clock.timers]).toEqual([true, 0])
  })

  test('fires the signals of handlers, ends their bodies, leaves the sources of streams; what they say then goes nowhere', async () => {
    const pair = new Pair()
    const seen: unknown[] = []
    let isLeft = false
    pair.there.handlers.add('ask', async (_, { body, signal }) => {
      signal.addEventListener('abort', () => seen.push((signal.reason as NetQueueError).code))
      for await (const chunk of body) seen.push(chunk)
    })
    pair.there.handlers.add('other', async function* () {
      try {
        for (;;) yield 1
      } finally {
        isLeft = true
      }
    })
    const body = (async function* () {
      try {
        yield 'first'
        await never()
      } finally {
        seen.push('not reached: the source waits for something else')
      }
    })()
    watch(pair.here.exchange.call('ask', 1, { body }))
    const stream = pair.here.exchange.stream('other', 1)
    watch(stream.next())
    await pair.settle()
    pair.cut()
    await pair.settle()
    expect([seen, isLeft, pair.there.exchange.serving]).toEqual([['first', 'CONNECTION_LOST'], true, 0])
    expect([pair.there.warnings, pair.clock.timers, pair.there.exchange.isIdle]).toEqual([[], 0, true])
  })

  test('keeps nothing of what was to be written', async () => {
    const pair = new Pair()
    pair.here.isStuck = true
    await pair.here.exchange.send('news', 1)
    watch(pair.here.exchange.call('ask', 1))
    pair.cut()
    pair.here.isStuck = false
    expect([pair.here.frame(), pair.here.exchange.isIdle]).toEqual([undefined, true])
  })

  test('a goodbye is CLOSED', async () => {
    const pair = new Pair()
    const reply = watch(pair.here.exchange.call('ask', 1))
    pair.here.exchange.closed(undefined)
    await expect(reply.promise).rejects.toMatchObject({ code: 'CLOSED', delivered: 'no' })
  })

  test('an answer that comes after it has nowhere to go, and hurts nobody', async () => {
    const pair = new Pair()
    const ends: (() => void)[] = []
    pair.there.handlers.add(
      'ask',
      (kind) =>
        new Promise((resolve, reject) =>
          ends.push(kind === 'fail' ? () => reject(new Error('late')) : () => resolve(kind)),
        ),
    )
    for (const kind of ['value', 'fail']) watch(pair.here.exchange.call('ask', kind))
    await pair.settle()
    pair.cut(new NetQueueError('CONNECTION_LOST', 'gone'))
    for (const end of ends) end()
    await pair.settle()
    expect([pair.there.warnings, pair.there.exchange.isIdle]).toEqual([[], true])
  })
})
