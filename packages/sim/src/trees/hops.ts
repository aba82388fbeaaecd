import type { Client, Server, ServerClient } from 'netqueue'
import type { Connection, Side } from '../network.ts'
import { describe } from '../wire.ts'
import type { WireRecord } from '../wire.ts'
import { HopFlow } from './hop-flow.ts'
import { HopTap } from './hop-tap.ts'
import type { HopSession } from './hop-tap.ts'
import type { NodeLife } from './node-life.ts'
import type { Place } from './plan.ts'
import type { TreeWorld } from './tree-world.ts'

/** Codes of errors with which two nodes may rightly part. */
const RIGHTFUL_ERRORS = /"(ID_IN_USE|HANDSHAKE_TIMEOUT|CLOSED)"/

/** Whatever it talks of. */
type Watched<T extends { on: unknown }> = Pick<T, 'on'> &
  (T extends { closed: infer C } ? { readonly closed: C } : unknown)

/** What sums of fractions may be off. */
const EARLY_MS = 1e-6

/** All sessions of a tree, and what its nodes know of them. */
export class Hops {
  readonly #world: TreeWorld
  readonly #taps: Map<string, HopTap> = new Map()
  /** The connections with which clients came first. */
  readonly #first: WeakMap<ServerClient, Connection> = new WeakMap()
  readonly #parted: Set<HopSession> = new Set()
  /** Those in which the node below heard the goodbye of the one above. */
  readonly #dismissed: Set<HopSession> = new Set()
  /** In which that side has said its last word. */
  readonly #ended: Record<Side, Set<HopSession>> = { client: new Set(), server: new Set() }

  constructor(world: TreeWorld) {
    this.#world = world
  }

  tapOf(place: Place): HopTap {
    const known = this.#taps.get(place.name)
    if (known !== undefined) return known
    const tap = new HopTap({
      at: place.name,
      flows: (name, connection) => this.#flows(name, connection),
      welcomed: (connection, session) => this.#welcomed(this.#world.lifeOf(connection.client), place, session),
      seen: (session, side, what, record) => this.#seen(session, side, what, record),
      parted: (connection, side, what, error) => this.#hasParted(place, connection, side, what, error),
      runaway: (connection, side) =>
        this.#world.violate('I12', `the ${side} of ${place.name}/${connection.name} writes without end`),
    })
    this.#taps.set(place.name, tap)
    return tap
  }

  /** Sessions with those below, as the node knows of them. */
  below({ place, process }: NodeLife): HopSession[] {
    const sessions = this.#taps.get(place.name)?.sessions.values() ?? []
    return [...sessions].filter(({ first, isOver }) => first.server === process && !isOver.server)
  }

  /** Follows what a node knows of those below. */
  watchServer(life: NodeLife, server: Watched<Server<string, string>>): void {
    server.on('connect', ({ client }) => void this.#first.set(client, this.#connectionAt(life.place, client.address)))
    server.on('suspend', ({ client }) => {
      const session = this.#sessionOf(life.place, client)
      this.#world.note(`${life.name} lost a connection of ${session?.name}`)
      if (session !== undefined) this.#suspended(session)
      life.down.disturb()
      // What is to go back to it waits, and goes on when it is not waited for any more.
      life.up.disturb()
    })
    server.on('resume', ({ client }) => {
      this.#world.note(`${life.name} goes on with ${this.#sessionOf(life.place, client)?.name}`)
      this.#world.counts.resumes += 1
      life.down.postpone()
    })
    server.on('disconnect', ({ client }) => {
      const session = this.#sessionOf(life.place, client)
      if (session !== undefined) this.#lostByServer(session)
    })
    server.on('warning', ({ error }) => {
      this.#world.warned(life.name, error)
      // What was kept and failed too often has no sender to be a dead letter of.
      if (error.code === 'DEAD_LETTER') this.#world.gaveUp(life, String(error.value))
    })
  }

  /** Follows what a node knows of those above. */
  watchClient(life: NodeLife, client: Watched<Client<string, string>>): void {
    client.on('disconnect', ({ server }) => {
      const session = life.sessions.get(server.address.replace('sim:', ''))
      if (session === undefined) return
      session.carriers.client = undefined
      session.awaySince.client = this.#world.schedule.now
      life.up.disturb()
      if (this.#world.plan.resumeTimeoutMs === 0 || this.#parted.has(session)) this.#lostByClient(session)
    })
    client.on('warning', ({ error }) => this.#world.warned(life.name, error))
    void client.closed.then(() => {
      for (const session of life.sessions.values()) this.#lostByClient(session)
    })
  }

  #suspended(session: HopSession): void {
    session.carriers.server = undefined
    this.#mayGiveBack(session)
  }

  /** A node cannot tell one that is away, or left behind, what it gives back to it: nobody sees that on the wire, and settles go up all the same. */
  #mayGiveBack({ up }: HopSession): void {
    for (const key of up.here) this.#world.mayBeReturned(key)
  }

  /** Copies of an item of which those below, or above, cannot be told anything. */
  away(life: NodeLife, way: 'down' | 'up', key: string): number {
    const side = way === 'down' ? 'server' : 'client'
    const sessions = way === 'down' ? this.below(life) : [...life.sessions.values()]
    const away = sessions.filter((session) => session.carriers[side] === undefined || this.#ended[side].has(session))
    return sum(away.map((session) => session[way].count(key)))
  }

  #flows(name: string, { client, server }: Connection): { down: HopFlow; up: HopFlow } {
    const [above, below] = [this.#world.lifeOf(server), this.#world.lifeOf(client)]
    const { plan, counts } = this.#world
    const violate: TreeWorld['violate'] = (invariant, message) => this.#world.violate(invariant, message)
    const shared = {
      maxUnsettled: plan.maxUnsettled,
      counts,
      violate,
    }
    const { stages, choosing, lengths } = plan.has
    const isFifo = !stages && this.#world.isSingle
    // What a policy has nobody for, or is too long for whoever is free, others overtake.
    const overtakes = choosing || lengths
    const arrow = `${name}: ${above.name}`
    return {
      down: new HopFlow({
        ...shared,
        name: `${arrow} → ${below.name}`,
        isFifo: isFifo && !overtakes,
        sender: above.down,
        receiver: below.down,
      }),
      up: new HopFlow({ ...shared, name: `${arrow} ← ${below.name}`, isFifo, sender: below.up, receiver: above.up }),
    }
  }

  #welcomed(life: NodeLife, place: Place, session: HopSession): void {
    const before = life.sessions.get(place.name)
    if (before !== undefined) this.#world.counts.reconnects += 1
    if (before !== undefined && before !== session) this.#lostByClient(before)
    life.up.postpone()
    life.sessions.set(place.name, session)
  }

  #lostByServer(session: HopSession): void {
    if (session.isOver.server) return
    this.#world.note(`${session.name} is over at ${session.first.server.name}`)
    session.isOver.server = true
    session.carriers.server = undefined
    this.#leftBelow(session)
    session.down.lostBySender()
    session.up.lostByReceiver({ keeps: true })
  }

  /** What waits here may be here again: what was given back, and nobody was told of it. */
  #leftBelow({ first, up }: HopSession): void {
    const life = this.#world.lifeOf(first.server)
    for (const key of up.here)
      if (!life.up.hasGiven(key)) this.#world.items.get(key)?.leftWith.set(life, this.#world.schedule.now)
  }

  #lostByClient(session: HopSession): void {
    if (session.isOver.client) return
    this.#world.note(`${session.name} is over at ${session.first.client.name}`)
    session.isOver.client = true
    session.carriers.client = undefined
    if (this.#dismissed.has(session)) this.#leftAbove(session)
    session.up.lostBySender()
    session.down.lostByReceiver({ keeps: false })
  }

  /** Whoever says goodbye keeps what it has received. */
  #leftAbove({ first, up }: HopSession): void {
    const life = this.#world.lifeOf(first.client)
    for (const key of up.received) {
      life.keptAbove.add(key)
      life.up.keptAbove(key)
      this.#world.keptAbove(key)
    }
  }

  #seen(session: HopSession, side: Side, what: 'wrote' | 'got', record: WireRecord): void {
    this.#world.note(`${session.name} ${side} ${what} ${describe(record)}`)
    if (record.kind === 'items' && what === 'wrote') this.#expire(this.#world.lifeOf(session.first[side]))
    if (record.kind === 'message' && side === 'client' && what === 'wrote')
      this.#world.talk?.passed(record.key, session.name)
    if (record.kind === 'goaway' && side === 'client') this.#parted.add(session)
    if (record.kind === 'goaway' && side === 'server' && what === 'wrote')
      this.#world.lifeOf(session.first.server).isLeaving = true
    if (record.kind === 'items' && side === 'server' && what === 'got') this.#keeps(session, record.texts)
  }

  /** A node waits for those above no longer than they wait for it, and tells nobody when it does not any more. */
  #expire({ sessions }: NodeLife): void {
    const latest = this.#world.schedule.now - this.#world.plan.resumeTimeoutMs + EARLY_MS
    for (const session of sessions.values())
      if (session.carriers.client === undefined && session.awaySince.client <= latest) this.#lostByClient(session)
  }

  /** What a node was given by one below is its own to hand on, from now on. */
  #keeps({ first }: HopSession, texts: readonly string[]): void {
    const life = this.#world.lifeOf(first.server)
    for (const text of texts) this.#world.items.get(text.slice(0, text.indexOf('|')))?.seenBy.add(life)
  }

  #hasParted(place: Place, connection: Connection, side: Side, what: 'wrote' | 'got', error: string | undefined): void {
    const last = error === undefined ? 'disconn' : `error ${error}`
    this.#world.note(`${place.name}/${connection.name} ${side} ${what} ${last}`)
    const session = this.tapOf(place).of(connection)
    if (session?.carriers.client === connection && side === 'client') this.#parted.add(session)
    if (session !== undefined && side === 'client' && what === 'got' && error === undefined)
      this.#dismissed.add(session)
    if (session?.carriers[side] === connection && what === 'wrote') this.#saidLast(session, side)
    if (error !== undefined)
      this.#world.check(
        RIGHTFUL_ERRORS.test(error),
        'I7',
        `the ${side} of ${place.name}/${connection.name} refused what the other sent: ${error}`,
      )
  }

  /** One that leaves when its time is up says no more what it gives back. */
  #saidLast(session: HopSession, side: Side): void {
    this.#ended[side].add(session)
    if (side === 'server' && this.#world.lifeOf(session.first.server).isLeaving) this.#mayGiveBack(session)
  }

  #sessionOf(place: Place, client: ServerClient): HopSession | undefined {
    const connection = this.#first.get(client)
    return connection === undefined ? undefined : this.tapOf(place).of(connection)
  }

  #connectionAt(place: Place, address: string | undefined): Connection {
    return this.#world.network(place).connections[Number(address?.slice('sim:c'.length)) - 1] as Connection
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
