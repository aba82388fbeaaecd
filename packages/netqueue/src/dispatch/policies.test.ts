import { describe, expect, test } from 'vitest'

import { Worker } from '../../test/support/workers.ts'
import { Entry } from '../delivery/entry.ts'
import { FreeClients } from './free-clients.ts'
import { hashBy, leastBusy, prefer, roundRobin } from './policies.ts'
import type { DispatchPolicy } from './policies.ts'

/** Asks a policy who gets each item of a text, without giving it to anyone. */
function ask(
  policy: DispatchPolicy<string, Worker>,
  workers: readonly Worker[],
  items: string,
): (string | undefined)[] {
  const free = new FreeClients<Worker>()
  for (const worker of workers) free.set(worker, worker.credit > 0)
  return Array.from(items, (item) => {
    const entry = new Entry(item, new Uint8Array(1))
    const context = { item, clients: workers, candidates: workers }
    return policy.choose(free, context, (candidate) => candidate.carries(entry))?.id
  })
}

const named = (...ids: string[]): Worker[] => ids.map((id) => new Worker(id))
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

describe('roundRobin()', () => {
  test('takes one after the other, in the order in which they came', () => {
    expect(ask(roundRobin(), named('x', 'y', 'z'), 'abcd')).toEqual(['x', 'y', 'z', 'x'])
  })

  test('passes over those without credit and those that cannot carry the item', () => {
    const [x, y, z] = named('x', 'y', 'z') as [Worker, Worker, Worker]
    y.capacity = 0
    z.canCarry = ({ item }) => item !== 'b'
    expect(ask(roundRobin(), [x, y, z], 'abc')).toEqual(['x', 'x', 'z'])
    y.canCarry = x.canCarry = z.canCarry = () => false
    expect(ask(roundRobin(), [x, y, z], 'a')).toEqual([undefined])
  })

  test('goes on where it was when somebody came or went', () => {
    const [x, y, z, w] = named('x', 'y', 'z', 'w') as [Worker, Worker, Worker, Worker]
    const policy = roundRobin<string, Worker>()
    expect(ask(policy, [x, y, z], 'ab')).toEqual(['x', 'y'])
    expect(ask(policy, [y, z, w], 'a')).toEqual(['z'])
    expect(ask(policy, [y, w], 'ab')).toEqual(['w', 'y'])
    expect(ask(policy, [], 'a')).toEqual([undefined])
  })

  test('looks at one client for an item where all are free, however many there are', () => {
    const workers = named(...Array.from({ length: 5_000 }, (_, index) => String(index)))
    ask(roundRobin(), workers, LETTERS)
    expect(workers.reduce((sum, { visits }) => sum + visits, 0)).toBe(LETTERS.length)
  })
})

describe('prefer()', () => {
  test('takes the least busy with one of the tags, and anyone where none of them is free', () => {
    const gpu = new Worker('gpu', { tags: ['gpu'], capacity: 5 })
    const both = new Worker('both', { tags: ['big', 'gpu'], capacity: 5 })
    const none = new Worker('none')
    gpu.assign(new Entry('x', new Uint8Array(1)))
    expect(ask(prefer('gpu', 'tpu'), [none, gpu, both], 'a')).toEqual(['both'])
    both.capacity = 0
    expect(ask(prefer('gpu'), [none, gpu, both], 'a')).toEqual(['gpu'])
    gpu.capacity = 0
    expect(ask(prefer('gpu'), [none, gpu, both], 'a')).toEqual(['none'])
  })
})

describe('hashBy()', () => {
  const policy = (): DispatchPolicy<string, Worker> => hashBy((item) => item)

  test('takes the same client for the same key, in whatever order the clients came', () => {
    const [x, y, z] = named('x', 'y', 'z') as [Worker, Worker, Worker]
    expect(ask(policy(), [x, y, z], LETTERS)).toEqual(ask(policy(), [z, x, y], LETTERS))
  })

  test('takes that client although it is not free', () => {
    const workers = named('x', 'y', 'z')
    const chosen = ask(policy(), workers, LETTERS)
    for (const worker of workers) worker.capacity = 0
    expect(ask(policy(), workers, LETTERS)).toEqual(chosen)
  })

  test('spreads keys evenly', () => {
    const workers = named('a', 'b', 'c', 'd')
    const counts = new Map<string | undefined, number>()
    const keyed = hashBy<string, Worker>((item) => item)
    const context = { clients: workers, candidates: workers }
    for (let key = 0; key < 4_000; key += 1) {
      const id = keyed.choose(new FreeClients(), { item: `key ${key}`, ...context }, () => true)?.id
      counts.set(id, (counts.get(id) ?? 0) + 1)
    }
    for (const worker of workers) expect(counts.get(worker.id)).toBeGreaterThan(850)
  })

  test('moves only the keys of a client that goes, and those that a new one gets', () => {
    const workers = named('a', 'b', 'c', 'd')
    const shared = policy()
    const before = ask(shared, workers, LETTERS)
    const after = ask(shared, workers.slice(0, 3), LETTERS)
    const stayed = [...before.keys()].filter((index) => before[index] !== 'd')
    expect(stayed.map((index) => after[index])).toEqual(stayed.map((index) => before[index]))
    expect(before).toContain('d')
    expect(ask(shared, workers, LETTERS)).toEqual(before)
  })

  test('takes another client for an item that the first cannot carry', () => {
    const workers = named('x', 'y')
    const [first] = ask(policy(), workers, 'a')
    for (const worker of workers) worker.canCarry = () => worker.id !== first
    const [second] = ask(policy(), workers, 'a')
    expect([second === undefined, second === first]).toEqual([false, false])
  })
})

describe('leastBusy()', () => {
  test('spreads items over all', () => {
    const workers = named('x', 'y', 'z')
    const free = new FreeClients<Worker>()
    for (const worker of workers) {
      worker.capacity = 10
      free.set(worker, true)
    }
    for (let item = 0; item < 9; item += 1) {
      const entry = new Entry(item, new Uint8Array(1))
      const chosen = leastBusy<number, Worker>().choose(
        free,
        { item, clients: workers, candidates: workers },
        (candidate) => candidate.carries(entry),
      )
      chosen?.assign(entry)
      free.set(chosen as Worker, true)
    }
    expect(workers.map(({ inFlight }) => inFlight)).toEqual([3, 3, 3])
  })
})
