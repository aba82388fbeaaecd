import type { Denials } from '../message/denials.ts'
import type { OpenRequests, Registry } from '../message/registry.ts'
import type { Bytes } from '../transport/transport.ts'
import type { Message, Writer } from './message.ts'
import type { Supports } from './supports.ts'

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

/** What the other end is told when we close because of it. */
export interface ErrorNotice {
  code: string
  limit?: string
  max?: number
  value?: number
}

/** One session's way of reading and writing, once both ends have introduced themselves. */
export interface Wire {
  readonly peer: Peer
  /**
   * Calls `take` with each message of one frame, in order; throws a coded error for what is none. Payloads may be kept. Tells whether the
   * frame is one of those that a session counts.
   */
  decode(frame: Bytes, take: (message: Message) => void): boolean
  /** Whether what is kept of a frame behind {@link decode} is a copy. @default all of it may be kept */
  readonly borrows?: boolean
  /** Builds the next frame from what `fill` writes, which a session counts; `undefined` when it wrote nothing. */
  encode(fill: (writer: Writer) => void): Bytes | undefined
  /** Whether something is left of what was written, for the next frame. @default there may be */
  readonly hasMore?: boolean
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
