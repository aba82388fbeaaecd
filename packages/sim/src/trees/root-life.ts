import { listen } from 'netqueue'
import type { Delivery, Server, ServerClient, TreeNode } from 'netqueue'
import { codeOf } from '../code-of.ts'
import { keyOf } from '../ledger.ts'
import type { Random } from '../random.ts'
import type { NodeLife } from './node-life.ts'
import { isDropped, marksUp } from './marks.ts'
import { addressOf, MAX_SHORT_BYTES, ROOT, SHORT_BYTES } from './plan.ts'
import { choosing, codecs, limitsOf, servingOf } from './settings.ts'
import type { TreeItem } from './tree-item.ts'
import type { TalkMessages } from './tree-talk.ts'
import type { TreeWorld } from './tree-world.ts'

/** Kinds of items that each leaf can have. */
const FOR_ALL: ReadonlySet<string> = new Set(['to', 'flood', 'beside'])

/** What the root's user does: puts in many ways, and reads what comes up. */
export class RootLife {
  readonly life: NodeLife
  readonly server: Server<string, string, TalkMessages>
  /** All of what is put has been, or has failed. */
  readonly produced: Promise<void>
  /** Reading is over: the server is closed and everything was read. */
  readonly read: Promise<void>
  readonly #world: TreeWorld
  readonly #random: Random
  #count = 0

  private constructor(world: TreeWorld, life: NodeLife, server: Server<string, string, TalkMessages>) {
    this.#world = world
    this.#random = life.random
    this.life = life
    this.server = server
    world.hops.watchServer(life, server)
    server.on('deadLetter', ({ item }) => this.#buried(item))
    world.talk?.root(life, server)
    this.produced = world.track(life.process, 'produces', this.#produce())
    this.read = world.track(life.process, 'reads', this.#read())
  }

  static async start(world: TreeWorld): Promise<RootLife> {
    const { plan } = world
    const life = world.newLife(ROOT)
    const server = await listen<string, string, TalkMessages>(addressOf(ROOT), {
      ...world.talk?.registry,
      ...codecs,
      ...servingOf(plan),
      ...choosing(world, life),
      env: life.env,
      transports: [world.transport(life, ROOT)],
      limits: limitsOf(plan),
    })
    return new RootLife(world, life, server)
  }

  /** One item that nobody takes back. */
  put(kind: string): { item: TreeItem; call: Promise<void> } {
    const item = this.#item(kind)
    return { item, call: this.#world.put(this.life.down, item, this.server.put(item.text)) }
  }

  async #produce(): Promise<void> {
    const { plan } = this.#world
    const calls: Promise<void>[] = []
    const gap = (plan.faultsEnd * 0.8) / plan.items
    for (let left = plan.items; left > 0; left -= 1) {
      const call = this.#putSomehow()
      calls.push(call)
      if (this.#random.chance(0.3)) await call
      await this.#sleep(this.#random.chance(0.3) ? 0 : this.#random.between(0, 2 * gap))
    }
    if (plan.has.mapping) calls.push(this.#map())
    await Promise.all(calls)
  }

  #putSomehow(): Promise<void> {
    const { has } = this.#world.plan
    if (has.submitting && this.#random.chance(0.5)) return this.#submit()
    if (has.addressing && this.#random.chance(0.3)) return this.#putTo()
    if (has.cancelling && this.#random.chance(0.3)) {
      const item = this.#item('put')
      return this.#world.put(this.life.down, item, this.server.put(item.text, this.#limit()))
    }
    return this.put('put').call
  }

  /** To one leaf, along its path. */
  #putTo(): Promise<void> {
    const nodes = this.#world.leavesAt(this.server)
    if (nodes.length === 0) return this.put('put').call
    return this.putTo(this.#random.pick(nodes), { timeout: this.#random.integer(1, 400) }).call
  }

  /** One item for one leaf. */
  putTo(to: ServerClient | TreeNode, options: { timeout?: number } = {}): { item: TreeItem; call: Promise<void> } {
    const item = this.#item('to')
    item.to = to.id
    this.#world.counts.addressed += 1
    return { item, call: this.#world.put(this.life.down, item, this.server.put(item.text, { to, ...options })) }
  }

  #submit(): Promise<void> {
    const { has } = this.#world.plan
    const isLimited = has.cancelling && this.#random.chance(0.5)
    const item = this.#item(isLimited && this.#random.chance(0.4) ? 'hang' : 'sub')
    const call = this.#answered(item, this.server.submit(item.text, isLimited ? this.#limit() : {}))
    return this.#world.put(this.life.down, item, call)
  }

  #limit(): { timeout: number } | { signal: AbortSignal } {
    if (this.#random.chance(0.5)) return { timeout: this.#random.integer(0, 400) }
    return { signal: this.#world.abortSoon(this.life.process, this.#random.between(0, 300)) }
  }

  async #answered(item: TreeItem, call: Promise<string | undefined>): Promise<void> {
    call.catch((error: unknown) => {
      const isMissing = item.hasResult && item.outcomes.done === 1 && !isDropped(this.#world.plan, item.key)
      this.#world.check(
        codeOf(error) !== 'NO_RESULT' || !isMissing,
        'I3',
        `${item.key} has no result, where its handler returned one`,
      )
    })
    this.#checkAnswer(item, await call)
  }

  #checkAnswer(item: TreeItem, answer: string | undefined): void {
    this.#world.counts.results += 1
    const isRight = answer?.startsWith(`done ${item.text}`) === true
    this.#world.check(isRight, 'I3', `the result of ${item.key} is ${answer?.slice(0, 40)} …`)
  }

  async #map(): Promise<void> {
    const items = Array.from({ length: 5 }, () => this.#item('map'))
    for (const { key } of items) this.life.down.took(key)
    const run = async (): Promise<void> => {
      const texts = items.map(({ text }) => text)
      for await (const outcome of this.server.map(texts, { settled: true, window: 2 })) {
        const item = this.#world.items.get(keyOf(outcome.item))
        if (item === undefined) continue
        if (outcome.status === 'fulfilled') {
          item.call = 'resolved'
          this.#checkAnswer(item, outcome.value)
        } else this.#world.putFailed(this.life.down, item, outcome.reason)
      }
      const isWhole = items.every(({ call }) => call !== 'waiting')
      this.#world.check(isWhole, 'I11', 'map ended without an outcome for every item')
    }
    await this.#world.track(this.life.process, 'map', run())
  }

  /** Reads in one way after the other until the server is closed. */
  async #read(): Promise<void> {
    while (this.server.state !== 'closed') {
      if (this.#random.chance(0.6) || this.#world.isCalm) await this.#readByHandler()
      else await this.#readByDeliveries()
      await this.#sleep(this.#random.between(0, 100))
    }
    await this.server.process((text) => this.#finished(this.#handed(text)))
  }

  async #readByHandler(): Promise<void> {
    const { workMs, has } = this.#world.plan
    const stop = new AbortController()
    this.#stopLater(() => stop.abort(new Error('aborted by the simulator')))
    const handle = async (text: string): Promise<void> => {
      const item = this.#handed(text)
      if (this.#random.chance(0.5)) await this.#sleep(this.#random.between(0, workMs))
      if (has.failures && !this.#world.isCalm && this.#random.chance(0.1)) throw new Error('the handler failed')
      this.#finished(item)
    }
    await this.server.process(handle, { concurrency: this.#random.integer(1, 3), signal: stop.signal }).catch(() => {})
  }

  async #readByDeliveries(): Promise<void> {
    const { has } = this.#world.plan
    let isOver = false
    this.#stopLater(() => (isOver = true))
    for await (const delivery of this.server.deliveries()) {
      this.#settle(delivery, this.#handed(delivery.item), has.failures && !this.#world.isCalm)
      if (isOver) break
    }
  }

  #settle(delivery: Delivery<string>, item: TreeItem | undefined, mayFail: boolean): void {
    if (mayFail && this.#random.chance(0.15)) {
      delivery.release()
    } else if (mayFail && this.#random.chance(0.05)) {
      if (item !== undefined) this.#world.worked(this.life.up, item, 'reject')
      delivery.reject(new Error('of no use'))
    } else {
      this.#finished(item)
      delivery.done()
    }
  }

  #handed(text: string): TreeItem | undefined {
    return this.#world.handed(this.life, text, ({ owner }) => marksUp(this.#world.plan, owner.place))
  }

  #finished(item: TreeItem | undefined): void {
    if (item !== undefined) this.#world.worked(this.life.up, item, 'done')
  }

  #stopLater(stop: () => void): void {
    if (!this.#random.chance(0.5)) return
    this.#world.schedule.after(this.#random.between(20, 800), this.life.process, () => {
      if (!this.#world.isCalm) stop()
    })
  }

  #buried(text: string): void {
    this.#world.counts.deadLetters += 1
    const item = this.#world.items.get(keyOf(text))
    if (item === undefined) return
    item.isDead = true
    this.life.down.dropped(item.key)
  }

  #sleep(ms: number): Promise<void> {
    return this.#world.sleep(this.life.process, ms)
  }

  #item(kind: string): TreeItem {
    this.#count += 1
    const bytes = this.#bytesOf(kind)
    if (this.#world.plan.shortLeaves.size > 0 && bytes > SHORT_BYTES) this.#world.counts.longItems += 1
    return this.#world.newItem(this.life, `${kind}${this.#count}`, bytes)
  }

  /** Where lengths matter, those between short and long are none: their results would be too long for leaves that take them. */
  #bytesOf(kind: string): number {
    if (!this.#world.plan.has.lengths) return this.#random.integer(1, 300)
    if (FOR_ALL.has(kind) || this.#random.chance(0.5)) return this.#random.integer(1, SHORT_BYTES)
    return this.#random.integer(MAX_SHORT_BYTES, 300)
  }
}
