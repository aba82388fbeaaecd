import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'

import { defineMessages, NetQueueError, RemoteError, type } from '../src/index.ts'
import type { Client, RequestOptions } from '../src/index.ts'
import { until } from './support/nodes.ts'
import { Port } from './support/tcp.ts'

const messages = defineMessages({ 'model:ask': { payload: type<number>(), reply: type<unknown>() } })
type App = typeof messages

/** What a request is to bring about, and when whoever makes it changes their mind. */
const plan = fc.record({
  act: fc.constantFrom('value', 'value', 'value', 'throw', 'stream'),
  /** Milliseconds that its handler takes, at once without one. */
  workMs: fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }),
  /** Milliseconds until it is made, and from then to its cancel. */
  startMs: fc.integer({ min: 0, max: 20 }),
  cancelMs: fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined, freq: 2 }),
  chunks: fc.integer({ min: 0, max: 5 }),
  channel: fc.integer({ min: 0, max: 3 }),
})
type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never

/** One request as both sides see it. */
interface Fate {
  plan: Plan
  begun: number
  /** Its handler's signal fired. */
  isStopped: boolean
  /** Handlers and generators at work. */
  running: number
  outcome: string
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

/** Handles a request as planned, and notes what becomes of it. */
async function work(fate: Fate, id: number, signal: AbortSignal): Promise<unknown> {
  const { act, workMs, chunks } = fate.plan
  fate.begun += 1
  fate.running += 1
  signal.addEventListener('abort', () => (fate.isStopped = true))
  try {
    if (workMs !== undefined) await delay(workMs, undefined, { signal })
    if (act === 'throw') throw Object.assign(new Error('planned'), { code: `E_${id}` })
    return act === 'stream' ? streamed(fate, id, chunks) : `value ${id}`
  } finally {
    fate.running -= 1
  }
}

async function* streamed(fate: Fate, id: number, chunks: number): AsyncGenerator {
  fate.running += 1
  try {
    for (const n of upTo(chunks)) yield `${id}/${n}`
  } finally {
    fate.running -= 1
  }
}

type Ask = (id: number, options: RequestOptions) => ReturnType<Client<string, string, App>['call']>

/** Makes a request as planned; tells what came of it. */
async function ask(fate: Fate, id: number, call: Ask): Promise<string> {
  const { startMs, cancelMs, channel } = fate.plan
  await delay(startMs)
  const control = new AbortController()
  const timer = cancelMs === undefined ? undefined : setTimeout(() => control.abort(new Error('changed')), cancelMs)
  try {
    const { value, stream } = await call(id, { channel, signal: control.signal })
    if (stream === undefined) return String(value)
    const chunks: unknown[] = []
    for await (const chunk of stream) chunks.push(chunk)
    return chunks.join(' ')
  } catch (error) {
    if (error instanceof RemoteError) return error.remoteCode
    return error instanceof NetQueueError ? error.code : (error as Error).message
  } finally {
    clearTimeout(timer)
  }
}

/** All that may come of a request: one that is cancelled may have been answered before. */
function outcomesOf({ act, chunks, cancelMs }: Plan, id: number): string[] {
  const answer = {
    value: `value ${id}`,
    throw: `E_${id}`,
    stream: upTo(chunks)
      .map((n) => `${id}/${n}`)
      .join(' '),
  }[act]
  return cancelMs === undefined ? [answer] : [answer, 'changed', 'ABORTED']
}

/** How often the handler may have been called, and whether it knows what became of it. */
function isFitting({ outcome, begun, isStopped, running }: Fate): boolean {
  const isCancelled = outcome === 'ABORTED' || outcome === 'changed'
  if (running > 0 || begun > 1) return false
  return isCancelled ? outcome === 'ABORTED' || begun === 0 : begun === 1 && !isStopped
}

test.each(upTo(12))(
  '256 requests that interleave over TCP, in both directions, with random delays, streams and cancels, end as a model says: seed %i',
  async (seed) => {
    await using port = await Port.open(messages)
    const { server } = port
    const { client, there } = await port.connect()
    const plans = fc.sample(plan, { seed, numRuns: 256 })
    const fates = plans.map((each): Fate => ({ plan: each, begun: 0, isStopped: false, running: 0, outcome: '' }))
    for (const side of [server, client])
      side.handle('model:ask', (id, { signal }) => work(fates[id] as Fate, id, signal))
    const up: Ask = (id, options) => client.call('model:ask', id, options)
    const down: Ask = (id, options) => server.call('model:ask', id, { ...options, to: there })
    await Promise.all(fates.map(async (fate, id) => (fate.outcome = await ask(fate, id, id % 2 === 0 ? up : down))))
    for (const [id, fate] of fates.entries()) expect(outcomesOf(fate.plan, id)).toContain(fate.outcome)
    await until(() => fates.every(isFitting))
    await client.close()
  },
)
