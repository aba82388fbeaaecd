import type { NetQueueError, Server, ServerClient, Transport, TreeNode } from 'netqueue'
import { codeOf } from '../code-of.ts'
import { keyOf } from '../ledger.ts'
import { Network } from '../network.ts'
import { Random } from '../random.ts'
import { Scene } from '../scene.ts'
import { newProcess, Schedule } from '../schedule.ts'
import type { Process } from '../schedule.ts'
import type { Trace } from '../trace.ts'
import { Custody } from './custody.ts'
import type { Ending } from './custody.ts'
import { Hops } from './hops.ts'
import type { NodeLife } from './node-life.ts'
import { addressOf, drawPlan, ROOT } from './plan.ts'
import type { Place, Plan } from './plan.ts'
import { TreeItem } from './tree-item.ts'
import { TreeTalk } from './tree-talk.ts'

/** Everything that one seed's tree has: its places, a network for each of those that listen, and its books. */
/** Handlers wait until it opens: of all leaves, or of one. */
export interface Gate {
  readonly opens: Promise<void>
  readonly only?: NodeLife
}

export class TreeWorld extends Scene {
  readonly plan: Plan
  readonly hops: Hops
  readonly networks: Map<string, Network> = new Map()
  /** What is said beside items; `undefined` in a tree that has nothing but items. */
  readonly talk: TreeTalk | undefined
  readonly lives: NodeLife[] = []
  /** By key: keys of both ways differ. */
  readonly items: Map<string, TreeItem> = new Map()
  /** Work stands still. */
  gate: Gate | undefined
  readonly #byProcess: Map<Process, NodeLife> = new Map()

  constructor(seed: number, trace: Trace) {
    const random = new Random(seed + 7 * 2 ** 32)
    const plan = drawPlan(random.fork())
    super({ random, schedule: new Schedule(random.fork()), trace })
    this.plan = plan
    this.hops = new Hops(this)
    for (const place of [ROOT, ...plan.relays]) this.networks.set(place.name, this.#networkOf(place))
    if (plan.has.talking) this.talk = new TreeTalk(this, random.fork())
  }

  /** Whether each place has one above it. */
  get isSingle(): boolean {
    return [...this.plan.relays, ...this.plan.leaves].every(({ parents }) => parents.length === 1)
  }

  network(place: Place): Network {
    return this.networks.get(place.name) as Network
  }

  newLife(place: Place): NodeLife {
    const count = this.lives.filter((life) => life.place === place).length
    const process = newProcess(place.kind === 'root' ? 'root' : `${place.name}.${count + 1}`)
    const custody = (way: 'down' | 'up'): Custody =>
      new Custody({
        name: `${process.name} (${way})`,
        maxAttempts: this.plan.maxAttempts,
        // A relay that closes takes from those below what they have begun.
        failsBelow: () => place.kind === 'relay' && !this.plan.has.stages && !life.isLeaving,
        now: () => this.schedule.now,
        check: (isTrue, invariant, message) => this.check(isTrue, invariant, message),
        away: (key) => this.hops.away(life, way, key),
        heard: (key, ending) => this.#heard(life, key, ending),
        returned: (key) => this.#returned(life, key),
      })
    const life: NodeLife = {
      name: process.name,
      place,
      process,
      env: this.env(process),
      random: this.random.fork(),
      down: custody('down'),
      up: custody('up'),
      connections: [],
      sessions: new Map(),
      isClosed: false,
      isLeaving: false,
      undone: new Set(),
      keptAbove: new Set(),
    }
    this.lives.push(life)
    this.#byProcess.set(process, life)
    return life
  }

  /** The leaves, as the root knows them: its own clients, and nodes below those. */
  leavesAt({ clients }: Pick<Server<string, string>, 'clients'>): (ServerClient | TreeNode)[] {
    const here = clients.filter(({ isAway }) => !isAway)
    const all = here.flatMap((client): (ServerClient | TreeNode)[] => [client, ...client.nodes])
    return all.filter(({ id }) => id.startsWith('l'))
  }

  /** How a node reaches another. */
  transport(life: NodeLife, place: Place): Transport {
    const transport = this.network(place).transport(life.process)
    return { ...transport, accepts: (address) => address === addressOf(place) }
  }

  lifeOf(process: Process): NodeLife {
    return this.#byProcess.get(process) as NodeLife
  }

  /** Its process is no more; what the system had taken from it may still arrive. */
  crash(life: NodeLife): void {
    this.note(`${life.name} crashes`)
    life.process.isDead = true
    life.isClosed = true
    for (const connection of life.connections) if (!connection.isOver) connection.crash()
    this.networks.get(life.place.name)?.crashServer(life.process)
  }

  newItem(owner: NodeLife, key: string, bytes: number): TreeItem {
    this.counts.items += 1
    const item = new TreeItem(key, `${key}|${key.repeat(Math.ceil(bytes / key.length)).slice(0, bytes)}`, owner)
    this.items.set(key, item)
    return item
  }

  /** Follows the call that put an item. */
  put(way: Custody, item: TreeItem, call: Promise<unknown>): Promise<void> {
    way.took(item.key)
    return this.track(item.owner.process, `put ${item.key}`, call).then(
      () => void (item.call = 'resolved'),
      (error: unknown) => this.putFailed(way, item, error),
    )
  }

  putFailed(way: Custody, item: TreeItem, error: unknown): void {
    const { delivered } = error as { delivered?: string }
    const code = codeOf(error)
    item.call = 'failed'
    if (code === 'ABORT' || code === 'QUEUE_FULL' || delivered === 'no') item.isWithdrawn = true
    if (code === 'QUEUE_FULL' || code === 'TIMEOUT') this.counts.timeouts += 1
    if (code === 'ABORT' || code === 'ABORTED') this.counts.aborts += 1
    if (item.ending === undefined && !item.isDead) way.dropped(item.key)
    if (item.isWithdrawn)
      this.check(item.timesHanded === 0, 'P1', `${item.key} was handed out, but its put said ${code}, not delivered`)
  }

  /** Somebody at either end of the tree was handed an item: looks it up, and sees that it is what was put, with the marks of its way. */
  handed(life: NodeLife, text: string, marks: (item: TreeItem) => readonly string[]): TreeItem | undefined {
    const key = keyOf(text)
    const item = this.items.get(key)
    this.note(`${life.name} works on ${key}`)
    if (item === undefined || !marks(item).some((mark) => item.text + mark === text)) {
      this.violate('I3', `${life.name} got ${text.slice(0, 40)} … ${text.slice(-20)}, which nobody put like that`)
      return undefined
    }
    this.check(!item.isWithdrawn, 'P1', `${key} was handed out although its put said that it is not delivered`)
    item.timesHanded += 1
    return item
  }

  /** Somebody has worked on an item, and is about to say so. */
  worked(way: Custody, item: TreeItem, outcome: 'done' | 'failed' | 'reject', answers: TreeItem[] = []): void {
    item.outcomes[outcome] += 1
    item.answers = answers
    way.earned(item.key, outcome)
  }

  /** Somebody who said goodbye has an item, and keeps it. */
  keptAbove(key: string): void {
    const item = this.items.get(key)
    if (item !== undefined) item.isKeptAbove = true
  }

  /** Somebody may give an item back to one that is away. */
  mayBeReturned(key: string): void {
    const item = this.items.get(key)
    if (item !== undefined) item.wasReturned = true
  }

  /** A node has given up an item that it had kept. */
  gaveUp(life: NodeLife, text: string): void {
    const item = this.items.get(keyOf(text))
    if (item === undefined) return
    item.outcomes.reject += 1
    life.up.gaveUp(item.key)
  }

  warned(name: string, { code, message, cause }: NetQueueError): void {
    this.note(`${name} is warned of ${code}`)
    if (code === 'STALE_SETTLE') this.counts.staleSettles += 1
    const why = cause instanceof Error ? (cause.stack ?? cause.message) : ''
    this.check(WARRANTED.has(code), 'I23', `${name} was warned of ${code}: ${message} (${why})`)
    const isOurs = code !== 'HANDLER_FAILED' || OUR_ERRORS.has((cause as Error | undefined)?.name ?? 'Error')
    this.check(isOurs, 'I23', `${name} was warned of ${code}: ${why}`)
  }

  /** To be called when an event is over. */
  checkEvent(): void {
    for (const { process, down, up } of this.lives) {
      if (process.isDead) continue
      down.checkChanged()
      up.checkChanged()
    }
  }

  /** The sender of an item was told that it ended: so it must have, at the other end of the tree. */
  #heard(life: NodeLife, key: string, ending: Ending): void {
    const item = this.items.get(key)
    if (item?.owner !== life || ending === 'released' || ending === 'returned' || ending === 'cancelled') return
    const { outcomes, answers } = item
    // A relay rejects what failed or was lost too often.
    this.check(
      outcomes[ending] > 0 || ending === 'reject' || (ending === 'done' && item.isKeptAbove),
      'I30',
      `${life.name} was told that ${key} is ${ending}, and nobody at the other end was`,
    )
    item.ending ??= ending
    this.note(`${life.name} knows that ${key} is ${ending}`)
    if (ending !== 'done' || outcomes.done !== 1) return
    // What goes two ways has no order.
    for (const answer of this.isSingle ? answers : [])
      this.check(
        answer.wasReturned ||
          wasLeftLater(answer, key) ||
          answer.call === 'failed' ||
          answer.outcomes.done > 0 ||
          [...answer.seenBy].some(({ place }) => place === ROOT),
        'P4',
        `${key} was settled before ${answer.key}, which was put before, arrived`,
      )
  }

  #returned(life: NodeLife, key: string): void {
    const item = this.items.get(key)
    if (item === undefined) return
    item.wasReturned = true
    item.seenBy.delete(life)
  }

  #networkOf(place: Place): Network {
    const { maxLatency, slicing } = this.plan
    return new Network({
      schedule: this.schedule,
      random: this.random.fork(),
      shape: () => ({ minLatency: 0.05, maxLatency, slicing, windowBytes: 1_000_000 }),
      observer: this.hops.tapOf(place),
      joined: (connection) => void this.lifeOf(connection.client).connections.push(connection),
      fate: () => 'connects',
    })
  }
}

/**
 * Whether somebody may have given an item back, said of what it was made of that this is done, and lost the child before that was told: then the
 * item is theirs again, behind a settle that rightly went up without it. What is said after the loss is to wait for the item.
 */
function wasLeftLater({ leftWith }: TreeItem, madeOf: string): boolean {
  return [...leftWith].some(([{ down }, since]) => (down.saidDoneAt(madeOf) ?? Number.POSITIVE_INFINITY) <= since)
}

/** What somebody in a tree may be warned of. */
const WARRANTED: ReadonlySet<string> = new Set([
  'STALE_SETTLE',
  'DEAD_LETTER',
  'HANDLER_FAILED',
  'STALLED',
  'ID_IN_USE',
  'CLOSED',
  'CONNECTION_LOST',
  'HANDSHAKE_TIMEOUT',
  // Messages to whoever is away, and items that go back to somebody who is.
  'MESSAGE_DROPPED',
  'INBOX_UNREAD',
])

const OUR_ERRORS: ReadonlySet<string> = new Set(['Error', 'NetQueueError', 'RemoteError', 'AbortError'])
