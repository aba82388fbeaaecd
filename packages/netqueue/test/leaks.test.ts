import { getEventListeners } from 'node:events'

import { describe, expect, test } from 'vitest'

import { connect, json, listen, memory, relay, tcp } from '../src/index.ts'
import type { ByteDuplex, Client, Server, Transport } from '../src/index.ts'
import { chaosProxy } from '../src/testing/index.ts'
import { expectHandles, handles } from './support/handles.ts'
import { heapSlope, usedHeap } from './support/heap.ts'
import { Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'

/** `npm run test:long` multiplies the cycles. */
const FACTOR = process.env.NETQUEUE_LONG === undefined ? 1 : 50
const CYCLES = 2_000 * FACTOR
const ROUNDS = 10
/** One forgotten connection holds some kilobytes; the first thousands of cycles also warm caches. */
const MAX_BYTES_PER_CYCLE = FACTOR === 1 ? 5_000 : 50

interface Options {
  transports?: Transport[]
}

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
const listeners = (): unknown => process.eventNames().map((name) => [name, process.listenerCount(name)])

/** Comes, works on an item, and leaves in one of the ways there are, or is cut off. */
async function visit(server: Server<string, string>, address: string, cycle: number, options: Options): Promise<void> {
  const { transports = [tcp()] } = options
  const duplex = (await transports[0]?.connect(address)) as ByteDuplex
  const client = await connect<string, string>(duplex, options)
  const answered = client.process((item) => item).catch(() => {})
  await server.submit('a')
  const there = server.clients[0]
  if (cycle % 4 === 0) await client.close()
  else if (cycle % 4 === 1) await there?.close()
  else if (cycle % 4 === 2) await client.close({ notify: false })
  else duplex.abort?.(new Error('the cable was pulled'))
  await client.closed
  await answered
  await until(() => server.clients.length === 0)
}

/** Tries to come and is not let in. */
async function knock(address: string, cycle: number, options: Options): Promise<void> {
  const controller = new AbortController()
  const codec = cycle % 2 === 0 ? { item: json() } : { signal: controller.signal }
  const failure = failureOf(connect(address, { ...options, ...codec }))
  controller.abort('gone again')
  if ((await failure) === undefined) throw new Error('It was let in')
}

async function cycles(address: string, count: number, options: Options): Promise<number> {
  const server = await listen<string, string>(address, options)
  const before = { timers: timers(), listeners: listeners() } // the runner has timers of its own, which may end
  let cycle = 0
  const run = async (steps: number): Promise<void> => {
    for (const end = cycle + steps; cycle < end; cycle += 1) {
      await visit(server, server.address ?? '', cycle, options)
      if (cycle % 10 === 0) await knock(server.address ?? '', cycle / 10, options)
    }
  }
  const slope = await heapSlope({ rounds: ROUNDS, stepsPerRound: count / ROUNDS, measure: usedHeap, run })
  expect(timers()).toBeLessThanOrEqual(before.timers)
  expect(listeners()).toEqual(before.listeners)
  await server.close()
  return slope
}

describe('P12, fault 44: clients that come and go, or are cut off, leave nothing behind', () => {
  test(
    `${CYCLES} times over memory: no timer, no listener, no growing heap`,
    { timeout: 120_000 * FACTOR },
    async () => {
      const slope = await cycles('memory:leaks', CYCLES, { transports: [memory()] })
      console.info(`heap: ${slope.toFixed(1)} bytes per cycle over memory`)
      expect(slope).toBeLessThan(MAX_BYTES_PER_CYCLE)
    },
  )

  test(
    `${CYCLES} times over TCP: no handle, no timer, no listener, no growing heap`,
    { timeout: 120_000 * FACTOR },
    async () => {
      const before = handles()
      const slope = await cycles('tcp://127.0.0.1:0', CYCLES, {})
      await expectHandles(before)
      console.info(`heap: ${slope.toFixed(1)} bytes per cycle over TCP`)
      expect(slope).toBeLessThan(MAX_BYTES_PER_CYCLE)
    },
  )
})

describe('P12, fault 44: a client that is cut off and comes back leaves nothing behind', () => {
  const LOSSES = 400 * FACTOR

  test.each([
    ['to a new session', 0],
    ['to its session', 60_000],
  ])(`${LOSSES} times, %s`, { timeout: 120_000 * FACTOR }, async (_, resumeTimeoutMs) => {
    const before = handles()
    const server = await listen<string, string>('tcp://127.0.0.1:0', { resumeTimeoutMs })
    const proxy = await chaosProxy({ to: server.address ?? '' })
    const client = await connect<string, string>(proxy.address, { reconnect: { minDelayMs: 1, maxDelayMs: 2 } })
    const working = client.process((item) => item)
    const lose = async (times: number): Promise<void> => {
      for (let losses = 0; losses < times; losses += 1) {
        await server.submit('a')
        proxy.reset()
      }
    }
    await lose(100)
    const idle = { timers: timers(), listeners: listeners() }
    const slope = await heapSlope({ rounds: ROUNDS, stepsPerRound: LOSSES / ROUNDS, measure: usedHeap, run: lose })
    await server.submit('a')
    expect(timers()).toBeLessThanOrEqual(idle.timers + 1)
    expect(listeners()).toEqual(idle.listeners)
    await client.close()
    await Promise.all([working, server.close(), proxy.close()])
    await expectHandles(before)
    console.info(`heap: ${slope.toFixed(1)} bytes per loss, ${resumeTimeoutMs === 0 ? 'without' : 'with'} resume`)
    expect(slope).toBeLessThan(MAX_BYTES_PER_CYCLE)
  })
})

describe('P11: a signal has no listener of ours', () => {
  const calls: Record<string, (nodes: Nodes, options: { signal: AbortSignal }) => Promise<unknown>> = {
    'connect()': async ({ place }, options) => (await place.connect(options)).close(),
    'server.put()': ({ server, client }, options) => both(server.put('a', options), client.get()),
    'server.put() that was withdrawn': ({ server, place }, options) =>
      timedOut(place, server.put('a', { ...options, timeout: 10 })),
    'server.submit()': async ({ server, client }, options) => {
      const answered = server.submit('a', options)
      ;(await client.receive()).done('b')
      await answered
    },
    'server.submit() that timed out': async ({ server, client, place }, options) => {
      const late = server.submit('a', { ...options, timeout: 10 }).catch(() => {})
      await client.receive()
      await timedOut(place, late)
    },
    'server.map()': async ({ server, client }, options) => {
      client.process((item) => item, options).catch(() => {})
      for await (const _ of server.map(['a', 'b', 'c'], options)) if (_ === 'b') break
      await client.close()
    },
    'client.put()': ({ server, client }, options) => both(client.put('a', options), server.get()),
    'client.get()': ({ server, client }, options) => both(client.get(options), server.put('a')),
    'client.get() that timed out': ({ client, place }, options) =>
      timedOut(place, client.get({ ...options, timeout: 10 })),
    'client.poll()': ({ server, client }, options) => both(client.poll(options), server.put('a')),
    'client.poll() that timed out': ({ client, place }, options) =>
      timedOut(place, client.poll({ ...options, timeout: 10 })),
    'for await': async ({ server, client }, options) => {
      server.put('a').catch(() => {})
      for await (const _ of client.items(options)) break
    },
    'client.process() of a client that closed': async ({ client }, options) => {
      const done = client.process(() => {}, options)
      await client.close()
      await done
    },
  }

  test.for(Object.entries(calls))('after %s', async ([, call]) => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const controller = new AbortController()
    await call({ place, server, client }, controller)
    await rest()
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })
})

interface Nodes {
  place: Place
  server: Server<string, string>
  client: Client<string, string>
}

const both = (one: Promise<unknown>, other: Promise<unknown>): Promise<unknown> => Promise.all([one, other])

async function timedOut(place: Place, call: Promise<unknown>): Promise<void> {
  const ended = failureOf(call)
  await rest()
  place.clock.advance(10)
  await ended
}

test('a relay whose parent is away keeps nothing of leaves that come and go', async () => {
  const transports = [memory()]
  const root = await listen('memory:root', { transports })
  const node = await relay({ parent: 'memory:root', listen: 'memory:node', transports })
  await root.close({ reason: 'restart' })
  await until(() => node.client.state === 'reconnecting')
  const comeAndGo = async (count: number): Promise<void> => {
    for (let left = count; left > 0; left -= 1) {
      const leaf = await connect('memory:node', { tags: ['tag'], transports })
      await leaf.close()
    }
  }
  const slope = await heapSlope({ rounds: ROUNDS, stepsPerRound: 100, measure: usedHeap, run: comeAndGo })
  // One that is kept takes 30 kB.
  expect(slope).toBeLessThan(MAX_BYTES_PER_CYCLE)
  await node.close({ timeout: 0 })
})
