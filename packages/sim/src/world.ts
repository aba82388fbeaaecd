import type { Client, NetQueueError, Server, ServerClient } from 'netqueue'
import { codeOf } from './code-of.ts'
import type { Flow } from './flow.ts'
import { keyOf, Ledger, LONG, textOf } from './ledger.ts'
import type { Item } from './ledger.ts'
import { Network } from './network.ts'
import type { Connection } from './network.ts'
import type { ProcessEnv } from './process-env.ts'
import { Random } from './random.ts'
import { Scene } from './scene.ts'
import { newProcess, Schedule } from './schedule.ts'
import type { Process } from './schedule.ts'
import { Sequence } from './sequence.ts'
import type { Books, Session } from './session.ts'
import { Sessions } from './sessions.ts'
import { drawPatience, drawReturns, drawSwarm } from './swarm.ts'
import type { Patience, Returns, Swarm } from './swarm.ts'
import { drawFeatures } from './talk/features.ts'
import type { TalkMessages } from './talk/registries.ts'
import { Talk } from './talk/talk.ts'
import type { Trace } from './trace.ts'
import { isWarranted } from './warnings.ts'
import type { ServerLife } from './server-life.ts'

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

/** Everything that one seed's run has: its time, its network, its books. */
export class World extends Scene {
  readonly swarm: Swarm
  readonly patience: Patience
  readonly network: Network
  readonly sessions: Sessions
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
  /** Connections that are to be turned away, by chance. */
  refusing = false
  server!: SimServer

  constructor(
    seed: number,
    trace: Trace,
    { talks = true, returns = true }: { talks?: boolean; returns?: boolean } = {},
  ) {
    const random = new Random(seed)
    const swarm = drawSwarm(random.fork())
    const schedule = new Schedule(random.fork())
    super({ random, schedule, trace })
    this.swarm = swarm
    this.patience = drawPatience(new Random(seed + 3 * 2 ** 32), this.swarm)
    if (returns) this.returns = drawReturns(new Random(seed + 2 ** 33))
    this.books = this.#newBooks()
    const chance = this.random.fork()
    const { maxLatency, slicing, windowBytes } = this.swarm
    this.sessions = new Sessions(this)
    this.network = new Network({
      schedule,
      random: this.random.fork(),
      shape: () => ({ minLatency: 0.05, maxLatency, slicing, windowBytes }),
      observer: this.sessions.wiretap,
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

  /** Somebody was warned. */
  warned(name: string, error: NetQueueError): void {
    this.note(`${name} is warned of ${error.code}`)
    if (error.code === 'STALE_SETTLE') this.counts.staleSettles += 1
    const { swarm, patience, returns, talk } = this
    const isRight = isWarranted(error, {
      swarm,
      patience,
      returns,
      features: talk?.features,
      isServer: name === 'server',
    })
    this.check(isRight, 'I23', `${name} was warned of ${error.code}: ${error.message} (${causeOf(error)})`)
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
    return this.sessions.of(client)
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
      mayBeUnwritten: () => this.#mayBeUnwritten(),
      check: (isTrue, invariant, message) => this.check(isTrue, invariant, message),
    })
  }

  /** Writes wait for the window, for what is kept to be acknowledged, or for a client that is away. */
  #mayBeUnwritten(): boolean {
    const { swarm, talk, returns, sessions } = this
    if (sessions.isAnyAway) return true
    if (swarm.windowBytes < 1_000_000 || swarm.has.bigItems || talk?.features.has.longTexts === true) return true
    return returns !== undefined && returns.resumeTimeoutMs > 0 && returns.maxReplayBytes < 1_000_000
  }

  /** To be called when an event is over. */
  checkOrder(): void {
    this.books.sequence.checkHead()
    for (const { sequence } of this.lives) sequence.checkHead()
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
    // One that was taken back may be here twice: the cancel is on its way.
    if (attempt !== undefined && item.holder === down && !item.wasTakenBack)
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
}

const causeOf = ({ cause }: NetQueueError): string => (cause instanceof Error ? (cause.stack ?? cause.message) : '')
