import type { Client, NetQueueError, Server, ServerClient } from 'netqueue'
import { codeOf } from './code-of.ts'
import { noCounts } from './counts.ts'
import type { Counts } from './counts.ts'
import { Flow } from './flow.ts'
import type { Invariant } from './invariants.ts'
import { keyOf, Ledger, LONG, textOf } from './ledger.ts'
import type { Item } from './ledger.ts'
import { Network } from './network.ts'
import type { Connection, Side } from './network.ts'
import { ProcessEnv } from './process-env.ts'
import { Random } from './random.ts'
import { newProcess, Schedule } from './schedule.ts'
import type { Process } from './schedule.ts'
import { Sequence } from './sequence.ts'
import { RecordReader } from './wire.ts'
import { Session } from './session.ts'
import type { Books, Said } from './session.ts'
import { drawReturns, drawSwarm } from './swarm.ts'
import type { Returns, Swarm } from './swarm.ts'
import { drawFeatures } from './talk/features.ts'
import { isTalk } from './talk/records.ts'
import type { TalkMessages } from './talk/registries.ts'
import { Talk } from './talk/talk.ts'
import type { Trace } from './trace.ts'
import { isWarranted } from './warnings.ts'
import type { WireRecord } from './wire.ts'
import type { ServerLife } from './server-life.ts'
import { Wiretap } from './wiretap.ts'
import type { Flows } from './wiretap.ts'

export interface Violation {
  invariant: Invariant
  message: string
  at: number
}

export type SimServer = Server<string, string, TalkMessages>
export type SimClient = Client<string, string, TalkMessages>

/** One client process, from its start to its end, with its connections, one after the other. */
export interface Life {
  readonly name: string
  readonly id: string
  readonly process: Process
  readonly env: ProcessEnv
  readonly random: Random
  readonly prefetch: number | 'auto'
  readonly ledger: Ledger
  client: SimClient | undefined
  /** Its last one, be it over. */
  connection: Connection | undefined
  /** The one that it has, or had, as it knows itself. */
  session: Session | undefined
  readonly sessions: Session[]
  readonly sequence: Sequence
  /** Ends it where it still looks for its first connection. */
  readonly stop: AbortController
  /** Attempts that may fail one after the other. */
  readonly attempts: number
  /** The server will never take it. */
  isRefused: boolean
  /** It closes, because its user or its server wishes so. */
  isLeaving: boolean
  /** The most readers that wait at a time; none takes anything. */
  readers: number
  isClosed: boolean
  undone: readonly string[]
}

/** Codes of errors with which our two ends may rightly part. */
const RIGHTFUL_ERRORS = /"(ID_IN_USE|MESSAGES_MISMATCH|HANDSHAKE_TIMEOUT|CLOSED|TOO_MANY_CONNECTIONS)"/

/** What sums of fractions may be off, and by how much a deadline may pass too late. */
const EARLY_MS = 1e-6
const LATENESS = 1 / 32
const LATE_MS = 3

/** Everything that one seed's run has: its time, its network, its books. */
export class World {
  readonly random: Random
  readonly swarm: Swarm
  readonly schedule: Schedule
  readonly network: Network
  readonly trace: Trace
  readonly counts: Counts = noCounts()
  /** Of the present server. */
  books!: Books
  serverLife!: ServerLife
  /** Resolves when a server listens. */
  serverIsUp: Promise<void> = Promise.resolve()
  /** Those that were closed, and not by a crash. */
  readonly oldServers: Process[] = []
  /** How many servers there have been before. */
  servers = 0
  readonly lives: Life[] = []
  /** How connections are found again; `undefined` in a world in which each client has one. */
  readonly returns: Returns | undefined
  /** What is said beside items; `undefined` in a world that has nothing but items. */
  readonly talk: Talk | undefined
  /** Faults are over: everybody behaves, and everything must come to its end. */
  isCalm = false
  /** Connections that are to be turned away, by chance. */
  refusing = false
  server!: SimServer
  violation: Violation | undefined
  readonly #calls: Map<object, { name: string; process: Process }> = new Map()
  readonly #wiretap: Wiretap
  readonly #sessions: Map<Connection, Session> = new Map()
  readonly #sessionsOfClients: WeakMap<ServerClient, Session> = new WeakMap()
  /** Clients that are away, and what they had in flight then. */
  readonly #away: Map<ServerClient, number> = new Map()
  readonly #delays: Set<number> = new Set()

  constructor(
    seed: number,
    trace: Trace,
    { talks = true, returns = true }: { talks?: boolean; returns?: boolean } = {},
  ) {
    this.random = new Random(seed)
    this.trace = trace
    this.swarm = drawSwarm(this.random.fork())
    this.schedule = new Schedule(this.random.fork())
    if (returns) this.returns = drawReturns(new Random(seed + 2 ** 33))
    this.books = this.#newBooks()
    const chance = this.random.fork()
    const { maxLatency, slicing, windowBytes } = this.swarm
    this.#wiretap = new Wiretap({
      counts: this.counts,
      maxReplayBytes: this.returns?.maxReplayBytes ?? Number.POSITIVE_INFINITY,
      now: () => this.schedule.now,
      session: (connection) => this.#sessions.get(connection),
      welcomed: (connection, session) => this.#welcomed(connection, session),
      begunAnew: (connection, session, wanted) => this.#begunAnew(connection, session, wanted),
      seen: (session, side, what, record) => this.#seen(session, side, what, record),
      parted: (connection, side, what, error) => this.#parted(connection, side, what, error),
      note: (what) => this.note(what),
      violate: (invariant, message) => this.violate(invariant, message),
      listens: (session, connection, side) => session.carriers[side] === connection,
    })
    this.network = new Network({
      schedule: this.schedule,
      random: this.random.fork(),
      shape: () => ({ minLatency: 0.05, maxLatency, slicing, windowBytes }),
      observer: this.#wiretap,
      joined: (connection) => (this.lifeOf(connection).connection = connection),
      fate: (process) => {
        const life = this.lives.find((each) => each.process === process)
        this.check(life?.isRefused !== true, 'I28', `${process.name} knocks again, and was refused for good`)
        if (!this.refusing || this.isCalm || !chance.chance(0.5)) return 'connects'
        this.counts.refused += 1
        return chance.chance(0.8) ? 'refused' : 'hangs'
      },
    })
    // Its own chance, so that items are what they were before anybody talked.
    const talkRandom = new Random(seed + 2 ** 32)
    const features = talks ? drawFeatures(talkRandom) : undefined
    if (features !== undefined) this.talk = new Talk(this, talkRandom, features)
  }

  env(process: Process): ProcessEnv {
    return new ProcessEnv(this.schedule, process, this.random.fork())
  }

  note(what: string): void {
    this.trace.add(this.schedule.now, what)
  }

  violate(invariant: Invariant, message: string): void {
    this.note(`VIOLATED ${invariant}: ${message}`)
    this.violation ??= { invariant, message, at: this.schedule.now }
  }

  check(isTrue: boolean, invariant: Invariant, message: string): void {
    if (!isTrue) this.violate(invariant, message)
  }

  /** Waits, in a process's own time. */
  sleep(process: Process, ms: number): Promise<void> {
    return new Promise((resolve) => void this.schedule.after(ms, process, resolve))
  }

  /** A signal that fires soon. */
  abortSoon(process: Process, ms: number): AbortSignal {
    const controller = new AbortController()
    this.schedule.after(ms, process, () => controller.abort(new Error('aborted by the simulator')))
    return controller.signal
  }

  /** Follows a call: it must settle while its process lives. */
  track<T>(process: Process, name: string, call: Promise<T>): Promise<T> {
    const ticket = {}
    this.#calls.set(ticket, { name, process })
    const over = (how: string): void => {
      this.note(`${process.name} ${name} ${how}`)
      this.#calls.delete(ticket)
    }
    call.then(
      () => over('resolved'),
      (error: unknown) => over(`rejected ${codeOf(error)}`),
    )
    return call
  }

  /** Somebody was warned. */
  warned(name: string, error: NetQueueError): void {
    this.note(`${name} is warned of ${error.code}`)
    if (error.code === 'STALE_SETTLE') this.counts.staleSettles += 1
    const { swarm, returns, talk } = this
    const isRight = isWarranted(error, { swarm, returns, features: talk?.features, isServer: name === 'server' })
    this.check(isRight, 'I23', `${name} was warned of ${error.code}: ${error.message} (${causeOf(error)})`)
  }

  get openCalls(): string[] {
    return [...this.#calls.values()]
      .filter(({ process }) => !process.isDead)
      .map(({ name, process }) => `${process.name} ${name}`)
  }

  /** Items of the server's whose fate is open. */
  get openItems(): string[] {
    return [...this.serverLedger.items.values()]
      .filter(({ call, state }) => call !== 'failed' && state === 'open')
      .map(({ key }) => key)
  }

  get serverProcess(): Process {
    return this.books.process
  }

  get serverLedger(): Ledger {
    return this.books.ledger
  }

  /** The session of one of the server's clients. */
  sessionOf(client: ServerClient): Session {
    return this.#sessionsOfClients.get(client) as Session
  }

  lifeOf(connection: Connection): Life {
    return this.lives.find(({ process }) => process === connection.client) as Life
  }

  /** The server's items on their way to this client. */
  down({ session }: Life): Flow {
    return (session as Session).flows.down
  }

  /** The present server is no more, and the next one is to come. */
  nextServer(): void {
    this.servers += 1
    this.books = this.#newBooks()
    this.#away.clear()
  }

  #newBooks(): Books {
    const ledger = new Ledger()
    const { policy } = this.swarm
    const isInOrder = policy === 'leastBusy' || policy === 'roundRobin' || policy === 'prefer'
    return { process: newProcess('server'), ledger, sequence: this.newSequence(ledger, isInOrder) }
  }

  newSequence(ledger: Ledger, isInOrder = true): Sequence {
    return new Sequence({
      schedule: this.schedule,
      ledger,
      isInOrder,
      mayBeUnwritten: () => this.#mayBeUnwritten,
      check: (isTrue, invariant, message) => this.check(isTrue, invariant, message),
    })
  }

  /** Writes wait for the window, or for what is kept to be acknowledged. */
  get #mayBeUnwritten(): boolean {
    const { swarm, talk, returns } = this
    if (swarm.windowBytes < 1_000_000 || swarm.has.bigItems || talk?.features.has.longTexts === true) return true
    return returns !== undefined && returns.resumeTimeoutMs > 0 && returns.maxReplayBytes < 1_000_000
  }

  #flowsOf(session: Session): Flows {
    const { life, books } = session
    const { maxUnsettled, maxAttempts } = this.swarm
    const shared = {
      maxUnsettled,
      turn: () => this.schedule.ran,
      counts: this.counts,
      violate: (invariant: Invariant, message: string) => this.violate(invariant, message),
    }
    const down = new Flow({
      ...shared,
      name: `server → ${session.name}`,
      ledger: books.ledger,
      maxAttempts,
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
      isFifo: true,
      receiver: () => 'server',
      began: (item) => life.sequence.began(item),
      done: () => {},
    })
    return { down, up }
  }

  /** The server has let somebody in. */
  serverConnected(client: ServerClient): void {
    const connection = this.#connectionAt(client.address)
    const said = (): Said => ({ reader: new RecordReader(), batches: [], taken: 0, acknowledged: 0 })
    const session = new Session({
      life: this.lifeOf(connection),
      books: this.books,
      connection,
      resumeMs: this.returns?.resumeTimeoutMs ?? 0,
      said: { client: said(), server: said() },
      flows: (each) => this.#flowsOf(each),
      now: () => this.schedule.now,
    })
    this.#sessions.set(connection, session)
    this.#sessionsOfClients.set(client, session)
    session.life.sessions.push(session)
    this.talk?.begun(session)
  }

  /** The server has lost a connection, and waits for the next one. */
  serverSuspended(client: ServerClient, error: NetQueueError): void {
    const session = this.sessionOf(client)
    this.note(`server lost a connection of ${session.name}: ${error.message}`)
    this.#checkSilence(session, 'server', error)
    session.carriers.server = undefined
    session.suspendedAt.server = this.schedule.now
    this.#away.set(client, client.inFlight)
  }

  /** The server goes on with a client that was away. */
  serverResumed(client: ServerClient): void {
    const session = this.sessionOf(client)
    const connection = this.#connectionAt(client.address)
    this.note(`${session.name} goes on with ${connection.name}`)
    this.counts.resumes += 1
    if (session.suspendedAt.server === this.schedule.now) this.counts.takeovers += 1
    const isOwn = this.lifeOf(connection) === session.life
    this.check(isOwn, 'I24', `${this.lifeOf(connection).name} goes on with ${session.name}, which is not its own`)
    this.check(session.carriers.server === undefined, 'I24', `${session.name} has two connections at a time`)
    this.#away.delete(client)
    session.suspendedAt.server = undefined
    session.carriers.server = connection
    session.latest = connection
    this.#sessions.set(connection, session)
  }

  /** To be called when an event is over. */
  checkOrder(): void {
    this.books.sequence.checkHead()
    for (const { sequence } of this.lives) sequence.checkHead()
  }

  /** Whoever is away gets nothing new, unless it is for nobody else. To be called when an event is over. */
  checkAway(): void {
    if (this.swarm.has.addressing) return
    for (const [client, inFlight] of this.#away)
      this.check(
        client.inFlight <= inFlight,
        'I25',
        `${this.sessionOf(client).name} is away, and was given ${client.inFlight - inFlight} items`,
      )
  }

  /** The client knows that it is let in, and with which session. */
  #welcomed(connection: Connection, session: Session): void {
    const { life } = session
    const before = life.session
    if (before !== undefined && before !== session) this.#clientLost(before)
    if (before !== undefined) this.counts.reconnects += 1
    life.session = session
    session.isDoubtful ||= session.mayBeOver('client')
    session.carriers.client = connection
    session.suspendedAt.client = undefined
    this.talk?.moved(life)
  }

  /** A client that asked for its session got another one: that must not be where the server has it. */
  #begunAnew(connection: Connection, { life }: Session, wanted: string): void {
    const old = life.sessions.find(({ id }) => id === wanted)
    const isLost = old === undefined || old.isOver.server || old.books !== this.books
    this.check(isLost, 'I25', `${connection.name} begins anew, while the server keeps ${old?.name}`)
  }

  /** A client has lost its connection: its session waits for the next one, or is over. */
  clientDisconnected(life: Life, error: NetQueueError | undefined): void {
    const { session } = life
    if (session === undefined || session.isOver.client) return
    this.note(`${life.name} lost ${session.name}: ${error?.message}`)
    if (error !== undefined) this.#checkSilence(session, 'client', error)
    session.carriers.client = undefined
    if (session.resumeMs === 0 || session.hasParted.client) return this.#clientLost(session)
    session.suspendedAt.client = this.schedule.now
  }

  /** A client looks for its server: at a time of its own. */
  clientReturns(life: Life, delayMs: number): void {
    const { maxDelayMs } = this.returns as Returns
    this.check(delayMs >= 0 && delayMs <= maxDelayMs, 'I27', `${life.name} waits ${delayMs} ms, of ${maxDelayMs}`)
    this.check(!this.#delays.has(delayMs), 'I27', `${life.name} waits ${delayMs} ms, as somebody else did`)
    this.#delays.add(delayMs)
  }

  #clientLost(session: Session): void {
    if (session.isOver.client) return
    session.isOver.client = true
    session.carriers.client = undefined
    const { up } = session.flows
    this.counts.putsAgain += up.unsettled.size
    for (const item of session.life.ledger.items.values())
      if (item.text.length > LONG && item.holder === undefined) item.mayCountMore += 1
    up.lost()
    this.talk?.lost(session, 'client')
  }

  /** A peer that is silent is lost only after two heartbeats, and not while what it has said waits to be read. */
  #checkSilence(session: Session, side: Side, { limit }: NetQueueError): void {
    const connection = session.carriers[side]
    if (limit !== 'heartbeatMs' || connection === undefined) return
    this.counts.heartbeatLosses += 1
    const { heartbeatMs } = this.returns as Returns
    const silence = this.schedule.now - this.#wiretap.heardAt(connection, side)
    const isSilent = silence >= 2 * heartbeatMs - EARLY_MS && !connection.waits(side)
    this.check(
      isSilent,
      'I26',
      `the ${side} of ${connection.name} gave it up after ${silence} ms, of ${2 * heartbeatMs}`,
    )
  }

  #connectionAt(address: string | undefined): Connection {
    return this.network.connections[Number(address?.slice('sim:c'.length)) - 1] as Connection
  }

  /** The server gave a session up: what the client had goes back, what it had put stays. */
  serverLost(client: ServerClient, unsettled: number, error: NetQueueError | undefined): void {
    const session = this.sessionOf(client)
    const { down, up } = session.flows
    this.note(`server lost ${session.name} with ${unsettled}`)
    if (error !== undefined) this.#checkSilence(session, 'server', error)
    this.#checkEnd(session)
    this.#away.delete(client)
    session.isOver.server = true
    session.carriers.server = undefined
    this.check(
      unsettled >= down.unsettled.size,
      'I6',
      `${down.name}: ${unsettled} unsettled items reported, ${down.unsettled.size} were sent`,
    )
    for (const item of up.held.values()) {
      if (!item.isKept) this.counts.keptPuts += 1
      item.isKept = true
    }
    for (const item of this.serverLedger.items.values()) {
      if (
        item.timesSent === 0 &&
        (item.call === 'resolved' || (item.call === 'waiting' && this.books.sequence.mayBeUnwritten))
      )
        item.isDisplaced = true
      if (item.text.length > LONG && item.holder === undefined) item.mayCountMore += 1
      if (item.key.endsWith(`@${session.name}`) && item.call === 'resolved' && item.state === 'open')
        item.state = 'dead'
    }
    down.lost()
    this.talk?.lost(session, 'server')
  }

  /** A session that can be gone on with is waited for, and no longer than its time. */
  #checkEnd(session: Session): void {
    const { name, resumeMs, isKept, hasParted, suspendedAt } = session
    if (resumeMs === 0 || !isKept || hasParted.server || this.server.state !== 'listening') return
    // Its client has said that it waits no longer.
    if (session.mayBeOver('client')) return
    const { now } = this.schedule
    const waited = suspendedAt.server === undefined ? 0 : now - suspendedAt.server
    this.counts.expired += 1
    this.check(
      waited >= resumeMs - EARLY_MS,
      'I25',
      `${name} ended after ${waited} ms without a connection, of ${resumeMs}`,
    )
    const latest = resumeMs * (1 + LATENESS) + LATE_MS
    const isInTime = waited <= latest || now <= this.serverProcess.pausedUntil + LATE_MS
    this.check(isInTime, 'I25', `${name} ended after ${waited} ms without a connection, of ${resumeMs}`)
  }

  /** The server's process died, with all that it had. */
  serverCrashed(): void {
    this.counts.serverCrashes += 1
    this.serverProcess.isDead = true
    this.network.crashServer(this.serverProcess)
    for (const { ledger, sessions } of this.lives) {
      for (const session of sessions) session.isOver.server = true
      for (const item of ledger.items.values()) {
        if (item.isKept) item.isBuriedWithServer = true
        item.isKept = false
      }
    }
  }

  /** The server has given an item up. A long one may have been lost more often than the wire shows. */
  buried(text: string): void {
    this.counts.deadLetters += 1
    const item = this.serverLedger.items.get(keyOf(text))
    if (item === undefined || text.length <= LONG) return
    // The loss that is being counted right now is not in the books yet.
    if (item.attempt + item.mayCountMore + 1 > this.swarm.maxAttempts) item.state = 'dead'
  }

  /** The server has given up an item that it had kept. */
  gaveUp(text: string): void {
    for (const { ledger } of this.lives) {
      const item = ledger.items.get(keyOf(text))
      if (item !== undefined) item.finishes += 1
    }
  }

  clientClosed(life: Life, undone: readonly string[]): void {
    life.isClosed = true
    life.undone = undone
    for (const session of life.sessions) {
      session.isOver.client = true
      session.carriers.client = undefined
      session.flows.up.lost()
      this.talk?.lost(session, 'client')
    }
    this.note(`${life.name} closed with ${undone.length} undone`)
  }

  /** A client's user got an item: looks it up, and sees that it is what was put. */
  handedToClient(life: Life, text: string, attempt?: number): Item | undefined {
    const key = keyOf(text)
    const session = life.session as Session
    const { ledger, sequence } = session.books
    const item = ledger.items.get(key.endsWith('@') ? key + session.name : key)
    session.handed += 1
    this.note(`${life.name} works on ${key}`)
    if (item?.text !== text) {
      this.violate('I3', `${life.name} got ${key}, which nobody put like that`)
      return undefined
    }
    item.timesHanded += 1
    sequence.handed(item)
    const { down } = session.flows
    if (attempt !== undefined && item.holder === down)
      this.check(attempt === item.attempt, 'I9', `${key} came with attempt ${attempt}, not ${item.attempt}`)
    this.check(!down.dropped.has(item), 'P1', `${key} was handed out by ${life.name} after it was cancelled there`)
    return item
  }

  /** The server's user got an item. */
  handedToServer(from: string, text: string): Item | undefined {
    const key = keyOf(text)
    const owner = this.lives.find(({ ledger }) => ledger.items.has(key))
    const item = owner?.ledger.items.get(key)
    this.note(`server works on ${key}`)
    if (item?.text !== text) {
      this.violate('I3', `the server got ${key}, which nobody put like that`)
      return undefined
    }
    this.check(
      from === '' || from === owner?.client?.id,
      'I3',
      `${key} came from ${from}, but ${owner?.client?.id} put it`,
    )
    const isRepeated = item.finishes >= item.copies
    this.check(!isRepeated, 'I2', `${key} was handed out again by the server after it was done`)
    this.check(!item.isWithdrawn, 'P1', `${key} was handed out although its put said that it is not delivered`)
    item.timesHanded += 1
    return item
  }

  item(ledger: Ledger, key: string, bytes: number, options: { isAddressed?: boolean; text?: string } = {}): Item {
    this.counts.items += 1
    return ledger.add(key, options.text ?? textOf(key, bytes), options)
  }

  /** Follows the call that put an item. */
  put(process: Process, item: Item, call: Promise<unknown>): Promise<void> {
    return this.track(process, `put ${item.key}`, call).then(
      () => void (item.call = 'resolved'),
      (error: unknown) => {
        item.call = 'failed'
        const { delivered } = error as { delivered?: string }
        const code = codeOf(error)
        if (code === 'ABORT' || code === 'QUEUE_FULL') item.isWithdrawn = true
        if (code === 'TIMEOUT' || code === 'ABORTED') item.isCancelled = true
        if (delivered === 'no') item.isWithdrawn = true
        if (code === 'QUEUE_FULL' || code === 'TIMEOUT') this.counts.timeouts += 1
        if (code === 'ABORT' || code === 'ABORTED') this.counts.aborts += 1
        if (item.isWithdrawn)
          this.check(
            item.timesHanded === 0,
            'P1',
            `${item.key} was handed out, but its put said ${code}, not delivered`,
          )
      },
    )
  }

  #seen(session: Session, side: Side, what: 'wrote' | 'got', record: WireRecord): void {
    this.note(`${session.name} ${side} ${what} ${describe(record)}`)
    if (record.kind === 'goaway' && side === 'server' && what === 'got') session.hasParted.server = true
    if (record.kind === 'goaway') session.isLeaving = true
    if (isTalk(record)) this.talk?.seen(session, side, what, record)
    if (record.kind === 'items' && side === 'client' && what === 'got') this.#checkRoom(session, record.texts.length)
  }

  /** One side of a connection has written, or was given, its last words. */
  #parted(connection: Connection, side: Side, what: 'wrote' | 'got', error: string | undefined): void {
    this.note(`${connection.name} ${side} ${what} ${error === undefined ? 'disconn' : `error ${error}`}`)
    const session = this.#sessions.get(connection)
    if (session?.carriers[side] === connection) session.hasParted[side] = true
    if (error === undefined) return
    const isRightful = RIGHTFUL_ERRORS.test(error)
    this.check(isRightful, 'I7', `the ${side} of ${connection.name} refused what the other sent: ${error}`)
    if (side === 'client' && error.includes('"MESSAGES_MISMATCH"')) {
      this.counts.refusedForGood += 1
      this.lifeOf(connection).isRefused = true
    }
  }

  /** A client is sent no more than it has readers and prefetch for. */
  #checkRoom({ life, flows: { down }, handed }: Session, count: number): void {
    if (down.isBlurred) return
    const prefetch = life.prefetch === 'auto' ? this.swarm.maxUnsettled : life.prefetch
    const room = life.readers === 0 ? 0 : life.readers + prefetch - 1
    const waiting = down.received + count - handed
    this.check(waiting <= room, 'I8', `${waiting} items wait at ${life.name}, which has room for ${room}`)
  }
}

function describe(record: WireRecord): string {
  const { kind, ...rest } = record
  if (record.kind === 'items')
    return `items ${record.first} attempt ${record.attempt}: ${record.texts.map(keyOf).join(' ')}`
  return `${kind} ${JSON.stringify(rest)}`
}

const causeOf = ({ cause }: NetQueueError): string => (cause instanceof Error ? (cause.stack ?? cause.message) : '')
