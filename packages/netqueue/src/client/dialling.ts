import { Connection } from '../connection/connection.ts'
import type { Session } from '../connection/session.ts'
import type { Conversation } from '../endpoint/conversation.ts'
import type { ShownTo } from './evidence.ts'
import type { Attempt } from '../life/attempt.ts'
import type { Reach } from '../life/reach.ts'
import type { ByteDuplex } from '../transport/index.ts'
import type { SharedByUplinks } from './uplink-owner.ts'

export interface DiallingInit {
  reach: Reach
  shared: SharedByUplinks
  /** Gives what a session that begins is for. */
  converse: (session: Session) => Conversation
}

/** What is known of a server before it is there. */
interface Known {
  shown: ShownTo | undefined
  previous: Session | undefined
}

/** The connections of a client to one server: how each is begun, and by what the client is known there. */
export class Dialling {
  readonly #init: DiallingInit
  /** Those whose duplex and timers are not released. */
  readonly #connections: Set<Connection> = new Set()
  /** The last session at each address, be it over: it proves there whose the client's id is. */
  readonly #sessions: Map<string, Session> = new Map()
  #attempt: Attempt | undefined
  #address = ''
  /** The client's status as it was when it introduced itself. */
  #heard: unknown

  constructor(init: DiallingInit) {
    this.#init = init
  }

  /** Whether the client's status has changed since it introduced itself. */
  get isOutdated(): boolean {
    return this.#init.shared.status() !== this.#heard
  }

  /** Begins a connection. The attempt is told what became of it. */
  async begin(attempt: Attempt, address: string): Promise<void> {
    const { reach, shared } = this.#init
    const shown = shared.evidence && (await shared.evidence())
    const duplex = await reach.dial(address, attempt.signal)
    try {
      this.#connect(duplex, attempt, { shown, previous: this.#sessions.get(address) })
      if (!attempt.signal.aborted) this.#address = address
    } catch (error) {
      // One that was handed in is its owner's, and untouched.
      if (reach.isRepeatable) duplex.abort?.(error as Error)
      throw error
    }
  }

  /** Both sides know each other. */
  opened(session: Session): void {
    this.#sessions.set(this.#address, session)
    this.#attempt?.opened()
  }

  /** Resolves when the duplexes and timers of this moment are released. */
  async done(): Promise<void> {
    await Promise.all([...this.#connections].map(({ done }) => done))
  }

  #connect(duplex: ByteDuplex, attempt: Attempt, { shown, previous }: Known): void {
    const { shared, converse } = this.#init
    const { protocol, introduction, identified, closeDuplex, link, pulse } = shared
    const connection: Connection = new Connection(duplex, {
      role: 'client',
      protocol,
      introduction,
      limits: link.limits,
      env: link.env,
      pulse,
      previous,
      user: converse,
      declined: (error) => attempt.closed(error),
      evidence: shown && (() => shown(duplex)),
      identified,
      closeDuplex,
    })
    this.#connections.add(connection)
    void connection.done.then(() => this.#connections.delete(connection))
    // Another one may be under way already.
    if (attempt.signal.aborted) return connection.cut()
    attempt.signal.addEventListener('abort', () => connection.cut(), { once: true })
    this.#attempt = attempt
    this.#heard = shared.status()
  }
}
