import { connect, text } from 'netqueue'
import type { NetQueueError } from 'netqueue'
import { drawHabit } from './client-habits.ts'
import { putNowAndThen } from './client-puts.ts'
import { Ledger } from './ledger.ts'
import { newProcess } from './schedule.ts'
import { codeOf } from './code-of.ts'
import type { TalkMessages } from './talk/registries.ts'
import type { Returns } from './swarm.ts'
import type { Life, SimClient, World } from './world.ts'

/** A place for one client after the other: each comes, works, and goes in its own way. */
export class Slot {
  life: Life | undefined
  /** Nobody comes any more. */
  isClosed = false
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
    if (this.isClosed) return
    const world = this.#world
    const life = this.#newLife()
    this.life = life
    const client = await this.#connect(life)
    if (client === undefined) return this.life === life ? this.#over() : undefined
    client.on('disconnect', ({ error }) => world.sessions.disconnected(life, error))
    client.on('state', ({ state }) => (life.isLeaving ||= state === 'closing'))
    client.on('reconnecting', ({ delayMs }) => world.sessions.returns(life, delayMs))
    client.on('warning', ({ error }) => world.warned(life.name, error))
    void client.closed.then(({ error, undone }) => {
      world.clientClosed(life, undone)
      if (error !== undefined) this.#checkEnd(life, error)
      if (this.life === life) this.#over()
    })
    if (world.swarm.has.goodbyes) this.#leaveLater(life, client)
    void world.track(life.process, 'works', drawHabit(world, life)(world, life, client))
    if (world.swarm.has.clientPuts) void world.track(life.process, 'puts', putNowAndThen(world, life, client))
  }

  #newLife(): Life {
    const { lives, random, swarm, returns } = this.#world
    const ledger = new Ledger()
    this.#count += 1
    const process = newProcess(`w${this.#index}.${this.#count}`)
    const life: Life = {
      name: process.name,
      id: swarm.has.sameIds ? `w${this.#index}` : '',
      process,
      env: this.#world.env(process),
      random: random.fork(),
      prefetch: swarm.clientPrefetch,
      ledger,
      client: undefined,
      connection: undefined,
      session: undefined,
      sessions: [],
      sequence: this.#world.newSequence(ledger),
      stop: new AbortController(),
      attempts: returns?.has.exhaustion === true && this.#count % 2 === 0 ? 3 : Number.POSITIVE_INFINITY,
      isRefused: false,
      isLeaving: false,
      readers: 0,
      isClosed: false,
      undone: [],
    }
    lives.push(life)
    return life
  }

  async #connect(life: Life): Promise<SimClient | undefined> {
    const { swarm, network, talk, returns, isCalm } = this.#world
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
      connectTimeoutMs: isCalm ? 2_000 : (returns?.connectTimeoutMs ?? 2_000),
      // Where there are no returns, each life is one connection: the next one is another client.
      reconnect: returns !== undefined && { ...reconnectFrom(returns), attempts: life.attempts },
      wait: returns !== undefined && (returns.has.waiting || isCalm),
      signal: life.stop.signal,
      retryDelayMs: 5,
      maxRetryDelayMs: 100,
      limits: { ...limits, maxUnsettled: swarm.maxUnsettled, ...limitsFrom(returns) },
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
      if (talk?.mayRefuse(life) === true) expected.push('MESSAGES_MISMATCH')
      if (this.#world.isCalm) expected.push('ABORT')
      if (codeOf(error) === 'MESSAGES_MISMATCH') this.#world.counts.mismatches += 1
      this.#world.check(expected.includes(codeOf(error)), 'I7', `${life.name} could not connect: ${String(error)}`)
      life.isClosed = true
      return undefined
    }
  }

  /** A client that can come back ends only when it may: its attempts are used up, or it was refused for good. */
  #checkEnd(life: Life, { code, message }: NetQueueError): void {
    const { returns, counts } = this.#world
    const isLoss = code === 'CONNECTION_LOST' && (returns === undefined || life.isLeaving)
    const isExhausted = code === 'CONNECT_FAILED' && Number.isFinite(life.attempts)
    const isRefused = code === 'MESSAGES_MISMATCH' && life.isRefused
    if (isExhausted) counts.exhausted += 1
    const isRight = code === 'CLOSED' || isLoss || isExhausted || isRefused
    this.#world.check(isRight, 'I28', `${life.name} was closed with ${code}: ${message}`)
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

const reconnectFrom = ({ minDelayMs, maxDelayMs }: Returns): { minDelayMs: number; maxDelayMs: number } => ({
  minDelayMs: Math.min(minDelayMs, maxDelayMs),
  maxDelayMs,
})

/** The limits of both sides. */
export const limitsFrom = (returns: Returns | undefined): { heartbeatMs?: number; maxReplayBytes?: number } =>
  returns === undefined ? {} : { heartbeatMs: returns.heartbeatMs, maxReplayBytes: returns.maxReplayBytes }
