import fc from 'fast-check'
import { expect, test } from 'vitest'

import { defineMessages, NetQueueError, RemoteError, type } from '../src/index.ts'
import type { Client, RequestOptions, Server } from '../src/index.ts'
import { Tree } from './support/tree.ts'

const any = type<unknown>()
const messages = defineMessages({ ask: { payload: any, reply: any, body: any } }) as never

/** What a request is to bring about, and when whoever makes it changes their mind. */
const plan = fc.record({
  act: fc.constantFrom('value', 'value', 'throw', 'stream', 'sum'),
  /** Who asks: a leaf, or the root; who is asked by the root: whoever is free, or a node. */
  from: fc.constantFrom('leaf', 'root', 'root', 'path'),
  who: fc.nat(3),
  workMs: fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }),
  startMs: fc.integer({ min: 0, max: 40 }),
  cancelMs: fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined, freq: 2 }),
  chunks: fc.integer({ min: 0, max: 20 }),
  channel: fc.integer({ min: 0, max: 3 }),
})
type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never

interface Fate {
  plan: Plan
  begun: number
  isStopped: boolean
  running: number
  outcome: string
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)
async function all(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const chunks: unknown[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

const codeOf = (error: unknown): string => {
  if (error instanceof RemoteError) return error.remoteCode
  return error instanceof NetQueueError ? error.code : (error as Error).message
}

/** A tree in which requests go as planned, while some of its connections break. */
class World {
  readonly tree: Tree
  readonly fates: Fate[]
  root!: Server<string, string>
  leaves: Client<string, string>[] = []

  constructor(tree: Tree, plans: readonly Plan[]) {
    this.tree = tree
    this.fates = plans.map((each) => ({ plan: each, begun: 0, isStopped: false, running: 0, outcome: '' }))
  }

  async grow(): Promise<void> {
    const { tree } = this
    const limits = { maxRequests: 16, maxStreamChunks: 4 }
    this.root = await tree.root({ messages, limits })
    await tree.relay('upper', 'root', { limits })
    for (const name of ['left', 'right']) await tree.relay(name, 'upper', { limits })
    for (const [index, parent] of ['left', 'left', 'right', 'upper'].entries())
      this.leaves.push(await tree.leaf(`leaf-${index}`, parent, { messages, limits }))
    for (const side of [this.root, ...this.leaves])
      side.handle('ask', (id, { signal, body }) => this.#work(id as number, signal, body))
    await tree.wait(60)
  }

  delay(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.tree.clock.setTimer(() => resolve(), ms)
      signal?.addEventListener('abort', () => {
        timer.cancel()
        reject(signal.reason as Error)
      })
    })
  }

  async ask(id: number): Promise<void> {
    const fate = this.fates[id] as Fate
    await this.delay(fate.plan.startMs)
    const { cancelMs, channel, act, chunks } = fate.plan
    const control = new AbortController()
    const timer =
      cancelMs === undefined ? undefined : this.tree.clock.setTimer(() => control.abort(new Error('changed')), cancelMs)
    const body = act === 'sum' ? { body: this.#numbers(chunks) } : {}
    try {
      const { value, stream } = await this.#call(fate.plan, id, { channel, signal: control.signal, ...body })
      if (stream === undefined) fate.outcome = String(value)
      else fate.outcome = (await all(stream)).join(' ')
    } catch (error) {
      fate.outcome = codeOf(error)
    } finally {
      timer?.cancel()
    }
  }

  #call({ from, who }: Plan, id: number, options: RequestOptions) {
    const leaf = this.leaves[who] as Client<string, string>
    if (from === 'leaf') return leaf.call('ask', id, options)
    const to = this.root.clients[0]?.nodes.find((node) => node.id === leaf.id)
    return from === 'path' && to !== undefined
      ? this.root.call('ask', id, { ...options, to })
      : this.root.call('ask', id, options)
  }

  async #work(id: number, signal: AbortSignal, body: AsyncIterable<unknown>): Promise<unknown> {
    const fate = this.fates[id] as Fate
    const { act, workMs, chunks } = fate.plan
    fate.begun += 1
    fate.running += 1
    signal.addEventListener('abort', () => (fate.isStopped = true))
    try {
      if (workMs !== undefined) await this.delay(workMs, signal)
      if (act === 'throw') throw Object.assign(new Error('planned'), { code: `E_${id}` })
      if (act === 'stream') return this.#streamed(fate, id, chunks)
      let sum = 0
      if (act === 'sum') for await (const number of body) sum += number as number
      return act === 'sum' ? `sum ${sum}` : `value ${id}`
    } finally {
      fate.running -= 1
    }
  }

  async *#streamed(fate: Fate, id: number, chunks: number): AsyncGenerator {
    fate.running += 1
    try {
      for (const n of upTo(chunks)) yield `${id}/${n}`
    } finally {
      fate.running -= 1
    }
  }

  async *#numbers(count: number): AsyncGenerator<number> {
    for (const number of upTo(count)) {
      if (number % 5 === 4) await this.delay(1)
      yield number
    }
  }
}

/** All that may come of a request; `isCut`: connections broke, so that it may be lost as well. */
function outcomesOf({ act, chunks, cancelMs }: Plan, id: number, isCut: boolean): string[] {
  const answer = {
    value: `value ${id}`,
    throw: `E_${id}`,
    stream: upTo(chunks)
      .map((n) => `${id}/${n}`)
      .join(' '),
    sum: `sum ${(chunks * (chunks - 1)) / 2}`,
  }[act]
  return [
    answer,
    ...(cancelMs === undefined ? [] : ['changed', 'ABORTED']),
    ...(isCut ? ['CONNECTION_LOST', 'CLIENT_GONE'] : []),
  ]
}

/** Whether the handler was called as often as it may be, is done, and knows if nobody waited. */
function isFitting({ outcome, begun, isStopped, running, plan: { cancelMs } }: Fate, isCut: boolean): boolean {
  if (running > 0 || begun > 1) return false
  if (isCut) return true
  if (outcome === 'ABORTED' || outcome === 'changed') return cancelMs !== undefined
  return begun === 1 && !isStopped
}

test.each(
  upTo(5).flatMap(
    (seed) =>
      [
        [seed, false],
        [seed, true],
      ] as const,
  ),
)(
  '100 requests across a tree of relays, with bodies, streams, paths and cancels, end as a model says: seed %i, connections break: %s',
  async (seed, isCut) => {
    await using tree = new Tree({ latencyMs: seed % 3 })
    const world = new World(tree, fc.sample(plan, { seed, numRuns: 100 }))
    await world.grow()
    const asked = Promise.all(world.fates.map((_, id) => world.ask(id)))
    if (isCut) {
      await tree.wait(10 + seed * 3)
      tree.reset(world.leaves[seed % 4] as Client<string, string>)
      await tree.wait(10)
      await tree.kill(world.leaves[(seed + 1) % 4] as Client<string, string>)
    }
    await tree.pass(asked)
    await tree.wait(100)
    for (const [id, fate] of world.fates.entries()) {
      expect(outcomesOf(fate.plan, id, isCut)).toContain(fate.outcome)
      expect({ id, ...fate, isFitting: isFitting(fate, isCut) }).toMatchObject({ isFitting: true })
    }
    // Nothing is left open at any hop.
    const requests = world.root.clients.map((client) => (client as unknown as { requests: number }).requests)
    expect(requests).toEqual([0])
  },
)
