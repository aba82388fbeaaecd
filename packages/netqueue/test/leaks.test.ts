import { describe, expect, test } from 'vitest'

import { connect, json, listen, memory } from '../src/index.ts'
import type { Server } from '../src/index.ts'
import { expectHandles, handles } from './support/handles.ts'
import { heapSlope } from './support/heap.ts'
import { until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'

/** `npm run test:long` multiplies the cycles. */
const FACTOR = process.env.NETQUEUE_LONG === undefined ? 1 : 50
const ROUNDS = 10
/** One forgotten connection holds some kilobytes; the first thousands of cycles also warm caches. */
const MAX_BYTES_PER_CYCLE = FACTOR === 1 ? 2_000 : 50

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
const listeners = (): unknown => process.eventNames().map((name) => [name, process.listenerCount(name)])

/** Comes, works on an item, and leaves in one of the ways there are. */
async function visit(server: Server<string, string>, address: string, cycle: number, options: object): Promise<void> {
  const client = await connect<string, string>(address, options)
  const answered = client.process((item) => item).catch(() => {})
  await server.submit('a')
  const there = server.clients[0]
  if (cycle % 3 === 0) await client.close()
  else if (cycle % 3 === 1) await there?.close()
  else await client.close({ notify: false })
  await client.closed
  await answered
  await until(() => server.clients.length === 0)
}

/** Tries to come and is not let in. */
async function knock(address: string, cycle: number, options: object): Promise<void> {
  const controller = new AbortController()
  const codec = cycle % 2 === 0 ? { item: json() } : { signal: controller.signal }
  const failure = failureOf(connect(address, { ...options, ...codec }))
  controller.abort('gone again')
  if ((await failure) === undefined) throw new Error('It was let in')
}

async function cycles(address: string, count: number, options: object): Promise<number> {
  const server = await listen<string, string>(address, options)
  const before = { timers: timers(), listeners: listeners() } // the runner has timers of its own, which may end
  let cycle = 0
  const slope = await heapSlope(ROUNDS, count / ROUNDS, async (steps) => {
    for (const end = cycle + steps; cycle < end; cycle += 1) {
      await visit(server, server.address ?? '', cycle, options)
      if (cycle % 10 === 0) await knock(server.address ?? '', cycle / 10, options)
    }
  })
  expect(timers()).toBeLessThanOrEqual(before.timers)
  expect(listeners()).toEqual(before.listeners)
  await server.close()
  return slope
}

describe('P12: clients that come and go leave nothing behind', () => {
  test(
    `${2_000 * FACTOR} times over memory: no timer, no listener, no growing heap`,
    { timeout: 30_000 * FACTOR },
    async () => {
      const slope = await cycles('memory:leaks', 2_000 * FACTOR, { transports: [memory()] })
      console.info(`heap: ${slope.toFixed(1)} bytes per cycle over memory`)
      expect(slope).toBeLessThan(MAX_BYTES_PER_CYCLE)
    },
  )

  test(
    `${400 * FACTOR} times over TCP: no handle, no timer, no listener, no growing heap`,
    { timeout: 30_000 * FACTOR },
    async () => {
      const before = handles()
      const slope = await cycles('tcp://127.0.0.1:0', 400 * FACTOR, {})
      await expectHandles(before)
      console.info(`heap: ${slope.toFixed(1)} bytes per cycle over TCP`)
      expect(slope).toBeLessThan(MAX_BYTES_PER_CYCLE)
    },
  )
})
