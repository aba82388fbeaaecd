import { hashBy, leastBusy, listen, prefer, roundRobin, text } from 'netqueue'
import type { Delivery, ServerClient } from 'netqueue'
import { keyOf, textOf } from './ledger.ts'
import { limitsFrom } from './client-life.ts'
import type { Random } from './random.ts'
import type { Process } from './schedule.ts'
import type { TalkMessages } from './talk/registries.ts'
import type { SimServer, World } from './world.ts'

/** Starts the server and all that it does. Resolves when it listens. */
export async function startServer(world: World): Promise<void> {
  const { swarm, serverProcess, network, talk, returns } = world
  const random = world.random.fork()
  world.server = await listen<string, string, TalkMessages>('sim:server', {
    ...talk?.server.registry,
    item: text(),
    result: text(),
    env: world.env(serverProcess),
    transports: [network.transport(serverProcess)],
    chooseDispatch: policyOf(world, random.fork()),
    prefetch: swarm.serverPrefetch,
    maxAttempts: swarm.maxAttempts,
    retryDelayMs: 5,
    maxRetryDelayMs: 100,
    resumeTimeoutMs: returns?.resumeTimeoutMs ?? 0,
    settleTimeoutMs: world.patience.settleTimeoutMs,
    limits: { ...talk?.server.limits, maxUnsettled: swarm.maxUnsettled, ...limitsFrom(returns) },
  })
  talk?.serverStarted()
  world.serverLife = new ServerLife(world, random)
}

function policyOf(world: World, random: Random) {
  switch (world.swarm.policy) {
    case 'leastBusy':
      return leastBusy<string, ServerClient>()
    case 'roundRobin':
      return roundRobin<string, ServerClient>()
    case 'prefer':
      return prefer<string, ServerClient>('good')
    case 'hashBy':
      return hashBy<string, ServerClient>((item) => item.slice(0, 2))
    case 'slow':
      return async (free: readonly ServerClient[]): Promise<ServerClient> => {
        await world.sleep(world.serverProcess, random.between(0, 10))
        return random.pick(free)
      }
  }
}

/** What the server's user does: puts in many ways, and reads what clients put. */
export class ServerLife {
  /** All of what is put has been, or has failed. */
  readonly produced: Promise<void>
  /** Reading is over: the server is closed and everything was read. */
  readonly read: Promise<void>
  readonly #world: World
  readonly #random: Random
  readonly #server: SimServer
  readonly #process: Process
  #count: number

  constructor(world: World, random: Random) {
    const { server, serverProcess } = world
    this.#world = world
    this.#random = random
    // Keys are one server's own.
    this.#count = 1_000 * world.servers
    this.#server = server
    this.#process = serverProcess
    server.on('connect', ({ client }) => world.sessions.connected(client))
    server.on('suspend', ({ client, error }) => world.sessions.suspended(client, error))
    server.on('resume', ({ client }) => world.sessions.resumed(client))
    server.on('disconnect', ({ client, unsettled, error }) => world.sessions.lost(client, unsettled, error))
    server.on('deadLetter', ({ item }) => world.buried(item))
    server.on('warning', ({ error, client }) => {
      world.warned('server', error)
      if (error.code === 'SETTLE_TIMEOUT' && client !== undefined)
        world.sessionOf(client).flows.down.tookBack(Number(error.value))
      // What was kept and failed too often has no sender to be a dead letter of.
      if (error.code === 'DEAD_LETTER') world.gaveUp(String(error.value))
    })
    this.produced = world.track(serverProcess, 'produces', this.#produce())
    this.read = world.track(serverProcess, 'reads', this.#read())
    void this.#watch()
  }

  async #produce(): Promise<void> {
    const { swarm } = this.#world
    const calls: Promise<void>[] = []
    const { servers, schedule } = this.#world
    const items = servers === 0 ? swarm.items : Math.ceil(swarm.items / 3)
    const gap = ((swarm.faultsEnd - schedule.now) * 0.8) / items
    for (let left = items; left > 0; left -= 1) {
      const call = this.#putSomehow()
      calls.push(call)
      if (this.#random.chance(0.3)) await call
      await this.#world.sleep(this.#process, this.#random.chance(0.3) ? 0 : this.#random.between(0, 2 * gap))
    }
    if (swarm.has.mapping) calls.push(this.#map())
    await Promise.all(calls)
  }

  #putSomehow(): Promise<void> {
    const { has } = this.#world.swarm
    const random = this.#random
    if (has.submitting && random.chance(0.4)) return this.#submit()
    if (has.addressing && random.chance(0.3)) return this.#putTo()
    if (has.cancelling && random.chance(0.4)) return this.#putWithLimits()
    if (random.chance(0.1)) return this.#tryPut()
    const item = this.#item('put')
    return this.#world.put(this.#process, item, this.#server.put(item.text))
  }

  #putWithLimits(): Promise<void> {
    const item = this.#item('put')
    const wait = this.#random.chance(0.5)
      ? { timeout: this.#random.integer(0, 200) }
      : { signal: this.#world.abortSoon(this.#process, this.#random.between(0, 300)) }
    return this.#world.put(this.#process, item, this.#server.put(item.text, wait))
  }

  async #tryPut(): Promise<void> {
    const item = this.#item('try')
    try {
      item.call = this.#server.tryPut(item.text) ? 'resolved' : 'failed'
    } catch {
      item.call = 'failed'
    }
    if (item.call === 'failed') item.isWithdrawn = true
  }

  #putTo(): Promise<void> {
    const server = this.#server
    const targets = server.clients.filter(() => this.#random.chance(0.6))
    if (targets.length === 0) return Promise.resolve()
    this.#count += 1
    const base = `to${this.#count}@`
    const shared = textOf(base, 30)
    const calls = targets.map((target) => {
      const { name } = this.#world.sessionOf(target)
      const item = this.#world.item(this.#world.serverLedger, base + name, 0, { isAddressed: true, text: shared })
      // One call for each, so that each has its own outcome; the call for all of them is the same, several times.
      return this.#world.put(
        this.#process,
        item,
        server.put(shared, { to: this.#random.chance(0.5) ? target : [target], timeout: this.#random.integer(1, 300) }),
      )
    })
    return Promise.all(calls).then(() => {})
  }

  #submit(): Promise<void> {
    const server = this.#server
    const { swarm } = this.#world
    if (swarm.has.cancelling && this.#random.chance(0.5)) {
      const item = this.#item(this.#random.chance(0.4) ? 'hang' : 'sub')
      const wait = this.#random.chance(0.5)
        ? { timeout: this.#random.integer(0, 400) }
        : { signal: this.#world.abortSoon(this.#process, this.#random.between(0, 300)) }
      return this.#world.put(this.#process, item, this.#answered(item.text, server.submit(item.text, wait)))
    }
    const item = this.#item('sub')
    return this.#world.put(this.#process, item, this.#answered(item.text, server.submit(item.text)))
  }

  async #map(): Promise<void> {
    const { server, serverProcess } = { server: this.#server, serverProcess: this.#process }
    const items = Array.from({ length: 5 }, () => this.#item('map'))
    const run = async (): Promise<void> => {
      const texts = items.map(({ text }) => text)
      for await (const outcome of server.map(texts, { settled: true, window: 2, ordered: this.#random.chance(0.5) })) {
        const item = items.find(({ text }) => text === outcome.item)
        if (item !== undefined) item.call = outcome.status === 'fulfilled' ? 'resolved' : 'failed'
        if (outcome.status === 'fulfilled') this.#checkAnswer(outcome.item, outcome.value)
      }
      const isWhole = items.every(({ call }) => call !== 'waiting')
      this.#world.check(isWhole, 'I11', 'map ended without an outcome for every item')
    }
    await this.#world.track(serverProcess, 'map', run())
  }

  async #answered(text: string, call: Promise<string>): Promise<void> {
    this.#checkAnswer(text, await call)
  }

  #checkAnswer(text: string, answer: string): void {
    this.#world.counts.results += 1
    this.#world.check(answer === `done ${text}`, 'I3', `the result of ${keyOf(text)} is not what its handler returned`)
  }

  /** Reads in one way after the other until the server is closed. */
  async #read(): Promise<void> {
    const server = this.#server
    const random = this.#random
    while (!this.#isReadOut) {
      const how = random.below(3)
      if (how === 0 || this.#world.isCalm) await this.#readByHandler()
      else if (how === 1) await this.#readByLoop()
      else await this.#readByDeliveries()
      await this.#world.sleep(this.#process, random.between(0, 100))
      if (server.state === 'closed') this.#isReadOut = true
    }
    // What a loop that was left gave back is still there.
    await server.process((text, { from }) => this.#finish(from.id, text))
  }

  #isReadOut = false

  async #readByHandler(): Promise<void> {
    const server = this.#server
    const { swarm } = this.#world
    const stop = new AbortController()
    this.#stopLater(() => stop.abort(new Error('aborted by the simulator')))
    const handle = async (text: string, delivery: Delivery<string>): Promise<void> => {
      const item = this.#world.handedToServer(delivery.from.id, text)
      if (this.#random.chance(0.5)) await this.#world.sleep(this.#process, this.#random.between(0, swarm.workMs))
      if (swarm.has.failures && !this.#world.isCalm && this.#random.chance(0.1)) throw new Error('the handler failed')
      if (item !== undefined) item.finishes += 1
    }
    await server.process(handle, { concurrency: this.#random.integer(1, 3), signal: stop.signal }).catch(() => {})
  }

  async #readByLoop(): Promise<void> {
    const server = this.#server
    const { swarm } = this.#world
    let isOver = false
    this.#stopLater(() => (isOver = true))
    for await (const text of server) {
      const item = this.#world.handedToServer('', text)
      await this.#world.sleep(this.#process, this.#random.between(0, swarm.workMs))
      if (isOver || (swarm.has.leaving && !this.#world.isCalm && this.#random.chance(0.1))) break
      if (item !== undefined) item.finishes += 1
    }
  }

  async #readByDeliveries(): Promise<void> {
    const server = this.#server
    const { swarm } = this.#world
    let isOver = false
    this.#stopLater(() => (isOver = true))
    for await (const delivery of server.deliveries()) {
      const item = this.#world.handedToServer(delivery.from.id, delivery.item)
      if (swarm.has.failures && !this.#world.isCalm && this.#random.chance(0.15)) {
        delivery.release()
        this.#world.check(!delivery.done(), 'I4', `the server settled ${item?.key}, which it had given back`)
      } else if (swarm.has.failures && !this.#world.isCalm && this.#random.chance(0.05)) {
        const finishes = item?.finishes
        delivery.reject(new Error('of no use'))
        // One that was kept is a dead letter of the server's by now, and was counted as such.
        if (item !== undefined && item.finishes === finishes) item.finishes += 1
      } else {
        if (item !== undefined) item.finishes += 1
        delivery.done()
      }
      if (isOver) break
    }
  }

  #finish(from: string, text: string): void {
    const item = this.#world.handedToServer(from, text)
    if (item !== undefined) item.finishes += 1
  }

  #stopLater(stop: () => void): void {
    if (this.#random.chance(0.5))
      this.#world.schedule.after(this.#random.between(20, 800), this.#process, () => {
        if (!this.#world.isCalm) stop()
      })
  }

  /** `idle()` must never say that nothing is left while something is. */
  async #watch(): Promise<void> {
    const { server, serverLedger, swarm } = this.#world
    while (!this.#world.isCalm) {
      await this.#world.sleep(this.#process, this.#random.between(10, 300))
      // A pause may have lasted until all was over; what is requeued then has nobody to go to.
      if (this.#world.isCalm || server.state !== 'listening') return
      if (swarm.has.requeueing) this.#requeue()
      const before = [...serverLedger.items.values()].filter(
        ({ call, order }) => call === 'resolved' && order !== undefined,
      )
      void server.idle().then(() => {
        // A server that closes early gives up what it has, and is idle then.
        if ((this.#world.isCalm && swarm.has.earlyClose) || server.state !== 'listening') return
        for (const item of before)
          this.#world.check(
            item.state !== 'open' || item.isCancelled,
            'I6',
            `idle() resolved while ${item.key} was not settled`,
          )
      })
    }
  }

  #requeue(): void {
    const { server, serverLedger } = this.#world
    for (const { id, item: text } of server.deadLetters.list()) {
      const item = serverLedger.items.get(keyOf(text))
      if (item === undefined || this.#random.chance(0.5)) continue
      item.state = 'open'
      item.attempt = 1
      item.freeSince = undefined
      this.#world.note(`server requeues ${item.key}`)
      this.#world.check(server.deadLetters.requeue(id) === 1, 'I6', `the dead letter ${item.key} could not be put back`)
    }
  }

  #item(kind: string) {
    const { swarm, serverLedger } = this.#world
    this.#count += 1
    const bytes =
      swarm.has.bigItems && this.#random.chance(0.2)
        ? this.#random.integer(61_000, 250_000)
        : this.#random.integer(1, 300)
    return this.#world.item(serverLedger, `${kind}${this.#count}`, bytes)
  }
}
