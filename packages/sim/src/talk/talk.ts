import type { Side } from '../network.ts'
import type { Session } from '../session.ts'
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
import { ASKS, describe, differ, drawRegistry, NOTES } from './registries.ts'
import type { Registry } from './registries.ts'
import { Speaker } from './speaker.ts'

/** The requests of both sides of one session. */
export type Dialogues = Record<Side, Dialogue>

const otherSide = (side: Side): Side => (side === 'client' ? 'server' : 'client')

/** All that is said in one world beside items: who says it, what becomes of it, and what the wire shows. */
export class Talk {
  readonly features: Features
  readonly book: Book
  readonly mail: Mail
  /** Of the present server. */
  server: Party
  /** Of the servers before. */
  readonly #former: Registry[] = []
  readonly speakers: Map<Party, Speaker> = new Map()
  readonly dialogues: Map<Session, Dialogues> = new Map()
  readonly #world: World
  readonly #random: Random
  readonly #clientLimits: TalkLimits
  readonly #serverLimits: TalkLimits
  readonly #parties: Map<Life, Party> = new Map()
  #looks: (() => void)[] = []
  #released: Promise<void> = Promise.resolve()

  constructor(world: World, random: Random, features: Features) {
    const { counts, schedule } = world
    const check: World['check'] = (isTrue, invariant, message) => world.check(isTrue, invariant, message)
    const note = (what: string): void => world.note(what)
    const sessionOf: World['sessionOf'] = (client) => world.sessionOf(client)
    this.#world = world
    this.#random = random
    this.features = features
    note(JSON.stringify(features))
    this.#clientLimits = drawLimits(random, features)
    this.#serverLimits = random.chance(0.7) ? this.#clientLimits : drawLimits(random, features)
    this.server = this.#party('server', world.serverProcess, this.#serverLimits)
    this.book = new Book({ counts, now: () => schedule.now, check, note, sessionOf, ...features })
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

  /** Whether this server, or one that crashed before it, may have refused a client. */
  mayRefuse(life: Life): boolean {
    const { registry } = this.partyOf(life)
    return [this.server.registry, ...this.#former].some((each) => differ(registry, each))
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

  /** There will be another server, which may mean something else by its messages. */
  nextServer(): void {
    const { random } = this.#world
    this.#former.push(this.server.registry)
    const party = this.#party('server', this.#world.serverProcess, this.#serverLimits)
    this.server = random.chance(0.8) ? { ...party, registry: this.server.registry } : party
  }

  /** The server has let a client in. */
  begun(session: Session): void {
    this.dialogueOf(session)
    const isRight = !this.mustRefuse(session.life)
    this.#world.check(isRight, 'I22', `${session.life.name} was taken, whose messages differ from the server's`)
  }

  /** A client goes on with its session, or with another one. */
  moved(life: Life): void {
    const party = this.partyOf(life)
    party.session = life.session
    const { answerer } = this.dialogueOf(life.session as Session).client
    for (const name of [...ASKS, ...NOTES]) if (!answerer.registry.has(name)) party.unknown.add(name)
    if (life.session !== undefined && !party.sessions.includes(life.session)) party.sessions.push(life.session)
  }

  /** A client has lost its connection. */
  away(life: Life): void {
    this.partyOf(life).wasAway = true
  }

  /** A client is connected for the first time. */
  clientConnected(life: Life): void {
    const party = this.partyOf(life)
    party.voice = life.client as unknown as Voice
    const peer = (): Peer => ({ party: this.server, session: life.session as Session, client: undefined })
    this.#speak(party, () => [peer()])
    if (this.features.has.ending) this.#endSoon(party, peer())
  }

  /** The server's clients of this moment. */
  clients(): Peer[] {
    const world = this.#world
    return world.server.clients.map((client) => {
      const session = world.sessionOf(client)
      return { party: this.partyOf(session.life), session, client }
    })
  }

  /** A side has written a record, or was given one of the other's. */
  seen(session: Session, side: Side, what: 'wrote' | 'got', record: TalkRecord): void {
    const { [side]: own, [otherSide(side)]: other } = this.dialogueOf(session)
    if (what === 'got' && own.isLostHere) return
    if (record.kind === 'message') {
      if (what === 'wrote') this.mail.written(session, side, record, own.answerer)
      else this.mail.arrived(session, record, own.asker, this.#world.schedule.ran)
    } else if (what === 'wrote') {
      if (fromAsker(record)) own.sent(record)
      else other.answered(record)
    } else if (fromAsker(record)) other.arrived(record)
    else own.told(record)
  }

  /** A side has lost its session, or both have said goodbye. */
  lost(session: Session, side: Side): void {
    const { [side]: own, [otherSide(side)]: other } = this.dialogueOf(session)
    const { lostAt } = own.asker
    if (!lostAt.has(session)) lostAt.set(session, this.#world.schedule.now)
    own.lostHere()
    other.lostThere()
  }

  dialogueOf(session: Session): Dialogues {
    const known = this.dialogues.get(session)
    if (known !== undefined) return known
    const client = this.partyOf(session.life)
    const both = {
      client: this.#dialogue(session, client, this.server),
      server: this.#dialogue(session, this.server, client),
    }
    this.dialogues.set(session, both)
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
      session: undefined,
      sessions: [],
      unknown: new Set(),
      wasAway: false,
      lostAt: new Map(),
      endedTo: new Set(),
    }
  }

  #dialogue(session: Session, asker: Party, answerer: Party): Dialogue {
    const { schedule, counts } = this.#world
    return new Dialogue({
      session,
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
      const back = this.clients().find(({ session }) => session === peer.session)
      if (back !== undefined) this.#end(this.server, back)
    })
  }

  #end(party: Party, peer: Peer): void {
    if (isThere(party) && !this.#world.isCalm) void this.speakers.get(party)?.end(peer)
  }
}
