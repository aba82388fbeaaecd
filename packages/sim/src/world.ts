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
import { drawSwarm } from './swarm.ts'
import type { Swarm } from './swarm.ts'
import { drawFeatures } from './talk/features.ts'
import { isTalk } from './talk/records.ts'
import type { TalkMessages } from './talk/registries.ts'
import { Talk } from './talk/talk.ts'
import type { Trace } from './trace.ts'
import { isWarranted } from './warnings.ts'
import type { WireRecord } from './wire.ts'
import { Wiretap } from './wiretap.ts'
import type { Flows } from './wiretap.ts'

export interface Violation {
  invariant: Invariant
  message: string
  at: number
}

export type SimServer = Server<string, string, TalkMessages>
export type SimClient = Client<string, string, TalkMessages>

/** One client process, from its start to its end, with its one connection. */
export interface Life {
  readonly name: string
  readonly id: string
  readonly process: Process
  readonly env: ProcessEnv
  readonly random: Random
  readonly prefetch: number | 'auto'
  readonly ledger: Ledger
  client: SimClient | undefined
  connection: Connection | undefined
  /** The most readers that wait at a time; none takes anything. */
  readers: number
  handed: number
  isClosed: boolean
  undone: readonly string[]
}

/** Codes of errors with which our two ends may rightly part. */
const RIGHTFUL_ERRORS = /"(ID_IN_USE|MESSAGES_MISMATCH|HANDSHAKE_TIMEOUT|CLOSED|TOO_MANY_CONNECTIONS)"/

/** Everything that one seed's run has: its time, its network, its books. */
export class World {
  readonly random: Random
  readonly swarm: Swarm
  readonly schedule: Schedule
  readonly network: Network
  readonly trace: Trace
  readonly counts: Counts = noCounts()
  readonly serverProcess: Process = newProcess('server')
  readonly serverEnv: ProcessEnv
  readonly serverLedger: Ledger = new Ledger()
  readonly lives: Life[] = []
  readonly sequence: Sequence
  /** What is said beside items; `undefined` in a world that has nothing but items. */
  readonly talk: Talk | undefined
  /** Faults are over: everybody behaves, and everything must come to its end. */
  isCalm = false
  /** Connections that are to be turned away, by chance. */
  refusing = false
  server!: SimServer
  violation: Violation | undefined
  readonly #calls: Map<object, { name: string; process: Process }> = new Map()
  readonly #flows: Map<Connection, Flows> = new Map()
  readonly #connections: Map<string, Connection> = new Map()

  constructor(seed: number, trace: Trace, { talks = true }: { talks?: boolean } = {}) {
    this.random = new Random(seed)
    this.trace = trace
    this.swarm = drawSwarm(this.random.fork())
    this.schedule = new Schedule(this.random.fork())
    this.serverEnv = this.env(this.serverProcess)
    this.sequence = new Sequence({
      schedule: this.schedule,
      swarm: this.swarm,
      ledger: this.serverLedger,
      hasLongTexts: () => this.talk?.features.has.longTexts === true,
      check: (isTrue, invariant, message) => this.check(isTrue, invariant, message),
    })
    const chance = this.random.fork()
    const { maxLatency, slicing, windowBytes } = this.swarm
    this.network = new Network({
      schedule: this.schedule,
      random: this.random.fork(),
      shape: () => ({ minLatency: 0.05, maxLatency, slicing, windowBytes }),
      observer: new Wiretap({
        flows: (connection) => this.flows(connection),
        seen: (connection, side, what, record) => this.#seen(connection, side, what, record),
        violate: (invariant, message) => this.violate(invariant, message),
        listens: (connection, side) => this.#listens(connection, side),
      }),
      fate: () => {
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
    const { swarm, talk } = this
    const isRight = isWarranted(error, { swarm, features: talk?.features, isServer: name === 'server' })
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

  connectionOf(client: ServerClient): Connection {
    return this.#connections.get(client.address ?? '') as Connection
  }

  lifeOf(connection: Connection): Life {
    return this.lives.find(({ process }) => process === connection.client) as Life
  }

  /** The server's items on their way to this client. */
  down({ connection }: Life): Flow {
    return this.flows(connection as Connection).down
  }

  flows(connection: Connection): Flows {
    let flows = this.#flows.get(connection)
    if (flows !== undefined) return flows
    const life = this.lifeOf(connection)
    life.connection = connection
    const { maxUnsettled, maxAttempts, policy } = this.swarm
    const shared = {
      maxUnsettled,
      turn: () => this.schedule.ran,
      counts: this.counts,
      violate: (invariant: Invariant, message: string) => this.violate(invariant, message),
    }
    flows = {
      down: new Flow({
        ...shared,
        name: `server → ${life.name}`,
        ledger: this.serverLedger,
        maxAttempts,
        isFifo: policy === 'leastBusy' || policy === 'roundRobin' || policy === 'prefer',
        receiver: () => connection.name,
        began: (item) => this.sequence.began(item),
        done: (item, flow) => this.sequence.done(item, flow),
      }),
      up: new Flow({
        ...shared,
        name: `${life.name} → server`,
        ledger: life.ledger,
        maxAttempts: 20,
        isFifo: true,
        receiver: () => 'server',
        began: () => {},
        done: () => {},
      }),
    }
    this.#flows.set(connection, flows)
    this.#connections.set(`sim:${connection.name}`, connection)
    return flows
  }

  /** The server gave a connection up: what the client had goes back, what it had put stays. */
  serverLost(client: ServerClient, unsettled: number): void {
    const connection = this.connectionOf(client)
    const { down, up } = this.flows(connection)
    this.note(`server lost ${connection.name} with ${unsettled}`)
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
        (item.call === 'resolved' || (item.call === 'waiting' && this.sequence.mayBeUnwritten))
      )
        item.isDisplaced = true
      if (item.text.length > LONG && item.holder === undefined) item.mayCountMore += 1
      if (item.key.endsWith(`@${connection.name}`) && item.call === 'resolved' && item.state === 'open')
        item.state = 'dead'
    }
    down.lost()
    this.talk?.lost(connection, 'server')
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
      if (item !== undefined) item.isFinished = true
    }
  }

  clientClosed(life: Life, undone: readonly string[]): void {
    life.isClosed = true
    life.undone = undone
    if (life.connection !== undefined) {
      this.flows(life.connection).up.lost()
      this.talk?.lost(life.connection, 'client')
    }
    this.note(`${life.name} closed with ${undone.length} undone`)
  }

  /** A client's user got an item: looks it up, and sees that it is what was put. */
  handedToClient(life: Life, text: string, attempt?: number): Item | undefined {
    const key = keyOf(text)
    const item = this.serverLedger.items.get(key.endsWith('@') ? key + life.connection?.name : key)
    life.handed += 1
    this.note(`${life.name} works on ${key}`)
    if (item?.text !== text) {
      this.violate('I3', `${life.name} got ${key}, which nobody put like that`)
      return undefined
    }
    item.timesHanded += 1
    this.sequence.handed(item)
    const { down } = this.flows(life.connection as Connection)
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
    this.check(!item.isFinished, 'I2', `${key} was handed out again by the server after it was done`)
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

  #listens(connection: Connection, side: Side): boolean {
    const { down } = this.flows(connection)
    return side === 'server' ? !down.isLost : !this.lifeOf(connection).isClosed
  }

  #seen(connection: Connection, side: Side, what: 'wrote' | 'got', record: WireRecord): void {
    this.note(`${connection.name} ${side} ${what} ${describe(record)}`)
    if (record.kind === 'error') {
      this.check(
        RIGHTFUL_ERRORS.test(record.code),
        'I7',
        `the ${side} of ${connection.name} refused what the other sent: ${record.code}`,
      )
    }
    if (isTalk(record)) this.talk?.seen(connection, side, what, record)
    if (record.kind === 'items' && side === 'client' && what === 'got')
      this.#checkRoom(this.lifeOf(connection), record.texts.length)
  }

  /** A client is sent no more than it has readers and prefetch for. */
  #checkRoom(life: Life, count: number): void {
    const { down } = this.flows(life.connection as Connection)
    if (down.isBlurred) return
    const prefetch = life.prefetch === 'auto' ? this.swarm.maxUnsettled : life.prefetch
    const room = life.readers === 0 ? 0 : life.readers + prefetch - 1
    const waiting = down.received + count - life.handed
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
