import type { Headers, RequestContext, ServerClient } from 'netqueue'
import type { Session } from '../session.ts'
import type { Random } from '../random.ts'
import type { Process } from '../schedule.ts'
import type { TalkLimits } from './features.ts'
import type { Registry } from './registries.ts'

export interface AskOptions {
  to?: ServerClient
  timeout?: number
  signal?: AbortSignal
  headers?: Headers
  channel?: number
  body?: AsyncIterable<string>
}

export interface SendOptions {
  to?: ServerClient | ServerClient[]
  headers?: Headers
  timeout?: number
  signal?: AbortSignal
}

export type Texts = AsyncIterableIterator<string, undefined>

export interface Answer {
  readonly value: string | undefined
  readonly headers: Headers
  readonly stream: Texts | undefined
}

export interface Heard {
  readonly payload: string
  readonly headers: Headers
  readonly from: { id: string }
}

/** What clients and servers have in common for those who talk. */
export interface Voice {
  readonly state: string
  request(name: string, payload: string, options: AskOptions): Promise<string>
  call(name: string, payload: string, options: AskOptions): Promise<Answer>
  stream(name: string, payload: string, options: AskOptions): Texts
  handle(
    name: string,
    handler: (payload: string, context: RequestContext) => unknown,
    options?: { concurrency: number },
  ): () => void
  send(name: string, payload: string, options: SendOptions): Promise<void>
  endRequests(to?: ServerClient): Promise<void>
  messages(
    name: string,
    options: { capacity?: number; drop: 'newest' | 'oldest' },
  ): AsyncIterableIterator<Heard, undefined> & { readonly dropped: number }
  on(name: string, listener: (message: Heard) => void): () => void
}

/** One that talks: the server, or one client. */
export interface Party {
  readonly name: string
  readonly process: Process
  readonly random: Random
  readonly registry: Registry
  readonly limits: TalkLimits
  /** There from the moment in which it listens or is connected; a client has a session then, too. */
  voice: Voice | undefined
  session: Session | undefined
  /** Names that a server of its did not know. */
  readonly unknown: Set<string>
  /** It lost a connection and looked for another one: its end of requests does not wait for what is open meanwhile. */
  wasAway: boolean
  /** All that it had, where it is a client. */
  readonly sessions: Session[]
  /** When it lost which session. */
  readonly lostAt: Map<Session, number>
  /** Whom it told that it asks no more. */
  readonly endedTo: Set<Session>
}

/** Somebody to whom a party can speak. */
export interface Peer {
  readonly party: Party
  readonly session: Session
  /** Of the server's peers. */
  readonly client: ServerClient | undefined
}

const THERE: ReadonlySet<string | undefined> = new Set(['connected', 'reconnecting', 'listening'])

/** Whether it is there, and takes what is new, and sends it, be it later. */
export const isThere = ({ voice }: Party): boolean => THERE.has(voice?.state)
