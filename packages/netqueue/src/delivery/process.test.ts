import { beforeEach, describe, expect, test } from 'vitest'

import { failureOf } from '../../test/support/outcome.ts'
import { Receiving } from '../../test/support/receiving.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Delivery } from './delivery.ts'

let receiving: Receiving

beforeEach(() => {
  receiving = new Receiving({ prefetch: 16 })
})

/** Handlers that a test finishes one by one. */
class Work {
  readonly started: unknown[] = []
  readonly #ends: Map<unknown, { resolve: (value: unknown) => void; reject: (error: unknown) => void }> = new Map()

  readonly handler = (item: unknown): Promise<unknown> => {
    this.started.push(item)
    return new Promise((resolve, reject) => this.#ends.set(item, { resolve, reject }))
  }

  async finish(item: unknown, value?: unknown): Promise<void> {
    this.#ends.get(item)?.resolve(value)
    await calm()
  }

  async fail(item: unknown, error: unknown): Promise<void> {
    this.#ends.get(item)?.reject(error)
    await calm()
  }
}

/** Lets all promises that are due settle. */
const calm = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

async function send(items: readonly unknown[], options: { wantsResult?: boolean } = {}): Promise<void> {
  receiving.said()
  receiving.send(items, options)
  await calm()
}

const settlesOf = (): unknown[] => receiving.said().filter(([kind]) => kind !== 'credit')
const bye = new NetQueueError('CLOSED', 'bye')

describe('P3: process', () => {
  test('settles on return, in the order in which handlers end', async () => {
    const work = new Work()
    const done = receiving.consumer.process(work.handler, { concurrency: 2 })
    await send(['a', 'b', 'c'])
    expect(work.started).toEqual(['a', 'b'])
    await work.finish('b')
    expect(work.started).toEqual(['a', 'b', 'c'])
    expect(settlesOf()).toEqual([['settle', 'done', 2, 1]])
    await work.finish('a')
    await work.finish('c')
    receiving.inbox.close(bye)
    await done
    expect(receiving.intake.isSettled).toBe(true)
  })

  test('answers with what the handler returns, undefined too', async () => {
    void receiving.consumer.process((item) => (item === 'nothing' ? undefined : item))
    await send(['a', 'nothing'], { wantsResult: true })
    expect(settlesOf()).toEqual([
      ['result', 1, [...new TextEncoder().encode('"a"')]],
      ['result', 2, undefined],
    ])
  })

  test('tells why a handler threw, in whichever way it throws, and goes on', async () => {
    const error = Object.assign(new Error('no'), { code: 'NO' })
    void receiving.consumer.process((item): unknown => {
      if (item === 'sync') throw error
      if (item === 'async') return Promise.reject(error)
      // A promise of somebody else's making, as query builders have them.
      // oxlint-disable-next-line no-thenable
      return item === 'thenable' ? { then: (_: unknown, reject: (error: Error) => void) => reject(error) } : 'good'
    })
    await send(['sync', 'async', 'thenable', 'good'])
    expect(settlesOf()).toEqual([
      ['failed', 1, 'NO', ''],
      ['failed', 2, 'NO', ''],
      ['failed', 3, 'NO', ''],
      ['settle', 'done', 4, 1],
    ])
  })

  test('leaves a delivery to a handler that settles it by itself', async () => {
    void receiving.consumer.process((item, delivery) => {
      if (item === 'release') delivery.release()
      else delivery.done(7)
      return 'another answer'
    })
    await send(['release', 'done'], { wantsResult: true })
    expect(settlesOf()).toEqual([
      ['settle', 'released', 1, 1],
      ['result', 2, [0x37]],
    ])
    expect(receiving.warnings).toEqual([])
  })

  test('P4: says that a result came too late for an item that was cancelled; who stops and returns nothing has not worked in vain', async () => {
    const work = new Work()
    void receiving.consumer.process(work.handler, { concurrency: 2 })
    await send(['stops', 'goes on'], { wantsResult: true })
    for (const seq of [1, 2]) receiving.intake.cancel(seq)
    await work.finish('stops')
    expect(receiving.warnings).toEqual([])
    await work.finish('goes on', 'a result')
    expect(receiving.warnings).toEqual(['STALE_SETTLE'])
    expect(settlesOf()).toEqual([['settle', 'cancelled', 1, 2]])
  })

  test('tells a handler which attempt this is, and from whom', async () => {
    const seen: Partial<Delivery<unknown>>[] = []
    void receiving.consumer.process(
      (_item, { attempt, from, wantsResult }) => void seen.push({ attempt, from, wantsResult }),
    )
    await send(['a'])
    expect(seen).toEqual([{ attempt: 1, from: { id: 'peer' }, wantsResult: false }])
  })
})

describe('P6: process has room for as many items as it works on at once', () => {
  test('and asks for the next one when one is done', async () => {
    receiving = new Receiving({ prefetch: 1 })
    const work = new Work()
    void receiving.consumer.process(work.handler, { concurrency: 3 })
    expect(receiving.granted()).toMatchObject({ limit: 3 })
    receiving.send(['a', 'b', 'c'])
    await calm()
    expect(receiving.said()).toEqual([])
    await work.finish('b')
    expect(receiving.granted()).toMatchObject({ limit: 4 })
  })

  test('never works on more', async () => {
    const work = new Work()
    void receiving.consumer.process(work.handler, { concurrency: 2 })
    for (const item of ['a', 'b', 'c', 'd', 'e']) await send([item])
    expect(work.started).toEqual(['a', 'b'])
    await work.fail('a', new Error('no'))
    expect(work.started).toEqual(['a', 'b', 'c'])
  })

  test('a burst of synchronous work is done in one go behind its first item, without a wait for each', async () => {
    const at: number[] = []
    let turn = 0
    void receiving.consumer.process(() => void at.push(turn))
    receiving.said()
    receiving.send([1, 2, 3, 4, 5])
    for (turn = 1; at.length < 5 && turn < 20; turn += 1) await Promise.resolve()
    expect(new Set(at.slice(1)).size).toBe(1)
  })
})

describe('P11: process ends', () => {
  test('when the connection was closed: after the handlers, and resolves', async () => {
    const work = new Work()
    let isOver = false
    const done = receiving.consumer.process(work.handler).then(() => (isOver = true))
    await send(['a'])
    receiving.inbox.close(bye)
    await calm()
    expect(isOver).toBe(false)
    await work.finish('a')
    await done
  })

  test('when the connection was lost: signals fire, and it rejects', async () => {
    const signals: AbortSignal[] = []
    const failure = failureOf(
      receiving.consumer.process(
        (_item, { signal }) =>
          new Promise((resolve) => {
            signals.push(signal)
            signal.addEventListener('abort', () => resolve(undefined))
          }),
      ),
    )
    await send(['a'])
    receiving.lose()
    expect(await failure).toMatchObject({ code: 'CONNECTION_LOST' })
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
    expect(receiving.warnings).toEqual(['STALE_SETTLE'])
  })

  test('by its signal: what waits goes back at once, the handlers finish, and it rejects with the reason', async () => {
    const work = new Work()
    const stop = new AbortController()
    const failure = failureOf(receiving.consumer.process(work.handler, { signal: stop.signal }))
    await send(['a', 'b', 'c'])
    stop.abort(new Error('enough'))
    expect(receiving.said()).toEqual([['reclaim'], ['settle', 'returned', 2, 2]])
    await work.finish('a')
    expect(await failure).toEqual(new Error('enough'))
    expect(receiving.said()).toEqual([['settle', 'done', 1, 1]])
    expect(work.started).toEqual(['a'])
  })

  test('at once, when no more items come', async () => {
    receiving.inbox.close(bye)
    await receiving.consumer.process(() => {})
    expect(await failureOf(receiving.consumer.process(() => {}, { signal: AbortSignal.abort('no') }))).toBe('no')
  })

  test('never begins with what is no handler or no concurrency', async () => {
    expect(await failureOf(receiving.consumer.process(7 as never))).toBeInstanceOf(TypeError)
    expect(await failureOf(receiving.consumer.process(() => {}, { concurrency: 0 }))).toBeInstanceOf(RangeError)
  })
})
