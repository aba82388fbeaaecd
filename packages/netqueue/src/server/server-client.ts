import type { Connection } from '../connection/connection.ts'
import type { Session } from '../connection/session.ts'
import { isWithin } from '../delivery/entry.ts'
import type { Entry } from '../delivery/entry.ts'
import type { Conversation } from '../endpoint/conversation.ts'
import type { Link } from '../delivery/link.ts'
import type { Answerer } from '../dispatch/answerers.ts'
import type { Candidate } from '../dispatch/free-clients.ts'
import type { Timer } from '../env/env.ts'
import type { Longest } from '../message/tree.ts'
import type { Timed } from '../queue/deadlines.ts'
import { Below } from './below.ts'
import type { KnownNode, TreeNode } from './tree-node.ts'

/** A client as its server sees it. */
export interface ServerClient {
  readonly id: string
  /** The name of the protocol that it speaks. */
  readonly protocol: string
  /** Where it is, as an address for people and logs. */
  readonly address: string | undefined
  /** Who it is: what `authenticate` returned, or the certificate that it has shown; `undefined` where nobody asked. */
  readonly identity: unknown
  /** Those of a relay and of all that is known below it are one list. */
  readonly tags: readonly string[]
  /** Whether it is a relay. */
  readonly isRelay: boolean
  /** What is known below a relay, each behind the one above it; nobody for any other client. `nodes` tells when that has changed. */
  readonly nodes: readonly TreeNode[]
  /** What it said last with `setStatus`; of an original, a string. */
  readonly status: unknown
  /** Whatever the server's user wants to keep with it. */
  data: unknown
  /** Items assigned to it and not settled. */
  readonly inFlight: number
  /** Items that it would take now. */
  readonly credit: number
  /** The longest item that it takes, in bytes as it is encoded; of a relay, the longest that somebody below it takes. */
  readonly maxItemBytes: number
  /** Milliseconds for a message to it and back, averaged; `undefined` before the first measurement. */
  readonly rtt: number | undefined
  /** Milliseconds from an item's assignment to its settle, averaged; `undefined` before the first one. */
  readonly serviceTime: number | undefined
  readonly isConnected: boolean
  /** Its connection was lost, and it may come back within `resumeTimeoutMs`: what it has stays its own until then, and it gets nothing new. */
  readonly isAway: boolean
  /** Resolves when it is gone for good, and its stream is released; never rejects. The event `disconnect` tells why. */
  readonly closed: Promise<void>
  /**
   * Ends the connection, or the wait for another one; its unsettled items go back to the backlog. `reason`: why, for the client's `disconnect`
   * event, where its protocol has words for that. @default none
   */
  close(options?: { reason?: string }): Promise<void>
  /** Asks it to leave: it is given nothing new, finishes what it has, and its loops end. It stays a client until it has gone. */
  dismiss(): void
}

/** A connection that somebody has made to the server, and the call that waits for who it is. */
export interface Arrival {
  readonly connection: Connection
  readonly address: string | undefined
  /** Who has come, where that was asked. */
  readonly identity: unknown
  /** The server's status as it was when it introduced itself. */
  readonly heard: unknown
  resolve(client: ServerClient): void
  reject(error: unknown): void
}

export interface ConnectedClientInit {
  conversation: Conversation
  session: Session
  arrival: Arrival
  /** Whether an original may get items. */
  ready: ((client: ServerClient) => boolean) | undefined
  /** It is to leave. */
  dismissed: (client: ConnectedClient) => void
}

interface Leaving {
  promise: Promise<void>
  resolve: () => void
}

function leaving(): Leaving {
  let resolve = (): void => {}
  const promise = new Promise<void>((settle) => (resolve = settle))
  return { promise, resolve }
}

/** The server's end of one session, as its users and as its dispatcher see it. */
export class ConnectedClient implements ServerClient, Candidate<ServerClient>, Answerer, Timed {
  readonly conversation: Conversation
  readonly link: Link
  readonly session: Session
  /** The last one that it came with; it may be over. */
  arrival: Arrival
  data: unknown = undefined
  status: unknown
  /** `away`: its connection was lost, and its session waits for another one. */
  presence: 'here' | 'away' | 'gone' = 'here'
  /** For how long it is waited for. */
  absence: Timer | undefined
  /** It said that it takes nothing new. */
  isDraining = false
  /** Why it leaves, in its own words. */
  reason = ''
  /**
   * It had no room for the last message, in the time that a broadcast gives, or at once for one that passed. Until it has, a broadcast does not
   * wait for it, and of what passes and is lost no more is told.
   */
  isBehind = false
  readonly #ready: ((client: ServerClient) => boolean) | undefined
  readonly #dismissed: (client: ConnectedClient) => void
  #refused: Map<string, number> | undefined
  #below: Below | undefined
  /** Those who wait for its end, if anybody does. */
  #leaving: Leaving | undefined

  constructor({ conversation, session, arrival, ready, dismissed }: ConnectedClientInit) {
    const { link } = conversation
    this.conversation = conversation
    this.link = link
    this.session = session
    this.arrival = arrival
    this.status = link.peer?.status
    this.#ready = ready
    this.#dismissed = dismissed
  }

  get client(): ServerClient {
    return this
  }

  get id(): string {
    return this.link.id
  }

  get address(): string | undefined {
    return this.arrival.address
  }

  get identity(): unknown {
    return this.arrival.identity
  }

  get isConnected(): boolean {
    return this.presence === 'here'
  }

  get isAway(): boolean {
    return this.presence === 'away'
  }

  get protocol(): string {
    return this.link.peer?.protocol ?? ''
  }

  get tags(): readonly string[] {
    return this.#below?.tags ?? this.#ownTags()
  }

  get isRelay(): boolean {
    return this.link.peer?.isRelay === true
  }

  get nodes(): readonly KnownNode[] {
    return this.#below?.nodes ?? []
  }

  /** What is known below it; made for those of which something is. */
  get below(): Below {
    this.#below ??= new Below(this, this.#ownTags())
    return this.#below
  }

  #ownTags(): readonly string[] {
    return this.link.peer?.tags ?? []
  }

  /** The names that it, or somebody below it, defines. */
  get names(): Iterable<string> {
    return [...(this.link.peer?.registry?.announced ?? []), ...(this.#below?.names ?? [])]
  }

  /** It is gone, with all that is below it. */
  gone(): void {
    this.presence = 'gone'
    this.absence?.cancel()
    this.#below?.clear()
    this.#leaving?.resolve()
  }

  get closed(): Promise<void> {
    if (this.presence === 'gone') return this.arrival.connection.done
    this.#leaving ??= leaving()
    return this.#leaving.promise.then(() => this.arrival.connection.done)
  }

  get inFlight(): number {
    return this.link.outbox.inFlight
  }

  get credit(): number {
    return this.link.outbox.credit
  }

  get maxItemBytes(): number {
    return this.longest.put
  }

  /** What it takes, or somebody below it. */
  get longest(): Longest {
    const { maxItemBytes = 0, supports } = this.link.peer ?? {}
    const { put, submitted } = this.#below?.longest ?? { put: maxItemBytes, submitted: maxItemBytes }
    return {
      put: Math.min(put, maxItemBytes),
      submitted: supports?.result === true ? Math.min(submitted, maxItemBytes) : 0,
    }
  }

  get rtt(): number | undefined {
    return this.link.rtt
  }

  get serviceTime(): number | undefined {
    return this.link.serviceTime
  }

  get requests(): number {
    return this.conversation.requests
  }

  get maxRequests(): number {
    return this.conversation.maxRequests
  }

  get isPaced(): boolean {
    return this.link.peer?.isPaced === true
  }

  get isOpen(): boolean {
    return this.isConnected && !this.isDraining
  }

  /** Whether its protocol has credit and settles; an original's does not. */
  get settles(): boolean {
    return this.link.peer?.supports.settle === true
  }

  /** Only an original is asked: it has no credit to say so with. */
  get isReady(): boolean {
    if (!this.takesItems) return false
    return this.#ready === undefined || this.settles || this.#ready(this)
  }

  /** Whether it is to be given items at all. */
  get takesItems(): boolean {
    return this.link.peer?.denied?.denies('subscribe') !== true
  }

  knows(name: string): boolean {
    const registry = this.link.peer?.registry
    return registry !== undefined && (registry.announces(name) || this.#below?.names.has(name) === true)
  }

  refusesUntil(name: string): number | undefined {
    return this.#refused?.get(name)
  }

  /** It has said that it does not handle a name: others are asked, if there are any, until then. */
  refuses(name: string, until: number): void {
    this.#refused ??= new Map()
    this.#refused.set(name, until)
  }

  /** Whether it takes payloads, with their headers, of that length. */
  takes(bytes: number): boolean {
    return bytes <= (this.link.peer?.maxItemBytes ?? 0)
  }

  carries(entry: Entry): boolean {
    return this.takesItems && this.link.outbox.carries(entry) && this.#isTakenBelow(entry)
  }

  /** A node that is addressed says so itself. */
  #isTakenBelow(entry: Entry): boolean {
    const longest = this.#below?.longest
    return longest === undefined || entry.way !== undefined || isWithin(entry, longest)
  }

  assign(entry: Entry): void {
    this.link.assign(entry)
  }

  async close({ reason }: { reason?: string } = {}): Promise<void> {
    if (reason !== undefined) this.link.goaway('CLOSED', reason)
    this.session.end()
    await this.arrival.connection.done
  }

  dismiss(): void {
    this.#dismissed(this)
  }

  /** It did not come back in time. */
  timeIsUp(): void {
    this.session.giveUp()
  }
}
