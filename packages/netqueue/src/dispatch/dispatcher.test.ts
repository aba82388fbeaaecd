import { describe, expect, test } from 'vitest'

import { Worker } from '../../test/support/workers.ts'
import { Entry, EntryBelow } from '../delivery/entry.ts'
import { Dispatcher } from './dispatcher.ts'
import { hashBy, leastBusy } from './policies.ts'
import type { ChooseDispatch, DispatchPolicy } from './policies.ts'
import { ALONE_AT_RELAYS_FROM_ATTEMPT, ALONE_FROM_ATTEMPT } from './seat.ts'

class Place {
  readonly dispatcher: Dispatcher<string, Worker>
  /** Who waits for the end of the turn. */
  readonly turns: (() => void)[] = []
  readonly warnings: string[] = []
  readonly unreachable: string[] = []

  constructor(policy: ChooseDispatch<string, Worker> | DispatchPolicy<string, Worker> = leastBusy()) {
    this.dispatcher = new Dispatcher<string, Worker>({
      env: { afterPoll: (callback) => this.turns.push(callback) },
      policy,
      assigned: () => {},
      unreachable: (entry) => this.unreachable.push(`${String(entry.item)} for ${entry.target?.id}`),
      warn: ({ code }) => this.warnings.push(code),
    })
  }

  join(id: string, capacity = 1): Worker {
    const worker = new Worker(id, { capacity })
    this.dispatcher.join(worker)
    return worker
  }

  /** Puts items of a letter each. */
  put(items: string, { to, attempt = 1 }: { to?: Worker; attempt?: number } = {}): Entry[] {
    return Array.from(items, (item) => {
      const entry = new Entry(item, new Uint8Array(1))
      entry.target = to
      entry.attempt = attempt
      this.dispatcher.put(entry)
      return entry
    })
  }

  /** The turn of the event loop is over. */
  turn(): void {
    for (const turned of this.turns.splice(0)) turned()
  }

  /** A worker settles its oldest item. */
  settle(worker: Worker): void {
    worker.items.shift()
    this.dispatcher.changed(worker)
  }
}

/** Lets all promises that are due settle. */
const calm = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

describe('P5: the backlog', () => {
  test('is handed out first come first served', () => {
    const place = new Place()
    place.put('abc')
    expect(place.dispatcher.size).toBe(3)
    const worker = place.join('x', 2)
    expect([worker.held, place.dispatcher.size]).toEqual(['ab', 1])
    place.settle(worker)
    expect(worker.held).toBe('bc')
  })

  test('P2: takes what comes back at its head', () => {
    const place = new Place()
    const [a, b] = place.put('abc')
    const first = place.join('x', 2)
    place.dispatcher.leave(first)
    for (const entry of [b, a]) place.dispatcher.requeue(entry as Entry)
    expect(place.join('y', 3).held).toBe('abc')
  })

  test('P2: hands out in order what came back together, though a client is free', () => {
    const place = new Place()
    const [a, b] = place.put('ab')
    const first = place.join('x', 2)
    const other = place.join('y', 2)
    place.dispatcher.leave(first)
    for (const entry of [b, a]) place.dispatcher.requeue(entry as Entry)
    expect(other.held).toBe('')
    place.dispatcher.advance()
    expect(other.held).toBe('ab')
  })

  test('lets an item be withdrawn, once', () => {
    const place = new Place()
    const [, b] = place.put('abc')
    place.dispatcher.withdraw(b as Entry)
    place.dispatcher.withdraw(b as Entry)
    expect([place.dispatcher.size, place.join('x', 3).held]).toEqual([2, 'ac'])
  })

  test('is given out in order when it is closed, parked and addressed items included', () => {
    const place = new Place(() => undefined)
    const worker = place.join('x', 1)
    place.put('ab')
    place.put('cd', { to: worker })
    worker.isOpen = false
    expect(place.dispatcher.close().map(({ item }) => item)).toEqual(['a', 'b', 'd'])
    expect(place.dispatcher.size).toBe(0)
  })
})

describe('P2: from its third attempt on an item is delivered alone', () => {
  test('waits until its client has nothing else, and keeps others away until it is settled', () => {
    const place = new Place()
    const worker = place.join('x', 10)
    place.put('ab')
    place.put('!', { attempt: ALONE_FROM_ATTEMPT })
    place.put('c')
    expect(worker.held).toBe('ab')
    place.settle(worker)
    expect(worker.held).toBe('b')
    place.settle(worker)
    expect(worker.held).toBe('!')
    place.settle(worker)
    expect(worker.held).toBe('c')
  })

  test('goes to another client where the one that it waits for takes nothing any more', () => {
    const place = new Place()
    const [x, y] = [place.join('x', 2), place.join('y', 2)]
    place.put('ab')
    place.put('!', { attempt: ALONE_FROM_ATTEMPT })
    x.capacity = 0
    place.settle(x)
    expect([x.held, y.held, place.dispatcher.size]).toEqual(['', 'b', 1])
    place.settle(y)
    expect([y.held, place.dispatcher.size]).toEqual(['!', 0])
  })

  test('goes to an idle client at once, and the others go on', () => {
    const place = new Place()
    const [x, y] = [place.join('x', 10), place.join('y', 10)]
    place.put('a')
    place.put('!', { attempt: ALONE_FROM_ATTEMPT })
    place.put('bc')
    expect([x.held, y.held]).toEqual(['abc', '!'])
  })

  test('at a relay, which has many who work for it, only from a later one', () => {
    const place = new Place()
    const relay = Object.assign(new Worker('relay', { capacity: 4 }), { isRelay: true })
    place.dispatcher.join(relay)
    place.put('a')
    place.put('b', { attempt: ALONE_AT_RELAYS_FROM_ATTEMPT - 1 })
    expect(relay.held).toBe('ab')
    place.put('c', { attempt: ALONE_AT_RELAYS_FROM_ATTEMPT })
    expect(relay.held).toBe('ab')
    place.settle(relay)
    place.settle(relay)
    expect(relay.held).toBe('c')
  })

  test('is not alone before', () => {
    const place = new Place()
    const worker = place.join('x', 10)
    place.put('ab', { attempt: ALONE_FROM_ATTEMPT - 1 })
    expect(worker.held).toBe('ab')
  })
})

describe('an item that is addressed', () => {
  test('waits for its client while others get theirs, and goes first there', () => {
    const place = new Place()
    const [x, y] = [place.join('x', 1), place.join('y', 1)]
    place.put('a', { to: x })
    place.put('b', { to: x })
    place.put('c')
    expect([x.held, y.held]).toEqual(['a', 'c'])
    place.put('d')
    place.settle(x)
    expect([x.held, y.held]).toEqual(['b', 'c'])
  })

  test('goes back to the head of those that wait for the same client', () => {
    const place = new Place()
    const x = place.join('x', 1)
    const [a] = place.put('ab', { to: x })
    x.items.shift()
    place.dispatcher.requeue(a as Entry)
    expect(x.held).toBe('a')
  })

  test('is unreachable when its client is gone, before and after it was put', () => {
    const place = new Place()
    const x = place.join('x', 0)
    place.put('a', { to: x })
    place.dispatcher.leave(x)
    const [b] = place.put('b', { to: x })
    expect([place.unreachable, place.dispatcher.size, b?.state]).toEqual([['a for x', 'b for x'], 0, 'gone'])
  })

  test('for a node below it is unreachable when that is gone: while it waits, and when it comes back', () => {
    const place = new Place()
    const x = place.join('x', 1)
    const node = { way: ['n'], isConnected: true }
    const below = (item: string): Entry => Object.assign(new EntryBelow(item, new Uint8Array(1), node), { target: x })
    const [sent, waiting] = [below('a'), below('b')]
    for (const entry of [sent, waiting]) place.dispatcher.put(entry)
    place.put('c', { to: x })
    node.isConnected = false
    place.dispatcher.pruned(x)
    expect([x.held, place.unreachable, place.dispatcher.size]).toEqual(['a', ['b for x'], 1])
    place.dispatcher.requeue(sent)
    expect([place.unreachable, place.dispatcher.size]).toEqual([['b for x', 'a for x'], 1])
  })
})

describe('a client', () => {
  test.each<[string, (worker: Worker) => void]>([
    ['without credit', (worker) => (worker.capacity = 0)],
    ['that drains', (worker) => (worker.isOpen = false)],
    ['that is not ready', (worker) => (worker.isReady = false)],
    ['whose protocol cannot carry it', (worker) => (worker.canCarry = () => false)],
  ])('%s gets no item, until that changes', (_what, spoil) => {
    const place = new Place()
    const worker = place.join('x', 0)
    place.put('a')
    worker.capacity = 1
    spoil(worker)
    place.dispatcher.changed(worker)
    expect(worker.held).toBe('')
    Object.assign(worker, { capacity: 1, isOpen: true, isReady: true, canCarry: () => true })
    place.dispatcher.altered(worker)
    place.dispatcher.changed(worker)
    expect(worker.held).toBe('a')
  })

  test('whose judge throws is not ready, and the rest goes on', () => {
    const place = new Place()
    const bad = new Worker('bad')
    Object.defineProperty(bad, 'isReady', {
      get: () => {
        throw new Error('mine')
      },
    })
    place.dispatcher.join(bad)
    place.put('a')
    expect([place.join('good').held, place.warnings.includes('DISPATCH_FAILED')]).toEqual(['a', true])
  })
})

describe('hashBy()', () => {
  const byCase = (): Place => new Place(hashBy((item) => item.toLowerCase()))

  test('P5: keeps the order of a key, also while its client has no credit', () => {
    const place = byCase()
    const workers = [place.join('x', 1), place.join('y', 1)]
    place.put('aAaA')
    const owner = workers.find(({ held }) => held !== '') as Worker
    const seen = [owner.held]
    for (let count = 0; count < 3; count += 1) {
      place.settle(owner)
      seen.push(owner.held)
    }
    expect(seen.join('')).toBe('aAaA')
  })

  test('hands what waited for a client that goes to others, in order and before what came later', () => {
    const place = byCase()
    const x = place.join('x', 1)
    place.put('aAaA')
    place.dispatcher.leave(x)
    place.put('a')
    expect(place.join('y', 9).held).toBe('AaAa')
  })
})

describe('chooseDispatch', () => {
  test('sees the free clients in the order in which they came, all clients, and the item', () => {
    const asked: unknown[] = []
    const place = new Place((free, { item, clients }) => {
      asked.push([item, free.map(({ id }) => id), clients.map(({ id }) => id)])
      return free.at(-1)
    })
    for (const id of ['x', 'y', 'z']) place.join(id, id === 'y' ? 0 : 1)
    place.put('ab')
    expect(asked).toEqual([
      ['a', ['x', 'z'], ['x', 'y', 'z']],
      ['b', ['x'], ['x', 'y', 'z']],
    ])
  })

  test('parks an item by undefined: later ones are offered, and it is asked about again before them on any change', () => {
    const asked: string[] = []
    let isOpen = false
    const place = new Place((free, { item }) => {
      asked.push(item)
      return item === 'p' && !isOpen ? undefined : free[0]
    })
    const worker = place.join('x', 1)
    place.put('pab')
    expect([worker.held, asked.join('')]).toEqual(['a', 'pa'])
    isOpen = true
    place.settle(worker)
    expect([worker.held, asked.join('')]).toEqual(['p', 'pap'])
  })

  test.each([1, 0])('P2: is asked about what came back before what it has parked, with %i free', (free) => {
    const asked: string[] = []
    const place = new Place((_free, { item }) => void asked.push(item))
    const worker = place.join('x', 1)
    place.put('a')
    const [back] = place.put('b')
    place.dispatcher.withdraw(back as Entry)
    place.dispatcher.changed(worker)
    worker.capacity = free
    place.dispatcher.changed(worker)
    place.dispatcher.requeue(back as Entry)
    place.dispatcher.advance()
    asked.length = 0
    place.turn()
    place.join('y', 1)
    expect(asked.join('')).toBe('ba')
  })

  test('P8: is asked about what it has parked once for all that changes in a turn, and for the first change at once', () => {
    let asked = 0
    let isOpen = false
    const place = new Place((free) => {
      asked += 1
      return isOpen ? free[0] : undefined
    })
    const worker = place.join('x', 10)
    place.put('abcdefghij')
    asked = 0
    for (let change = 0; change < 1_000; change += 1) place.dispatcher.changed(worker)
    expect(asked).toBe(10)
    isOpen = true
    place.turn()
    expect([asked, worker.held]).toEqual([20, 'abcdefghij'])
    place.turn()
    expect(place.turns).toHaveLength(0)
  })

  test('may choose a client that is not free: the item waits for it', () => {
    const place = new Place((_free, { clients }) => clients[0])
    const [busy, free] = [place.join('busy', 0), place.join('free', 9)]
    place.put('ab')
    expect([busy.held, free.held]).toEqual(['', ''])
    busy.capacity = 2
    place.dispatcher.changed(busy)
    expect(busy.held).toBe('ab')
  })

  test('that throws parks the item, reports DISPATCH_FAILED, and is asked again on a change', async () => {
    let failures = 2
    const place = new Place((free) => {
      failures -= 1
      if (failures === 1) throw new Error('mine')
      return failures === 0 ? Promise.reject(new Error('mine')) : free[0]
    })
    const worker = place.join('x', 1)
    place.put('a')
    await calm()
    expect([worker.held, place.warnings]).toEqual(['', ['DISPATCH_FAILED']])
    place.dispatcher.changed(worker)
    await calm()
    place.turn()
    expect([worker.held, place.warnings]).toEqual(['', ['DISPATCH_FAILED', 'DISPATCH_FAILED']])
    place.dispatcher.changed(worker)
    expect(worker.held).toBe('a')
  })
})

test.each<[string, (place: Place, entry: Entry) => unknown]>([
  ['gives up', (place, entry) => place.dispatcher.withdraw(entry)],
  ['closes all for', (place) => place.dispatcher.close()],
])('P11: an item that the policy %s while it is asked goes nowhere', (_, act) => {
  const policy: ChooseDispatch<string, Worker> = (free, { item }) => {
    if (item === 'a') act(place, a)
    return free[0]
  }
  const place = new Place(policy)
  const a = new Entry('a', new Uint8Array(1))
  place.dispatcher.put(a)
  const x = place.join('x', 9)
  expect([x.held, a.state, place.dispatcher.size]).toEqual(['', 'gone', 0])
  expect(place.dispatcher.withdraw(a)).toBe(false)
})

describe('a chooseDispatch that takes its time', () => {
  /** A policy whose answers a test gives. */
  class Slow {
    readonly asked: string[] = []
    answer!: (client: Worker | undefined) => Promise<void>

    readonly policy: ChooseDispatch<string, Worker> = (_free, { item }) => {
      this.asked.push(item)
      return new Promise((resolve) => {
        this.answer = async (client) => {
          resolve(client)
          await calm()
        }
      })
    }
  }

  test('is asked about one item at a time', async () => {
    const slow = new Slow()
    const place = new Place(slow.policy)
    const [x, y] = [place.join('x', 9), place.join('y', 9)]
    place.put('ab')
    place.dispatcher.changed(x)
    expect([slow.asked, place.dispatcher.wouldWait]).toEqual([['a'], true])
    await slow.answer(y)
    await slow.answer(x)
    expect([slow.asked, x.held, y.held]).toEqual([['a', 'b'], 'b', 'a'])
  })

  test('is asked again when the client that it chose vanished meanwhile', async () => {
    const slow = new Slow()
    const place = new Place(slow.policy)
    const [x, y] = [place.join('x'), place.join('y')]
    place.put('a')
    place.dispatcher.leave(x)
    await slow.answer(x)
    expect(slow.asked).toEqual(['a', 'a'])
    await slow.answer(y)
    expect(y.held).toBe('a')
  })

  test.each(['joins', 'has room again'])(
    'P11: is asked again where it chose nobody, and somebody %s meanwhile',
    async (news) => {
      const slow = new Slow()
      const place = new Place(slow.policy)
      const x = place.join('x', 9)
      place.put('ab')
      if (news === 'joins') place.join('y')
      else place.dispatcher.changed(x)
      await slow.answer(undefined)
      await slow.answer(x)
      expect(slow.asked).toEqual(['a', 'b', 'a'])
      await slow.answer(undefined)
      expect([slow.asked.length, x.held, place.dispatcher.size]).toEqual([3, 'b', 1])
    },
  )

  test.each([
    ['that it keeps for one who is busy', true],
    ['that it has nobody for', false],
  ])('P5: an item %s leaves room for others, and whoever waits for that is told', async (_, isKept) => {
    const slow = new Slow()
    const place = new Place(slow.policy)
    const [busy] = [place.join('busy', 0), place.join('free', 1)]
    const rooms: number[] = []
    place.dispatcher.watch(() => rooms.push(place.dispatcher.room))
    place.put('a')
    expect([place.dispatcher.room, rooms]).toEqual([0, []])
    await slow.answer(isKept ? busy : undefined)
    expect([place.dispatcher.room, rooms.at(-1)]).toEqual([1, 1])
  })

  test('P11: that always chooses one who is long gone parks the item, and does not spin', async () => {
    const gone = new Worker('gone')
    let asked = 0
    const place = new Place(async () => {
      asked += 1
      return gone
    })
    place.join('x')
    place.put('a')
    await calm()
    await calm()
    expect([asked, place.dispatcher.size]).toEqual([1, 1])
  })

  test('finds nobody for an item that was withdrawn meanwhile', async () => {
    const slow = new Slow()
    const place = new Place(slow.policy)
    const x = place.join('x', 9)
    const [a] = place.put('ab')
    place.dispatcher.withdraw(a as Entry)
    await slow.answer(x)
    await slow.answer(x)
    expect([x.held, place.dispatcher.size]).toEqual(['b', 0])
  })

  test('P11: does not keep the item that it thinks about when all is closed', async () => {
    const slow = new Slow()
    const place = new Place(slow.policy)
    const x = place.join('x', 9)
    place.put('ab')
    expect(place.dispatcher.close().map(({ item }) => item)).toEqual(['a', 'b'])
    await slow.answer(x)
    expect([x.held, place.dispatcher.size]).toEqual(['', 0])
  })
})

describe('clients that pace themselves', () => {
  /** Two with windows of 80, of which a row is ten. */
  function pair(): { place: Place; one: Worker; other: Worker } {
    const place = new Place()
    const [one, other] = ['x', 'y'].map((id) => {
      const worker = new Worker(id, { capacity: 80 })
      worker.isPaced = true
      place.dispatcher.join(worker)
      return worker
    }) as [Worker, Worker]
    return { place, one, other }
  }
  const held = ({ one, other }: { one: Worker; other: Worker }): number[] => [one.items.length, other.items.length]

  test('get rows of an eighth of their window', () => {
    const { place, ...workers } = pair()
    place.put('i'.repeat(10))
    expect(held(workers)).toEqual([10, 0])
    place.put('i'.repeat(15))
    expect(held(workers)).toEqual([15, 10])
    place.put('i'.repeat(135))
    expect([held(workers), place.dispatcher.size]).toEqual([[80, 80], 0])
    place.put('i')
    expect(place.dispatcher.size).toBe(1)
  })

  test('get rows of half their window in a rush, which ends with the turn of the event loop', () => {
    const { place, one, other } = pair()
    const rowsOf = (items: number): number[] => {
      place.put('i'.repeat(items))
      const rows = held({ one, other }).toSorted((more, less) => less - more)
      for (const worker of [one, other]) while (worker.items.length > 0) place.settle(worker)
      return rows
    }
    expect(rowsOf(45)).toEqual([25, 20])
    for (let some = 0; some < 4; some += 1) rowsOf(64)
    expect(rowsOf(45)).toEqual([40, 5])
    place.turn()
    expect(rowsOf(45)).toEqual([25, 20])
  })

  test('leave the rest of a row to whoever has less to do by then', () => {
    const { place, one, other } = pair()
    place.put('i'.repeat(34))
    expect(held({ one, other })).toEqual([20, 14])
    for (let settled = 0; settled < 20; settled += 1) place.settle(one)
    place.put('i'.repeat(4))
    expect(held({ one, other })).toEqual([4, 14])
  })

  test('get no item of a row that they cannot carry, none that is for another, and none beyond their credit', () => {
    const { place, one, other } = pair()
    one.canCarry = ({ item }) => item !== 'b'
    place.put('ab')
    place.put('o', { to: other })
    expect([one.held, other.held]).toEqual(['a', 'bo'])
    place.put('cd')
    one.capacity = 4
    place.put('efg')
    expect([one.held, other.held]).toEqual(['acde', 'bofg'])
  })

  test('that leave in the middle of a row get no more of it', () => {
    const { place, one, other } = pair()
    place.put('a')
    place.dispatcher.leave(one)
    place.put('b')
    expect([one.held, other.held]).toEqual(['a', 'b'])
  })
})

/** One takes what is written in small letters, the other one takes everything. */
function unlike({ small = 9, all = 1 }: { small?: number; all?: number } = {}): Record<'small' | 'all', Worker> & {
  place: Place
} {
  const place = new Place()
  const workers = { small: place.join('small', small), all: place.join('all', all) }
  workers.small.canCarry = ({ item }) => item === String(item).toLowerCase()
  return { place, ...workers }
}

describe('items that not everybody takes', () => {
  test('P5: are handed out in order to whoever does', () => {
    const { place, small, all } = unlike()
    place.put('ABaCb')
    expect([small.held, all.held, place.dispatcher.size]).toEqual(['ab', 'A', 2])
    all.capacity = 3
    place.settle(all)
    expect([all.held, place.dispatcher.size]).toEqual(['BC', 0])
  })

  test('P2: and what comes back is before them', () => {
    const { place, small, all } = unlike()
    const [first, , , last] = place.put('ABCD')
    all.items.length = 0
    all.capacity = 0
    place.dispatcher.changed(all)
    place.dispatcher.withdraw(last as Entry)
    place.put('ED')
    place.dispatcher.requeue(first as Entry)
    place.dispatcher.advance()
    place.dispatcher.changed(small)
    expect(place.dispatcher.waiting.map(({ item }) => item).join('')).toBe('ABCED')
    all.capacity = 9
    place.dispatcher.changed(all)
    expect(all.held).toBe('ABCED')
  })

  test('P2: and do not overtake what comes back', () => {
    const { place, all } = unlike()
    const [back] = place.put('AB')
    all.items.length = 0
    place.dispatcher.requeue(back as Entry)
    expect(place.dispatcher.waiting.map(({ item }) => item).join('')).toBe('AB')
    place.dispatcher.changed(all)
    expect(all.held).toBe('A')
  })

  test('P5: nor what came before them and was parked', () => {
    let isOpen = false
    const place = new Place((free, { item }) => (item === 'a' && !isOpen ? undefined : free.at(-1)))
    const [one, other] = [place.join('x', 1), place.join('y', 0)]
    one.canCarry = ({ item }) => item === 'a'
    place.put('ab')
    isOpen = true
    other.capacity = 1
    place.dispatcher.changed(other)
    expect([one.held, other.held, place.dispatcher.size]).toEqual(['', 'a', 1])
  })

  test('P5: and the first of them is the first, of all that those can be given who become free at once', async () => {
    const asked: string[] = []
    const place = new Place(async (free, { item }) => {
      asked.push(item)
      return free[0]
    })
    const [one, some, all] = ['q', 's', 'qsX'].map((items, index) => {
      const worker = place.join(items, index === 0 ? 1 : 0)
      worker.canCarry = ({ item }) => items.includes(String(item))
      return worker
    }) as [Worker, Worker, Worker]
    place.put('Xsq')
    for (const worker of [some, all]) {
      worker.capacity = 1
      place.dispatcher.changed(worker)
    }
    await calm()
    expect([asked.join(''), one.held, some.held, all.held]).toEqual(['qXs', 'q', 's', 'X'])
  })

  test('P5: nor do newer ones overtake them where several clients come in one turn', () => {
    const place = new Place()
    place.join('none', 1).canCarry = () => false
    place.put('ab')
    const [one, other] = [place.join('x', 1), place.join('y', 1)]
    place.put('c')
    place.turn()
    expect([one.held, other.held]).toEqual(['a', 'b'])
  })

  test('P11: come to whoever has looked at all others before, where one comes back', () => {
    const { place, small: one, all: other } = unlike({ small: 1, all: 1 })
    other.canCarry = ({ item }) => item === 's'
    one.canCarry = ({ item }) => item !== 'L'
    const [, back] = place.put('Lbs')
    expect([one.held, other.held]).toEqual(['b', 's'])
    one.items.length = 0
    place.put('s', { to: one })
    place.settle(other)
    place.dispatcher.requeue(back as Entry)
    place.dispatcher.advance()
    expect([one.held, other.held, place.dispatcher.size]).toEqual(['s', '', 2])
    place.settle(one)
    expect([one.held, place.dispatcher.size]).toEqual(['b', 1])
  })

  test('P11: go to whoever takes them from now on', () => {
    const { place, small } = unlike({ all: 0 })
    place.put('AB')
    small.canCarry = () => true
    place.dispatcher.altered(small)
    place.dispatcher.changed(small)
    expect(small.held).toBe('AB')
  })

  test('P8, P11: where clients are altered again and again in one turn, each looks anew when that is over', () => {
    const { place, small } = unlike({ all: 0 })
    place.put('L'.repeat(1_000))
    small.visits = 0
    for (let altered = 0; altered < 100; altered += 1) {
      place.dispatcher.altered(small)
      place.dispatcher.changed(small)
    }
    small.canCarry = () => true
    place.dispatcher.altered(small)
    place.dispatcher.changed(small)
    expect([small.visits, small.held]).toEqual([1_000, ''])
    place.turn()
    expect(small.held).toBe('LLLLLLLLL')
  })

  test('P5: wait for one that is not free, where the policy may choose that', () => {
    const place = new Place(hashBy(() => 'key'))
    place.join('none', 1).canCarry = () => false
    place.put('ab')
    const worker = place.join('x', 0)
    place.put('c')
    place.turn()
    worker.capacity = 3
    place.dispatcher.changed(worker)
    expect(worker.held).toBe('abc')
  })

  test('can be withdrawn, and are given out when all is closed', () => {
    const { place } = unlike({ all: 0 })
    const [, b] = place.put('ABC')
    expect([place.dispatcher.withdraw(b as Entry), place.dispatcher.withdraw(b as Entry)]).toEqual([true, false])
    const left = place.dispatcher.unclaimed.map(({ item }) => item)
    expect([left, place.dispatcher.close().map(({ item }) => item)]).toEqual([
      ['C', 'A'],
      ['A', 'C'],
    ])
  })

  test('P8: cost a client that does not take them a step for each, however often it is free again', () => {
    const { place, small } = unlike({ small: 1, all: 0 })
    place.put('L'.repeat(1_000))
    place.put('s')
    small.visits = 0
    for (let settled = 0; settled < 100; settled += 1) {
      place.put('sL')
      place.settle(small)
    }
    expect([small.held, place.dispatcher.size]).toEqual(['s', 1_100])
    expect(small.visits).toBeLessThan(1_000)
  })

  test('P8: and the same where what it takes stands behind them', () => {
    const { place, small } = unlike({ small: 1, all: 0 })
    place.join('none', 1).canCarry = () => false
    place.put('s')
    place.put(`${'L'.repeat(1_000)}${'s'.repeat(100)}`)
    small.visits = 0
    for (let settled = 0; settled < 100; settled += 1) place.settle(small)
    expect([small.held, place.dispatcher.size]).toEqual(['s', 1_000])
    expect(small.visits).toBeLessThan(2_000)
  })
})

describe('P8: the cost of the default', () => {
  test.each([10, 1_000])('does not grow with the number of clients: %i of them', (count) => {
    const place = new Place()
    const workers = Array.from({ length: count }, (_, index) => place.join(String(index), 100))
    place.put('x'.repeat(300))
    // Once to be chosen, once more to be sure.
    expect(workers.reduce((sum, { visits }) => sum + visits, 0)).toBe(2 * 300)
    expect(Math.max(...workers.map(({ inFlight }) => inFlight))).toBe(Math.ceil(300 / count))
  })
})
