import type { ErrorCode, NetQueueError } from '../errors/errors.ts'
import type { Framing, FramingOptions } from '../framing/framing.ts'
import type { Denials } from '../message/denials.ts'
import type { Headers } from '../message/headers.ts'
import type { Announced, OpenRequests, OwnMessages, Registry } from '../message/registry.ts'
import type { Path, Route } from '../message/route.ts'
import type { NameChange, NodeChange } from '../message/tree.ts'
import type { Limits } from '../options/limits.ts'
import type { Bytes } from '../transport/transport.ts'
import type { Payloads } from './payloads.ts'
import type { Supports } from './supports.ts'
import type { Token } from './token.ts'

export type Role = 'client' | 'server'

/** How a receiver settled items: done, failed and to be tried again, handed back unstarted, or dropped because the sender cancelled. */
export type Outcome = 'done' | 'released' | 'returned' | 'cancelled'

/** Which of a request's two streams a chunk belongs to: what the requester sends along, or what the responder does. */
export type Direction = 'body' | 'reply'

/**
 * What a frame means, whatever the protocol. Sequence numbers count the items of one direction from 1. A tag is that of a request of
 * the side that made it, a `name` the id in the table of the side that speaks. Whoever gets a `payload` may keep it.
 */
export type Message =
  /** `to`: for whom they are, of those below the receiver. */
  | { type: 'items'; first: number; attempt: number; wantsResult: boolean; payloads: Payloads; to?: Path }
  /** `records`: how many of our {@link Writer.sentRecords} the peer has. */
  | { type: 'credit'; limit: number; byteLimit: number; received: number; records: number }
  | { type: 'settle'; outcome: Outcome; first: number; length: number }
  | { type: 'result'; seq: number; value: Uint8Array | undefined }
  | { type: 'failed'; seq: number; code: string; reason: string }
  | { type: 'reject'; seq: number; code: string; reason: string }
  | { type: 'cancel'; seq: number }
  | { type: 'extend'; seq: number }
  | { type: 'reclaim' }
  | { type: 'released'; first: number; last: number; bytes: number }
  | { type: 'status'; value: unknown }
  | { type: 'ping'; token: number }
  | { type: 'pong'; token: number }
  | { type: 'goaway'; code: string; reason: string }
  | {
      type: 'request'
      tag: number
      channel: number
      name: number
      deadlineMs: number | undefined
      headers: Headers | undefined
      hasBody: boolean
      payload: Uint8Array
      /** What this side's user calls it, for its own trace: never sent. */
      label?: string | undefined
      /** Where it passes relays; with a name there, `name` is 0. */
      route?: Route
    }
  | { type: 'response'; tag: number; headers: Headers | undefined; hasStream: boolean; payload: Uint8Array }
  /** `isUnbegun`: no handler was called. */
  | {
      type: 'refusal'
      tag: number
      headers: Headers | undefined
      code: string
      reason: string
      isUnbegun?: boolean
    }
  | { type: 'message'; name: number; headers: Headers | undefined; payload: Uint8Array; route?: Route }
  | { type: 'chunk'; tag: number; direction: Direction; payload: Uint8Array }
  /** Both numbers count from the beginning of the stream, and never fall. */
  | { type: 'chunkCredit'; tag: number; direction: Direction; chunks: number; bytes: number }
  /** An empty code: the stream is complete. */
  | { type: 'chunkEnd'; tag: number; direction: Direction; code: string; reason: string }
  | { type: 'endRequests' }
  /** It answers none of our requests any more; it waits for the answers to its own, and says goodbye when it has them. */
  | { type: 'endReplies' }
  | { type: 'cancelRequest'; tag: number }
  /** The ids of all nodes above a relay that is a server. */
  | { type: 'ancestry'; ids: readonly string[] }
  /** What has changed below a relay that is a client. */
  | { type: 'nodes'; changes: readonly NodeChange[] }
  | { type: 'names'; changes: readonly NameChange[] }
  /** How many batches of the session its peer has taken; for the session itself. */
  | { type: 'ack'; batches: number }
  /** No code: the peer gave none that we know. */
  | { type: 'error'; code?: ErrorCode; limit?: string; max?: number; value?: number }
  | { type: 'disconnect' }

/** What a writer is given for a message. */
export type Said<Type extends Message['type']> = Omit<Extract<Message, { type: Type }>, 'type'>

/** The same for what goes the way of a request's channel, which its record does not name. */
export type SaidInChannel<Type extends Message['type']> = Said<Type> & { readonly channel: number }

/**
 * Where a session writes what is to be sent. Each call adds to the frame that is being built; `false` says that there is no room
 * and nothing was taken: the same call is due again in the next frame. Control messages always fit and go first.
 *
 * Items, messages and each channel are lanes that share a frame, in whatever order the session asks: `false` is about the lane of
 * the call, and others may still have room. A lane that was refused keeps its place for one frame: the next one has room for what
 * was refused, before all who came later. What is too long for a frame is taken at once, and leaves in pieces over several: until
 * its last piece is out, its lane takes nothing more, and the others have their share of each frame. Payloads must not change until
 * they have left.
 */
export interface Writer {
  /** How many records have been written that the peer counts, and tells us the arrival of; 0 where it counts none. */
  readonly sentRecords: number
  credit(limit: number, byteLimit: number, received: number): void
  reclaim(): void
  cancel(seq: number): void
  ping(token: number): void
  pong(token: number): void
  released(first: number, last: number, bytes: number): boolean
  item(seq: number, payload: Uint8Array, attempt: number, wantsResult: boolean): boolean
  /** `ranges` are pairs of first and length; what did not fit stays in it. */
  settle(outcome: Outcome, ranges: number[]): boolean
  /** `undefined` is a result too, and travels as such whatever the codec. */
  result(seq: number, value: Uint8Array | undefined): boolean
  failed(seq: number, code: string, reason: string): boolean
  reject(seq: number, code: string, reason: string): boolean
  extend(seq: number): boolean
  status(value: unknown): boolean
  goaway(code: string, reason: string): boolean
  /** A tag is larger than those before it in its channel. */
  request(request: Said<'request'>): boolean
  response(response: SaidInChannel<'response'>): boolean
  refusal(refusal: SaidInChannel<'refusal'>): boolean
  message(message: Said<'message'>): boolean
  chunk(chunk: SaidInChannel<'chunk'>): boolean
  chunkCredit(credit: SaidInChannel<'chunkCredit'>): boolean
  chunkEnd(end: SaidInChannel<'chunkEnd'>): boolean
  /** Behind the last byte of every request; no request follows. */
  endRequests(): boolean
  /** Leaves behind the last byte of the request. */
  cancelRequest(request: Said<'cancelRequest'>): void
  /** {@link item}, for somebody below the peer; missing where the protocol has no trees, as what follows. */
  itemTo?(seq: number, payload: Uint8Array, attempt: number, wantsResult: boolean, to: Path): boolean
  ancestry?(ids: readonly string[]): boolean
  /** What did not fit stays in the list. */
  nodes?(changes: Omit<NodeChange, 'bytes'>[]): boolean
  names?(changes: NameChange[]): boolean
}

/** Who the other end is, as its introduction said. */
export interface Peer {
  readonly id: string
  readonly tags: readonly string[]
  readonly status: unknown
  /** It holds no more items than it works on in moments, however many it takes. */
  readonly isPaced: boolean
  /** It passes on what is not for itself. @default false */
  readonly isRelay?: boolean
  /** The protocol spoken with it, by name. */
  readonly protocol: string
  readonly supports: Supports
  /** What it takes: the smaller of its limits and ours holds. */
  readonly maxItemBytes: number
  readonly maxUnsettled: number
  /** What it takes of our requests at a time. @default none */
  readonly requests?: OpenRequests
  /** Which messages both sides have, and by which ids; none where the protocol has no messages. */
  readonly registry?: Registry
  /** A server: what it does not let this side do. @default nothing */
  readonly denies?: Denials | undefined
  /** A client: what this side does not let it do. @default nothing */
  readonly denied?: Denials | undefined
}

/** One session's way of reading and writing, once both ends have introduced themselves. */
export interface Wire {
  readonly peer: Peer
  /**
   * Calls `take` with each message of one frame, in order; throws a coded error for what is none. Payloads may be kept. Tells whether the
   * frame is one of those that a session counts.
   */
  decode(frame: Bytes, take: (message: Message) => void): boolean
  /** Builds the next frame from what `fill` writes, which a session counts; `undefined` when it wrote nothing. */
  encode(fill: (writer: Writer) => void): Bytes | undefined
  /** The frame that says how many batches were taken; missing where the protocol has no sessions. */
  ack?(batches: number): Uint8Array
  /** The frame that ends the conversation, and the one that says why; `undefined` where the protocol has none. */
  disconnect(): Uint8Array | undefined
  error(error: ErrorNotice): Uint8Array | undefined
  /**
   * Whoever hears a goodbye says what it still has, and ends the stream without an answer; whoever said it listens until then.
   * @default what was not said is left unsaid, and each side ends its own half
   */
  readonly endsWithHearer?: boolean
  /** Whether it has something to say by itself: then it is asked for a frame, though nobody has told it anything. @default never */
  readonly isDue?: boolean
  /** Set when the peer has said its last word and waits for answers: resolves when it has them. Nothing more is read. @default it never does */
  readonly parting?: Promise<void> | undefined
  /**
   * Set while the peer has as much with us as is taken, where it has no other way to hear of that: resolves when there is room. Nothing is read
   * meanwhile. @default it is read on and on
   */
  readonly full?: Promise<void> | undefined
  /** A peer that knows no credit may be left unread for a while, and waits. @default it breaks: what it sends too much of ends the connection */
  readonly isPatient?: boolean
  /** Called when all frames so far were taken by the operating system; may tell of it as messages. */
  flushed?(take: (message: Message) => void): void
  /**
   * Called when the peer's stream has ended without a goodbye: `disconnect` says that such an end is one, in this protocol.
   * @default it is a connection that was lost
   */
  ended?(take: (message: Message) => void): void
  /** The bytes of an item on this wire, or `undefined` where it cannot carry it. Not asked where it is `typed`. */
  carry(item: unknown, payload: Uint8Array): Uint8Array | undefined
  /** Whether payloads are in the agreed codec, and travel as they are; otherwise they are UTF-8 text and nothing else. */
  readonly typed: boolean
}

/** What the other end is told when we close because of it. */
export interface ErrorNotice {
  code: string
  limit?: string
  max?: number
  value?: number
}

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

/** How a peer ends a conversation. */
export type PeerEnd = Extract<Message, { type: 'disconnect' | 'error' }>

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
