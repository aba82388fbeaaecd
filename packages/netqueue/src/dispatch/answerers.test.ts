import { describe, expect, test } from 'vitest'

import { turn } from '../../test/support/handles.ts'
import { Clock } from '../../test/support/nodes.ts'
import { failureOf } from '../../test/support/outcome.ts'
import { NetQueueError } from '../errors/errors.ts'
import { Answerers } from './answerers.ts'
import type { Answerer } from './answerers.ts'

/** A client that knows some names, and keeps what it is asked. */
class Peer implements Answerer {
  requests = 0
  readonly maxRequests = 2
  isOpen = true
  refusedUntil: number | undefined
  readonly #names: readonly string[]

  constructor(...names: string[]) {
    this.#names = names
  }

  knows(name: string): boolean {
    return this.#names.includes(name)
  }

  refusesUntil(): number | undefined {
    return this.refusedUntil
  }
}

/** Those who can be asked, two requests each; whoever is asked has one more, and says so. */
function begin(): { all: Answerers<Peer>; ask: (peer: Peer) => Peer } {
  const all = new Answerers<Peer>({ env: new Clock(), maxWaiting: 1_000_000 })
  const ask = (peer: Peer): Peer => {
    peer.requests += 1
    all.changed(peer)
    return peer
  }
  return { all, ask }
}

const fits = (): boolean => true
const timeout = Number.POSITIVE_INFINITY

test('P8: clients come, change and go as often as they like beside 50,000 requests that none of them can answer', async () => {
  const { all, ask } = begin()
  const other = new Peer('other')
  all.join(other)
  // Each look at all who wait would be one too many: together they would take minutes.
  const waiting = Array.from({ length: 50_000 }, async () => all.wait({ name: 'rare', fits, ask, timeout }, {}))
  for (let times = 0; times < 50_000; times += 1) all.changed(other)
  const rare = new Peer('rare')
  all.join(rare)
  expect(await waiting[0]).toBe(rare)
  expect(await waiting[1]).toBe(rare)
  expect(rare.requests).toBe(2)
  all.close(new NetQueueError('CLOSED', 'The test is over'))
  const outcomes = await Promise.allSettled(waiting)
  expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(2)
})

test('one who asks for what somebody free knows does not wait behind those who ask for something else', () => {
  const { all, ask } = begin()
  const other = new Peer('other')
  all.join(other)
  const waiting = all.wait({ name: 'rare', fits, ask, timeout }, {})
  expect(all.free({ name: 'other', fits })).toBe(other)
  expect(waiting).toBeInstanceOf(Promise)
})

test('those who wait for one name are asked in order, whoever comes later', async () => {
  const { all, ask } = begin()
  const rare = new Peer('rare')
  rare.requests = 2
  all.join(rare)
  const order: string[] = []
  const choose = async (who: string): Promise<void> => {
    const asks = (peer: Peer): Peer => {
      order.push(who)
      return ask(peer)
    }
    await all.wait({ name: 'rare', fits, ask: asks, timeout }, {})
  }
  const waiting = [choose('first'), choose('second')]
  rare.requests = 0
  const later = choose('later')
  all.changed(rare)
  await Promise.all(waiting)
  expect(order).toEqual(['first', 'second'])
  rare.requests = 0
  all.changed(rare)
  await later
})

test('what does not fit one client waits for another, and holds up nobody whom that one can answer', async () => {
  const { all, ask } = begin()
  const [little, large] = [new Peer('rare'), new Peer('rare')]
  all.join(little)
  const long = all.wait({ name: 'rare', fits: (peer) => peer === large, ask, timeout }, {})
  expect(all.free({ name: 'rare', fits })).toBe(little)
  ask(little)
  expect(all.free({ name: 'rare', fits })).toBe(little)
  ask(little)
  const short = all.wait({ name: 'rare', fits, ask, timeout }, {})
  little.requests = 0
  all.changed(little)
  expect(await short).toBe(little)
  all.join(large)
  expect(await long).toBe(large)
})

test('what does not fit whoever handles it does not wait for it, but is asked of whoever has refused the name', () => {
  const { all, ask } = begin()
  const [handler, other] = [new Peer('rare'), new Peer('rare')]
  other.refusedUntil = 1_000
  for (const peer of [handler, other]) all.join(peer)
  expect(all.free({ name: 'rare', fits: (peer) => peer === other })).toBe(other)
  expect(all.free({ name: 'rare', fits })).toBe(handler)
  for (let times = 0; times < 2; times += 1) ask(handler)
  expect(all.free({ name: 'rare', fits })).toBeUndefined()
})

test('P8: clients that take next to nothing come and go beside 50,000 requests that are too long for them', async () => {
  const { all, ask } = begin()
  let looks = 0
  const none = (): boolean => {
    looks += 1
    return false
  }
  const waiting = Array.from({ length: 50_000 }, async () => all.wait({ name: 'rare', fits: none, ask, timeout }, {}))
  for (let times = 0; times < 100; times += 1) all.join(new Peer('rare'))
  // Each is held against all who wait, once.
  expect(looks).toBe(50_000 * 100)
  all.close(new NetQueueError('CLOSED', 'The test is over'))
  await Promise.allSettled(waiting)
})

describe('P11: a signal that fires as a payload is encoded', () => {
  const wanted = { name: 'rare', fits, timeout }

  test('ends all who share it, and holds up nobody behind them', async () => {
    const { all, ask } = begin()
    const stop = new AbortController()
    const { signal } = stop
    const asks = (peer: Peer): Peer => {
      stop.abort(new Error('enough'))
      return ask(peer)
    }
    const sharing = [1, 2, 3].map(async () => failureOf(all.wait({ ...wanted, ask: asks }, { signal })))
    const other = all.wait({ ...wanted, ask }, {})
    const rare = new Peer('rare')
    all.join(rare)
    expect(await Promise.all(sharing)).toEqual([1, 2, 3].map(() => new Error('enough')))
    expect(await other).toBe(rare)
    expect(rare.requests).toBe(2)
  })

  test('counts once: whoever waits behind that is asked', async () => {
    const { all, ask } = begin()
    const stop = new AbortController()
    const asks = (peer: Peer): Peer => {
      stop.abort(new Error('enough'))
      return peer
    }
    const called = failureOf(all.wait({ ...wanted, ask: asks }, { signal: stop.signal }))
    const rare = new Peer('rare')
    all.join(rare)
    expect(await called).toEqual(new Error('enough'))
    rare.requests = 2
    all.changed(rare)
    let answerer: Peer | undefined
    void all.wait({ ...wanted, ask: (peer) => (answerer = ask(peer)) }, {})
    rare.requests = 0
    all.changed(rare)
    expect(answerer).toBe(rare)
  })

  test('P7: leaves nobody to hear what comes of the request, and no unhandled rejection', async () => {
    const { all } = begin()
    const stop = new AbortController()
    const asks = (): Promise<never> => {
      stop.abort(new Error('enough'))
      return Promise.reject(new Error('never begun'))
    }
    const unhandled: unknown[] = []
    const note = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', note)
    const called = failureOf(all.wait({ ...wanted, ask: asks }, { signal: stop.signal }))
    all.join(new Peer('rare'))
    expect(await called).toEqual(new Error('enough'))
    await turn()
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })
})
