import type { Framing, FramingOptions } from '../framing/framing.ts'
import type { Denials } from '../message/denials.ts'
import type { Limits } from '../options/limits.ts'
import type { Handshake, HandshakeInit, Introduction, Role } from './handshake.ts'
import type { Supports } from './supports.ts'

/** What one side is going to be, before it connects or listens. */
export interface Intent {
  role: Role
  /** What it will say of itself. */
  introduction: () => Introduction
  limits: Limits
  /** Server: the most that a client may be denied. @default nothing */
  denials?: Denials | undefined
}

/** One way to speak over a stream of bytes. */
export interface Protocol {
  readonly name: string
  /** What its peers can carry at most; each peer says so for itself, too ({@link Peer.supports}). */
  readonly supports: Supports
  /** Clients can show who they are: by a token, or credentials. Where a server asks for that, others are refused (`AUTH_REQUIRED`). @default false */
  readonly authenticates?: boolean
  /** A client that was given no id has another one at each connection: a server may not take one again. @default it keeps the first one */
  readonly renamesClients?: boolean
  /** Its format has no boundaries: what one read gives is taken for one message. @default false */
  readonly isUnframed?: boolean
  /** Milliseconds between two frames to one peer, which would otherwise take both for one; a flush delay has no meaning then. @default 0 */
  readonly gapMs?: number
  /** Longest payload, with its headers, that it carries, where that is less than `maxItemBytes` of the limits. @default as long as those say */
  readonly maxItemBytes?: number
  framing(options: FramingOptions): Framing
  handshake(init: HandshakeInit): Handshake
  /**
   * Throws, before a word is said, for what this side could not say to any peer: `ENCODE_FAILED`, and a `TypeError` that names message and codec
   * for a message that this protocol does not carry. Called by `connect` and `listen`. @default nothing is wrong
   */
  check?(intent: Intent): void
  /** What is wrong with a pair of headers, as {@link headerFault} says it. @default the rules of netqueue/1 */
  headerFault?(name: string, value: string | null): string | undefined
}
