import { connect, text } from 'netqueue'
import { drawHabit } from './client-habits.ts'
import { putNowAndThen } from './client-puts.ts'
import { Ledger } from './ledger.ts'
import { newProcess } from './schedule.ts'
import { codeOf } from './code-of.ts'
import type { TalkMessages } from './talk/registries.ts'
import type { Life, SimClient, World } from './world.ts'

/** A place for one client after the other: each comes, works, and goes in its own way. */
export class Slot {
  life: Life | undefined
  readonly #world: World
  readonly #index: number
  #count = 0

  constructor(world: World, index: number) {
    this.#world = world
    this.#index = index
  }

  /** Lets the next client come after some time. */
  start(ms: number): void {
    this.#world.schedule.after(ms, newProcess('slot'), () => void this.#live())
  }

  /** The client's process is no more; what the system had taken from it may still arrive. */
  crash(): void {
    const { life } = this
    if (life === undefined || life.process.isDead) return
    this.#world.note(`${life.name} crashes`)
    life.process.isDead = true
    life.isClosed = true
    life.connection?.crash()
    this.#over()
  }

  #over(): void {
    this.life = undefined
    if (!this.#world.isCalm) this.start(this.#world.random.between(1, 300))
  }

  async #live(): Promise<void> {
    const world = this.#world
    const life = this.#newLife()
    this.life = life
    const client = await this.#connect(life)
    if (client === undefined) return this.life === life ? this.#over() : undefined
    client.on('disconnect', () => life.connection !== undefined && world.talk?.lost(life.connection, 'client'))
    client.on('warning', ({ error }) => world.warned(life.name, error))
    void client.closed.then(({ error, undone }) => {
      world.clientClosed(life, undone)
      if (error !== undefined && error.code !== 'CONNECTION_LOST' && error.code !== 'CLOSED')
        world.violate('I7', `${life.name} was closed with ${error.code}: ${error.message}`)
      if (this.life === life) this.#over()
    })
    if (world.swarm.has.goodbyes) this.#leaveLater(life, client)
    void world.track(life.process, 'works', drawHabit(world, life)(world, life, client))
    if (world.swarm.has.clientPuts) void world.track(life.process, 'puts', putNowAndThen(world, life, client))
  }

  #newLife(): Life {
    const { lives, random, swarm } = this.#world
    this.#count += 1
    const process = newProcess(`w${this.#index}.${this.#count}`)
    const life: Life = {
      name: process.name,
      id: swarm.has.sameIds ? `w${this.#index}` : '',
      process,
      env: this.#world.env(process),
      random: random.fork(),
      prefetch: swarm.clientPrefetch,
      ledger: new Ledger(),
      client: undefined,
      connection: undefined,
      readers: 0,
      handed: 0,
      isClosed: false,
      undone: [],
    }
    lives.push(life)
    return life
  }

  async #connect(life: Life): Promise<SimClient | undefined> {
    const { swarm, network, talk } = this.#world
    const { registry, limits } = talk?.partyOf(life) ?? {}
    const call = connect<string, string, TalkMessages>('sim:server', {
      ...registry,
      id: life.id,
      item: text(),
      result: text(),
      tags: life.random.chance(0.5) ? ['good'] : [],
      prefetch: life.prefetch,
      env: life.env,
      transports: [network.transport(life.process)],
      connectTimeoutMs: 2_000,
      // Each life is one connection: the next one is another client.
      reconnect: false,
      retryDelayMs: 5,
      maxRetryDelayMs: 100,
      limits: { ...limits, maxUnsettled: swarm.maxUnsettled },
    })
    // At once: what is said to a client may come right behind its welcome.
    const connected = call.then((client) => {
      life.client = client
      talk?.clientConnected(life)
      return client
    })
    try {
      return await this.#world.track(life.process, 'connect', connected)
    } catch (error) {
      const expected = ['CONNECT_FAILED', 'CONNECTION_LOST', 'ID_IN_USE', 'HANDSHAKE_TIMEOUT', 'CLOSED']
      if (talk?.mustRefuse(life) === true) expected.push('MESSAGES_MISMATCH')
      if (codeOf(error) === 'MESSAGES_MISMATCH') this.#world.counts.mismatches += 1
      this.#world.check(expected.includes(codeOf(error)), 'I7', `${life.name} could not connect: ${String(error)}`)
      life.isClosed = true
      return undefined
    }
  }

  /** Goes without being made to: with a goodbye, or without. */
  #leaveLater(life: Life, client: SimClient): void {
    const { random, process } = life
    if (!random.chance(0.6)) return
    this.#world.schedule.after(random.between(20, 2_000), process, () => {
      if (this.#world.isCalm) return
      const options = { timeout: random.integer(0, 500), notify: random.chance(0.8) }
      void this.#world.track(process, 'close', client.close(options))
    })
  }
}
