import type { NetQueueError, ServerClient } from 'netqueue'
import { Flow } from './flow.ts'
import type { Invariant } from './invariants.ts'
import { LONG } from './ledger.ts'
import type { Connection, Side } from './network.ts'
import { Session } from './session.ts'
import type { Said } from './session.ts'
import type { Returns } from './swarm.ts'
import { isTalk } from './talk/records.ts'
import { describe, RecordReader } from './wire.ts'
import type { WireRecord } from './wire.ts'
import { Wiretap } from './wiretap.ts'
import type { Flows } from './wiretap.ts'
import type { Life, World } from './world.ts'

/** Codes of errors with which our two ends may rightly part. */
const RIGHTFUL_ERRORS = /"(ID_IN_USE|MESSAGES_MISMATCH|HANDSHAKE_TIMEOUT|CLOSED|TOO_MANY_CONNECTIONS)"/

/** What sums of fractions may be off, and by how much a deadline may pass too late. */
const EARLY_MS = 1e-6
const LATENESS = 1 / 32
const LATE_MS = 3

/** All sessions of a world: who has which, over which connection, since when it is away, and when it may end. */
export class Sessions {
  readonly wiretap: Wiretap
  readonly #world: World
  readonly #byConnection: Map<Connection, Session> = new Map()
  readonly #byClient: WeakMap<ServerClient, Session> = new WeakMap()
  /** Clients that are away, and what they had in flight then. */
  readonly #away: Map<ServerClient, number> = new Map()
  readonly #delays: Set<number> = new Set()

  constructor(world: World) {
    this.#world = world
    this.wiretap = new Wiretap({
      counts: world.counts,
      maxReplayBytes: world.returns?.maxReplayBytes ?? Number.POSITIVE_INFINITY,
      now: () => world.schedule.now,
      session: (connection) => this.#byConnection.get(connection),
      welcomed: (connection, session) => this.#welcomed(connection, session),
      begunAnew: (connection, session, wanted) => this.#begunAnew(connection, session, wanted),
      seen: (session, side, what, record) => this.#seen(session, side, what, record),
      parted: (connection, side, what, error) => this.#parted(connection, side, what, error),
      note: (what) => world.note(what),
      violate: (invariant, message) => world.violate(invariant, message),
      listens: (session, connection, side) => session.carriers[side] === connection,
    })
  }

  /** The session of one of the server's clients. */
  of(client: ServerClient): Session {
    return this.#byClient.get(client) as Session
  }

  /** The server has let somebody in. */
  connected(client: ServerClient): void {
    const connection = this.#connectionAt(client.address)
    const said = (): Said => ({
      reader: new RecordReader(),
      batches: [],
      taken: 0,
      acknowledged: 0,
      told: 0,
      untoldSince: 0,
    })
    const session = new Session({
      life: this.#world.lifeOf(connection),
      books: this.#world.books,
      connection,
      resumeMs: this.#world.returns?.resumeTimeoutMs ?? 0,
      said: { client: said(), server: said() },
      flows: (each) => this.#flowsOf(each),
      now: () => this.#world.schedule.now,
    })
    this.#byConnection.set(connection, session)
    this.#byClient.set(client, session)
    session.life.sessions.push(session)
    this.#world.talk?.begun(session)
  }

  /** The server has lost a connection, and waits for the next one. */
  suspended(client: ServerClient, error: NetQueueError): void {
    const session = this.of(client)
    this.#world.note(`server lost a connection of ${session.name}: ${error.message}`)
    this.#checkSilence(session, 'server', error)
    session.carriers.server = undefined
    session.suspendedAt.server = this.#world.schedule.now
    this.#away.set(client, client.inFlight)
  }

  /** The server goes on with a client that was away. */
  resumed(client: ServerClient): void {
    const session = this.of(client)
    const connection = this.#connectionAt(client.address)
    this.#world.note(`${session.name} goes on with ${connection.name}`)
    this.#world.counts.resumes += 1
    if (session.suspendedAt.server === this.#world.schedule.now) this.#world.counts.takeovers += 1
    const isOwn = this.#world.lifeOf(connection) === session.life
    this.#world.check(
      isOwn,
      'I24',
      `${this.#world.lifeOf(connection).name} goes on with ${session.name}, which is not its own`,
    )
    this.#world.check(session.carriers.server === undefined, 'I24', `${session.name} has two connections at a time`)
    this.#away.delete(client)
    session.suspendedAt.server = undefined
    session.carriers.server = connection
    session.latest = connection
    this.#byConnection.set(connection, session)
  }

  /** Whether the server waits for a client. */
  get isAnyAway(): boolean {
    return this.#away.size > 0
  }

  /** Whoever is away gets nothing new, unless it is for nobody else. To be called when an event is over. */
  checkAway(): void {
    if (this.#world.swarm.has.addressing) return
    for (const [client, inFlight] of this.#away)
      this.#world.check(
        client.inFlight <= inFlight,
        'I25',
        `${this.of(client).name} is away, and was given ${client.inFlight - inFlight} items`,
      )
  }

  /** The client knows that it is let in, and with which session. */
  #welcomed(connection: Connection, session: Session): void {
    const { life } = session
    const before = life.session
    if (before !== undefined && before !== session) this.#clientLost(before)
    if (before !== undefined) this.#world.counts.reconnects += 1
    life.session = session
    session.isDoubtful ||= session.mayBeOver('client')
    session.carriers.client = connection
    session.suspendedAt.client = undefined
    this.#world.talk?.moved(life)
  }

  /** A client that asked for its session got another one: that must not be where the server has it. */
  #begunAnew(connection: Connection, { life }: Session, wanted: string): void {
    const old = life.sessions.find(({ id }) => id === wanted)
    const isLost = old === undefined || old.isOver.server || old.books !== this.#world.books
    this.#world.check(isLost, 'I25', `${connection.name} begins anew, while the server keeps ${old?.name}`)
  }

  /** A client has lost its connection: its session waits for the next one, or is over. */
  disconnected(life: Life, error: NetQueueError | undefined): void {
    const { session } = life
    if (session === undefined || session.isOver.client) return
    this.#world.note(`${life.name} lost ${session.name}: ${error?.message}`)
    if (error !== undefined) this.#checkSilence(session, 'client', error)
    session.carriers.client = undefined
    this.#world.talk?.away(life)
    if (session.resumeMs === 0 || session.hasParted.client) return this.#clientLost(session)
    // A client that has heard a goodbye, and has not answered it yet, waits for nothing either.
    session.isDoubtful ||= session.isLeaving
    session.suspendedAt.client = this.#world.schedule.now
  }

  /** A client looks for its server: at a time of its own. */
  returns(life: Life, delayMs: number): void {
    const { maxDelayMs } = this.#world.returns as Returns
    this.#world.check(
      delayMs >= 0 && delayMs <= maxDelayMs,
      'I27',
      `${life.name} waits ${delayMs} ms, of ${maxDelayMs}`,
    )
    this.#world.check(!this.#delays.has(delayMs), 'I27', `${life.name} waits ${delayMs} ms, as somebody else did`)
    this.#delays.add(delayMs)
  }

  #clientLost(session: Session): void {
    if (session.isOver.client) return
    session.isOver.client = true
    session.carriers.client = undefined
    const { up } = session.flows
    this.#world.counts.putsAgain += up.unsettled.size
    for (const item of session.life.ledger.items.values())
      if (item.text.length > LONG && item.holder === undefined) item.mayCountMore += 1
    up.lost()
    this.#world.talk?.lost(session, 'client')
  }

  /** A peer that is silent is lost only after two heartbeats, and not while what it has said waits to be read. */
  #checkSilence(session: Session, side: Side, { limit }: NetQueueError): void {
    const connection = session.carriers[side]
    if (limit !== 'heartbeatMs' || connection === undefined) return
    this.#world.counts.heartbeatLosses += 1
    const { heartbeatMs } = this.#world.returns as Returns
    const silence = this.#world.schedule.now - this.wiretap.heardAt(connection, side)
    const isSilent = silence >= 2 * heartbeatMs - EARLY_MS && !connection.waits(side)
    this.#world.check(
      isSilent,
      'I26',
      `the ${side} of ${connection.name} gave it up after ${silence} ms, of ${2 * heartbeatMs}`,
    )
  }

  #connectionAt(address: string | undefined): Connection {
    return this.#world.network.connections[Number(address?.slice('sim:c'.length)) - 1] as Connection
  }

  /** The server gave a session up: what the client had goes back, what it had put stays. */
  lost(client: ServerClient, unsettled: number, error: NetQueueError | undefined): void {
    const session = this.of(client)
    const { down, up } = session.flows
    this.#world.note(`server lost ${session.name} with ${unsettled}`)
    if (error !== undefined) this.#checkSilence(session, 'server', error)
    this.#checkEnd(session)
    this.#away.delete(client)
    session.isOver.server = true
    session.carriers.server = undefined
    this.#world.check(
      unsettled >= down.unsettled.size,
      'I6',
      `${down.name}: ${unsettled} unsettled items reported, ${down.unsettled.size} were sent`,
    )
    for (const item of up.held.values()) {
      if (!item.isKept) this.#world.counts.keptPuts += 1
      item.isKept = true
    }
    // What is assigned when a connection breaks is written when there is another one, or not at all.
    const mayBeUnwritten = session.resumeMs > 0 || this.#world.books.sequence.mayBeUnwritten
    for (const item of this.#world.serverLedger.items.values()) {
      if (item.timesSent === 0 && (item.call === 'resolved' || (item.call === 'waiting' && mayBeUnwritten)))
        item.isDisplaced = true
      if (item.text.length > LONG && item.holder === undefined) item.mayCountMore += 1
      if (item.key.endsWith(`@${session.name}`) && item.call === 'resolved' && item.state === 'open')
        item.state = 'dead'
    }
    down.lost()
    this.#world.talk?.lost(session, 'server')
  }

  /** A session that can be gone on with is waited for, and no longer than its time. */
  #checkEnd(session: Session): void {
    const { name, resumeMs, isKept, hasParted, suspendedAt } = session
    if (resumeMs === 0 || !isKept || hasParted.server || this.#world.server.state !== 'listening') return
    // Its client has said that it waits no longer.
    if (session.mayBeOver('client')) return
    const { now } = this.#world.schedule
    const waited = suspendedAt.server === undefined ? 0 : now - suspendedAt.server
    this.#world.counts.expired += 1
    this.#world.check(
      waited >= resumeMs - EARLY_MS,
      'I25',
      `${name} ended after ${waited} ms without a connection, of ${resumeMs}`,
    )
    const latest = resumeMs * (1 + LATENESS) + LATE_MS
    const isInTime = waited <= latest || now <= this.#world.serverProcess.pausedUntil + LATE_MS
    this.#world.check(isInTime, 'I25', `${name} ended after ${waited} ms without a connection, of ${resumeMs}`)
  }

  #flowsOf(session: Session): Flows {
    const { life, books } = session
    const { maxUnsettled, maxAttempts } = this.#world.swarm
    const shared = {
      maxUnsettled,
      turn: () => this.#world.schedule.ran,
      now: () => this.#world.schedule.now,
      mayBeLate: () => this.#world.schedule.now <= books.process.pausedUntil + LATE_MS,
      counts: this.#world.counts,
      violate: (invariant: Invariant, message: string) => this.#world.violate(invariant, message),
    }
    const down = new Flow({
      ...shared,
      name: `server → ${session.name}`,
      ledger: books.ledger,
      maxAttempts,
      settleTimeoutMs: this.#world.patience.settleTimeoutMs,
      isFifo: books.sequence.isInOrder,
      receiver: () => session.name,
      began: (item) => books.sequence.began(item),
      done: (item, flow) => books.sequence.done(item, flow),
    })
    const up = new Flow({
      ...shared,
      name: `${life.name} → server (${session.name})`,
      ledger: life.ledger,
      maxAttempts: 20,
      settleTimeoutMs: 0,
      isFifo: true,
      receiver: () => 'server',
      began: (item) => life.sequence.began(item),
      done: () => {},
    })
    return { down, up }
  }

  #seen(session: Session, side: Side, what: 'wrote' | 'got', record: WireRecord): void {
    this.#world.note(`${session.name} ${side} ${what} ${describe(record)}`)
    if (record.kind === 'goaway' && what === (side === 'client' ? 'wrote' : 'got')) session.hasParted[side] = true
    if (record.kind === 'goaway') session.isLeaving = true
    if (isTalk(record)) this.#world.talk?.seen(session, side, what, record)
    if (record.kind === 'items' && side === 'client' && what === 'got') this.#checkRoom(session, record.texts.length)
  }

  /** One side of a connection has written, or was given, its last words. */
  #parted(connection: Connection, side: Side, what: 'wrote' | 'got', error: string | undefined): void {
    this.#world.note(`${connection.name} ${side} ${what} ${error === undefined ? 'disconn' : `error ${error}`}`)
    const session = this.#byConnection.get(connection)
    if (session?.carriers[side] === connection) session.hasParted[side] = true
    if (error === undefined) return
    const isRightful = RIGHTFUL_ERRORS.test(error)
    this.#world.check(isRightful, 'I7', `the ${side} of ${connection.name} refused what the other sent: ${error}`)
    if (side === 'client' && error.includes('"MESSAGES_MISMATCH"')) {
      this.#world.counts.refusedForGood += 1
      this.#world.lifeOf(connection).isRefused = true
    }
  }

  /** A client is sent no more than it has readers and prefetch for. */
  #checkRoom({ life, flows: { down }, handed }: Session, count: number): void {
    // What was given back waits, as all settles do, for what was put before.
    const hasPuts = [...life.ledger.items.values()].some(({ call }) => call === 'waiting')
    if (down.isBlurred || hasPuts) return
    const prefetch = life.prefetch === 'auto' ? this.#world.swarm.maxUnsettled : life.prefetch
    const room = life.readers === 0 ? 0 : life.readers + prefetch - 1
    const waiting = down.received + count - handed
    this.#world.check(waiting <= room, 'I8', `${waiting} items wait at ${life.name}, which has room for ${room}`)
  }
}
