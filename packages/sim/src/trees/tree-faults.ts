import type { Connection } from '../network.ts'
import type { Random } from '../random.ts'
import { newProcess } from '../schedule.ts'
import type { Process } from '../schedule.ts'
import type { LeafLife } from './leaf-life.ts'
import type { NodeSlot } from './node-slot.ts'
import type { RelayLife } from './relay-life.ts'
import type { RootLife } from './root-life.ts'
import type { TreeWorld } from './tree-world.ts'

type Kind = 'cut' | 'relayCrash' | 'leafCrash' | 'halfOpen' | 'pause' | 'rootPause' | 'stall' | 'freeze'

/** Who there is. */
export interface Inhabitants {
  root: RootLife
  relays: readonly NodeSlot<RelayLife>[]
  leaves: readonly NodeSlot<LeafLife>[]
}

/** Breaks things at random, at every hop, until its time is up. */
export class TreeFaults {
  readonly #world: TreeWorld
  readonly #there: Inhabitants
  readonly #random: Random
  readonly #kinds: Kind[]
  readonly #process = newProcess('faults')

  constructor(world: TreeWorld, there: Inhabitants) {
    const { has } = world.plan
    this.#world = world
    this.#there = there
    this.#random = world.random.fork()
    const all: [Kind, boolean][] = [
      ['cut', has.cuts],
      ['relayCrash', has.relayCrashes],
      ['leafCrash', has.leafCrashes],
      ['halfOpen', has.halfOpens],
      ['pause', has.pauses],
      ['rootPause', has.pauses],
      ['stall', has.stalls],
      ['freeze', has.freezing],
    ]
    this.#kinds = all.filter(([, isOn]) => isOn).map(([kind]) => kind)
  }

  start(): void {
    if (this.#kinds.length > 0) this.#next()
  }

  #next(): void {
    const { schedule, plan } = this.#world
    schedule.after(this.#random.between(0, 2 * plan.faultEvery), this.#process, () => {
      if (this.#world.isCalm) return
      this.#strike(this.#random.pick(this.#kinds))
      this.#next()
    })
  }

  #strike(kind: Kind): void {
    const { counts } = this.#world
    switch (kind) {
      case 'relayCrash': {
        const { node: relay } = this.#somebody(this.#there.relays) ?? {}
        if (relay === undefined || relay.life.isClosed) return
        counts.relayCrashes += 1
        return relay.crash()
      }
      case 'leafCrash': {
        const { node: leaf } = this.#random.pick(this.#there.leaves)
        if (leaf === undefined || leaf.life.isClosed) return
        counts.crashes += 1
        return leaf.crash()
      }
      case 'rootPause':
        return this.#pause(this.#there.root.life.process, 300)
      case 'pause':
        return this.#pauseSomebody(1_000)
      case 'freeze':
        return this.#pauseSomebody(3_000)
      default:
        return this.#hit(kind)
    }
  }

  #hit(kind: 'cut' | 'halfOpen' | 'stall'): void {
    const connection = this.#connection()
    if (connection === undefined) return
    this.#world.note(`${kind} of ${connection.client.name} – ${connection.server.name}`)
    const { counts } = this.#world
    switch (kind) {
      case 'cut':
        counts.cuts += 1
        return connection.cut()
      case 'halfOpen':
        counts.halfOpens += 1
        return connection.halfOpen(this.#ms(2_000), this.#ms(2_000))
      case 'stall':
        counts.stalls += 1
        return connection.stall(this.#world.schedule.now + this.#ms(800))
    }
  }

  #pauseSomebody(most: number): void {
    const isRelay = this.#there.relays.length > 0 && this.#random.chance(0.5)
    const somebody = isRelay ? this.#random.pick(this.#there.relays).node : this.#random.pick(this.#there.leaves).node
    if (isRelay) this.#world.counts.relayPauses += 1
    if (somebody !== undefined) this.#pause(somebody.life.process, most)
  }

  #pause(process: Process, most: number): void {
    this.#world.note(`${process.name} pauses`)
    this.#world.counts.pauses += 1
    process.pausedUntil = Math.max(process.pausedUntil, this.#world.schedule.now + this.#ms(most))
  }

  #connection(): Connection | undefined {
    const open = [...this.#world.networks.values()].flatMap(({ connections }) =>
      connections.filter(({ isOver, client, server }) => !isOver && !client.isDead && !server.isDead),
    )
    return this.#somebody(open)
  }

  #somebody<T>(list: readonly T[]): T | undefined {
    return list.length === 0 ? undefined : this.#random.pick(list)
  }

  #ms(most: number): number {
    return Math.min(this.#random.between(1, most), this.#world.plan.faultsEnd - this.#world.schedule.now)
  }
}
