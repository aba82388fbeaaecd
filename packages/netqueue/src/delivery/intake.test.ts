import { describe, expect, test } from 'vitest'

import { Receiving } from '../../test/support/receiving.ts'
import { listed } from '../protocol/payloads.ts'

const BAD_JSON = new TextEncoder().encode('{')

describe('P7: results that pile up', () => {
  test('hold credit back however short they are', () => {
    const receiving = new Receiving({ prefetch: 5_000 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(Array.from({ length: 4_096 }, () => 'a'))
    for (let taken = 0; taken < 4_096; taken += 1) receiving.take().reject()
    expect(receiving.said({ places: 0 })).toEqual([])
    expect(receiving.said()).toHaveLength(4_096)
    expect(receiving.granted()).toMatchObject({ received: 4_096 })
  })

  test('hold credit back until they are written', () => {
    const receiving = new Receiving({ prefetch: 2 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(['a'], { wantsResult: true })
    receiving.take().done('x'.repeat(300_000))
    receiving.inbox.wait({})
    expect(receiving.said({ places: 0 })).toEqual([])
    expect(receiving.said().map(([kind]) => kind)).toEqual(['result'])
    expect(receiving.granted()).toMatchObject({ limit: 3 })
  })
})

describe('P6: credit', () => {
  test('is none before the first consuming call, so that a client that only puts swallows nothing', () => {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.intake.grant()
    expect(receiving.granted()).toBeUndefined()
    receiving.inbox.beginLoop()
    expect(receiving.granted()).toMatchObject({ limit: 15 })
  })

  test('at prefetch 1 is one for each reader that waits', () => {
    const receiving = new Receiving()
    receiving.inbox.beginLoop()
    expect(receiving.granted()).toBeUndefined()
    receiving.inbox.wait({})
    expect(receiving.granted()).toEqual({ limit: 1, byteLimit: 16_777_216, received: 0 })
    receiving.send(['a'])
    expect(receiving.said()).toEqual([])
  })

  test('as the protocol page has it, at prefetch 16: nothing is said until half is spent', () => {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.inbox.beginLoop()
    receiving.inbox.wait({})
    expect(receiving.granted()).toMatchObject({ limit: 16 })
    receiving.send(Array.from({ length: 16 }, (_, index) => index))
    for (let settled = 1; settled <= 7; settled += 1) {
      receiving.take().done()
      expect(receiving.said().map(([kind]) => kind)).toEqual(['settle'])
    }
    receiving.take().done()
    expect(receiving.granted()).toMatchObject({ limit: 24, received: 16 })
  })

  test('waits for items to be settled where as many are unsettled as may be', () => {
    const receiving = new Receiving({ prefetch: 16, limits: { maxUnsettled: 4 } })
    receiving.inbox.beginLoop()
    expect(receiving.granted()).toMatchObject({ limit: 4 })
    receiving.send([1, 2, 3, 4])
    const deliveries = [1, 2, 3, 4].map(() => receiving.take())
    expect(receiving.said()).toEqual([])
    deliveries[2]?.done()
    expect(receiving.granted()).toMatchObject({ limit: 5 })
  })

  test('in bytes does not stall a reader that holds items back until it has a batch', () => {
    const receiving = new Receiving({ prefetch: 16, limits: { maxUnsettledBytes: 30 } })
    receiving.inbox.beginLoop()
    expect(receiving.granted()).toMatchObject({ limit: 15, byteLimit: 30 })
    const text = 'x'.repeat(8)
    receiving.send([text, text, text])
    const held = [1, 2, 3].map(() => receiving.take())
    held[0]?.done()
    expect(receiving.granted()).toMatchObject({ limit: 18, byteLimit: 40 })
  })

  test('that is left over is asked back once when its reader is gone', () => {
    const receiving = new Receiving()
    const reader = receiving.inbox.wait({})
    reader.promise.catch(() => {})
    receiving.said()
    receiving.inbox.leave(reader, new Error('left'))
    receiving.intake.shrink()
    expect(receiving.said()).toEqual([['reclaim']])
    receiving.intake.shrink()
    expect(receiving.said()).toEqual([])
    receiving.skip(1, 100)
    receiving.inbox.wait({})
    expect(receiving.granted()).toEqual({ limit: 2, byteLimit: 16_777_316, received: 1 })
  })

  test('an item that crosses the request goes back unstarted', () => {
    const receiving = new Receiving()
    const reader = receiving.inbox.wait({})
    reader.promise.catch(() => {})
    receiving.said()
    receiving.inbox.leave(reader, new Error('left'))
    expect(receiving.said()).toEqual([['reclaim']])
    receiving.send(['a'])
    receiving.skip(1)
    expect(receiving.said()).toEqual([['settle', 'returned', 1, 1]])
    expect(receiving.intake.isSettled).toBe(true)
  })

  test('P12: to a peer that drains, each arrival is acknowledged, and so is each number that it skips', () => {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.intake.acknowledge()
    expect(receiving.granted()).toMatchObject({ received: 0 })
    receiving.send(['a'])
    expect(receiving.granted()).toMatchObject({ received: 1 })
    receiving.skip(15)
    expect(receiving.granted()).toMatchObject({ received: 15 })
  })
})

describe('P7: a peer that breaks the rules', () => {
  test.each<[string, string, (receiving: Receiving) => void]>([
    ['sends more than it has credit for', 'CREDIT_EXCEEDED', (receiving) => receiving.send([1, 2])],
    [
      'sends another number than the next',
      'BAD_MESSAGE',
      ({ intake }) =>
        intake.items({
          type: 'items',
          first: 2,
          attempt: 1,
          wantsResult: false,
          payloads: listed([new Uint8Array(1)]),
        }),
    ],
    ['cancels what it never sent', 'BAD_MESSAGE', ({ intake }) => intake.cancel(1)],
    ['gives back more than it was granted', 'CREDIT_EXCEEDED', (receiving) => receiving.skip(2)],
  ])('and %s: %s, and nothing of it is taken', (_what, code, act) => {
    const receiving = new Receiving()
    receiving.inbox.wait({})
    receiving.said()
    expect(() => act(receiving)).toThrow(expect.objectContaining({ code }))
    expect(receiving.intake.isSettled).toBe(true)
  })

  test('and knows no credit fills a bounded inbox, then it is INBOX_OVERFLOW', () => {
    const receiving = new Receiving({ isCredited: false, limits: { maxUnsettled: 2 } })
    receiving.send([1, 2])
    expect(() => receiving.send([3])).toThrow(
      expect.objectContaining({ code: 'INBOX_OVERFLOW', limit: 'maxUnsettled' }),
    )
    const heavy = new Receiving({ isCredited: false, limits: { maxUnsettledBytes: 2 } })
    heavy.send([123])
    expect(() => heavy.send([1])).toThrow(expect.objectContaining({ limit: 'maxUnsettledBytes', value: 3 }))
  })

  test.each([
    ['so many items', { limits: { maxUnsettled: 2 } }, [1, 2]],
    ['so many bytes', { limits: { maxUnsettledBytes: 2 } }, [123]],
    ['as much as all peers may have together', { maxBytes: 3 }, [123]],
  ])('and knows no credit, but may be left unread, is that while it has %s here', async (_, options, items) => {
    const receiving = new Receiving({ isCredited: false, isPatient: true, ...options })
    expect(receiving.intake.full).toBeUndefined()
    receiving.send(items)
    const { full } = receiving.intake
    expect(full).toBeInstanceOf(Promise)
    receiving.take().done()
    await full
    expect(receiving.intake.full).toBeUndefined()
    expect(new Receiving({ isCredited: false, ...options }).intake.full).toBeUndefined()
  })

  test('a small item does not keep the large frame that it came in', () => {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.inbox.beginLoop()
    receiving.said()
    const frame = new Uint8Array(1_000_000)
    frame[0] = 0x31
    const kept: number[] = []
    Object.assign(receiving.intake, {
      decode: (payload: Uint8Array) => kept.push(payload.buffer.byteLength),
    })
    receiving.sendBytes([frame.subarray(0, 1)])
    receiving.take()
    expect(kept).toEqual([1])
  })
})

describe('P3: a delivery is settled', () => {
  const settling = (options: { exposeErrors?: boolean; wantsResult?: boolean } = {}) => {
    const { wantsResult = false, ...rest } = options
    const receiving = new Receiving({ prefetch: 16, ...rest })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(['a'], { wantsResult })
    return { receiving, delivery: receiving.take() }
  }
  const secret = Object.assign(new Error('a secret'), { code: 'OUT_OF_PAPER' })

  test('done, released and given back', () => {
    for (const [act, outcome] of [
      ['done', 'done'],
      ['release', 'released'],
      ['giveBack', 'returned'],
    ] as const) {
      const { receiving, delivery } = settling()
      expect(delivery[act]()).toBe(true)
      expect(receiving.said()).toEqual([['settle', outcome, 1, 1]])
      expect([delivery.isOpen, receiving.intake.isSettled]).toEqual([false, true])
    }
  })

  test('with a result, also an undefined one, where one is wanted', () => {
    const some = settling({ wantsResult: true })
    some.delivery.done(7)
    expect(some.receiving.said()).toEqual([['result', 1, [0x37]]])
    const none = settling({ wantsResult: true })
    none.delivery.done(undefined)
    expect(none.receiving.said()).toEqual([['result', 1, undefined]])
  })

  test('without a result where one is wanted: the sender makes it NO_RESULT', () => {
    const { receiving, delivery } = settling({ wantsResult: true })
    delivery.done()
    expect(receiving.said()).toEqual([['settle', 'done', 1, 1]])
  })

  test('with a result that nobody wants: RESULT_UNCLAIMED, and done', () => {
    const { receiving, delivery } = settling()
    delivery.done(7)
    expect(receiving.said()).toEqual([['settle', 'done', 1, 1]])
    expect(receiving.warnings).toEqual(['RESULT_UNCLAIMED'])
  })

  test('with a result that cannot be sent: the sender learns why', () => {
    const { receiving, delivery } = settling({ wantsResult: true })
    expect(delivery.done(1n)).toBe(false)
    expect(receiving.said()).toEqual([['failed', 1, 'ENCODE_FAILED', '']])
    expect(receiving.warnings).toEqual(['ENCODE_FAILED'])
  })

  test('by a handler that threw, and by one that refused: the code travels, the text only with exposeErrors', () => {
    for (const [exposeErrors, text] of [
      [false, ''],
      [true, 'a secret'],
    ] as const) {
      const thrown = settling({ exposeErrors })
      thrown.delivery.failed(secret)
      expect(thrown.receiving.said()).toEqual([['failed', 1, 'OUT_OF_PAPER', text]])
      const refused = settling({ exposeErrors })
      refused.delivery.reject(secret)
      expect(refused.receiving.said()).toEqual([['reject', 1, 'OUT_OF_PAPER', text]])
    }
  })

  test.each([[undefined], [null], ['no code'], [{ code: 7 }], [{ code: 'not a code!' }], [Object.create(null)]])(
    'a reason without a usable code is HANDLER_FAILED or REJECTED: %o',
    (reason) => {
      const thrown = settling()
      thrown.delivery.failed(reason)
      expect(thrown.receiving.said()).toEqual([['failed', 1, 'HANDLER_FAILED', '']])
      const refused = settling()
      refused.delivery.reject(reason)
      expect(refused.receiving.said()).toEqual([['reject', 1, 'REJECTED', '']])
    },
  )

  test('P9: and extended, while it is open, which says whether it is', () => {
    const { receiving, delivery } = settling()
    const { extend } = delivery
    expect([extend(), delivery.extend(), delivery.done(), extend()]).toEqual([true, true, true, false])
    expect(receiving.said()).toEqual([
      ['extend', 1],
      ['settle', 'done', 1, 1],
    ])
  })

  test('P9: but not extended once its sender took it back', () => {
    const { receiving, delivery } = settling()
    receiving.intake.cancel(1)
    expect(delivery.signal.reason).toMatchObject({ code: 'CANCELLED' })
    expect([delivery.extend(), receiving.said()]).toEqual([false, []])
  })

  test('P4: once; each further time returns false and is STALE_SETTLE', () => {
    const { receiving, delivery } = settling()
    expect([delivery.release(), delivery.done(), delivery.reject()]).toEqual([true, false, false])
    expect(receiving.warnings).toEqual(['STALE_SETTLE', 'STALE_SETTLE'])
    expect(receiving.said()).toEqual([['settle', 'released', 1, 1]])
  })

  test('an item that cannot be decoded is refused with DECODE_FAILED, and the next one is handed out', () => {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.sendBytes([BAD_JSON])
    receiving.send(['good'])
    expect(receiving.take().item).toBe('good')
    expect(receiving.said()).toEqual([['reject', 1, 'DECODE_FAILED', '']])
  })

  test('P4: behind what its side put before', () => {
    const { receiving, delivery } = settling()
    receiving.lastOrdinal = 3
    delivery.done()
    expect(receiving.said({ oldestOrdinal: 3 })).toEqual([])
    expect(receiving.said({ oldestOrdinal: 4 })).toEqual([['settle', 'done', 1, 1]])
  })
})

describe('P1: an item that its sender cancelled', () => {
  test('is dropped when it waits, and never handed out', () => {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(['a', 'b'])
    receiving.intake.cancel(1)
    expect(receiving.said()).toEqual([['settle', 'cancelled', 1, 1]])
    expect(receiving.take().item).toBe('b')
  })

  test('is dropped from among those that came with it, and each of them only once', () => {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(['a', 'bb', 'c'])
    receiving.send(['d'])
    for (const seq of [2, 2, 3]) receiving.intake.cancel(seq)
    expect([receiving.inbox.size, receiving.said()]).toEqual([2, [['settle', 'cancelled', 2, 2]]])
    expect([receiving.take().item, receiving.take().item, receiving.inbox.take()]).toEqual(['a', 'd', undefined])
  })

  test('P7: stays counted as long as it is kept, which is until those that came before it are gone', () => {
    const receiving = new Receiving({ prefetch: 16, maxBytes: 100 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(['a', 'x'.repeat(200)])
    receiving.intake.cancel(2)
    expect(receiving.inbox.slots).toBe(0)
    receiving.take()
    expect(receiving.inbox.slots).toBe(15)
  })

  test('gives its room back, when all that came with it is dropped too', () => {
    const receiving = new Receiving({ prefetch: 4, maxBytes: 3 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(['a'])
    expect(receiving.inbox.slots).toBe(0)
    receiving.intake.cancel(1)
    expect([receiving.inbox.slots, receiving.intake.isSettled]).toEqual([3, true])
  })

  test('fires the signal of whoever has it, and keeps its place until that one settles', () => {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(['a'], { wantsResult: true })
    const delivery = receiving.take()
    receiving.said()
    receiving.intake.cancel(1)
    receiving.intake.cancel(1)
    expect(delivery.signal.aborted).toBe(true)
    expect([receiving.said(), receiving.intake.isSettled]).toEqual([[], false])
    expect(delivery.done(7)).toBe(false)
    expect(receiving.said()).toEqual([['settle', 'cancelled', 1, 1]])
    expect([receiving.warnings, receiving.intake.isSettled]).toEqual([['STALE_SETTLE'], true])
  })

  test('after it was settled is none of our business', () => {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(['a'])
    receiving.take().done()
    receiving.said()
    receiving.intake.cancel(1)
    expect(receiving.said()).toEqual([])
  })
})

describe('P2: when the peer is lost', () => {
  const lost = (keep: boolean) => {
    const receiving = new Receiving({ prefetch: 16, maxAttempts: 3 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(['started', 'waiting'])
    const delivery = receiving.take()
    receiving.lose({ keep })
    return { receiving, delivery }
  }

  test('a client has nothing left of it: signals fire, and what is settled then is stale', () => {
    const { receiving, delivery } = lost(false)
    expect([delivery.signal.aborted, delivery.isOpen]).toEqual([true, false])
    expect([receiving.inbox.size, receiving.intake.isSettled]).toEqual([0, true])
    expect(delivery.done()).toBe(false)
    expect(receiving.warnings).toEqual(['STALE_SETTLE'])
  })

  test('a server keeps what it received, and tells nobody when it is done', () => {
    const { receiving, delivery } = lost(true)
    expect([delivery.signal.aborted, delivery.isOpen]).toEqual([false, true])
    expect(delivery.extend()).toBe(true)
    expect(delivery.done()).toBe(true)
    expect(receiving.take().done()).toBe(true)
    expect(receiving.intake.isSettled).toBe(true)
    expect(receiving.said().map(([kind]) => kind)).not.toContain('extend')
  })

  test('what a server kept and somebody released is tried again after a while, and settled by that delivery', () => {
    const { receiving, delivery } = lost(true)
    receiving.take().done()
    expect(delivery.release()).toBe(true)
    expect(receiving.inbox.take()).toBeUndefined()
    receiving.env.advance(10)
    const again = receiving.take()
    expect([again.item, again.attempt]).toEqual(['started', 2])
    expect(delivery.done()).toBe(false)
    expect(receiving.warnings).toEqual(['STALE_SETTLE'])
    expect(again.done()).toBe(true)
    expect([receiving.intake.isSettled, receiving.env.timers]).toEqual([true, 0])
  })

  test('what a server kept and nobody can use is given up after maxAttempts, and said to be', () => {
    const { receiving, delivery } = lost(true)
    receiving.take().reject()
    delivery.release()
    receiving.env.advance(10)
    receiving.take().failed(new Error('again'))
    receiving.env.advance(20)
    receiving.take().release()
    expect(receiving.warnings.filter((code) => code !== 'HANDLER_FAILED')).toEqual(['DEAD_LETTER', 'DEAD_LETTER'])
    expect([receiving.intake.isSettled, receiving.env.timers]).toEqual([true, 0])
  })

  test('what a server gave back to a client that is lost before it hears of it is the server’s again', () => {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(['told', 'released', 'returned', 'failed', 'done', 'waiting'])
    const [told, released, returned, failed, done] = [1, 2, 3, 4, 5].map(() => receiving.take())
    told?.release()
    receiving.said()
    released?.release()
    returned?.giveBack()
    failed?.failed(new Error('no'))
    done?.done()
    receiving.lose({ keep: true })
    const kept = [1, 2, 3, 4].map(() => receiving.take())
    expect(kept.map(({ item, attempt }) => [item, attempt])).toEqual([
      ['released', 2],
      ['returned', 1],
      ['failed', 2],
      ['waiting', 1],
    ])
    expect([receiving.inbox.size, ...kept.map((delivery) => delivery.done())]).toEqual([0, true, true, true, true])
    expect([receiving.intake.isSettled, receiving.warnings]).toEqual([true, ['HANDLER_FAILED']])
  })

  test('what a server gave back in any order, and keeps, comes in the order of its puts to those who wait for it', async () => {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(['first', 'second', 'third'])
    const [first, second, third] = [1, 2, 3].map(() => receiving.take())
    for (const delivery of [second, first, third]) delivery?.giveBack()
    const readers = [1, 2, 3].map(() => receiving.inbox.wait({}).promise)
    receiving.lose({ keep: true })
    expect((await Promise.all(readers)).map(({ item }) => item)).toEqual(['first', 'second', 'third'])
  })

  test('what was kept, taken and not seen goes back to the head with its attempt', () => {
    const { receiving } = lost(true)
    receiving.take().giveBack()
    expect(receiving.take()).toMatchObject({ item: 'waiting', attempt: 1 })
  })
})

describe('P12: signals that fire when time is up', () => {
  /** Three that are handed out; at its signal, each settles those that it is told to. */
  function handedOut(settled: Record<number, number[]>): { receiving: Receiving; fired: number[] } {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send([0, 1, 2])
    const fired: number[] = []
    const deliveries = [0, 1, 2].map(() => receiving.take())
    for (const [index, { signal }] of deliveries.entries())
      signal.addEventListener('abort', () => {
        fired.push(index)
        for (const other of settled[index] ?? []) deliveries[other]?.release()
      })
    return { receiving, fired }
  }

  test('are those of all that is handed out, also where each releases its own', () => {
    const { receiving, fired } = handedOut({ 0: [0], 1: [1], 2: [2] })
    receiving.intake.revoke(new Error('over'))
    expect([fired, receiving.intake.isSettled]).toEqual([[0, 1, 2], true])
  })

  test('are not those of what another one’s listener has settled', () => {
    const { receiving, fired } = handedOut({ 0: [0, 1] })
    receiving.intake.revoke(new Error('over'))
    expect([fired, receiving.warnings]).toEqual([[0, 2], []])
  })

  test('as all is handed back: what another one’s listener has settled is not handed back again', () => {
    const { receiving, fired } = handedOut({ 0: [1] })
    receiving.intake.handBack(new Error('over'))
    expect([fired, receiving.warnings, receiving.said()]).toEqual([[0, 2], [], [['settle', 'released', 1, 3]]])
  })
})

describe('P12: handing back', () => {
  test('tells what was started from what was not, fires signals, and leaves nothing', () => {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(['a', 'b', 'c'])
    const delivery = receiving.take()
    receiving.intake.handBack(new Error('over'))
    expect(receiving.said()).toEqual([
      ['settle', 'released', 1, 1],
      ['settle', 'returned', 2, 2],
    ])
    expect([delivery.signal.aborted, receiving.intake.isSettled]).toEqual([true, true])
  })

  test('to one that takes nothing back does not begin the work anew', () => {
    const receiving = new Receiving({ isCredited: false })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(['a', 'b'])
    receiving.take()
    receiving.intake.handBack(new Error('over'))
    expect([receiving.inbox.take(), receiving.env.timers, receiving.intake.isSettled]).toEqual([undefined, 0, true])
  })
})
