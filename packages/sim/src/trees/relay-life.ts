import { DROP, relay } from 'netqueue'
import type { Relay, RelayCloseOptions, Stage } from 'netqueue'
import { codeOf } from '../code-of.ts'
import { keyOf } from '../ledger.ts'
import { isDropped, wantsResult } from './marks.ts'
import type { NodeLife } from './node-life.ts'
import { addressOf } from './plan.ts'
import type { Place } from './plan.ts'
import { choosing, codecs, finding, limitsOf, servingOf } from './settings.ts'
import type { TreeWorld } from './tree-world.ts'

/** One process at a relay's place. */
export class RelayLife {
  readonly life: NodeLife
  /** Resolves when it is no more. */
  readonly over: Promise<void>
  relay: Relay<string, string> | undefined
  readonly #world: TreeWorld
  #over!: () => void

  constructor(world: TreeWorld, place: Place) {
    this.#world = world
    this.life = world.newLife(place)
    this.over = new Promise((resolve) => (this.#over = resolve))
    void this.#live()
  }

  /** It passes items on, and means to go on. */
  get isThere(): boolean {
    return this.relay?.client.state === 'connected' && !this.life.isClosed && !this.life.isLeaving
  }

  crash(): void {
    this.#world.crash(this.life)
    this.#over()
  }

  async close(options: RelayCloseOptions = {}): Promise<void> {
    this.life.isLeaving = true
    await this.#world.track(this.life.process, 'close', this.relay?.close(options) ?? Promise.resolve())
  }

  async #live(): Promise<void> {
    const { life } = this
    const node = await this.#start()
    if (node === undefined) return this.#over()
    this.relay = node
    this.#world.hops.watchClient(life, node.client)
    this.#world.hops.watchServer(life, node.server)
    void node.closed.then(({ undone, below }) => {
      this.#world.note(`${life.name} closed with ${undone.length + below.length} undone`)
      for (const text of [...undone, ...below]) life.undone.add(keyOf(text))
      life.isClosed = true
      this.#over()
    })
    if (this.#world.plan.has.goodbyes && life.random.chance(0.2)) this.#leaveLater()
  }

  async #start(): Promise<Relay<string, string> | undefined> {
    const { life } = this
    const { place } = life
    const { plan } = this.#world
    const call = relay<string, string>({
      parent: place.parents.map(addressOf),
      listen: addressOf(place),
      id: life.name,
      ...codecs,
      ...(plan.has.stages ? this.#stages() : {}),
      client: { ...finding, prefetch: plan.relayPrefetch },
      server: { ...servingOf(plan), ...choosing(this.#world, life) },
      env: life.env,
      transports: [...place.parents, place].map((each) => this.#world.transport(life, each)),
      limits: limitsOf(plan),
    })
    try {
      return await this.#world.track(life.process, 'start', call)
    } catch (error) {
      this.#world.check(codeOf(error) === 'ABORT', 'I7', `${life.name} could not start: ${String(error)}`)
      life.isClosed = true
      return undefined
    }
  }

  #stages(): { down: Stage<string>; up: Stage<string> } {
    const { name } = this.life.place
    return { down: this.#stage('down', `>${name}`), up: this.#stage('up', `<${name}`) }
  }

  /** Marks what passes, at once or later; drops some, and fails at some. */
  #stage(way: 'down' | 'up', mark: string): Stage<string> {
    const { life } = this
    const world = this.#world
    const work = (text: string): string | typeof DROP => {
      world.counts.stages += 1
      const item = world.items.get(keyOf(text))
      if (item === undefined) return text + mark
      if (isDropped(world.plan, item.key)) {
        world.counts.stageDrops += 1
        world.worked(life[way], item, 'done')
        return DROP
      }
      if (!world.plan.has.failures || world.isCalm || !life.random.chance(0.05)) return text + mark
      if (way === 'down' && wantsResult(item.key)) world.worked(life.down, item, 'failed')
      // It is tried again, here or below, and what follows goes on.
      item.wasReturned = true
      throw new Error('the stage failed')
    }
    return (text) => {
      if (life.random.chance(0.5)) return work(text)
      return world.sleep(life.process, life.random.between(0, 5)).then(() => work(text))
    }
  }

  #leaveLater(): void {
    const { random, process } = this.life
    this.#world.schedule.after(random.between(100, 2_000), process, () => {
      if (this.#world.isCalm) return
      this.#world.counts.relaysLeft += 1
      void this.close({ timeout: random.integer(0, 500) })
    })
  }
}
