import { describe, expect, test } from 'vitest'

import { Pair, watch } from '../../test/support/exchanges.ts'
import type { RemoteError } from '../errors/errors.ts'
import type { RequestContext } from './handlers.ts'

/** A handler that works until its signal fires, or, if it is deaf, until it is told. */
class Worker {
  readonly contexts: RequestContext[] = []
  readonly #ends: (() => void)[] = []
  readonly #isDeaf: boolean

  constructor({ isDeaf = false } = {}) {
    this.#isDeaf = isDeaf
  }

  readonly handler = (_: unknown, context: RequestContext): Promise<string> => {
    this.contexts.push(context)
    return new Promise((resolve, reject) => {
      this.#ends.push(() => resolve('done'))
      if (!this.#isDeaf) context.signal.addEventListener('abort', () => reject(context.signal.reason))
    })
  }

  end(index = 0): void {
    this.#ends[index]?.()
  }
}

const aborted = (controller: AbortController, reason: unknown = new Error('enough')): void => controller.abort(reason)

describe('a signal that fires', () => {
  test('before the call rejects with its reason; nothing is sent', async () => {
    const pair = new Pair()
    const reason = new Error('enough')
    await expect(pair.here.exchange.call('ask', 1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await pair.settle()
    expect(pair.here.said()).toEqual([])
  })

  test('before the request is written takes it out, and rejects with its reason', async () => {
    const pair = new Pair()
    const controller = new AbortController()
    const reason = new Error('enough')
    const { promise } = watch(pair.here.exchange.call('ask', 1, { signal: controller.signal }))
    aborted(controller, reason)
    await expect(promise).rejects.toBe(reason)
    await pair.settle()
    expect(pair.here.said()).toEqual([])
    expect([pair.here.exchange.isIdle, pair.clock.timers]).toEqual([true, 0])
  })

  test('after that rejects with ABORTED, delivered maybe, and fires the handler’s signal with CANCELLED', async () => {
    const pair = new Pair()
    const worker = new Worker()
    pair.there.handlers.add('ask', worker.handler)
    const controller = new AbortController()
    const reason = new Error('enough')
    const { promise } = watch(pair.here.exchange.call('ask', 1, { signal: controller.signal }))
    await pair.settle()
    aborted(controller, reason)
    await expect(promise).rejects.toMatchObject({ code: 'ABORTED', delivered: 'maybe', cause: reason })
    await pair.settle()
    expect(worker.contexts[0]?.signal.reason).toMatchObject({ code: 'CANCELLED' })
    expect(pair.here.said()).toEqual(['request', 'cancelRequest'])
    expect(pair.there.sent).toEqual([expect.objectContaining({ type: 'refusal', code: 'CANCELLED' })])
    expect([pair.here.exchange.isIdle, pair.there.exchange.isIdle, pair.clock.timers]).toEqual([true, true, 0])
    expect(pair.there.warnings).toEqual([])
  })

  test('after the answer does nothing', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', () => 1)
    const controller = new AbortController()
    const reply = pair.here.exchange.call('ask', 1, { signal: controller.signal })
    await pair.settle()
    aborted(controller)
    await pair.settle()
    expect((await reply).value).toBe(1)
    expect(pair.here.said()).toEqual(['request'])
  })

  test('fires a signal that the handler asks for only later', async () => {
    const pair = new Pair()
    const worker = new Worker({ isDeaf: true })
    pair.there.handlers.add('ask', worker.handler)
    const controller = new AbortController()
    watch(pair.here.exchange.call('ask', 1, { signal: controller.signal }))
    await pair.settle()
    aborted(controller)
    await pair.settle()
    expect(worker.contexts[0]?.signal.aborted).toBe(true)
  })
})

describe('a request that was cancelled', () => {
  test('counts as open at both ends until its handler is done', async () => {
    const pair = new Pair({ here: { maxRequests: 1 }, there: { maxRequests: 1 } })
    const worker = new Worker({ isDeaf: true })
    pair.there.handlers.add('ask', worker.handler)
    const controller = new AbortController()
    watch(pair.here.exchange.call('ask', 1, { signal: controller.signal }))
    await pair.settle()
    aborted(controller)
    const second = watch(pair.here.exchange.call('ask', 2))
    await pair.settle()
    expect([worker.contexts.length, pair.there.exchange.serving]).toEqual([1, 1])
    worker.end(0)
    await pair.settle()
    expect(pair.there.sent).toEqual([expect.objectContaining({ type: 'refusal', code: 'CANCELLED' })])
    expect([worker.contexts.length, pair.there.exchange.serving]).toEqual([2, 1])
    worker.end(1)
    await pair.settle()
    expect((await second.promise).value).toBe('done')
  })

  test('that was not begun is answered at once, and those behind it go on', async () => {
    const pair = new Pair()
    const worker = new Worker()
    const others: unknown[] = []
    pair.there.handlers.add('ask', worker.handler, { concurrency: 1 })
    pair.there.handlers.add('other', (payload) => others.push(payload))
    const controller = new AbortController()
    watch(pair.here.exchange.call('ask', 1))
    watch(pair.here.exchange.call('ask', 2, { signal: controller.signal }))
    watch(pair.here.exchange.call('other', 3))
    await pair.settle()
    expect([worker.contexts.length, others]).toEqual([1, []])
    aborted(controller)
    await pair.settle()
    expect([worker.contexts.length, others]).toEqual([1, [3]])
    pair.cut()
  })

  test('and whose answer was under way gets that, which is ignored', async () => {
    const pair = new Pair()
    const worker = new Worker()
    pair.there.handlers.add('ask', worker.handler)
    const controller = new AbortController()
    const { promise } = watch(pair.here.exchange.call('ask', 1, { signal: controller.signal }))
    await pair.settle()
    pair.there.isStuck = true
    worker.end()
    await pair.settle()
    aborted(controller)
    await expect(promise).rejects.toMatchObject({ code: 'ABORTED' })
    await pair.settle()
    pair.there.isStuck = false
    await pair.settle()
    expect(pair.there.said()).toEqual(['response'])
    expect([pair.here.exchange.isIdle, pair.here.error]).toEqual([true, undefined])
  })

  test('is not told of when its answer came first', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', () => 1)
    const controller = new AbortController()
    watch(pair.here.exchange.call('ask', 1, { signal: controller.signal }))
    pair.there.isStuck = true
    await pair.settle()
    pair.here.isStuck = true
    aborted(controller)
    pair.there.isStuck = false
    await pair.settle()
    pair.here.isStuck = false
    await pair.settle()
    expect([pair.there.said(), pair.here.said()]).toEqual([['response'], ['request']])
  })

  test('while it leaves in pieces is told of behind the last one', async () => {
    const pair = new Pair({ frameBytes: 200 })
    const worker = new Worker()
    pair.there.handlers.add('ask', worker.handler)
    const controller = new AbortController()
    watch(pair.here.exchange.call('ask', 'x'.repeat(1_000), { signal: controller.signal }))
    pair.step()
    pair.step()
    aborted(controller)
    await pair.settle()
    expect(pair.here.said()).toEqual(['request', 'cancelRequest'])
    expect(pair.there.error).toBe(undefined)
  })
})

describe('cancels come no faster than they are taken:', () => {
  const cancelled = async (count: number, limits: { maxCancels?: number }): Promise<{ pair: Pair; error: unknown }> => {
    const pair = new Pair({ there: limits })
    pair.there.handlers.add(
      'ask',
      (_, { signal }) => new Promise((_r, reject) => signal.addEventListener('abort', reject)),
    )
    const take = (tag: number): void => {
      const head = { tag, channel: 0, name: 16, deadlineMs: undefined, headers: undefined, hasBody: false }
      pair.there.exchange.take({ type: 'request', ...head, payload: new TextEncoder().encode('1') })
      pair.there.exchange.take({ type: 'cancelRequest', tag })
    }
    let error: unknown
    for (let tag = 1; tag <= count && error === undefined; tag += 1) {
      try {
        take(tag)
      } catch (caught) {
        error = caught
      }
      await pair.settle()
      pair.here.sent.length = 0
    }
    return { pair, error }
  }

  test.each([
    [1, 1],
    [4, 4],
    [5, 4],
  ])('RATE_EXCEEDED for more than maxCancels at once: %i of %i', async (count, maxCancels) => {
    const { error } = await cancelled(count, { maxCancels })
    const exceeded = expect.objectContaining({
      code: 'RATE_EXCEEDED',
      limit: 'maxCancels',
      value: maxCancels,
    }) as unknown
    expect(error).toEqual(count > maxCancels ? exceeded : undefined)
  })

  test('33 more in each second', async () => {
    const { pair } = await cancelled(4, { maxCancels: 4 })
    const again = (): void => pair.there.exchange.take({ type: 'cancelRequest', tag: 1 })
    pair.clock.advance(31)
    again()
    expect(again).toThrow(expect.objectContaining({ code: 'RATE_EXCEEDED' }))
  })

  test('a requester that aborts without end has them leave at a pace that the other side takes', async () => {
    const pair = new Pair()
    let calls = 0
    pair.there.handlers.add('ask', (_, { signal }) => {
      calls += 1
      return new Promise((_r, reject) => signal.addEventListener('abort', reject))
    })
    for (let round = 0; round < 20; round += 1) {
      const controller = new AbortController()
      for (let count = 0; count < 100; count += 1)
        watch(pair.here.exchange.call('ask', 1, { signal: controller.signal }))
      await pair.settle()
      aborted(controller)
      await pair.settle()
    }
    expect(pair.here.said().filter((type) => type === 'cancelRequest')).toHaveLength(900)
    expect([pair.there.error, pair.there.exchange.serving]).toEqual([undefined, 256])
    await pair.pass(10_000, 100)
    expect([pair.there.error, pair.there.exchange.serving, pair.here.exchange.isIdle]).toEqual([undefined, 0, true])
    expect(calls).toBe(1_156)
    expect(pair.clock.timers).toBe(0)
  })

  test('a CANCEL for a request that never came is BAD_MESSAGE; for one that is over it is ignored', async () => {
    const { pair } = await cancelled(1, {})
    const cancel = (tag: number): void => pair.there.exchange.take({ type: 'cancelRequest', tag })
    cancel(1)
    expect(() => cancel(2)).toThrow(expect.objectContaining({ code: 'BAD_MESSAGE' }))
  })
})

describe('a drain', () => {
  test('fires the signals of handlers at work, and sends what they answer', async () => {
    const pair = new Pair()
    pair.there.handlers.add('ask', async (_, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return 'just in time'
    })
    const { promise } = watch(pair.here.exchange.call('ask', 1))
    await pair.settle()
    pair.there.exchange.revoke(new Error('time is up') as RemoteError)
    await pair.settle()
    expect((await promise).value).toBe('just in time')
  })

  test('refuses what comes after it with CLOSED, however much that is', async () => {
    const pair = new Pair({ there: { maxRefusals: 1 } })
    const worker = new Worker()
    pair.there.handlers.add('ask', worker.handler)
    const first = watch(pair.here.exchange.call('ask', 1))
    await pair.settle()
    pair.there.exchange.drain()
    const late = Array.from({ length: 1_000 }, () => watch(pair.here.exchange.call('ask', 2)))
    await pair.settle()
    const codes = await Promise.all(late.map(({ promise }) => promise.catch((error: RemoteError) => error.remoteCode)))
    expect(new Set(codes)).toEqual(new Set(['CLOSED']))
    worker.end()
    await pair.settle()
    expect((await first.promise).value).toBe('done')
  })
})
