import { Connection } from '../connection/connection.ts'
import type { Entrant } from '../connection/introductions.ts'
import type { Pulse } from '../connection/pulse.ts'
import type { Session, SessionUser } from '../connection/session.ts'
import { serverClosed } from '../dispatch/backlog.ts'
import { Entrance } from './entrance.ts'
import type { Visitor } from './entrance.ts'
import type { Env } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Gatekeeper } from './gatekeeper.ts'
import { isSameIdentity } from './identity.ts'
import { MAX_WAITING_CONNECTIONS } from '../options/limits.ts'
import type { Limits } from '../options/limits.ts'
import { originOf } from '../transport/origin.ts'
import type { Permissions } from './permissions.ts'
import type { Applicant, Introduction } from '../protocol/handshake.ts'
import type { Protocol } from '../protocol/protocol.ts'
import { randomName } from '../endpoint/random-name.ts'
import type { Arrival, ConnectedClient, ServerClient } from './server-client.ts'
import type { ByteDuplex } from '../transport/index.ts'

export interface ReceptionInit {
  protocol: Protocol
  /** What the server says of itself to the next one who connects. */
  introduction: () => Introduction
  env: Env
  limits: Limits
  pulse: Pulse
  /** Whom it lets in. */
  gatekeeper: Gatekeeper
  /** What it lets them do. */
  permissions: Permissions
  /** The client that has an id, connected or away. */
  find: (id: string) => ConnectedClient | undefined
  /** How many clients there are, those that are away included. */
  count: () => number
  /** Gives what a new session is for. */
  converse: (session: Session, arrival: Arrival) => SessionUser
  /** A connection is gone. */
  changed: () => void
  warn: (error: NetQueueError) => void
}

export interface AcceptOptions {
  /** Whether to end the duplex with the connection. @default true */
  closeDuplex?: boolean | undefined
  /** Whether whoever is there is let in unasked, as where this process has made both ends. @default false: as those who connect */
  trusted?: boolean | undefined
}

type Acceptance = Pick<Arrival, 'resolve' | 'reject'>

/** A connection that was accepted, and whoever is told what becomes of it. */
interface Caller extends Visitor {
  duplex: ByteDuplex
  options: AcceptOptions
  acceptance: Acceptance
}

/** Of those who are sent away without having been heard, one is reported in so many milliseconds. */
const REPORT_MS = 1_000

/** The connections of one server: lets in who introduces itself, and whoever comes back to the session that it had. */
export class Reception {
  readonly #init: ReceptionInit
  readonly #connections: Set<Connection> = new Set()
  readonly #entrance: Entrance<Caller>
  #isClosed = false
  #nextReport = Number.NEGATIVE_INFINITY

  constructor(init: ReceptionInit) {
    this.#init = init
    this.#entrance = new Entrance<Caller>({
      env: init.env,
      limits: init.limits,
      maxWaiting: MAX_WAITING_CONNECTIONS,
      deadlines: init.pulse.deadlines,
      enter: (caller) => this.#enter(caller),
      refuse: (caller, error) => this.#passOver(caller, error),
    })
  }

  /** Whether there is no connection, introduced or not. */
  get isEmpty(): boolean {
    return this.#connections.size === 0
  }

  /** Resolves when all connections of this moment are gone. */
  async done(): Promise<void> {
    await Promise.all([...this.#connections].map(({ done }) => done))
  }

  /** Resolves when the other end has introduced itself; rejects with the reason for which it was refused. */
  accept(duplex: ByteDuplex, options: AcceptOptions): Promise<ServerClient> {
    return new Promise((resolve, reject) => {
      const caller = { duplex, options, acceptance: { resolve, reject }, origin: originOf(duplex.remoteAddress) }
      const refusal = this.#refusal(duplex, this.#entrance.inside)
      if (refusal !== undefined) return this.#refuse(caller, refusal)
      if (options.trusted === true) this.#connect(caller)
      else this.#entrance.come(caller)
    })
  }

  /** Refuses those who come, and those who have not introduced themselves yet. */
  close(introduced: ReadonlySet<Connection>): void {
    this.#isClosed = true
    this.#entrance.close(serverClosed())
    for (const connection of this.#connections) if (!introduced.has(connection)) connection.cut(serverClosed())
  }

  /** Says goodbye to all. */
  end(): void {
    for (const connection of this.#connections) connection.end()
  }

  /** Those who are not introduced yet take no place that somebody else could have. */
  #refusal({ remoteAddress }: ByteDuplex, unknown: number): NetQueueError | undefined {
    const { limits, gatekeeper } = this.#init
    if (this.#isClosed) return serverClosed()
    const isFull = this.#connections.size - unknown >= limits.maxConnections
    return isFull ? tooMany(limits.maxConnections) : gatekeeper.objection(remoteAddress)
  }

  #refuse(caller: Caller, refusal: NetQueueError): void {
    turnAway(caller, refusal)
    // Failed tries were reported when they became too many.
    if (refusal.code !== 'AUTH_FAILED') this.#init.warn(refusal)
  }

  /** Somebody had no turn. Whoever attacks has thousands of them. */
  #passOver(caller: Caller, refusal: NetQueueError): void {
    const now = this.#init.env.now()
    turnAway(caller, refusal)
    if (now < this.#nextReport) return
    this.#nextReport = now + REPORT_MS
    this.#init.warn(refusal)
  }

  /** It is somebody's turn, who may have waited for it. */
  #enter(caller: Caller): void {
    const refusal = this.#refusal(caller.duplex, this.#entrance.inside - 1)
    if (refusal === undefined) return this.#connect(caller, this.#entrance)
    this.#entrance.leave(caller)
    this.#refuse(caller, refusal)
  }

  #connect(caller: Caller, entrance?: Entrance<Caller>): void {
    const { protocol, introduction, env, limits, pulse, gatekeeper, converse, changed } = this.#init
    const { duplex, options } = caller
    const { closeDuplex, trusted = false } = options
    const arrival = new Arriving(duplex.remoteAddress, caller, entrance)
    const connection = new Connection(duplex, {
      role: 'server',
      protocol,
      introduction: () => arrival.hear(introduction()),
      limits,
      env,
      pulse,
      guard: gatekeeper.guard(duplex, { isTrusted: trusted }),
      user: (session) => converse(session, arrival),
      declined: (error) => this.#declined(error, arrival),
      admit: (applicant) => this.#permit(this.#admit(applicant, arrival), applicant, arrival),
      closeDuplex,
    })
    arrival.connection = connection
    this.#connections.add(connection)
    void connection.done.then(() => {
      this.#connections.delete(connection)
      // Whoever was declined has held its place until here.
      arrival.left()
      changed()
    })
  }

  #declined(error: NetQueueError | undefined, arrival: Arrival): void {
    const reason = error ?? new NetQueueError('CONNECTION_LOST', 'The peer left before it introduced itself')
    this.#init.warn(reason)
    arrival.reject(reason)
  }

  /** Who has an id, and proves it, takes the place of its old connection, however alive that still looks from here. */
  #admit(applicant: Applicant, arrival: Arriving): Entrant {
    const { id } = applicant
    arrival.identity = applicant.identity
    const known = this.#init.find(id)
    if (known === undefined) return { id: this.#newId(id) }
    const { session } = known
    const former = session.provenBy(applicant)
    if (former === undefined || !isSameIdentity(known.identity, arrival.identity)) throw idInUse(id)
    known.arrival.connection.lose(cameAgain(id))
    // Who says nothing of batches has given it up.
    const isWanted = applicant.resume?.batches !== undefined && session.name === former.session
    if (isWanted && session.isSuspended) {
      known.arrival = arrival
      return { id, session, former }
    }
    session.giveUp()
    return { id, former }
  }

  /** What a client may do is settled for the whole of its session. */
  #permit(entrant: Entrant, applicant: Applicant, { address, identity }: Arrival): Entrant {
    if (entrant.session !== undefined) return entrant
    const { tags = [], status, messages } = applicant
    const principal = { id: entrant.id, identity, address, tags, status }
    const denials = this.#init.permissions.denialsOf(principal, (name) => messages?.has(name) === true)
    return { ...entrant, denials }
  }

  /** Whoever is away is waited for, and counts. */
  #newId(wanted: string): string {
    const { env, limits, count } = this.#init
    if (count() >= limits.maxConnections) throw tooMany(limits.maxConnections)
    return wanted === '' ? randomName('client', env) : wanted
  }
}

function turnAway({ duplex, options, acceptance }: Caller, refusal: NetQueueError): void {
  if (options.closeDuplex !== false) duplex.abort?.(refusal)
  acceptance.reject(refusal)
}

/** Forgets the call when it has its answer: it is held for as long as the connection. */
class Arriving implements Arrival {
  connection!: Connection
  readonly address: string | undefined
  identity: unknown
  heard: unknown
  #caller: Caller | undefined
  #entrance: Entrance<Caller> | undefined

  constructor(address: string | undefined, caller: Caller, entrance: Entrance<Caller> | undefined) {
    this.address = address
    this.#caller = caller
    this.#entrance = entrance
  }

  /** What the server says of itself now. */
  hear(introduction: Introduction): Introduction {
    this.heard = introduction.status
    return introduction
  }

  resolve(client: ServerClient): void {
    this.#caller?.acceptance.resolve(client)
    this.left()
  }

  reject(error: unknown): void {
    this.#caller?.acceptance.reject(error)
  }

  /** It is introduced, or gone: somebody else may enter. */
  left(): void {
    const caller = this.#caller
    this.#caller = undefined
    if (caller !== undefined) this.#entrance?.leave(caller)
    this.#entrance = undefined
  }
}

function tooMany(maxConnections: number): NetQueueError {
  const message = `${maxConnections} clients are connected, or are waited for, already (maxConnections)`
  return new NetQueueError('TOO_MANY_CONNECTIONS', message, { limit: 'maxConnections', value: maxConnections + 1 })
}

function idInUse(id: string): NetQueueError {
  const message = `A client with the id ${JSON.stringify(id)} is connected already, or is waited for`
  return new NetQueueError('ID_IN_USE', message, { limit: 'id', value: id })
}

function cameAgain(id: string): NetQueueError {
  return new NetQueueError('CONNECTION_LOST', `Client ${JSON.stringify(id)} came again on another connection`)
}
