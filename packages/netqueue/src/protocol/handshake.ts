import type { NetQueueError } from '../errors/errors.ts'
import type { Denials } from '../message/denials.ts'
import type { Announced, OwnMessages } from '../message/registry.ts'
import type { Limits } from '../options/limits.ts'
import type { PeerEnd } from './message.ts'
import type { Token } from './token.ts'
import type { ErrorNotice, Wire } from './wire.ts'

export type Role = 'client' | 'server'

/** What this side says of itself. */
export interface Introduction {
  /** Empty where a client wants the server to choose. */
  id: string
  item: string
  result: string
  tags: readonly string[]
  /** `undefined`: none. */
  status: unknown
  /** A client that chooses its prefetch by how quick its work is. @default false */
  isPaced?: boolean
  /** It passes on what is not for itself. @default false */
  isRelay?: boolean
  /** What it sends and asks beside items. @default nothing */
  messages?: OwnMessages
  /** 16 bytes. A server's are the name of the session, too. */
  nonce: Uint8Array
  /** Server: 32 bytes, by which the client proves that a session is its own. @default none: it cannot */
  secret?: Uint8Array
  /** Server: milliseconds for which a session outlives its connection. @default 0 */
  resumeMs?: number
}

/** What a server gives its client, so that it can come again. */
export interface Ticket {
  /** Name of the session. */
  readonly session: string
  /** Base64 of 32 bytes. */
  readonly secret: string
  /** Milliseconds for which the server keeps the session when its connection is lost; 0: not at all. */
  readonly resumeMs: number
}

/** What a client says of the session that it had. */
export interface Claim {
  readonly ticket: Ticket
  /** Batches of the server that it has taken; none: the session is over for it, and it only proves that its id is its own. */
  readonly batches: number | undefined
}

/** By what a client shows that it may come in: that it knows a token, or JSON that the server's user judges. */
export type Evidence = { readonly token: Token } | { readonly credentials: Uint8Array }

/** Who a client is, as far as its server cares. */
export interface Identified {
  readonly identity: unknown
}

/** Server: whom it lets in on one connection. */
export interface Guard {
  /** A client has to know one of these; none: it need not know any. */
  readonly tokens: readonly Token[]
  /** Who a client is about whom nobody is asked. */
  readonly identity: unknown
  /** Whether a client may come in without a word, too. */
  readonly isOptional: boolean
  /** Asks the user of this side about a client, once. None: nobody is asked, and no client may bring credentials. */
  readonly identify: ((id: string, credentials: unknown) => Promise<Identified | undefined>) | undefined
  /** A client was refused: resolves when it may hear of it. */
  failed(): Promise<void>
  /** The connection is over, or not to be waited for. */
  close(): void
}

/** Who knocks at a server. */
export interface Applicant {
  /** The id that it wants; empty: whichever it is given. */
  readonly id: string
  /** Who it is, where it had to show that. @default nobody knows */
  readonly identity?: unknown
  readonly tags?: readonly string[]
  readonly status?: unknown
  /** The messages that it has. @default none */
  readonly messages?: ReadonlyMap<string, Announced>
  /** The session that it says it had. */
  readonly resume?: {
    readonly session: string
    /** Batches of this side that it has taken; none: the session is over for it. */
    readonly batches: number | undefined
    /** Whether it knows the secret of a ticket. */
    readonly proves: (ticket: Ticket) => boolean
  }
}

/** As whom a server takes an applicant. */
export interface Admission {
  readonly id: string
  /** The session that it goes on with, and how many of its batches this side has taken. */
  readonly resumed?: { readonly session: string; readonly batches: number } | undefined
  /** What it may not do in the session that begins. @default nothing */
  readonly denials?: Denials | undefined
}

/** The step of an introduction that a frame brought about. */
export interface HandshakeStep {
  /** Frames to send now, in order. */
  send: Uint8Array[]
  /** Set when both sides know each other, and begin a session. */
  wire?: Wire
  /** Set when both sides know each other, and go on with the session they had: the batches that the peer has taken of it. */
  resumed?: { batches: number }
  /** By which the session, new or not, can be gone on with from now on; none where the protocol has no sessions. */
  ticket?: Ticket | undefined
  /** The frame belongs to the conversation itself, and is for the wire to decode. */
  replay?: boolean
  /** What follows is not known yet: nothing more is taken from the peer before it is. */
  later?: Promise<HandshakeStep>
  /** The peer ends the introduction: nothing more is sent to it. */
  end?: PeerEnd
  /** We end it; the peer is told why, behind what is to be sent. */
  refusal?: NetQueueError
}

/** The exchange before the first item, as a synchronous machine: frames in, frames out, and a wire at its end. */
export interface Handshake {
  /** What is sent unasked when the stream opens. */
  start(): Uint8Array[]
  /**
   * Where a protocol has no introductions: the step that the first frame would have brought about, with the wire. Called once, when the stream
   * is open, in place of {@link take}; behind what {@link start} gave. Throws as {@link take} does. @default both sides wait for a frame
   */
  begin?(): HandshakeStep
  /** Throws a coded error for a frame that does not belong here. */
  take(frame: Uint8Array): HandshakeStep
  /** The frame that tells the peer why it is refused; `undefined` where the protocol has none. */
  error(error: ErrorNotice): Uint8Array | undefined
  /** The frame that gives up without an error; `undefined` where the peer is not to hear anything yet. */
  disconnect(): Uint8Array | undefined
}

/** Bytes of the secret of a session. */
export const SECRET_BYTES = 32

export interface HandshakeInit {
  role: Role
  /** Asked once, when it is to be said. */
  introduction: () => Introduction
  limits: Limits
  /** Client: by what it shows that it may come in; asked when the server has said hello, and throws what is not to be shown to it. @default nothing */
  evidence?: (() => Evidence) | undefined
  /** Server: whom it lets in. @default everybody */
  guard?: Guard | undefined
  /** Client: the session that it had, for it comes again. */
  claim?: Claim | undefined
  /** Client: told its id. */
  identified?: ((id: string) => void) | undefined
  /** Server: takes an applicant or throws, for example `ID_IN_USE`. Called once, and not for one that is refused already. */
  admit?: (applicant: Applicant) => Admission
}
