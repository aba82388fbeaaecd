import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { test } from 'vitest'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { Queue } from './queue.ts'
import type { Overflow } from './queue.ts'

/** The outcome of a call: what it gave, or the code of its error. Missing while it waits. */
type Outcome = { value: unknown } | { code: string }
interface Call {
  outcome?: Outcome
}
interface Waiter {
  call: Call
  item?: number
  due: number
  signal: number | undefined
}

/** What a queue does, as arrays, without promises: slow and plain. */
class Model {
  inside: number[] = []
  putters: Waiter[] = []
  getters: Waiter[] = []
  closed = false
  dropped = 0
  now = 0
  readonly capacity: number
  readonly overflow: Overflow

  constructor(capacity: number, overflow: Overflow) {
    this.capacity = capacity
    this.overflow = overflow
  }

  tryPut(item: number): boolean {
    if (this.closed) return false
    const getter = this.getters.shift()
    if (getter !== undefined) {
      getter.call.outcome = { value: item }
      return true
    }
    this.inside.push(item)
    if (this.inside.length <= this.capacity) return true
    if (this.overflow === 'drop-oldest') this.inside.shift()
    else this.inside.pop()
    if (this.overflow.startsWith('drop')) this.dropped += 1
    return this.overflow === 'drop-oldest'
  }

  put(waiter: Waiter & { item: number }): void {
    if (this.closed) waiter.call.outcome = { code: 'QUEUE_CLOSED' }
    else if (this.tryPut(waiter.item) || this.overflow === 'drop-newest') waiter.call.outcome = { value: undefined }
    else if (this.overflow === 'wait') this.putters.push(waiter)
    else waiter.call.outcome = { code: 'QUEUE_FULL' }
  }

  get(waiter: Waiter): void {
    if (this.inside.length > 0) waiter.call.outcome = { value: this.shift() }
    else if (this.closed) waiter.call.outcome = { code: 'QUEUE_CLOSED' }
    else this.getters.push(waiter)
  }

  shift(): number {
    const item = this.inside.shift() as number
    const putter = this.putters.shift()
    if (putter !== undefined) {
      this.inside.push(putter.item as number)
      putter.call.outcome = { value: undefined }
    }
    return item
  }

  close(): void {
    this.closed = true
    for (const { call } of [...this.putters.splice(0), ...this.getters.splice(0)])
      call.outcome = { code: 'QUEUE_CLOSED' }
  }

  abort(signal: number): void {
    this.#withdraw(
      (waiter) => waiter.signal === signal,
      () => 'ABORTED',
    )
  }

  advance(ms: number): void {
    this.now += ms
    this.#withdraw(
      (waiter) => waiter.due <= this.now,
      (waiter) => ('item' in waiter ? 'QUEUE_FULL' : 'QUEUE_EMPTY'),
    )
  }

  #withdraw(matches: (waiter: Waiter) => boolean, code: (waiter: Waiter) => string): void {
    for (const waiter of [...this.putters, ...this.getters].filter(matches))
      waiter.call.outcome = { code: code(waiter) }
    this.putters = this.putters.filter((waiter) => !matches(waiter))
    this.getters = this.getters.filter((waiter) => !matches(waiter))
  }
}

/** The model and the real queue side by side. */
class World {
  readonly env = new VirtualEnv()
  readonly model: Model
  readonly queue: Queue<number>
  readonly controllers: AbortController[] = [new AbortController()]
  readonly calls: { expected: Call; actual: Call }[] = []
  #items = 0

  constructor(capacity: number, overflow: Overflow) {
    this.model = new Model(capacity, overflow)
    this.queue = new Queue({ capacity, overflow, env: this.env })
  }

  item(): number {
    this.#items += 1
    return this.#items
  }

  /** Starts a call on both sides; `timeout` and `signal` as drawn. */
  start(
    run: (waiter: Waiter, options: { timeout?: number; signal?: AbortSignal }) => Promise<unknown>,
    timeout?: number,
    withSignal = false,
  ): void {
    const signal = withSignal ? this.controllers.length - 1 : undefined
    const [expected, actual]: Call[] = [{}, {}]
    this.calls.push({ expected: expected as Call, actual: actual as Call })
    const waiter = { call: expected as Call, due: this.model.now + (timeout ?? Infinity), signal }
    const options = {
      ...(timeout !== undefined && { timeout }),
      ...(signal !== undefined && { signal: this.controllers[signal]?.signal as AbortSignal }),
    }
    run(waiter, options).then(
      (value) => ((actual as Call).outcome = { value }),
      (error: unknown) => ((actual as Call).outcome = { code: (error as { code: string }).code }),
    )
  }

  abort(): void {
    this.model.abort(this.controllers.length - 1)
    this.controllers.at(-1)?.abort({ code: 'ABORTED' })
    this.controllers.push(new AbortController())
  }

  async check(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(
      this.calls.map(({ actual }) => actual),
      this.calls.map(({ expected }) => expected),
    )
    const { model, queue } = this
    assert.deepEqual([queue.size, queue.closed, queue.dropped], [model.inside.length, model.closed, model.dropped])
    const waiting = [...model.putters, ...model.getters]
    assert.equal(this.env.timers, waiting.filter(({ due }) => due !== Infinity).length)
    const listeners = this.controllers.flatMap(({ signal }) => getEventListeners(signal, 'abort')).length
    const signals = new Set(waiting.flatMap(({ signal }) => signal ?? []))
    assert.equal(listeners, signals.size)
  }
}

type Step = (world: World) => void

const waiting = { timeout: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }), signal: fc.boolean() }
const put = fc.record(waiting).map(({ timeout, signal }): Step => (world) => {
  const item = world.item()
  world.start(
    (waiter, options) => (world.model.put({ ...waiter, item }), world.queue.put(item, options)),
    timeout,
    signal,
  )
})
const get = fc.record(waiting).map(({ timeout, signal }): Step => (world) => {
  world.start((waiter, options) => (world.model.get(waiter), world.queue.get(options)), timeout, signal)
})
const tryPut = fc.constant<Step>((world) => {
  const item = world.item()
  assert.equal(world.queue.tryPut(item), world.model.tryPut(item))
})
const tryGet = fc.constant<Step>((world) => {
  assert.deepEqual(world.queue.tryGet(), world.model.inside.length > 0 ? { value: world.model.shift() } : undefined)
})
const getAll = fc.constant<Step>((world) => {
  const all: number[] = []
  while (world.model.inside.length > 0) all.push(world.model.shift())
  assert.deepEqual(world.queue.getAll(), all)
})
const advance = fc.integer({ min: 1, max: 4 }).map((ms): Step => (world) => {
  world.model.advance(ms)
  world.env.advance(ms)
})
const abort = fc.constant<Step>((world) => world.abort())
const close = fc.constant<Step>((world) => {
  world.model.close()
  world.queue.close()
})

const step = fc.oneof(
  { weight: 6, arbitrary: put },
  { weight: 6, arbitrary: get },
  { weight: 2, arbitrary: tryPut },
  { weight: 2, arbitrary: tryGet },
  { weight: 1, arbitrary: getAll },
  { weight: 3, arbitrary: advance },
  { weight: 2, arbitrary: abort },
)

const overflow = fc.constantFrom<Overflow>('wait', 'wait', 'reject', 'drop-oldest', 'drop-newest')
const life = fc.tuple(fc.array(step, { maxLength: 40 }), fc.option(close), fc.array(step, { maxLength: 8 }))

test('a queue does what the array model does, whatever is called, and leaves no timer and no abort listener', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), overflow, life, async (capacity, policy, [before, end, after]) => {
      const world = new World(capacity, policy)
      for (const each of [...before, ...(end ? [end] : []), ...after]) {
        each(world)
        await world.check()
      }
      world.model.close()
      world.queue.close()
      await world.check()
      assert.equal(world.env.timers, 0)
    }),
    { numRuns: 300 },
  )
})
