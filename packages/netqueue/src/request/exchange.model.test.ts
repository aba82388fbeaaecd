import assert from 'node:assert/strict'

import fc from 'fast-check'
import { test } from 'vitest'

import { Pair } from '../../test/support/exchanges.ts'
import type { NetQueueError, RemoteError } from '../errors/errors.ts'
import type { RequestContext } from './handlers.ts'

/** What becomes of one request, as the test wants it; times in milliseconds from its start. */
interface Plan {
  startAt: number
  channel: number
  /** What the handler does, after so long. */
  kind: 'return' | 'throw' | 'stream' | 'break' | 'body' | 'deaf'
  delay: number
  /** Whether the handler looks at its signal. */
  listens: boolean
  timeout: number
  cancelAt: number
  /** Chunks of the stream, and how many the reader takes before it leaves. */
  chunks: number
  takes: number
  filler: number
}

const NEVER = 1_000_000
/** A payload that leaves in pieces. */
const LONG = -1
const time = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max })

const plan: fc.Arbitrary<Plan> = fc.record({
  startAt: time(40),
  channel: fc.integer({ min: 0, max: 4 }),
  kind: fc.constantFrom('return', 'throw', 'stream', 'break', 'body', 'deaf'),
  delay: time(30),
  listens: fc.boolean(),
  timeout: fc.oneof({ weight: 3, arbitrary: fc.constant(NEVER) }, { weight: 1, arbitrary: time(40) }),
  cancelAt: fc.oneof({ weight: 3, arbitrary: fc.constant(NEVER) }, { weight: 1, arbitrary: time(40) }),
  chunks: fc.integer({ min: 0, max: 20 }),
  takes: fc.integer({ min: 0, max: 25 }),
  filler: fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 2_000 }) },
    { weight: 1, arbitrary: fc.constant(LONG) },
  ),
})

/** One request, and what was seen of it at both ends. */
class Fate {
  readonly plan: Plan
  readonly id: number
  /** How often, and when, its handler was called. */
  begun: number[] = []
  /** What the caller saw: `value`, `stream …`, or a code. */
  outcome: string | undefined
  error: (NetQueueError & Partial<RemoteError>) | undefined
  chunks: unknown[] = []
  endedAt = NEVER
  context: RequestContext | undefined
  /** The body, and the source of the stream, as far as they came. */
  bodySent = 0
  bodySeen: unknown[] = []
  produced = 0
  /** What has been opened and not been left: generators at both ends. */
  opened = 0

  constructor(id: number, plan: Plan) {
    this.id = id
    this.plan = plan
  }

  async *numbers(end: number, count: (n: number) => void): AsyncGenerator<number> {
    this.opened += 1
    try {
      for (let n = 0; n < end; n += 1) {
        count(n + 1)
        yield n
      }
    } finally {
      this.opened -= 1
    }
  }
}

interface Terms {
  /** Requests that may be open at once. */
  limit: number
  frameBytes: number | 'netqueue/1'
  /** Calls of the handler that may be at work at once. */
  concurrency: number
}

/** Both ends, all requests between them, and the rules that hold whatever happens. */
class World {
  readonly pair: Pair
  readonly fates: Fate[]
  readonly order: Fate[] = []
  mostServing = 0
  readonly #limit: number
  readonly #longest: number
  readonly #isCrowded: boolean
  #now = 0

  constructor(plans: Plan[], { limit, frameBytes, concurrency }: Terms) {
    this.#longest = frameBytes === 'netqueue/1' ? 130_000 : 2_500
    const limits = { maxRequests: limit, maxStreamChunks: 4, maxWaiting: 300 }
    this.pair = new Pair({ frameBytes, here: limits, there: limits })
    this.#limit = limit
    this.#isCrowded = concurrency < NEVER
    this.fates = plans.map((each, id) => new Fate(id, each))
    this.pair.there.handlers.add(
      'ask',
      ({ id }: { id: number }, context) => this.#handle(this.fates[id] as Fate, context),
      { concurrency },
    )
  }

  async run(cutAt: number): Promise<void> {
    for (this.#now = 0; this.#now <= 100; this.#now += 1) {
      if (this.#now === cutAt) this.pair.cut()
      for (const fate of this.fates) if (fate.plan.startAt === this.#now) void this.#ask(fate)
      await this.pair.settle()
      const { serving } = this.pair.there.exchange
      this.mostServing = Math.max(this.mostServing, serving)
      await this.pair.pass(1)
    }
    // Whatever is still open is over in the end: nobody's handler takes longer than 30 ms, however many wait in line.
    for (let left = 1_000; left > 0 && !this.#isIdle(); left -= 1) await this.pair.pass(30)
  }

  #isIdle(): boolean {
    const { here, there, clock } = this.pair
    return here.exchange.isIdle && there.exchange.isIdle && clock.timers === 0
  }

  async #ask(fate: Fate): Promise<void> {
    const { channel, timeout, cancelAt, kind, takes, chunks, filler } = fate.plan
    const controller = new AbortController()
    if (cancelAt < NEVER) this.pair.clock.setTimer(() => controller.abort(new Error('enough')), cancelAt)
    const options = {
      channel,
      timeout: timeout === NEVER ? Number.POSITIVE_INFINITY : timeout,
      signal: controller.signal,
      ...(kind === 'body' && { body: fate.numbers(chunks, (n) => (fate.bodySent = n)) }),
    }
    const payload = { id: fate.id, filler: 'x'.repeat(filler === LONG ? this.#longest : filler) }
    const { exchange } = this.pair.here
    this.order.push(fate)
    try {
      if (kind !== 'stream' && kind !== 'break') {
        const { value } = await exchange.call('ask', payload, options)
        fate.outcome = `value ${String(value)}`
      } else {
        const stream = exchange.stream('ask', payload, options)
        for await (const chunk of stream) {
          fate.chunks.push(chunk)
          if (kind === 'break' && fate.chunks.length > takes) break
        }
        fate.outcome = 'stream'
      }
    } catch (error) {
      fate.error = error as Fate['error']
      fate.outcome = fate.error?.code ?? 'reason'
    }
    fate.endedAt = this.#now
  }

  #handle(fate: Fate, context: RequestContext): unknown {
    fate.begun.push(this.#now)
    fate.context = context
    const { kind, delay, chunks } = fate.plan
    if (kind === 'return' && delay === 0) return 'ok'
    if (kind === 'stream' || kind === 'break') return this.#stream(fate, context, chunks)
    return this.#work(fate, context)
  }

  async *#stream(fate: Fate, context: RequestContext, end: number): AsyncGenerator<number> {
    await this.#wait(fate, context)
    yield* fate.numbers(end, (n) => (fate.produced = n))
  }

  async #work(fate: Fate, context: RequestContext): Promise<unknown> {
    const { kind } = fate.plan
    if (kind === 'body') for await (const chunk of context.body) fate.bodySeen.push(chunk)
    await this.#wait(fate, context)
    if (kind === 'throw') throw Object.assign(new Error('planned'), { code: 'E_PLANNED' })
    return 'ok'
  }

  #wait({ plan: { delay, listens, kind } }: Fate, { signal }: RequestContext): Promise<void> {
    return new Promise((resolve, reject) => {
      this.pair.clock.setTimer(resolve, delay)
      if (listens && kind !== 'deaf') signal.addEventListener('abort', () => reject(signal.reason))
    })
  }

  /** Every place is free again, at both ends: as many requests as may be open can be. */
  async #checkPlaces(): Promise<void> {
    let begun = 0
    let end: (() => void) | undefined
    const ended = new Promise<void>((resolve) => (end = resolve))
    this.pair.there.handlers.add('other', () => {
      begun += 1
      return ended
    })
    const all = Array.from({ length: this.#limit }, () => this.pair.here.exchange.call('other', 1))
    await this.pair.settle()
    assert.equal(begun, this.#limit, 'places were lost')
    end?.()
    await this.pair.settle()
    await Promise.all(all)
  }

  async check(cutAt: number): Promise<void> {
    for (const fate of this.fates) this.#checkFate(fate, cutAt)
    this.#checkOrder()
    assert(this.mostServing <= this.#limit, `${this.mostServing} were open of ${this.#limit}`)
    if (cutAt === NEVER) await this.#checkPlaces()
    const { here, there, clock } = this.pair
    assert.deepEqual([here.error, there.error], [undefined, undefined])
    assert.deepEqual([here.exchange.isIdle, there.exchange.isIdle], [true, true])
    assert.equal(clock.timers, 0)
  }

  #checkFate(fate: Fate, cutAt: number): void {
    const { plan: wanted, begun, outcome, error, context } = fate
    const name = `request ${fate.id} (${JSON.stringify(wanted)}): ${outcome}`
    assert(begun.length <= 1, `${name}: was begun ${begun.length} times`)
    assert(
      this.#allowed(fate, cutAt).includes(outcome ?? 'nothing'),
      `${name}: expected ${this.#allowed(fate, cutAt).join()}`,
    )
    if (error?.delivered === 'no' || outcome === 'reason') assert.equal(begun.length, 0, `${name}: was begun`)
    if (outcome === 'REMOTE_ERROR') assert.equal(error?.remoteCode, 'E_PLANNED', name)
    if (['TIMEOUT', 'ABORTED', 'CONNECTION_LOST'].includes(outcome ?? '') && context !== undefined)
      assert(context.signal.aborted || error?.delivered === 'maybe', name)
    assert.equal(fate.opened, 0, `${name}: a source was not left`)
    this.#checkStreams(fate, name)
  }

  /** What may become of a request, by what happens first; where two things happen in one millisecond either may. */
  #allowed({ plan: wanted, begun }: Fate, cutAt: number): string[] {
    const cut = cutAt - wanted.startAt
    if (cut < 0) return ['CONNECTION_LOST']
    const { kind, delay, timeout, cancelAt } = wanted
    const done = begun.length === 0 ? NEVER : (begun[0] as number) - wanted.startAt + delay
    // Who waits for a place among others, again and again, may be later than its delay.
    const isLate = this.#isCrowded && ['stream', 'break', 'body'].includes(kind)
    const first = Math.min(isLate ? NEVER : done, timeout, cancelAt, cut)
    // The rest of a frame, a window or a line may take until the next look.
    const by = first + 2
    const result = {
      return: 'value ok',
      throw: 'REMOTE_ERROR',
      stream: 'stream',
      break: 'stream',
      body: 'value ok',
      deaf: 'value ok',
    }
    return [
      ...(done <= by || isLate ? [result[kind]] : []),
      ...(timeout <= by ? ['TIMEOUT'] : []),
      ...(cancelAt <= by ? ['ABORTED', 'reason'] : []),
      ...(cut <= by ? ['CONNECTION_LOST'] : []),
    ]
  }

  #checkStreams(fate: Fate, name: string): void {
    const { plan: wanted, chunks, produced, bodySeen, bodySent, outcome } = fate
    const upTo = (end: number): number[] => Array.from({ length: end }, (_, n) => n)
    assert.deepEqual(chunks, upTo(chunks.length), `${name}: chunks out of order`)
    assert.deepEqual(bodySeen, upTo(bodySeen.length), `${name}: body out of order`)
    assert(produced <= chunks.length + 4, `${name}: ${produced} produced for ${chunks.length} read`)
    assert(bodySent <= bodySeen.length + 4, `${name}: ${bodySent} sent for ${bodySeen.length} read`)
    if (outcome === 'stream' && wanted.kind === 'stream') assert.equal(chunks.length, wanted.chunks, name)
    if (outcome === 'stream' && wanted.kind === 'break')
      assert.equal(chunks.length, Math.min(wanted.chunks, wanted.takes + 1), name)
    if (outcome === 'value ok' && wanted.kind === 'body') assert.equal(bodySeen.length, wanted.chunks, name)
  }

  /** Requests of one channel begin in the order in which they were made. */
  #checkOrder(): void {
    const last = new Map<number, number>()
    for (const { plan: wanted, begun, id } of this.order) {
      if (begun.length === 0) continue
      const at = begun[0] as number
      assert(
        at >= (last.get(wanted.channel) ?? 0),
        `request ${id} of channel ${wanted.channel} began before one made earlier`,
      )
      last.set(wanted.channel, at)
    }
  }
}

test('256 requests at once, answered, failed, streamed, cancelled, timed out and cut off, end as a model says', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(plan, { minLength: 1, maxLength: 256, size: 'max' }),
      fc.record({
        limit: fc.constantFrom(1, 3, 20, 256),
        frameBytes: fc.constantFrom<Terms['frameBytes']>(64, 500, 61_440, 'netqueue/1'),
        concurrency: fc.constantFrom(1, 3, NEVER),
      }),
      fc.oneof({ weight: 3, arbitrary: fc.constant(NEVER) }, { weight: 1, arbitrary: time(60) }),
      async (plans, options, cutAt) => {
        const world = new World(plans, options)
        await world.run(cutAt)
        await world.check(cutAt)
      },
    ),
    { numRuns: 200, interruptAfterTimeLimit: 5_000 },
  )
})
