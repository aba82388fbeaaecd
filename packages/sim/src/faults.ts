import type { Slot } from './client-life.ts'
import { restart } from './finale.ts'
import type { Connection } from './network.ts'
import type { Random } from './random.ts'
import { newProcess } from './schedule.ts'
import type { Process } from './schedule.ts'
import { startServer } from './server-life.ts'
import type { World } from './world.ts'

type Kind =
  | 'cut'
  | 'crash'
  | 'halfOpen'
  | 'blackhole'
  | 'pause'
  | 'stall'
  | 'standstill'
  | 'serverPause'
  | 'serverCrash'
  | 'serverRestart'

/** Breaks things at random, as the seed's swarm has it, until its time is up. */
export function startFaults(world: World, slots: readonly Slot[]): void {
  new Faults(world, slots).start()
}

class Faults {
  readonly #world: World
  readonly #slots: readonly Slot[]
  readonly #random: Random
  readonly #kinds: Kind[]
  readonly #process = newProcess('faults')

  constructor(world: World, slots: readonly Slot[]) {
    const { has } = world.swarm
    const returns = world.returns?.has
    this.#world = world
    this.#slots = slots
    this.#random = world.random.fork()
    const all: [Kind, boolean][] = [
      ['cut', has.cuts],
      ['crash', has.crashes],
      ['halfOpen', has.halfOpens],
      ['pause', has.pauses],
      ['stall', has.stalls],
      ['serverPause', has.serverPauses],
      ['standstill', has.pauses && this.#heartbeatMs() < 1_000],
      ['blackhole', returns?.blackholes === true],
      ['serverCrash', returns?.serverCrashes === true],
      ['serverRestart', returns?.restarts === true],
    ]
    this.#kinds = all.filter(([, isOn]) => isOn).map(([kind]) => kind)
  }

  start(): void {
    this.#world.refusing = this.#world.swarm.has.refusals
    if (this.#kinds.length > 0) this.#next()
  }

  #next(): void {
    const { schedule, swarm } = this.#world
    schedule.after(this.#random.between(0, 2 * swarm.faultEvery), this.#process, () => {
      if (this.#world.isCalm) return
      this.#strike(this.#random.pick(this.#kinds))
      this.#next()
    })
  }

  #strike(kind: Kind): void {
    const { counts, serverProcess } = this.#world
    const slot = this.#random.pick(this.#slots)
    const connection = slot.life?.connection
    if (kind === 'serverPause') {
      this.#world.note('the server pauses')
      this.#pause(serverProcess, 300)
      counts.pauses += 1
    }
    // Less often than the others: each ends all sessions.
    if (kind === 'serverCrash' || kind === 'serverRestart')
      return this.#random.chance(0.3) ? this.#goDown(kind) : undefined
    if (connection === undefined || connection.isOver || connection.client.isDead) return
    this.#world.note(`${kind} of ${connection.name}`)
    this.#hit(kind, slot, connection)
  }

  #hit(kind: Kind, slot: Slot, connection: Connection): void {
    const { counts } = this.#world
    switch (kind) {
      case 'cut':
        counts.cuts += 1
        return connection.cut()
      case 'crash':
        counts.crashes += 1
        return slot.crash()
      case 'halfOpen':
        counts.halfOpens += 1
        return connection.halfOpen(this.#ms(2_000), this.#ms(2_000))
      case 'blackhole':
        counts.blackholes += 1
        return connection.blackhole()
      case 'pause':
        counts.pauses += 1
        return this.#pause(connection.client, 1_000)
      case 'stall':
        counts.stalls += 1
        return connection.stall(this.#until(800))
      case 'standstill':
        return this.#standStill(connection)
      case 'serverPause':
      case 'serverCrash':
      case 'serverRestart':
    }
  }

  /** Nothing arrives for nearly two heartbeats; when it does, its reader stands still until it should have given up. */
  #standStill(connection: Connection): void {
    const { counts, schedule, swarm } = this.#world
    const ms = this.#heartbeatMs() * this.#random.between(1.6, 2)
    if (schedule.now + 2 * ms > swarm.faultsEnd) return
    counts.stalls += 1
    counts.pauses += 1
    connection.stall(schedule.now + ms)
    const reader = this.#random.pick([connection.client, connection.server])
    schedule.after(ms - 1, this.#process, () => this.#pause(reader, this.#heartbeatMs()))
  }

  #heartbeatMs(): number {
    const { heartbeatMs = 0 } = this.#world.returns ?? {}
    return heartbeatMs === 0 ? Number.POSITIVE_INFINITY : heartbeatMs
  }

  /** Another server comes, some time later. */
  #goDown(kind: 'serverCrash' | 'serverRestart'): void {
    const world = this.#world
    if (world.server.state !== 'listening' || world.serverProcess.isDead) return
    world.note(kind)
    world.serverIsUp = this.#replace(kind)
  }

  async #replace(kind: 'serverCrash' | 'serverRestart'): Promise<void> {
    const world = this.#world
    if (kind === 'serverCrash') world.serverCrashed()
    else await restart(world, this.#random.integer(0, 1_000))
    await world.sleep(this.#process, this.#random.between(0, 500))
    world.nextServer()
    world.talk?.nextServer()
    await startServer(world)
  }

  /** One pause within another does not end that. */
  #pause(process: Process, most: number): void {
    process.pausedUntil = Math.max(process.pausedUntil, this.#until(most))
  }

  #ms(most: number): number {
    return Math.min(this.#random.between(1, most), this.#world.swarm.faultsEnd - this.#world.schedule.now)
  }

  #until(most: number): number {
    return this.#world.schedule.now + this.#ms(most)
  }
}
