import { beforeEach, describe, expect, test } from 'vitest'

import { failureOf } from '../../test/support/outcome.ts'
import { Receiving } from '../../test/support/receiving.ts'
import { NetQueueError } from '../errors/errors.ts'

let receiving: Receiving

beforeEach(() => {
  receiving = new Receiving({ prefetch: 16 })
})

/** A loop that has been begun, with items there. */
async function begun(items: readonly unknown[]): Promise<AsyncIterableIterator<unknown>> {
  const loop = receiving.consumer.items()
  const first = loop.next()
  receiving.said()
  receiving.send(items)
  expect(await first).toEqual({ done: false, value: items[0] })
  receiving.said()
  return loop
}

/** From now on nothing can be decoded but `good`; what is done as that shows. */
function refusing(act: () => void): void {
  const decode = (payload: Uint8Array): unknown => {
    const item: unknown = JSON.parse(new TextDecoder().decode(payload))
    if (item === 'good') return item
    act()
    throw new NetQueueError('DECODE_FAILED', 'It is bad')
  }
  Object.assign(receiving.intake, { decode })
}

describe('P3: a loop', () => {
  test('settles an item when the next one is asked for, before waiting for it', async () => {
    const loop = await begun(['a'])
    expect(receiving.said()).toEqual([])
    void loop.next()
    expect(receiving.said().filter(([kind]) => kind === 'settle')).toEqual([['settle', 'done', 1, 1]])
  })

  test('hands out null and undefined as items', async () => {
    const loop = await begun([0, null, ''])
    expect([await loop.next(), await loop.next()]).toEqual([
      { done: false, value: null },
      { done: false, value: '' },
    ])
  })

  test('releases the current item when it is left, and gives back unstarted what waits', async () => {
    const loop = await begun(['a', 'b', 'c'])
    expect(await loop.return?.()).toEqual({ done: true, value: undefined })
    expect(receiving.said()).toEqual([['reclaim'], ['settle', 'released', 1, 1], ['settle', 'returned', 2, 2]])
    expect(await loop.next()).toEqual({ done: true, value: undefined })
  })

  test('that is left while it waits ends, and the item that was just on its way to it goes back unstarted', async () => {
    const loop = receiving.consumer.items()
    const next = loop.next()
    receiving.said()
    receiving.send(['a'])
    await loop.return?.()
    expect(await next).toEqual({ done: true, value: undefined })
    expect(receiving.said()).toContainEqual(['settle', 'returned', 1, 1])
    expect(receiving.intake.isSettled).toBe(true)
  })

  test('that is left before its caller saw the item gives that item back unstarted', async () => {
    const loop = await begun(['a', 'b'])
    const next = loop.next()
    await loop.return?.()
    expect(await next).toEqual({ done: true, value: undefined })
    expect(receiving.said()).toEqual([['reclaim'], ['settle', 'done', 1, 1], ['settle', 'returned', 2, 1]])
  })

  test('has one next() at a time: one that overlaps is ITERATOR_BUSY and settles nothing', async () => {
    const loop = await begun(['a', 'b', 'c'])
    const [next, overlapping] = [loop.next(), failureOf(loop.next())]
    expect(await overlapping).toMatchObject({ code: 'ITERATOR_BUSY' })
    expect(await next).toEqual({ done: false, value: 'b' })
    expect(receiving.said()).toEqual([['settle', 'done', 1, 1]])
    await loop.next()
    const waiting = loop.next()
    expect(await failureOf(loop.next())).toMatchObject({ code: 'ITERATOR_BUSY' })
    receiving.said()
    receiving.send(['d'])
    expect(await waiting).toEqual({ done: false, value: 'd' })
  })

  test('over deliveries has one next() at a time too', async () => {
    const loop = receiving.consumer.deliveries()
    const waiting = loop.next()
    expect(await failureOf(loop.next())).toMatchObject({ code: 'ITERATOR_BUSY' })
    await loop.return?.()
    expect((await waiting).done).toBe(true)
  })

  test('settles an item that its sender cancelled meanwhile, or the slot would be taken for ever', async () => {
    const loop = await begun(['a'])
    receiving.intake.cancel(1)
    void loop.next()
    expect(receiving.said()).toContainEqual(['settle', 'cancelled', 1, 1])
    expect(receiving.intake.isSettled).toBe(true)
  })

  test('that is left with a cancelled item settles that too', async () => {
    const loop = await begun(['a'])
    receiving.intake.cancel(1)
    await loop.return?.()
    expect(receiving.said()).toContainEqual(['settle', 'cancelled', 1, 1])
  })
})

describe('P11: a loop ends', () => {
  test('with the reason of its signal: while it waits', async () => {
    const stop = new AbortController()
    const next = failureOf(receiving.consumer.items({ signal: stop.signal }).next())
    receiving.said()
    stop.abort(new Error('enough'))
    expect(await next).toEqual(new Error('enough'))
    expect(receiving.said()).toEqual([['reclaim']])
  })

  test('with the reason of its signal: at the next call, when the body was at work, whose item goes back', async () => {
    const stop = new AbortController()
    const loop = receiving.consumer.items({ signal: stop.signal })
    const first = loop.next()
    receiving.said()
    receiving.send(['a', 'b'])
    await first
    stop.abort(new Error('enough'))
    expect(await failureOf(loop.next())).toEqual(new Error('enough'))
    expect(receiving.said()).toContainEqual(['settle', 'released', 1, 1])
    expect((await loop.next()).done).toBe(true)
  })

  /** A loop that was called often enough, and worked for long enough, to pause for the event loop now. */
  async function paused(
    signal: AbortSignal,
  ): Promise<{ loop: AsyncIterableIterator<unknown>; next: Promise<unknown> }> {
    const loop = receiving.consumer.items({ signal })
    const first = loop.next()
    receiving.said()
    receiving.send([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    await first
    for (let asked = 1; asked < 8; asked += 1) await loop.next()
    receiving.env.advance(5)
    receiving.said()
    return { loop, next: failureOf(loop.next()) }
  }

  test.each([
    ['and what waited went', () => receiving.consumer.getAll()],
    ['and an item waits', () => {}],
  ])('with the reason of its signal: while it lets the event loop turn, %s', async (_, meanwhile) => {
    const stop = new AbortController()
    const { loop, next } = await paused(stop.signal)
    meanwhile()
    stop.abort(new Error('enough'))
    receiving.env.advance(0)
    expect(await next).toEqual(new Error('enough'))
    expect(await loop.next()).toEqual({ done: true, value: undefined })
    expect([receiving.inbox.isRead, receiving.inbox.slots, receiving.inbox.size]).toEqual([false, 0, 0])
    expect(receiving.intake.isSettled).toBe(true)
  })

  test('with the reason of its signal: when that fires as an item is refused that nobody can decode', async () => {
    const stop = new AbortController()
    const loop = receiving.consumer.items({ signal: stop.signal })
    const first = loop.next()
    receiving.said()
    receiving.send(['a', 'bad'])
    await first
    refusing(() => stop.abort(new Error('enough')))
    expect(await failureOf(loop.next())).toEqual(new Error('enough'))
    expect((await loop.next()).done).toBe(true)
    expect([receiving.inbox.isRead, receiving.intake.isSettled]).toEqual([false, true])
  })

  test.each([
    ['nobody else reads', [], true],
    ['others read', ['good'], false],
  ])('that is left as an item is refused: %s', async (_, others, isLast) => {
    const loop = await begun(['a', 'bad', ...others])
    if (!isLast) receiving.inbox.beginLoop()
    refusing(() => void loop.return?.())
    expect(await loop.next()).toEqual({ done: true, value: undefined })
    expect([receiving.inbox.isRead, receiving.intake.isSettled]).toEqual([!isLast, true])
  })

  test('quietly, when the connection was closed in peace', async () => {
    const loop = await begun(['a'])
    const next = loop.next()
    receiving.inbox.close(new NetQueueError('CLOSED', 'bye'))
    expect(await next).toEqual({ done: true, value: undefined })
  })

  test('with the error, when the connection was lost; what it had finished too late is stale', async () => {
    const loop = await begun(['a'])
    receiving.lose()
    expect(await failureOf(loop.next())).toMatchObject({ code: 'CONNECTION_LOST' })
    expect(receiving.warnings).toEqual(['STALE_SETTLE'])
    expect((await loop.next()).done).toBe(true)
  })
})

describe('two loops', () => {
  test('share what comes, each item to one of them', async () => {
    const [one, other] = [receiving.consumer.items(), receiving.consumer.items()]
    const waiting = [one.next(), other.next()]
    receiving.said()
    receiving.send(['a', 'b', 'c'])
    expect((await Promise.all(waiting)).map(({ value }) => value as unknown)).toEqual(['a', 'b'])
    expect((await other.next()).value).toBe('c')
    expect(receiving.said()).toContainEqual(['settle', 'done', 2, 1])
  })

  test('do not settle for each other, and the last one to end gives back what waits', async () => {
    const [one, other] = [receiving.consumer.items(), receiving.consumer.items()]
    const waiting = [one.next(), other.next()]
    receiving.said()
    receiving.send(['a', 'b', 'c'])
    await Promise.all(waiting)
    await one.return?.()
    expect(receiving.said()).toEqual([['settle', 'released', 1, 1]])
    await other.return?.()
    expect(receiving.said()).toEqual([['reclaim'], ['settle', 'released', 2, 1], ['settle', 'returned', 3, 1]])
  })
})

describe('deliveries()', () => {
  test('at prefetch 1 lets a batch gather: the loop asks on while nothing is settled', async () => {
    receiving = new Receiving({ prefetch: 1 })
    const loop = receiving.consumer.deliveries()
    const batch = []
    for (const item of ['a', 'b', 'c']) {
      const next = loop.next()
      receiving.said()
      receiving.send([item])
      batch.push((await next).value)
    }
    for (const delivery of batch) delivery?.done()
    expect(receiving.said()).toEqual([['settle', 'done', 1, 3]])
    await loop.return?.()
  })

  test('leaves what it handed out to whoever has it', async () => {
    const loop = receiving.consumer.deliveries()
    const next = loop.next()
    receiving.said()
    receiving.send(['a'])
    const { value } = await next
    await loop.return?.()
    expect(receiving.said()).toEqual([['reclaim']])
    expect(value?.done()).toBe(true)
  })
})
