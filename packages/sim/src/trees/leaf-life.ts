import { connect } from 'netqueue'
import type { Client } from 'netqueue'
import { codeOf } from '../code-of.ts'
import { keyOf } from '../ledger.ts'
import { byHandler, drawHabit, putOnly } from './leaf-habits.ts'
import type { Habit } from './leaf-habits.ts'
import { marksDown } from './marks.ts'
import type { NodeLife } from './node-life.ts'
import { addressOf, MAX_SHORT_BYTES, SHORT_BYTES } from './plan.ts'
import type { Place } from './plan.ts'
import { codecs, finding, limitsOf } from './settings.ts'
import type { TreeItem } from './tree-item.ts'
import type { TalkMessages } from './tree-talk.ts'
import type { TreeWorld } from './tree-world.ts'

type LeafClient = Client<string, string, TalkMessages>

/** One process at a leaf's place: connects, works, and goes in its own way. */
export class LeafLife {
  readonly life: NodeLife
  /** Most items that it works on at a time; none where it takes nothing. */
  readonly concurrency: number
  /** Resolves when it is no more. */
  readonly over: Promise<void>
  client: LeafClient | undefined
  /** Handlers that wait to hear that nobody wants their item any more. */
  hanging = 0
  /** Handlers at work. */
  busy = 0
  readonly #world: TreeWorld
  readonly #habit: Habit
  readonly #stop = new AbortController()
  #over!: () => void
  #puts = 0

  constructor(world: TreeWorld, place: Place) {
    this.#world = world
    this.life = world.newLife(place)
    const { random } = this.life
    this.over = new Promise((resolve) => (this.#over = resolve))
    this.#habit = drawHabit(world, random)
    this.concurrency = this.#habit === byHandler ? random.integer(1, 3) : Number(this.#habit !== putOnly)
    void this.#live()
  }

  /** Ends it, whether it is connected or not. */
  async close(): Promise<void> {
    if (this.client === undefined) return this.#stop.abort(new Error('aborted by the simulator'))
    await this.#world.track(this.life.process, 'close', this.client.close())
  }

  crash(): void {
    this.#world.crash(this.life)
    this.#over()
  }

  async #live(): Promise<void> {
    const { life } = this
    const client = await this.#connect()
    if (client === undefined) return this.#over()
    this.client = client
    this.#world.hops.watchClient(life, client)
    this.#world.talk?.leaf(life, client)
    client.on('state', () => (life.isLeaving ||= client.state === 'closing'))
    void client.closed.then(({ undone, error }) => {
      this.#world.note(`${life.name} closed with ${undone.length} undone: ${error?.code}`)
      life.isClosed = true
      const dead = client.deadLetters.list().map(({ item }) => item)
      for (const text of [...undone, ...dead]) life.undone.add(keyOf(text))
      this.#over()
    })
    if (this.#world.plan.has.goodbyes) this.#leaveLater(client)
    void this.#world.track(life.process, 'works', this.#habit(this))
    if (this.#world.plan.has.leafPuts) void this.#world.track(life.process, 'puts', this.#putNowAndThen())
  }

  async #connect(): Promise<LeafClient | undefined> {
    const { life } = this
    const { plan } = this.#world
    const call = connect<string, string, TalkMessages>(life.place.parents.map(addressOf), {
      ...this.#world.talk?.registry,
      id: life.name,
      ...codecs,
      ...finding,
      prefetch: plan.leafPrefetch,
      env: life.env,
      transports: life.place.parents.map((parent) => this.#world.transport(life, parent)),
      signal: this.#stop.signal,
      limits: { ...limitsOf(plan), ...(this.#isShort && { maxItemBytes: MAX_SHORT_BYTES }) },
    })
    try {
      return await this.#world.track(life.process, 'connect', call)
    } catch (error) {
      this.#world.check(codeOf(error) === 'ABORT', 'I7', `${life.name} could not connect: ${String(error)}`)
      life.isClosed = true
      return undefined
    }
  }

  get #isShort(): boolean {
    return this.#world.plan.shortLeaves.has(this.life.place.name)
  }

  #leaveLater(client: LeafClient): void {
    const { random, process } = this.life
    if (!random.chance(0.3)) return
    this.#world.schedule.after(random.between(100, 2_000), process, () => {
      if (this.#world.isCalm) return
      void this.#world.track(process, 'close', client.close({ timeout: random.integer(0, 500) }))
    })
  }

  /** Whether to misbehave now; nobody does once the world is calm. */
  tempted(probability: number): boolean {
    return this.life.random.chance(probability) && !this.#world.isCalm
  }

  get has(): TreeWorld['plan']['has'] {
    return this.#world.plan.has
  }

  get isThere(): boolean {
    return this.client?.state === 'connected' || this.client?.state === 'reconnecting'
  }

  /** It takes items, and means to go on. */
  get isReading(): boolean {
    return this.isThere && this.concurrency > 0 && !this.life.isLeaving
  }

  get isCalm(): boolean {
    return this.#world.isCalm
  }

  sleep(ms: number): Promise<void> {
    return this.#world.sleep(this.life.process, ms)
  }

  /** An item is with this leaf's user. */
  handed(text: string): TreeItem | undefined {
    const item = this.#world.handed(this.life, text, () => marksDown(this.#world.plan, this.life.place))
    const isMeant = item?.to === undefined || item.to === this.life.name
    this.#world.check(isMeant, 'I33', `${this.life.name} works on ${item?.key}, which is for ${item?.to}`)
    return item
  }

  /** Works on an item, for which it may have to answer with puts of its own. */
  async work(item: TreeItem | undefined, signal?: AbortSignal): Promise<TreeItem[]> {
    this.busy += 1
    try {
      const { gate } = this.#world
      if (gate !== undefined && (gate.only ?? this.life) === this.life) await gate.opens
      if (item?.key.startsWith('hang') === true && signal !== undefined) await this.#hang(signal)
      const { workMs, has } = this.#world.plan
      const slow = has.slowness && this.tempted(0.1) ? 20 : 1
      if (this.life.random.chance(0.8))
        await this.sleep(this.life.random.between(0, workMs * (this.isCalm ? 0.2 : 2 * slow)))
      return await this.#answer()
    } finally {
      this.busy -= 1
    }
  }

  finished(item: TreeItem | undefined, outcome: 'done' | 'failed' | 'reject', answers: TreeItem[] = []): void {
    if (item !== undefined) this.#world.worked(this.life.down, item, outcome, answers)
  }

  fails(): boolean {
    return this.has.failures && this.tempted(0.15)
  }

  stopLater(stop: () => void): void {
    if (!this.has.leaving) return
    this.#world.schedule.after(this.life.random.between(50, 1_500), this.life.process, () => {
      if (!this.isCalm) stop()
    })
  }

  async #hang(signal: AbortSignal): Promise<void> {
    this.hanging += 1
    await fired(signal)
    this.hanging -= 1
    this.#world.counts.cancelsHeard += 1
  }

  async #answer(): Promise<TreeItem[]> {
    if (!this.has.leafPuts || !this.life.random.chance(0.4)) return []
    const { item, call } = this.#put()
    // Not waiting for it changes nothing: the settle waits for the put.
    if (this.life.random.chance(0.5)) await call
    return [item]
  }

  #put(options: { timeout?: number; signal?: AbortSignal } = {}): {
    item: TreeItem
    call: Promise<void>
  } {
    const { life } = this
    this.#puts += 1
    const item = this.#world.newItem(
      life,
      `${life.name}-${this.#puts}`,
      life.random.integer(1, this.#isShort ? SHORT_BYTES : 200),
    )
    const call = this.#world.put(life.up, item, (this.client as LeafClient).put(item.text, options))
    return { item, call }
  }

  async #putNowAndThen(): Promise<void> {
    const { random, process } = this.life
    for (let left = random.integer(0, 10); left > 0 && !this.isCalm; left -= 1) {
      await this.sleep(random.between(0, 150))
      if (!this.isThere) return
      const how = random.below(3)
      if (how === 0) void this.#put({ timeout: random.integer(0, 100) }).call
      else if (how === 1) void this.#put({ signal: this.#world.abortSoon(process, random.between(0, 60)) }).call
      else await this.#put().call
    }
  }
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
