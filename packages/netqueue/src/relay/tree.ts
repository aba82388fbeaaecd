import type { Conversation } from '../endpoint/conversation.ts'
import type { Relaying, TreeMessage } from '../endpoint/relaying.ts'
import type { Env, Timer } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { MAX_ANCESTORS, MAX_ANCESTRY_BYTES, MAX_DEPTH, pathBytes } from '../message/route.ts'
import type { Path } from '../message/route.ts'
import { MAX_NAMES, MAX_NODES } from '../message/tree.ts'
import type { Finder } from '../request/finder.ts'
import type { ConnectedClient } from '../server/server-client.ts'
import { Branches } from './branches.ts'
import { KnownNames } from './names.ts'
import { Lengths } from './lengths.ts'
import { Ancestry, Told } from './told.ts'

export interface TreeInit {
  env: Env
  /** The relay's own. */
  id: string
  /** The names that it defines itself. */
  names: ReadonlySet<string>
  /** The longest item that it takes from above. */
  maxItemBytes: number
  /** Whether what goes down has the length with which it came. */
  keepsLength: boolean
  /** Find somebody for what comes from above, and from below. */
  downwards: Finder
  upwards: Finder
  warn: (error: NetQueueError) => void
}

/** What changes is told so often at most: many leaves come at once, and statuses change in a row. */
const PAUSE_MS = 20

interface Parent {
  told: Told
  /** What it said of what is above it. */
  ancestors: readonly string[]
}

/** What a relay knows of its tree: it tells parents what is below, and children what is above, and finds loops. */
export class Tree {
  readonly #init: TreeInit
  readonly #branches = new Branches()
  readonly #parents: Map<Conversation, Parent> = new Map()
  /** Those of the children that are relays. */
  readonly #children: Map<Conversation, Ancestry> = new Map()
  readonly #everybody: Set<ConnectedClient> = new Set()
  readonly #names: KnownNames
  /** What children take. */
  readonly lengths: Lengths
  #ancestors: readonly string[] = []
  /** Children that are to be looked at again, and the nodes below each. */
  readonly #dirty: Map<ConnectedClient, readonly Path[] | 'all'> = new Map()
  #isDue = false
  #timer: Timer | undefined
  #toldAt = Number.NEGATIVE_INFINITY
  #hasWarned = false
  readonly #report = (): void => this.#tellParents()

  constructor(init: TreeInit) {
    this.#init = init
    this.#names = new KnownNames(init.names)
    this.lengths = new Lengths({
      env: init.env,
      most: init.maxItemBytes,
      children: this.#everybody,
      changed: () => this.#tellLongest(),
    })
  }

  /** What makes the client one of a relay. */
  get above(): Relaying {
    return {
      finder: this.#init.downwards,
      opened: (conversation) => this.#parentCame(conversation),
      heard: (conversation, message) => this.#heardFromAbove(conversation, message),
      ended: (conversation) => this.#parentLeft(conversation),
    }
  }

  /** What makes the server one of a relay. */
  get below(): Relaying {
    return {
      finder: this.#init.upwards,
      opened: (conversation) => this.#childCame(conversation),
      heard: (conversation, message) => this.#heardFromBelow(clientOf(conversation), message),
      // What is below it is as much further away.
      measured: (conversation) => this.#changed(clientOf(conversation), 'all'),
      ended: (conversation) => this.#childLeft(conversation),
    }
  }

  /** The ids of all nodes above. */
  get ancestors(): readonly string[] {
    return this.#ancestors
  }

  /** A child is not what it was; what is below it is. */
  changed(client: ConnectedClient): void {
    this.#changed(client, [])
  }

  #changed(client: ConnectedClient, ways: readonly Path[] | 'all'): void {
    const known = this.#dirty.get(client) ?? []
    const isAll = known === 'all' || ways === 'all' || known.length + ways.length > MAX_NODES
    this.#dirty.set(client, isAll ? 'all' : [...known, ...ways])
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isDue || this.#parents.size === 0) return
    const { env } = this.#init
    this.#isDue = true
    const pause = this.#toldAt + PAUSE_MS - env.now()
    if (pause <= 0) env.afterTurn(this.#report)
    else this.#timer = env.setTimer(this.#report, pause, { background: true })
  }

  /** Throws for a parent that is known to be below: it is not told that it is above, too. */
  #parentCame(conversation: Conversation): Told {
    const { id = '' } = conversation.peer ?? {}
    if (this.#isBelow(id)) throw loop(id)
    this.#tellParents()
    const told = new Told(() => conversation.wake(), {
      everything: () => this.#branches.all,
      names: this.#names.told,
      longest: this.#init.keepsLength && this.lengths.isLess ? this.lengths.longest : undefined,
    })
    this.#parents.set(conversation, { told, ancestors: [] })
    this.#tellChildren()
    conversation.wake()
    return told
  }

  #parentLeft(conversation: Conversation): void {
    this.#parents.delete(conversation)
    if (this.#parents.size === 0) this.#timer?.cancel()
    if (this.#parents.size === 0) this.#isDue = false
    this.#tellChildren()
  }

  #heardFromAbove(conversation: Conversation, message: TreeMessage): void {
    const parent = this.#parents.get(conversation)
    if (message.type !== 'ancestry' || parent === undefined) return
    if (message.ids.includes(this.#init.id)) throw loop(this.#init.id)
    parent.ancestors = message.ids
    this.#tellChildren()
  }

  #heardFromBelow(client: ConnectedClient, message: TreeMessage): void {
    if (message.type === 'names') this.#names.changed(client, message.changes)
    if (message.type === 'longest') this.lengths.look()
    this.#changed(client, message.type === 'nodes' ? message.changes.map(({ path }) => path) : [])
  }

  #childCame(conversation: Conversation): Ancestry | undefined {
    const client = clientOf(conversation)
    this.#everybody.add(client)
    this.#names.came(client)
    this.lengths.look()
    this.#changed(client, 'all')
    if (!client.isRelay) return undefined
    const ancestry = new Ancestry(() => conversation.wake())
    this.#children.set(conversation, ancestry)
    if (this.#ancestors.length > 0) ancestry.tell(this.#ancestors)
    return ancestry
  }

  #childLeft(conversation: Conversation): void {
    const client = clientOf(conversation)
    this.#everybody.delete(client)
    this.#children.delete(conversation)
    this.#names.left(client)
    this.lengths.look({ isGone: true })
    this.#changed(client, 'all')
    // Without a parent nobody else looks: who is gone would be kept until there is one.
    if (this.#parents.size === 0) this.#tellParents()
  }

  /** At once, and not with other news: items would go to and fro meanwhile. */
  #tellLongest(): void {
    if (!this.#init.keepsLength) return
    for (const { told } of this.#parents.values()) told.limit(this.lengths.longest)
  }

  #isBelow(id: string): boolean {
    const clients = [...this.#everybody]
    return clients.some((client) => client.id === id || client.nodes.some((node) => node.id === id))
  }

  /** Throws for a parent with which there is more above than can be told. */
  #tellChildren(): void {
    const above = Array.from(this.#parents, ([{ peer }, { ancestors }]) => [peer?.id ?? '', ...ancestors])
    const ids = [...new Set(above.flat())].filter((id) => id !== '').toSorted()
    checkAncestry(ids)
    if (ids.length === this.#ancestors.length && ids.every((id, index) => id === this.#ancestors[index])) return
    this.#ancestors = ids
    for (const ancestry of this.#children.values()) ancestry.tell(ids)
  }

  #tellParents(): void {
    this.#isDue = false
    this.#timer?.cancel()
    this.#toldAt = this.#init.env.now()
    const dirty = [...this.#dirty]
    this.#dirty.clear()
    const changes = dirty.flatMap(([client, ways]) => this.#branches.changes(client, ways))
    const nodes = [...changes, ...this.#branches.late()]
    const hasNewNames = this.#names.look()
    if (this.#branches.isFull || this.#names.isFull) this.#warnOnce()
    if (nodes.length === 0 && !hasNewNames) return
    for (const { told } of this.#parents.values()) told.tell(nodes, { hasNewNames })
  }

  #warnOnce(): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    const message = `More than ${MAX_NODES} nodes, or ${MAX_NAMES} names of messages, are below, or more than ${MAX_DEPTH} one below the other, or too many bytes of them: parents are not told of all, and can address only those that they know`
    this.#init.warn(new NetQueueError('TREE_TOO_LARGE', message, { limit: 'nodes', value: MAX_NODES }))
  }
}

/** Its client is whom its link is from. */
const clientOf = ({ link }: Conversation): ConnectedClient => link.from as ConnectedClient

function loop(id: string): NetQueueError {
  return new NetQueueError('LOOP', `${id} is both above and below this relay: items would go round`, { value: id })
}

function checkAncestry(ids: readonly string[]): void {
  const bytes = pathBytes(ids)
  if (ids.length > MAX_ANCESTORS) throw tooMuchAbove(`${ids.length} nodes, of at most ${MAX_ANCESTORS}`, ids.length)
  if (bytes > MAX_ANCESTRY_BYTES) throw tooMuchAbove(`ids of ${bytes} bytes, of at most ${MAX_ANCESTRY_BYTES}`, bytes)
}

function tooMuchAbove(what: string, value: number): NetQueueError {
  const message = `More is above this relay than it can tell its children of: ${what}`
  return new NetQueueError('LOOP', message, { limit: 'ancestors', value })
}
