import { describe, expect, test } from 'vitest'

import { Receiving } from '../../test/support/receiving.ts'
import { failureOf } from '../../test/support/outcome.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Delivery } from './delivery.ts'
import { listed } from '../protocol/payloads.ts'

/** An inbox with room, and items in it. */
function filled(items: readonly unknown[], prefetch = 16): Receiving {
  const receiving = new Receiving({ prefetch })
  receiving.consumer.tryGet()
  receiving.said()
  receiving.send(items)
  receiving.said()
  return receiving
}

const itemOf = async (delivery: Promise<Delivery<unknown>>): Promise<unknown> => (await delivery).item

describe('readers', () => {
  test('are served in the order in which they came', async () => {
    const { inbox, ...receiving } = filled([])
    const [first, second] = [inbox.wait({}), inbox.wait({})]
    receiving.intake.fillControl({ credit: () => {} } as never)
    Object.assign(receiving, { inbox })
    receiving.intake.items({
      type: 'items',
      first: 1,
      attempt: 1,
      wantsResult: false,
      payloads: listed(['1', '2'].map((text) => new TextEncoder().encode(text))),
    })
    expect([await itemOf(first.promise), await itemOf(second.promise)]).toEqual([1, 2])
  })

  test('time out with QUEUE_EMPTY and leave nothing behind', async () => {
    const receiving = new Receiving()
    const failure = failureOf(receiving.inbox.wait({ timeout: 50 }).promise)
    expect(receiving.granted()).toMatchObject({ limit: 1 })
    receiving.env.advance(50)
    expect(await failure).toMatchObject({ code: 'QUEUE_EMPTY', limit: 'timeout', value: 50 })
    expect(receiving.env.timers).toBe(0)
    expect(receiving.said()).toEqual([['reclaim']])
  })

  test('are refused with UNSETTLED_LIMIT when all that may be unsettled is handed out', async () => {
    const receiving = new Receiving({ prefetch: 4, limits: { maxUnsettled: 2 } })
    receiving.consumer.tryGet()
    receiving.said()
    receiving.send(['a', 'b'])
    const first = receiving.take()
    receiving.take()
    expect(await failureOf(receiving.inbox.wait({}).promise)).toMatchObject({ code: 'UNSETTLED_LIMIT' })
    first.done()
    receiving.said()
    const next = receiving.inbox.wait({})
    receiving.send(['c'])
    expect(await itemOf(next.promise)).toBe('c')
  })

  test('get why no more items come', async () => {
    const receiving = new Receiving()
    const waiting = failureOf(receiving.inbox.wait({}).promise)
    receiving.inbox.close(new Error('over'))
    expect([await waiting, await failureOf(receiving.inbox.wait({}).promise)]).toEqual([
      new Error('over'),
      new Error('over'),
    ])
  })
})

/** A decoder that is up to something with one item; `bad` is none that it can decode. */
function meddling(receiving: Receiving, when: unknown, act: () => void): void {
  const decode = (payload: Uint8Array): unknown => {
    const item: unknown = JSON.parse(new TextDecoder().decode(payload))
    if (item === when) act()
    if (item === 'bad') throw new NetQueueError('DECODE_FAILED', 'It is bad')
    return item
  }
  Object.assign(receiving.intake, { decode })
}

describe('a reader that is called off while items are decoded', () => {
  const stop = (): { signal: AbortSignal; abort: () => void } => {
    const controller = new AbortController()
    return { signal: controller.signal, abort: () => controller.abort(new Error('enough')) }
  }

  test('P2: leaves what comes behind one that nobody can decode to the next reader', async () => {
    const receiving = new Receiving()
    const { signal, abort } = stop()
    meddling(receiving, 'bad', abort)
    const first = failureOf(receiving.inbox.wait({ signal }).promise)
    const second = receiving.inbox.wait({})
    receiving.said()
    receiving.send(['bad', 'good'])
    expect(await first).toEqual(new Error('enough'))
    expect(second.settled).toBe(true)
    expect(await itemOf(second.promise)).toBe('good')
  })

  test('P2: leaves it to the loop that is at work, when no reader waits', async () => {
    const receiving = new Receiving({ prefetch: 16 })
    const { signal, abort } = stop()
    meddling(receiving, 'bad', abort)
    receiving.inbox.beginLoop()
    const first = failureOf(receiving.inbox.wait({ signal }).promise)
    receiving.said()
    receiving.send(['bad', 'good', 'better'])
    expect(await first).toEqual(new Error('enough'))
    expect([receiving.intake.handedOut, receiving.take().item, receiving.take().item]).toEqual([0, 'good', 'better'])
  })

  test('P2: leaves an item that was decoded for it to the next reader; without one it goes back unstarted', async () => {
    const receiving = new Receiving({ prefetch: 16 })
    const { signal, abort } = stop()
    meddling(receiving, 'good', abort)
    const first = failureOf(receiving.inbox.wait({ signal }).promise)
    const second = receiving.inbox.wait({})
    receiving.said()
    receiving.send(['good'])
    expect([await first, second.settled]).toEqual([new Error('enough'), true])
    const again = stop()
    meddling(receiving, 'last', again.abort)
    receiving.inbox.beginLoop()
    const last = failureOf(receiving.inbox.wait(again).promise)
    receiving.said()
    receiving.send(['last'])
    expect(await last).toEqual(new Error('enough'))
    expect([receiving.intake.handedOut, receiving.said()]).toEqual([1, [['settle', 'returned', 2, 1]]])
  })

  test('P2: does not take what stays here wherever it came from: it waits for the next one', async () => {
    const receiving = new Receiving({ isCredited: false })
    const { signal, abort } = stop()
    meddling(receiving, 'good', abort)
    const first = failureOf(receiving.inbox.wait({ signal }).promise)
    receiving.send(['good', 'better'])
    expect(await first).toEqual(new Error('enough'))
    expect([receiving.take().item, receiving.take().item, receiving.intake.handedOut]).toEqual(['good', 'better', 2])
  })

  test('P11: before it waits, rejects with the reason, and nobody else is expected', async () => {
    const receiving = filled(['bad'])
    const { signal, abort } = stop()
    meddling(receiving, 'bad', abort)
    expect(await failureOf(receiving.consumer.receive({ signal }))).toEqual(new Error('enough'))
    expect([receiving.inbox.slots, receiving.said()]).toEqual([0, [['reclaim'], ['reject', 1, 'DECODE_FAILED', '']]])
  })
})

describe('P6: what nobody wants', () => {
  test('goes back unstarted when the last loop ends, and not before', () => {
    const receiving = new Receiving({ prefetch: 16 })
    const { inbox } = receiving
    inbox.beginLoop()
    inbox.beginLoop()
    receiving.said()
    receiving.send(['a', 'b'])
    inbox.endLoop()
    expect([inbox.size, receiving.said()]).toEqual([2, []])
    inbox.endLoop()
    expect([inbox.size, receiving.said()]).toEqual([0, [['reclaim'], ['settle', 'returned', 1, 2]]])
  })

  test('goes back when it arrives after that', () => {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.inbox.endLoop()
    receiving.said()
    receiving.send(['a'])
    expect([receiving.inbox.size, receiving.said()]).toEqual([0, [['settle', 'returned', 1, 1]]])
  })

  test('stays where it is the only copy', () => {
    const receiving = new Receiving({ isCredited: false })
    receiving.send(['a', 'b'])
    receiving.inbox.handBack()
    expect(receiving.inbox.size).toBe(2)
  })

  test('leaves from the middle in one step each, whatever the number', () => {
    const receiving = new Receiving({ prefetch: 1_000 })
    receiving.inbox.beginLoop()
    receiving.said()
    const { length } = Array.from({ length: 900 }, (_, item) => receiving.send([item]))
    for (let seq = length - 1; seq > 1; seq -= 1) receiving.intake.cancel(seq)
    expect(receiving.inbox.size).toBe(2)
    expect([receiving.take().item, receiving.take().item]).toEqual([0, length - 1])
  })
})

describe('P6: INBOX_UNREAD', () => {
  test('is reported when what waits was not read for 5 s', () => {
    const receiving = filled(['a'])
    receiving.env.advance(4_999)
    expect(receiving.warnings).toEqual([])
    receiving.env.advance(1)
    expect(receiving.warnings).toEqual(['INBOX_UNREAD'])
    receiving.env.advance(60_000)
    expect(receiving.warnings).toEqual(['INBOX_UNREAD'])
  })

  test('is not, while somebody reads, however slowly', () => {
    const receiving = filled(['a', 'b', 'c', 'd'])
    for (let reads = 0; reads < 3; reads += 1) {
      receiving.env.advance(4_000)
      receiving.consumer.tryGet()
    }
    expect(receiving.warnings).toEqual([])
    receiving.env.advance(10_000)
    expect(receiving.warnings).toEqual(['INBOX_UNREAD'])
  })

  test('is not, while a loop works on something', () => {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(['a', 'b'])
    receiving.take()
    receiving.env.advance(60_000)
    expect(receiving.warnings).toEqual([])
    receiving.take()
    expect(receiving.env.timers).toBe(0)
  })

  test('leaves no timer behind when all was read, and when the inbox is closed', () => {
    const receiving = filled(['a'])
    expect(receiving.env.timers).toBe(1)
    receiving.consumer.getAll()
    expect(receiving.env.timers).toBe(0)
    const kept = new Receiving({ isCredited: false })
    kept.send(['a'])
    kept.inbox.close(new Error('over'))
    kept.take().release()
    expect(kept.env.timers).toBe(0)
  })
})

describe('an inbox that is closed', () => {
  test('P12: grants no more, also where items go back, and asks for what it granted', () => {
    const receiving = new Receiving({ prefetch: 16 })
    receiving.inbox.beginLoop()
    receiving.said()
    receiving.send(['a', 'b'])
    receiving.inbox.close(new Error('over'))
    receiving.inbox.handBack()
    expect(receiving.said()).toEqual([['reclaim'], ['settle', 'returned', 1, 2]])
    receiving.skip(15)
    expect(receiving.said()).toEqual([])
  })

  test('gives out what it has, also what waited for its next attempt', () => {
    const receiving = new Receiving({ isCredited: false })
    receiving.send(['a', 'b'])
    receiving.take().release()
    receiving.inbox.close(new Error('over'))
    expect([receiving.take().item, receiving.take().item, receiving.inbox.size]).toEqual(['b', 'a', 0])
    expect(receiving.env.timers).toBe(0)
  })
})
