import type { ErrorCode } from '../errors/errors.ts'
import type { Headers } from '../message/headers.ts'
import type { Path, Route } from '../message/route.ts'
import type { Longest, NameChange, NodeChange, ToldNode } from '../message/tree.ts'
import type { Payloads } from './payloads.ts'

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
  | { type: 'items'; first: number; attempt: number; wantsResult: boolean; payloads: Payloads; to?: Path | undefined }
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
      route?: Route | undefined
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
  | { type: 'message'; name: number; headers: Headers | undefined; payload: Uint8Array; route?: Route | undefined }
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
  | { type: 'longest'; longest: Longest }
  /** How many batches of the session its peer has taken; for the session itself. */
  | { type: 'ack'; batches: number }
  /** No code: the peer gave none that we know. */
  | { type: 'error'; code?: ErrorCode; limit?: string; max?: number; value?: number }
  | { type: 'disconnect' }

/** What a writer is given for a message. */
export type Said<Type extends Message['type']> = Omit<Extract<Message, { type: Type }>, 'type'>

/** The same for what goes the way of a request's channel, which its record does not name. */
export type SaidInChannel<Type extends Message['type']> = Said<Type> & { readonly channel: number }

/** How a peer ends a conversation. */
export type PeerEnd = Extract<Message, { type: 'disconnect' | 'error' }>

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
  nodes?(changes: ToldNode[]): boolean
  names?(changes: NameChange[]): boolean
  longest?(longest: Longest): boolean
}
