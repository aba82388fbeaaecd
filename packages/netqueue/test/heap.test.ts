import { expect, test } from 'vitest'

import { connect, listen, memory } from '../src/index.ts'
import { heapSlope, liveHeap, usedHeap } from './support/heap.ts'
import { until } from './support/nodes.ts'

/** `npm run test:long` runs a million items, and holds them to what is promised; fewer tell only whether each leaves something behind. */
const isLong = process.env.NETQUEUE_LONG !== undefined
const ROUNDS = isLong ? 20 : 10
const ITEMS = isLong ? 1_000_000 : 50_000
const MAX_BYTES_PER_1000_ITEMS = isLong ? 1 : 20_000

const bytesPer1000 = async (run: (items: number) => Promise<void>): Promise<number> =>
  1_000 *
  (await heapSlope({ rounds: ROUNDS, stepsPerRound: ITEMS / ROUNDS, measure: isLong ? liveHeap : usedHeap, run }))

test(`P1, P6: ${ITEMS} items against a stalled consumer: the heap does not grow`, { timeout: 600_000 }, async () => {
  const shared = { transports: [memory()] }
  const server = await listen<string, string>('memory:heap', shared)
  const stalled = await connect<string, string>('memory:heap', shared)
  const received = stalled.receive()
  await server.put('the item that it sits on')
  await received

  // Offered to it alone, they are refused; each was encoded, waited, and is gone again.
  const refused = await bytesPer1000(async (items) => {
    for (let left = items; left > 0; left -= 1_000) {
      const puts = Array.from({ length: 500 }, () => server.put('an item', { timeout: 0 }).catch(() => 'refused'))
      for (const outcome of await Promise.all(puts)) if (outcome !== 'refused') throw new Error('It was taken')
      for (let tries = 0; tries < 500; tries += 1) if (server.tryPut('an item')) throw new Error('It was taken')
    }
  })

  // With another client beside it, all pass it by.
  const lively = await connect<string, string>('memory:heap', { ...shared, prefetch: 64 })
  let count = 0
  const counted = (async () => {
    for await (const _ of lively) count += 1
  })()
  const passed = await bytesPer1000(async (items) => {
    for (let left = items; left > 0; left -= 1) await server.put('an item')
    await until(() => server.clients[1]?.inFlight === 0)
  })

  console.info(
    `heap: ${refused.toFixed(3)} bytes per 1,000 items refused, ${passed.toFixed(3)} per 1,000 items that passed`,
  )
  expect(count).toBeGreaterThanOrEqual(ITEMS)
  expect(server.backlog).toBe(0)
  expect(refused).toBeLessThan(MAX_BYTES_PER_1000_ITEMS)
  expect(passed).toBeLessThan(MAX_BYTES_PER_1000_ITEMS)
  await stalled.close({ timeout: 0 })
  await server.close({ timeout: 0 })
  await counted
})
