import type { Env } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Denials } from '../message/denials.ts'
import type { Limits } from '../options/limits.ts'
import type {
  Admission,
  Applicant,
  Claim,
  Evidence,
  Guard,
  Handshake,
  HandshakeStep,
  Introduction,
  Role,
  Ticket,
} from '../protocol/handshake.ts'
import type { Protocol } from '../protocol/protocol.ts'
import type { ErrorNotice, Wire } from '../protocol/wire.ts'
import type { Bytes } from '../transport/transport.ts'
import type { Pulse } from './pulse.ts'
import { Session } from './session.ts'
import type { Carrier, SessionUser } from './session.ts'

const NOTHING: Uint8Array = new Uint8Array(0)

/** As whom a server takes an applicant. */
export interface Entrant {
  id: string
  /** The session that it goes on with; none: it begins one. */
  session?: Session | undefined
  /** The ticket by which it proved that it had this session, or another one in the place of which it begins one. */
  former?: Ticket | undefined
  /** What it may not do in a session that begins. @default nothing */
  denials?: Denials | undefined
}

export interface ConnectionInit {
  role: Role
  protocol: Protocol
  /** What this side says of itself; asked when it is to be said, for most who knock at a port that is attacked hear nothing. */
  introduction: () => Introduction
  limits: Limits
  env: Env
  /** When it is looked at; shared by the connections of one client or server. */
  pulse: Pulse
  /**
   * Gives what a new session is for, once both sides know each other. Not called where `previous`, or the session of which `admit` says so,
   * goes on: its user is told with {@link SessionUser.resumed}.
   */
  user: (session: Session) => SessionUser
  /** Called when they did not get that far; `previous` then waits on. */
  declined: (error: NetQueueError | undefined) => void
  /**
   * Client: the session that it had last, over or waiting. Where the server has it no more, it is over before `user` is called
   * ({@link SessionUser.closed} with the error with which its connection was lost).
   */
  previous?: Session | undefined
  /** Client: by what it shows that it may come in; throws what is not to be shown to this server. @default nothing */
  evidence?: (() => Evidence) | undefined
  /** Server: whom it lets in. @default everybody */
  guard?: Guard | undefined
  /** Client: told its id. */
  identified?: ((id: string) => void) | undefined
  /** Server: takes an applicant, or throws, for example `ID_IN_USE`. A session that is to go on must wait for a connection by then. */
  admit?: ((applicant: Applicant) => Entrant) | undefined
  /** Whether to end the duplex with the connection. @default true */
  closeDuplex?: boolean | undefined
}

/** Whose introductions they are. */
export interface IntroductionsOwner extends Carrier {
  /** Whether anybody waits for what comes of them. */
  readonly isIntroducing: boolean
  /** Says something of them to the peer. */
  say(frames: readonly Uint8Array[]): void
}

/** The beginning of a connection, from the first word of either side to the session that it is for. */
export class Introductions {
  readonly #init: ConnectionInit
  readonly #owner: IntroductionsOwner
  readonly #handshake: Handshake
  /** Client: what it says of the session that it had. */
  readonly #claim: Claim | undefined
  /** Server: who knocked, as it was taken. */
  #entrant: Entrant | undefined

  /** Throws for an introduction that cannot be sent. */
  constructor(init: ConnectionInit, owner: IntroductionsOwner) {
    this.#init = init
    this.#owner = owner
    this.#claim = init.previous?.claim
    this.#handshake = init.protocol.handshake({
      ...init,
      claim: this.#claim,
      admit: (applicant) => this.#admit(applicant),
    })
  }

  /** What is sent unasked. */
  start(): Uint8Array[] {
    return this.#handshake.start()
  }

  /** Opens the session where that takes no word of the peer's; tells whether it does. */
  begin(): boolean {
    const step = this.#handshake.begin?.()
    if (step !== undefined) void this.#proceed(step, NOTHING)
    return step !== undefined
  }

  /** A promise: what comes of the frame is not known before. Throws a coded error for one that does not belong here, and for whoever is refused. */
  take(frame: Bytes): Promise<void> | void {
    return this.#proceed(this.#handshake.take(frame.subarray()), frame)
  }

  /** None for the time of a client that wants its session: the server may go on with it already, and would end it. */
  error(notice: ErrorNotice): Uint8Array | undefined {
    if (notice.code === 'HANDSHAKE_TIMEOUT' && this.#init.previous?.claim !== undefined) return undefined
    return this.#handshake.error(notice)
  }

  disconnect(): Uint8Array | undefined {
    return this.#handshake.disconnect()
  }

  /** They came to nothing. */
  declined(error: NetQueueError | undefined): void {
    this.#init.guard?.close()
    this.#init.declined(error)
  }

  #proceed(step: HandshakeStep, frame: Bytes): Promise<void> | void {
    if (!this.#owner.isIntroducing) return undefined
    if (step.end !== undefined) return this.#owner.endedByPeer(step.end)
    this.#owner.say(step.send)
    if (step.later !== undefined) return step.later.then((known) => this.#proceed(known, frame))
    if (step.refusal !== undefined) throw step.refusal
    const session = this.#open(step)
    if (step.replay === true) session?.take(frame)
    return undefined
  }

  /** Begins a session, or goes on with one, when both sides know each other. */
  #open({ wire, resumed, ticket }: HandshakeStep): Session | undefined {
    if (wire !== undefined) return this.#begin(wire, ticket)
    return resumed && this.#goOn(resumed.batches, ticket)
  }

  #begin(wire: Wire, ticket: Ticket | undefined): Session {
    const { role, limits, pulse, user, previous } = this.#init
    const { deadlines } = pulse
    previous?.giveUp()
    const session = new Session({ role, wire, ticket, deadlines, maxReplayBytes: limits.maxReplayBytes })
    session.begin(user(session), this.#owner, this.#entrant?.former)
    return session
  }

  #goOn(batches: number, ticket: Ticket | undefined): Session {
    const { session = this.#init.previous, former } = this.#entrant ?? {}
    if (session?.isSuspended !== true) throw this.#tooLate()
    session.rewind(batches)
    session.resume(this.#owner, ticket, former)
    return session
  }

  /** A session that was waited for no longer while the server answered is nobody's fault. */
  #tooLate(): NetQueueError {
    const wasAsked = this.#claim?.batches !== undefined
    return new NetQueueError(wasAsked ? 'CONNECTION_LOST' : 'BAD_MESSAGE', 'The peer resumes a session that is over')
  }

  /** What a client says of the session is checked before it hears that it goes on. */
  #admit(applicant: Applicant): Admission {
    const entrant = this.#init.admit?.(applicant) ?? { id: applicant.id }
    this.#entrant = entrant
    const { id, session, former, denials } = entrant
    if (session === undefined || former === undefined) return { id, denials }
    session.rewind(applicant.resume?.batches ?? 0)
    return { id, resumed: { session: former.session, batches: session.taken } }
  }
}
