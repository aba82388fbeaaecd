import { describe, expect, test } from 'vitest'

import { Worker } from '../../test/support/workers.ts'
import { Entry } from '../delivery/entry.ts'
import { FreeClients } from './free-clients.ts'

const entry = new Entry('x', new Uint8Array(1))

/** Workers with as many items in flight as given, all free. */
const pool = (...loads: number[]): { free: FreeClients<Worker>; workers: Worker[] } => poolOf(100, loads)

function poolOf(capacity: number, loads: number[]): { free: FreeClients<Worker>; workers: Worker[] } {
  const free = new FreeClients<Worker>()
  const workers = loads.map((load, index) => {
    const worker = new Worker(String(index), { capacity })
    for (let count = 0; count < load; count += 1) worker.assign(entry)
    free.set(worker, true)
    return worker
  })
  return { free, workers }
}

const leastOf = (free: FreeClients<Worker>): string | undefined =>
  free.leastBusy((candidate) => candidate.carries(entry))?.client.id

/** Gives so many items to whoever is to have each: their ids, in turn. */
function handOut(free: FreeClients<Worker>, items: number): string[] {
  return Array.from({ length: items }, () => {
    const worker = free.leastBusy((candidate) => candidate.carries(entry)) as Worker
    worker.assign(entry)
    free.set(worker, true)
    return worker.id
  })
}

describe('the free clients', () => {
  test('give the least busy one first', () => {
    expect(leastOf(pool(3, 1, 2).free)).toBe('1')
  })

  test('give the one that waits longest among equals', () => {
    expect(handOut(pool(0, 0, 0).free, 6)).toEqual(['0', '1', '2', '0', '1', '2'])
  })

  test('with deep windows get several in a row, but for one that has nothing to do: it comes first', () => {
    const order = handOut(poolOf(640, [0, 0]).free, 22)
    expect(order.join('')).toBe(`01${'0'.repeat(9)}${'1'.repeat(9)}00`)
  })

  test('get them in a row from the first one where they choose their windows by how quick they are', () => {
    const { free, workers } = poolOf(80, [0, 0])
    for (const worker of workers) worker.isPaced = true
    expect(handOut(free, 22).join('')).toBe(`${'0'.repeat(10)}${'1'.repeat(10)}00`)
  })

  test('pass over those that do not accept', () => {
    const { free, workers } = pool(0, 1, 2)
    for (const worker of workers.slice(0, 2)) worker.canCarry = () => false
    expect(leastOf(free)).toBe('2')
    for (const worker of workers) worker.canCarry = () => false
    expect(leastOf(free)).toBeUndefined()
  })

  test('are not those that were taken out, and come back with the load that they then have', () => {
    const { free, workers } = pool(0, 5)
    const [idle, busy] = workers as [Worker, Worker]
    free.set(idle, false)
    free.set(idle, false)
    expect([leastOf(free), free.size, free.has(idle)]).toEqual(['1', 1, false])
    for (let count = 0; count < 9; count += 1) idle.assign(entry)
    free.set(idle, true)
    expect([leastOf(free), free.size, free.has(busy)]).toEqual(['1', 2, true])
  })

  test('are none at first', () => {
    expect(leastOf(pool().free)).toBeUndefined()
  })

  test.each([2, 100, 10_000])('P8: among %i clients one is looked at for an item', (count) => {
    const { free, workers } = pool(...Array.from({ length: count }, () => 0))
    const items = 200
    handOut(free, items)
    expect(workers.reduce((sum, { visits }) => sum + visits, 0)).toBe(items)
  })
})
