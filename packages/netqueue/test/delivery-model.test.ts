import assert from 'node:assert/strict'

import fc from 'fast-check'
import { test } from 'vitest'

import type { Client, Delivery, Server } from '../src/index.ts'
import { Place, rest } from './support/nodes.ts'

/** What must be so of one item, whatever happened. */
interface Fate {
  state: 'open' | 'done' | 'rejected' | 'cancelled'
  /** The delivery that somebody holds now. */
  held: Delivery<number> | undefined
  /** Deliveries that failed in somebody's hands, by taking too long as well: each counts as an attempt. */
  failures: number
  /** Losses of any client since the item was put, and times that passed: each may count, for it may have been waiting there. */
  losses: number
  cancel: AbortController | undefined
}

interface Worker {
  client: Client<number, number>
  lose: () => void
  /** What it was given, and when it was given it or last said that it needs longer. */
  holds: Map<Delivery<number>, { since: number; isExtended: boolean }>
}

/** Items that are not settled, nor extended, for so long are taken back, from clients and from the server. */
const SETTLE_MS = 2_500

/** A server and its clients, and beside them what a reader of the promises would expect of every item. */
class World {
  readonly place = new Place()
  readonly fates = new Map<number, Fate>()
  readonly workers: Worker[] = []
  /** What clients put: whether the server has done it, or may be without it because its client was lost. */
  readonly puts = new Map<number, 'open' | 'done'>()
  readonly undone = new Set<number>()
  readonly kept: Delivery<number>[] = []
  server!: Server<number, number>
  #items = 0

  async begin(): Promise<this> {
    this.server = await this.place.listen<number, number>({ maxAttempts: 1_000, settleTimeoutMs: SETTLE_MS })
    void this.#keep()
    return this
  }

  /** The server takes what clients put, and is done with it when a step says so. */
  async #keep(): Promise<void> {
    for await (const delivery of this.server.deliveries()) this.kept.push(delivery)
  }

  nextItem(): number {
    this.#items += 1
    return this.#items
  }

  async join(prefetch: number): Promise<void> {
    const options = { prefetch, maxAttempts: 1_000, settleTimeoutMs: SETTLE_MS }
    const { client, lose } = await this.place.attach(this.server, options)
    void client.closed.then(({ undone }) => undone.forEach((item) => this.undone.add(item)))
    this.workers.push({ client, lose, holds: new Map() })
  }

  /** Everything that is under way arrives. */
  async settle(): Promise<void> {
    await rest()
  }

  /** A client takes one item, if one can be had. */
  async take(worker: Worker): Promise<void> {
    const stop = new AbortController()
    const taken = worker.client.receive({ signal: stop.signal }).catch(() => undefined)
    await this.settle()
    stop.abort()
    const delivery = await taken
    await this.settle()
    if (delivery !== undefined) this.#given(worker, delivery)
  }

  async offer(): Promise<void> {
    const item = this.nextItem()
    this.fates.set(item, { state: 'open', held: undefined, failures: 0, losses: 0, cancel: undefined })
    await this.server.put(item)
  }

  async submit(): Promise<void> {
    const item = this.nextItem()
    const cancel = new AbortController()
    this.fates.set(item, { state: 'open', held: undefined, failures: 0, losses: 0, cancel })
    await this.server.submit(item, { signal: cancel.signal })
  }

  /** What was submitted and may be cancelled. */
  get submitted(): Fate[] {
    return [...this.fates.values()].filter(({ state, cancel }) => state === 'open' && cancel !== undefined)
  }

  end(item: number, state: Fate['state']): void {
    Object.assign(this.fate(item), { state, held: undefined })
  }

  /** A client is gone with all that it held. */
  drop(worker: Worker): void {
    this.workers.splice(this.workers.indexOf(worker), 1)
    for (const fate of this.fates.values()) fate.losses += 1
    for (const delivery of worker.holds.keys()) this.failed(delivery)
  }

  /** A delivery ended, and its item is open; one that took too long counted when the item was given to somebody else. */
  failed(delivery: Delivery<number>): void {
    const fate = this.fate(delivery.item)
    if (fate.held !== delivery) return
    fate.held = undefined
    fate.failures += 1
  }

  /** Each item is its holder's until its time is up, and no longer. */
  async pass(ms: number): Promise<void> {
    const { clock } = this.place
    for (const fate of this.fates.values()) fate.losses += 1
    clock.advance(ms)
    await this.settle()
    for (const { holds } of this.workers)
      for (const [delivery, { since, isExtended }] of holds) {
        if (this.fate(delivery.item).state !== 'open') continue
        const isOver = clock.now() >= since + SETTLE_MS
        if (isOver || isExtended)
          assert.equal(delivery.isOpen, !isOver, `Item ${delivery.item} was given, or extended, at ${since}`)
      }
  }

  fate(item: number): Fate {
    const fate = this.fates.get(item)
    assert(fate !== undefined, `Item ${item} was never put`)
    return fate
  }

  #given(worker: Worker, delivery: Delivery<number>): void {
    const fate = this.fate(delivery.item)
    assert.equal(fate.state, 'open', `Item ${delivery.item} was ${fate.state}, and is delivered again`)
    assert(fate.held?.isOpen !== true, `Item ${delivery.item} is held by two`)
    if (fate.held !== undefined) this.failed(fate.held)
    const { attempt } = delivery
    assert(
      attempt > fate.failures,
      `Item ${delivery.item} failed ${fate.failures} times and this is attempt ${attempt}`,
    )
    assert(attempt <= 1 + fate.failures + fate.losses, `Item ${delivery.item}: attempt ${attempt} of too few losses`)
    fate.held = delivery
    worker.holds.set(delivery, { since: this.place.clock.now(), isExtended: false })
  }

  /** Whatever is still open is delivered to one last client, once, and then all is quiet. */
  async finish(): Promise<void> {
    const { place, server, workers } = this
    for (const worker of workers.splice(0)) {
      worker.lose()
      for (const delivery of worker.holds.keys()) this.failed(delivery)
    }
    await this.settle()
    const last = new Map<number, number>()
    const { client } = await place.attach(server)
    client.process((item) => void last.set(item, (last.get(item) ?? 0) + 1)).catch(() => {})
    for (let rounds = 0; rounds < 20; rounds += 1) {
      await this.settle()
      place.clock.advance(10_000)
    }
    await server.idle()
    const open = [...this.fates].filter(([, { state }]) => state === 'open').map(([item]) => [item, 1] as const)
    assert.deepEqual(new Map([...last].toSorted(([a], [b]) => a - b)), new Map(open))
    const rejected = [...this.fates].filter(([, { state }]) => state === 'rejected').map(([item]) => item)
    assert.deepEqual(
      server.deadLetters.list().map(({ item }) => item),
      server.deadLetters
        .list()
        .map(({ item }) => item)
        .filter((item) => rejected.includes(item)),
    )
    assert.equal(server.deadLetters.size, rejected.length)
    this.#endPuts()
    await place[Symbol.asyncDispose]()
  }

  #endPuts(): void {
    for (const delivery of this.kept.splice(0)) this.received(delivery)
    for (const [item, state] of this.puts) assert(state === 'done' || this.undone.has(item), `Put ${item} was lost`)
  }

  /** The server is done with what a client put. */
  received(delivery: Delivery<number>): void {
    if (delivery.done()) this.#seen(delivery.item)
  }

  #seen(item: number): void {
    assert.equal(this.puts.get(item), 'open', `Put ${item} was done before`)
    this.puts.set(item, 'done')
  }
}

/** The steps that were taken at all. */
const ran = new Set<string>()

class Step implements fc.AsyncCommand<World, World> {
  readonly #name: string
  readonly #canRun: (world: Readonly<World>) => boolean
  readonly #run: (world: World) => Promise<void> | void

  constructor(name: string, canRun: (world: Readonly<World>) => boolean, run: (world: World) => Promise<void> | void) {
    this.#name = name
    this.#canRun = canRun
    this.#run = run
  }

  check(world: Readonly<World>): boolean {
    return this.#canRun(world)
  }

  async run(world: World): Promise<void> {
    ran.add(this.#name.replace(/ \d$/, ''))
    await this.#run(world)
    await world.settle()
  }

  toString(): string {
    return this.#name
  }
}

const always = (): boolean => true
const pick = <T>(list: readonly T[], index: number): T => {
  const chosen = list[index % list.length]
  assert(chosen !== undefined)
  return chosen
}

function withWorker(name: string, act: (world: World, worker: Worker) => Promise<void> | void): fc.Arbitrary<Step> {
  const canRun = ({ workers }: Readonly<World>): boolean => workers.length > 0
  return fc
    .nat(2)
    .map((index) => new Step(`${name} ${index}`, canRun, (world) => act(world, pick(world.workers, index))))
}

/** Somebody who holds an item does something with it. */
function withHeld(
  name: string,
  act: (world: World, item: number, delivery: Delivery<number>) => void,
  { keeps = false } = {},
): fc.Arbitrary<Step> {
  const holding = ({ workers }: Readonly<World>): Worker[] => workers.filter(({ holds }) => holds.size > 0)
  const run = (world: World, index: number): void => {
    const worker = pick(holding(world), index)
    const delivery = pick([...worker.holds.keys()], index)
    worker.holds.delete(delivery)
    if (delivery.isOpen) act(world, delivery.item, delivery)
    else assert(!delivery.extend() && !delivery.done(), `Item ${delivery.item} was settled by one who had it no more`)
    if (keeps && delivery.isOpen) worker.holds.set(delivery, { since: world.place.clock.now(), isExtended: true })
  }
  return fc.nat(5).map(
    (index) =>
      new Step(
        `${name} ${index}`,
        (world) => holding(world).length > 0,
        (world) => run(world, index),
      ),
  )
}

function withKept(name: string, act: (world: World, delivery: Delivery<number>) => void): fc.Arbitrary<Step> {
  const canRun = ({ kept }: Readonly<World>): boolean => kept.length > 0
  return fc.constant(new Step(name, canRun, (world) => act(world, world.kept.shift() as Delivery<number>)))
}

const put = fc.constant(new Step('put', always, (world) => void world.offer().catch(() => {})))
const submit = fc.constant(new Step('submit', always, (world) => void world.submit().catch(() => {})))
const join = fc.integer({ min: 1, max: 3 }).map(
  (prefetch) =>
    new Step(
      `join ${prefetch}`,
      ({ workers }) => workers.length < 3,
      (world) => world.join(prefetch),
    ),
)
const take = withWorker('take', (world, worker) => world.take(worker))
const done = withHeld('done', (world, item, delivery) => {
  assert(delivery.done())
  world.end(item, 'done')
})
const release = withHeld('release', (world, _item, delivery) => {
  assert(delivery.release())
  world.failed(delivery)
})
const extend = withHeld('extend', (_world, _item, delivery) => assert(delivery.extend()), { keeps: true })
const reject = withHeld('reject', (world, item, delivery) => {
  assert(delivery.reject())
  // Whoever submitted it is told; there is no letter then.
  world.end(item, world.fate(item).cancel === undefined ? 'rejected' : 'done')
})
const cancel = fc.nat(5).map(
  (index) =>
    new Step(
      `cancel ${index}`,
      ({ submitted }) => submitted.length > 0,
      (world) => {
        const fate = pick(world.submitted, index)
        fate.state = 'cancelled'
        fate.cancel?.abort()
      },
    ),
)
const lose = withWorker('lose', (world, worker) => {
  worker.lose()
  world.drop(worker)
})
const close = withWorker('close', async (world, worker) => {
  await world.place.pass(worker.client.close({ timeout: 0 }))
  world.drop(worker)
})
const clientPut = withWorker('client puts', (world, { client }) => {
  const item = world.nextItem()
  world.puts.set(item, 'open')
  if (!client.tryPut(item)) world.puts.delete(item)
})
const serverDone = withKept('server is done', (world, delivery) => world.received(delivery))
const serverRelease = withKept('server releases', (_world, delivery) => void delivery.release())
const time = fc.constant(new Step('time passes', always, (world) => world.pass(1_000)))

/** Some steps several times: they are to happen more often than others. */
const steps = [put, put, put, submit, submit, join, join, take, take, take, take, take, take, done, release, reject]
const rarer = [cancel, lose, close, extend, clientPut, clientPut, serverDone, serverRelease, time, time]

test('P2, P4, P9: put, get, settle, release, reject, cancel, extend, hang, leave and come back in any order lose nothing and repeat only what they may', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands([...steps, ...rarer], { maxCommands: 100, size: 'max' }), async (commands) => {
      const world = await new World().begin()
      await fc.asyncModelRun(() => ({ model: world, real: world }), commands)
      await world.finish()
    }),
    { numRuns: 100 },
  )
  assert.equal(ran.size, 15, 'Expected every step to be taken at least once')
})
