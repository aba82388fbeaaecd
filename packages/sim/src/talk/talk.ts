import type { Connection, Side } from '../network.ts'
import type { Random } from '../random.ts'
import type { Process } from '../schedule.ts'
import type { Life, World } from '../world.ts'
import { Book } from './book.ts'
import { Dialogue } from './dialogue.ts'
import { drawLimits } from './features.ts'
import type { Features, TalkLimits } from './features.ts'
import { Mail } from './mail.ts'
import { isThere } from './party.ts'
import type { Party, Peer, Voice } from './party.ts'
import { fromAsker } from './records.ts'
import type { TalkRecord } from './records.ts'
import { describe, differ, drawRegistry } from './registries.ts'
import { Speaker } from './speaker.ts'

/** The requests of both sides of one connection. */
export type Dialogues = Record<Side, Dialogue>

const otherSide = (side: Side): Side => (side === 'client' ? 'server' : 'client')

/** All that is said in one world beside items: who says it, what becomes of it, and what the wire shows. */
export class Talk {
  readonly features: Features
  readonly book: Book
  readonly mail: Mail
  readonly server: Party
  readonly speakers: Map<Party, Speaker> = new Map()
  readonly dialogues: Map<Connection, Dialogues> = new Map()
  readonly #world: World
  readonly #random: Random
  readonly #clientLimits: TalkLimits
  readonly #parties: Map<Life, Party> = new Map()
  #looks: (() => void)[] = []
  #released: Promise<void> = Promise.resolve()

  constructor(world: World, random: Random, features: Features) {
    const { counts, schedule } = world
    const check: World['check'] = (isTrue, invariant, message) => world.check(isTrue, invariant, message)
    const note = (what: string): void => world.note(what)
    const connectionOf: World['connectionOf'] = (client) => world.connectionOf(client)
    this.#world = world
    this.#random = random
    this.features = features
    note(JSON.stringify(features))
    this.#clientLimits = drawLimits(random, features)
    const limits = random.chance(0.7) ? this.#clientLimits : drawLimits(random, features)
    this.server = this.#party('server', world.serverProcess, limits)
    this.book = new Book({ counts, now: () => schedule.now, check, note, connectionOf, ...features })
    this.mail = new Mail({ counts, check, note })
  }

  partyOf(life: Life): Party {
    const party = this.#parties.get(life) ?? this.#party(life.name, life.process, this.#clientLimits)
    this.#parties.set(life, party)
    return party
  }

  /** Whether a client and the server mean different things by the same names, and must refuse each other. */
  mustRefuse(life: Life): boolean {
    return differ(this.partyOf(life).registry, this.server.registry)
  }

  /** Has something looked at when all that follows from this event has happened. */
  atEventEnd(look: () => void): void {
    this.#looks.push(look)
  }

  /** To be called when an event is over. */
  lookAround(): void {
    if (this.#looks.length > 0) for (const look of this.#looks.splice(0)) look()
  }

  /** The server listens. */
  serverStarted(): void {
    this.server.voice = this.#world.server as unknown as Voice
    this.#speak(this.server, () => this.clients())
  }

  /** A client is connected. */
  clientConnected(life: Life): void {
    const party = this.partyOf(life)
    const connection = life.connection as Connection
    const isRight = !this.mustRefuse(life)
    this.#world.check(isRight, 'I22', `${life.name} was taken, whose messages differ from the server's`)
    party.voice = life.client as unknown as Voice
    party.connection = connection
    const peer: Peer = { party: this.server, connection, client: undefined }
    this.#speak(party, () => [peer])
    if (this.features.has.ending) this.#endSoon(party, peer)
  }

  /** The server's clients of this moment. */
  clients(): Peer[] {
    const world = this.#world
    return world.server.clients.map((client) => {
      const connection = world.connectionOf(client)
      return { party: this.partyOf(world.lifeOf(connection)), connection, client }
    })
  }

  /** A side has written a record, or was given one of the other's. */
  seen(connection: Connection, side: Side, what: 'wrote' | 'got', record: TalkRecord): void {
    const { [side]: own, [otherSide(side)]: other } = this.dialogueOf(connection)
    if (what === 'got' && own.isLostHere) return
    if (record.kind === 'message') {
      if (what === 'wrote') this.mail.written(connection, side, record, own.answerer)
      else this.mail.arrived(connection, record, own.asker, this.#world.schedule.ran)
    } else if (what === 'wrote') {
      if (fromAsker(record)) own.sent(record)
      else other.answered(record)
    } else if (fromAsker(record)) other.arrived(record)
    else own.told(record)
  }

  /** A side has lost its connection, or both have said goodbye. */
  lost(connection: Connection, side: Side): void {
    const { [side]: own, [otherSide(side)]: other } = this.dialogueOf(connection)
    const { lostAt } = own.asker
    if (!lostAt.has(connection)) lostAt.set(connection, this.#world.schedule.now)
    own.lostHere()
    other.lostThere()
  }

  dialogueOf(connection: Connection): Dialogues {
    const known = this.dialogues.get(connection)
    if (known !== undefined) return known
    const client = this.partyOf(this.#world.lifeOf(connection))
    const both = {
      client: this.#dialogue(connection, client, this.server),
      server: this.#dialogue(connection, this.server, client),
    }
    this.dialogues.set(connection, both)
    return both
  }

  /** Handlers that are to be held are, until the function that this returns is called. */
  hold(): () => void {
    let release = (): void => {}
    this.#released = new Promise((resolve) => (release = resolve))
    return release
  }

  #party(name: string, process: Process, limits: TalkLimits): Party {
    const random = this.#random.fork()
    const drawn = drawRegistry(random)
    // Whoever comes when all is calm is there to help.
    const registry = this.#world.isCalm ? { ...drawn, messageIds: 'adapt' as const } : drawn
    this.#world.note(`${name} speaks ${describe(registry)} ${JSON.stringify(limits)}`)
    return {
      name,
      process,
      random,
      registry,
      limits,
      voice: undefined,
      connection: undefined,
      lostAt: new Map(),
      endedTo: new Set(),
    }
  }

  #dialogue(connection: Connection, asker: Party, answerer: Party): Dialogue {
    const { schedule, counts } = this.#world
    return new Dialogue({
      connection,
      asker,
      answerer,
      counts,
      find: (key) => this.book.requests.get(key),
      now: () => schedule.now,
      check: (isTrue, invariant, message) => this.#world.check(isTrue, invariant, message),
      atEventEnd: (look) => this.atEventEnd(look),
    })
  }

  #speak(party: Party, peers: () => Peer[]): void {
    const { features } = this
    const released = (): Promise<void> => this.#released
    const speaker = new Speaker({ world: this.#world, talk: this, features, party, peers, released })
    this.speakers.set(party, speaker)
    speaker.start()
  }

  /** A client, or the server towards that client, says that it asks no more. */
  #endSoon(party: Party, peer: Peer): void {
    const { schedule } = this.#world
    const { random, process } = party
    if (random.chance(0.3)) schedule.after(random.between(50, 1_500), process, () => this.#end(party, peer))
    if (!random.chance(0.2)) return
    schedule.after(random.between(50, 1_500), this.server.process, () => {
      const back = this.clients().find(({ connection }) => connection === peer.connection)
      if (back !== undefined) this.#end(this.server, back)
    })
  }

  #end(party: Party, peer: Peer): void {
    if (isThere(party) && !this.#world.isCalm) void this.speakers.get(party)?.end(peer)
  }
}
